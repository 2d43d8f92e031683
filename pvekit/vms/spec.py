"""What a new VM is to be, and where: flat data that a journal can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from pvekit.errors import UsageError

T = TypeVar("T", "VmSpec", "Placement")


@dataclass(frozen=True)
class VmSpec:
    """The wanted machine: ``memory_mb`` in MiB, ``disk_gb`` in GiB, ``ip`` ``dhcp`` or a CIDR.

    ``because`` says in words where the size comes from.
    """

    name: str
    role: str
    cpus: int
    memory_mb: int
    disk_gb: int
    user: str
    keys: tuple[str, ...]
    bridge: str
    storage: str
    because: str = ""
    tags: tuple[str, ...] = ()
    ip: str = "dhcp"
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    searchdomain: str = ""
    vlan: int | None = None
    upgrade: bool = False
    full: bool = True
    onboot: bool = False

    @property
    def subject(self) -> str:
        """What the plan's steps and the journal call this machine."""
        return f"vm/{self.name}"

    @property
    def address(self) -> str:
        """The static address without its prefix length; empty for DHCP."""
        return "" if self.ip == "dhcp" else self.ip.partition("/")[0]


@dataclass(frozen=True)
class Placement:
    """Where a machine goes, decided before planning; ``reasons`` say why, a line per node.

    ``node`` and ``template_node`` are aliases of the config, ``pve_node`` and ``target`` names of
    Proxmox VE (``target`` is empty where the clone stays on its template's node). ``claim_nodes``
    names one node of each PVE cluster and each standalone node of the site.
    """

    run: str
    node: str
    pve_node: str
    vmid: int
    mac: str
    template: int
    template_name: str
    template_node: str
    template_pve_node: str
    disk_slot: str
    template_disk_gb: int
    claim_nodes: tuple[str, ...]
    target: str = ""
    home: str = ""
    reasons: tuple[str, ...] = ()


def freeze(decision: VmSpec | Placement) -> dict[str, Any]:
    """Return a decision as JSON-able data."""
    return asdict(decision)


def thaw(kind: type[T], data: Mapping[str, Any]) -> T:
    """Return the decision that :func:`freeze` wrote down; raises :class:`UsageError`."""
    known = {field.name for field in fields(kind)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key in known
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(
            "Another version of pvekit began this run, and this one cannot go on with it.",
            details=str(error),
            hint="Say --new to start another run.",
        ) from error
