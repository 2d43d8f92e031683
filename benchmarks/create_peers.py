"""The same VMs made by others' ways and by pvekit, on the same served lab, in real time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from create_bound import Job, bound

import pvekit
from pvekit.lab.clock import Clock
from pvekit.lab.figures import realistic
from pvekit.lab.inprocess import ServedSite, served_site
from pvekit.lab.site import SiteSpec

PEERS = Path(__file__).parent / "peers"
DISK_GB = 4
"""Small, so that what is not copying counts."""

HALF = 0.5
"""Where the processors are busier than so, they tell more of themselves than of the way."""

SLOWEST = 8.0
"""How many real seconds a second of the lab takes at most."""


@dataclass(frozen=True)
class Field:
    """A served lab with a template on each node; ``templates`` are (node, vmid)."""

    served: ServedSite
    directory: Path
    templates: tuple[tuple[str, int], ...]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of all who take part."""
        home = str(self.directory)
        known = {"PVEKIT_CONFIG": f"{home}/pvekit.yaml", "XDG_STATE_HOME": f"{home}/state"}
        ansible = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_HOST_KEY_CHECKING": "0"}
        # Compiled once, as installing a package does.
        usual = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        known["PYTHONPYCACHEPREFIX"] = f"{home}/compiled"
        return {**usual, **known, **ansible, "HOME": home, "LC_ALL": "C.UTF-8"}

    @property
    def key(self) -> str:
        """The private key that nodes and guests accept."""
        return str(self.served.directory / "id_ed25519")

    def places(self, vms: int, first: int) -> list[tuple[str, int, int, int, str]]:
        """Return for each VM its node's host and port, the template, its vmid and its node."""
        found = []
        for number in range(vms):
            node, template = self.templates[number % len(self.templates)]
            found.append((*self.served.addresses[node], template, first + number, node))
        return found

    def listed(self, vms: int, first: int, *, nodes: bool = False) -> str:
        """Write a list of the VMs to be made and return its path."""
        path = self.directory / f"list-{first}"
        path.write_text(
            "".join(
                f"{host} {port} {template} {vmid} vm-{vmid}{f' {node}' if nodes else ''}\n"
                for host, port, template, vmid, node in self.places(vms, first)
            )
        )
        return str(path)


Way = Callable[[Field, int, int], list[str]]


def _shell(field: Field, vms: int, first: int) -> list[str]:
    size, user, where = str(DISK_GB + 4), "ubuntu", str(field.directory)
    script = str(PEERS / "create.sh")
    return ["bash", script, field.listed(vms, first), size, field.key, user, where]


def _ansible(field: Field, vms: int, first: int) -> list[str]:
    options = (
        f"-F none -i {field.key} -o LogLevel=ERROR -o StrictHostKeyChecking=no"
        " -o UserKnownHostsFile=/dev/null"
    )
    lines = [
        f"vm-{vmid} ansible_host={host} ansible_port={port} template={template} vmid={vmid}"
        for host, port, template, vmid, _ in field.places(vms, first)
    ]
    shared = {"ansible_user": "root", "ansible_ssh_private_key_file": field.key}
    shared |= {"ansible_ssh_common_args": options, "ssh_options": options, "user": "ubuntu"}
    shared |= {"disk": str(DISK_GB + 4), "key": Path(f"{field.key}.pub").read_text().strip()}
    inventory = field.directory / f"inventory-{first}"
    inventory.write_text("\n".join(["[vms]", *lines, ""]))
    extra = field.directory / "extra.json"
    extra.write_text(json.dumps(shared))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    words = [program, "-i", str(inventory), "-e", f"@{extra}", "-f", str(vms)]
    return [*words, str(PEERS / "create.yaml")]


def _proxmoxer(field: Field, vms: int, first: int) -> list[str]:
    script, listed = str(PEERS / "create_proxmoxer.py"), field.listed(vms, first, nodes=True)
    return [sys.executable, script, listed, str(DISK_GB + 4), field.key, "ubuntu"]


def _pvekit(_: Field, vms: int, first: int) -> list[str]:
    words = ["vm", "create", "--role", f"r{first}", "--size", "small", "--yes", "--count", str(vms)]
    return [sys.executable, "-m", "pvekit", *words]


WAYS: dict[str, Way] = {
    "pvekit": _pvekit,
    "ssh and qm": _shell,
    "Ansible": _ansible,
    "proxmoxer": _proxmoxer,
}


@contextmanager
def field_of(nodes: int, scale: float) -> Iterator[Field]:
    """Serve a site; its template is built at once, and then time begins to pass."""
    with tempfile.TemporaryDirectory(dir="/tmp") as named:
        directory = Path(named)
        (profile := directory / "profile.toml").write_text("scale = 0.0\n")
        spec = SiteSpec(nodes, profile=str(profile), memory_mb=1 << 20, storage_gb=1 << 13)
        with served_site(directory / "lab", spec) as served:
            config = yaml.safe_load((directory / "lab" / "config.yaml").read_text())
            config["vm_template"]["base_disk_gb"] = DISK_GB
            small = {"cpus": 1, "memory_mb": 2048, "disk_gb": DISK_GB + 4}
            config["vm_sizes"] = {"small": small}
            (directory / "pvekit.yaml").write_text(yaml.safe_dump(config))
            field = Field(served, directory, ())
            compiled = [sys.executable, "-m", "compileall", "-q", str(Path(pvekit.__file__).parent)]
            subprocess.run(compiled, env=field.environ, check=True)
            _must(field, "template", "build")
            listed = json.loads(_must(field, "template", "list", "-o", "json"))["items"]
            served.shell.loop.do(lambda: _let_time_pass(served, scale))
            yield replace(field, templates=tuple((row["node"], row["vmid"]) for row in listed))


def _let_time_pass(served: ServedSite, scale: float) -> None:
    clock: Clock = served.site.clock
    object.__setattr__(clock, "scale", scale)


def _must(field: Field, *words: str) -> str:
    command = [sys.executable, "-m", "pvekit", *words]
    return subprocess.run(
        command, env=field.environ, check=True, capture_output=True, text=True
    ).stdout


@dataclass(frozen=True)
class Took:
    """How long one way took, in seconds of the lab, how busy the processors were, and its end."""

    seconds: float
    busy: float
    status: int
    told: str


def compare(sizes: tuple[tuple[int, int], ...], scale: float, names: list[str]) -> None:
    """Print a table; what keeps the processors busy too much is done again on a slower clock."""
    print(f"{'VMs':>5}{'nodes':>7}  {'':12}{'seconds':>9}{'ratio':>7}{'processor':>11}{'clock':>7}")
    for vms, nodes in sizes:
        for name in names:
            factor = scale
            while (took := _took(name, vms, nodes, factor)).busy > HALF and factor < SLOWEST:
                factor *= 2
            if took.status:
                sys.stderr.write(took.told[-3000:])
            state = f"  failed: {took.status}" if took.status else ""
            ratio = took.seconds / bound(Job(vms, nodes, DISK_GB << 10), realistic())
            print(
                f"{vms:5}{nodes:7}  {name:12}{took.seconds:9.1f}{ratio:7.2f}{took.busy:11.0%}"
                f"{f'1/{factor:g}':>7}{state}",
                flush=True,
            )


def _took(name: str, vms: int, nodes: int, scale: float) -> Took:
    least = bound(Job(vms, nodes, DISK_GB << 10), realistic())
    with field_of(nodes, scale) as field:
        command = WAYS[name](field, vms, 1000 * (list(WAYS).index(name) + 1))
        began, busy = time.monotonic(), _busy()
        status, told = _run(command, field, 10 * least * scale + 60)
        wall, load = time.monotonic() - began, _busy() - busy
    return Took(wall / scale, load / wall / (os.cpu_count() or 1), status, told)


def _run(command: list[str], field: Field, seconds: float) -> tuple[int, str]:
    """Run a command; what it leaves behind in the background may keep its output open."""
    path = field.directory / "output"
    with path.open("wb") as output:
        process = subprocess.Popen(command, env=field.environ, stdout=output, stderr=output)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            status = 124
    return status, path.read_text(errors="replace")


def _busy() -> float:
    """Return how long this machine's processors were busy, in seconds of all of them together."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
