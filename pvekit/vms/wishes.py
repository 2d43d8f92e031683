"""What VMs somebody wishes for, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.placement import Group
from pvekit.sizing.size import Size


@dataclass(frozen=True)
class Wishes:
    """Some VMs of one kind. Empty text and None leave a thing to the template or to the site.

    ``ip`` is ``dhcp`` or the first address (CIDR), with ``exact_ip`` the one that it must be;
    ``avoid`` are vmids that templates want. ``pin`` are the only nodes, ``shun`` those that it may
    not go to, by alias.
    """

    role: str
    size: Size
    template: str
    user: str
    keys: tuple[str, ...]
    because: str = ""
    source: str = ""
    evidence: tuple[str, ...] = ()
    confidence: str = ""
    workload: str = ""
    count: int = 1
    prefix: str = "k8s"
    name: str = ""
    vmid: int | None = None
    node: str | None = None
    storage: str = ""
    bridge: str = ""
    vlan: int | None = None
    ip: str = "dhcp"
    exact_ip: bool = False
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    searchdomain: str = ""
    tags: tuple[str, ...] = ()
    upgrade: bool = False
    full: bool = True
    onboot: bool = False
    avoid: frozenset[int] = frozenset()
    groups: tuple[Group, ...] = ()
    pin: frozenset[str] = frozenset()
    shun: frozenset[str] = frozenset()
    labels: tuple[str, ...] = ()
    fleet: str = ""
    notes: str = ""
    start: bool = True
