"""What the lab costs at scale: many VMs on many nodes, and many running guests."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

READ_ALL = "cat /etc/pve/.vmlist /etc/pve/.members /etc/pve/nodes/*/qemu-server/*.conf"
COMMANDS = (
    "cat /etc/pve/.vmlist",
    "ls /etc/pve/nodes/pve7/qemu-server",
    "qm list",
    "qm config {vmid}",
    "qm status {vmid}",
    "qm set {vmid} --tags bench",
    "pvesh get /cluster/resources --type vm --output-format json",
    "pvesh get /nodes/pve7/qemu --output-format json",
    "pvesh get /cluster/nextid",
    "cat /etc/pve/.rrd",
    READ_ALL,
)
CONFIG = """\
boot: order=scsi0
cores: 2
memory: 2048
meta: creation-qemu=9.2.0,ctime=1700000000
name: vm-{vmid}
net0: virtio=BC:24:11:{mac},bridge=vmbr0
scsi0: local-lvm:vm-{vmid}-disk-0,size=10G
scsihw: virtio-scsi-single
smbios1: uuid=00000000-0000-4000-8000-{vmid:012d}
"""


def site_of(nodes: int, vms: int, config: str = CONFIG, site: Site | None = None) -> Site:
    """Return a site whose VMs are spread over all nodes; they have no disks behind them."""
    site = site or Site(SiteSpec(nodes=nodes, seed=1))
    names = list(site.nodes)
    for number in range(vms):
        vmid = 100 + number
        node = names[number % nodes]
        mac = ":".join(f"{number >> shift & 255:02X}" for shift in (16, 8, 0))
        path = f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf"
        text = config.format(vmid=vmid, mac=mac)
        site.nodes[node].machine.files.write(path, text.encode())
    return site


async def _times(site: Site, line: str, turns: int) -> tuple[float, float]:
    """Return the first and the least of the following times of a command, in milliseconds."""
    machine = site.nodes["pve7"].machine
    taken = []
    for _ in range(turns + 1):
        before = time.process_time()
        status, _, err = await collect(machine, line)
        taken.append((time.process_time() - before) * 1000)
        if status:
            raise SystemExit(f"{line}: {err.decode()}")
    return taken[0], min(taken[1:])


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


async def many_vms(nodes: int, vms: int) -> None:
    """Print the processor time of commands on a large site."""
    before = time.process_time()
    site = site_of(nodes, vms)
    built = time.process_time() - before
    sys.stdout.write(f"{vms} VMs on {nodes} nodes (built in {built:.1f} s), ms first / again\n")
    vmid = next(vmid for vmid in site.nodes["pve7"].vmids())
    for form in COMMANDS:
        line = form.format(vmid=vmid)
        first, again = await _times(site, line, 3)
        sys.stdout.write(f"  {first:9.1f} {again:9.1f}  {line}\n")


async def many_guests(count: int) -> None:
    """Print the memory of running guests that answer over SSH."""
    site = Site(SiteSpec(nodes=4, seed=1, memory_mb=1 << 20, storage_gb=1 << 20))
    node = site.nodes["pve1"]
    for line in (
        "wget -q -O /root/i.img https://cloud-images.ubuntu.com/noble/current/"
        "noble-server-cloudimg-amd64.img",
        "qm create 100 --memory 1024 --agent 1 --net0 virtio,bridge=vmbr0"
        " --scsi1 local-lvm:cloudinit --scsi0 local-lvm:0,import-from=/root/i.img"
        " --boot order=scsi0 --ipconfig0 ip=dhcp",
        "qm template 100",
    ):
        status, _, err = await collect(node.machine, line)
        if status:
            raise SystemExit(err.decode())
    before, began = _resident_mb(), time.monotonic()
    for vmid in range(101, 101 + count):
        await collect(node.machine, f"qm clone 100 {vmid} && qm start {vmid}")
    while sum(guest.ssh_ready for guest in node.guests.values()) < count:
        await asyncio.sleep(0.1)
        if time.monotonic() - began > 600:
            raise SystemExit("the guests do not come up")
    used = _resident_mb() - before
    sys.stdout.write(
        f"{count} running guests: {used:.0f} MB, {time.monotonic() - began:.1f} s to start\n"
    )


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--guests", type=int, default=500)
    given = parser.parse_args()
    parts: list[Callable[[], Awaitable[None]]] = [
        lambda: many_vms(given.nodes, given.vms),
        lambda: many_guests(given.guests),
    ]
    for part in parts:
        asyncio.run(part())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
