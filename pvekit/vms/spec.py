"""What a new VM is to be, and where: flat data that a journal can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T", "VmSpec", "Placement")


@dataclass(frozen=True)
class VmSpec:
    """The wanted VM: ``memory_mb`` in MiB, ``disk_gb`` in GiB, ``ip`` ``dhcp`` or a CIDR.

    ``source``, ``because``, ``evidence`` and ``confidence`` say where the size comes from,
    ``workload`` is the class that it was chosen for. ``fleet`` is the fleet that it belongs to,
    ``notes`` its description for people; without ``start`` it is made and stays off. ``template``
    is the name of what it is cloned from.
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
    source: str = ""
    evidence: tuple[str, ...] = ()
    confidence: str = ""
    workload: str = ""
    tags: tuple[str, ...] = ()
    ip: str = "dhcp"
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    searchdomain: str = ""
    vlan: int | None = None
    upgrade: bool = False
    full: bool = True
    onboot: bool = False
    fleet: str = ""
    notes: str = ""
    start: bool = True
    template: str = ""

    @property
    def subject(self) -> str:
        """What the plan's steps and the journal call this VM."""
        return f"vm/{self.name}"

    @property
    def address(self) -> str:
        """The static address without its prefix length; empty for DHCP."""
        return "" if self.ip == "dhcp" else self.ip.partition("/")[0]


@dataclass(frozen=True)
class Placement:
    """Where a VM goes, decided before planning; ``reasons`` say why, a line per node.

    ``node`` and ``template_node`` are aliases of the config, ``pve_node`` and ``target`` names of
    Proxmox VE (``target`` is empty where the clone stays on its template's node). ``claim_nodes``
    names one node of each PVE cluster and each standalone node of the site, ``storages`` where the
    clone's volumes are going to lie. ``template_digest`` and ``template_run`` tell the template
    from one that was built in its place; ``template_disks`` is how many disks are copied of it (0:
    not known).
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
    template_digest: str = ""
    template_run: str = ""
    target: str = ""
    home: str = ""
    reasons: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    template_disks: int = 0
