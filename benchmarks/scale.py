"""How reading and placing grow with the number of VMs: processor time, memory, and the exponent.

Nodes' answers are made by the lab; reading them, listing all VMs and placing many at once is
measured in a process of its own for each size, without the transfer. At the end ``pvekit vm list
--all`` is run as a whole on the largest site, over SSH.
Run: python benchmarks/scale.py [--nodes N] [--vms N] [--place N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from lab import site_of

from pvekit.cli import rendering
from pvekit.cli.vm import VMS
from pvekit.inventory.model import Inventory, StorageState, Vm
from pvekit.inventory.read import assemble, site_query, sparing_query
from pvekit.inventory.reading import NodeReading, parse
from pvekit.lab.inprocess import served_site
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from pvekit.operations.listing import rows
from pvekit.placement import Rules
from pvekit.pve import conf
from pvekit.pve.mark import Mark
from pvekit.shell import Query
from pvekit.sizing.size import Size
from pvekit.vms import decide
from pvekit.vms.wishes import Wishes

IMAGES = "/var/lib/vz/pvekit"
READ_BAR, MEMORY_BAR, PLACE_BAR = 2.0, 200.0, 1.0
CONFIG = """\
#pvekit%3Av1 kind=vm vmid={vmid} name=vm-{vmid} role=worker run=7f3a1c0d9e2b need=2c2048m10g
agent: enabled=1
boot: order=scsi0
ciupgrade: 0
ciuser: ubuntu
cores: 2
cpu: x86-64-v2-AES
ipconfig0: ip=dhcp
memory: 2048
meta: creation-qemu=9.2.0,ctime=1700000000
name: vm-{vmid}
net0: virtio=BC:24:11:{mac},bridge=vmbr0
onboot: 0
scsi0: local-lvm:vm-{vmid}-disk-0,size=10G
scsi1: local-lvm:vm-{vmid}-cloudinit,media=cdrom,size=4M
scsihw: virtio-scsi-single
serial0: socket
smbios1: uuid=00000000-0000-4000-8000-{vmid:012d}
sshkeys: ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh%2BFhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL%20k
tags: pvekit;worker
vmgenid: 00000000-0000-4000-8000-{vmid:012d}
"""


def answers(nodes: int, vms: int) -> dict[str, str]:
    """Return what the nodes of a PVE cluster answer: the first all, the others what is theirs."""
    site = site_of(nodes, vms, CONFIG)
    first, *_ = site.nodes

    def answer(name: str) -> str:
        query: Query[NodeReading] = (site_query if name == first else sparing_query)(IMAGES)
        command = query.command
        machine = site.nodes[name].machine
        status, out, err = asyncio.run(collect(machine, command.line(), command.input()))
        if status:
            raise SystemExit(err.decode())
        return out.decode()

    return {name: answer(name) for name in site.nodes}


def roomy(inventory: Inventory) -> Inventory:
    """Return a site with room for all, and a template on each node."""
    vmid = max(vm.vmid for vm in inventory.vms)
    templates = []
    for number, node in enumerate(inventory.nodes, 1):
        line = Mark("template", vmid + number, "base", run="7f3a1c0d9e2b").to_line()
        text = f"#{line}\nname: base\ntemplate: 1\nscsi0: local-lvm:base,size=4G\n"
        config = conf.parse(f"{text}net0: virtio=BC:24:11:00:00:01,bridge=vmbr0\n")
        templates.append(Vm(node.domain, node.name, vmid + number, "qemu", config))
    plenty = StorageState(1 << 50, 0)
    return replace(
        inventory,
        nodes=tuple(replace(n, memory_mb=1 << 24, memory_free_mb=1 << 24) for n in inventory.nodes),
        storages=tuple(
            replace(each, states={node.name: plenty for node in inventory.nodes})
            for each in inventory.storages
        ),
        vms=(*inventory.vms, *templates),
    )


def measured(file: Path, place: int) -> dict[str, float]:
    """Return the seconds of processor time and the memory in MB of this process."""
    texts: dict[str, str] = pickle.loads(file.read_bytes())
    before = time.process_time()
    inventory = assemble({name: parse(text) for name, text in texts.items()})
    listed = [asdict(row) for row in rows(inventory, every=True)]
    told = rendering.table(listed, VMS.columns)
    read = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wishes = Wishes("worker", Size(2, 2048, 10), "base", "ubuntu", (), count=place)
    site = roomy(inventory)
    before = time.process_time()
    placed = decide.decide(wishes, site, Rules(), "7f3a1c0d9e2b")
    assert len(placed) == place
    return {"read": read, "mb": memory, "place": time.process_time() - before, "told": len(told)}


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of the line through the logarithms: 1 is linear; one point has none."""
    if len(sizes) < 2:
        return math.nan
    xs, ys = [math.log(size) for size in sizes], [math.log(each) for each in seconds]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return over / sum((a - x) ** 2 for a in xs)


def halved(most: int, count: int) -> list[int]:
    """Return so many sizes up to the largest, each twice the one before."""
    return [max(1, most >> shift) for shift in reversed(range(count))]


def run(file: Path, place: int) -> dict[str, float]:
    """Measure in a process of its own."""
    words = (sys.executable, __file__, "--measure", str(file), "--place", str(place))
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def growth(nodes: int, most: int, place: int, steps: int, directory: Path) -> None:
    """Print what reading and placing cost at several sizes."""
    file = directory / "answers"
    sizes, found = halved(most, steps), []
    sys.stdout.write(f"{nodes} nodes\n{'VMs':>8}{'MB sent':>10}{'read, s':>10}{'memory, MB':>12}\n")
    for vms in sizes:
        texts = answers(nodes, vms)
        file.write_bytes(pickle.dumps(texts))
        found.append(each := run(file, 1))
        sent = sum(map(len, texts.values())) / 1e6
        sys.stdout.write(f"{vms:8}{sent:10.1f}{each['read']:10.2f}{each['mb']:12.0f}\n")
    grows = exponent(sizes, [each["read"] for each in found])
    sys.stdout.write(f"exponent {grows:.2f} (bars: {READ_BAR:g} s, {MEMORY_BAR:g} MB)\n\n")
    counts = halved(place, steps)
    seconds = [run(file, count)["place"] for count in counts]
    sys.stdout.write(f"{'placed':>8}{'seconds':>10}  beside {most} VMs\n")
    for count, each in zip(counts, seconds, strict=True):
        sys.stdout.write(f"{count:8}{each:10.2f}\n")
    grows = exponent(counts, seconds)
    sys.stdout.write(f"exponent {grows:.2f} (bar: {PLACE_BAR:g} s)\n\n")


@contextmanager
def filled(directory: Path, nodes: int, vms: int) -> Iterator[Path]:
    """Serve a site with so many VMs over SSH; yields the path of its config."""
    with served_site(directory, SiteSpec(nodes=nodes)) as served:

        def fill(site: Site) -> None:
            site_of(nodes, vms, CONFIG, site)

        served.shell.loop.do(lambda: fill(served.site))
        yield directory / "config.yaml"


def whole(nodes: int, vms: int, directory: Path) -> None:
    """Print what ``pvekit vm list --all`` costs, transfer and all."""
    with filled(directory / "lab", nodes, vms) as config:
        environ = {**os.environ, "PVEKIT_CONFIG": str(config), "XDG_STATE_HOME": str(directory)}
        words = (sys.executable, "-m", "pvekit", "vm", "list", "--all")
        began = time.perf_counter()
        done = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE)
        assert done.stdout is not None
        lines = done.stdout.read().count(b"\n")
        _, status, used = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"pvekit vm list: exit status {done.returncode}")
    sys.stdout.write(
        f"pvekit vm list --all: {lines} lines, {used.ru_utime + used.ru_stime:.1f} s of processor "
        f"time, {used.ru_maxrss / 1024:.0f} MB, {wall:.1f} s with the lab's own work\n"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--place", type=int, default=1000)
    parser.add_argument("--sizes", type=int, default=5, help="how many, each twice the last")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        sys.stdout.write(json.dumps(measured(given.measure, given.place)))
        return
    with tempfile.TemporaryDirectory() as name:
        growth(given.nodes, given.vms, given.place, given.sizes, Path(name))
        whole(given.nodes, given.vms, Path(name))


if __name__ == "__main__":
    main()
