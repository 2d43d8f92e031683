"""What a fleet file says, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

API_VERSION = "pvekit/v1"
KIND = "Fleet"

Interface = IPv4Interface | IPv6Interface


@dataclass(frozen=True)
class Range:
    """Static addresses of one network, from the first to the last."""

    first: Interface
    last: Interface

    def __contains__(self, address: object) -> bool:
        """Whether an address with its prefix length is one of them."""
        return (
            isinstance(address, IPv4Interface | IPv6Interface)
            and address.network == self.first.network
            and int(self.first.ip) <= int(address.ip) <= int(self.last.ip)
        )

    def __str__(self) -> str:
        return f"{self.first.ip}-{self.last.ip}/{self.first.network.prefixlen}"


def parse_range(text: str) -> Range:
    """Read ``FIRST/LENGTH`` (to the end of the network) or ``FIRST-LAST/LENGTH``.

    Raises :class:`ValueError`.
    """
    span, _, length = text.partition("/")
    first, dash, last = span.partition("-")
    begin = ip_interface(f"{first}/{length}")
    end = ip_interface(f"{last}/{length}") if dash else _end(begin)
    if end.network != begin.network or int(end.ip) < int(begin.ip):
        raise ValueError(f"{last} does not come after {first} in {begin.network}")
    return Range(begin, end)


def _end(begin: Interface) -> Interface:
    network = begin.network
    last = network.broadcast_address
    return ip_interface(f"{last}/{network.prefixlen}")


@dataclass(frozen=True)
class Network:
    """How a group's VMs are on the network; without ``addresses`` by DHCP.

    What is empty is as configured, and not looked at in VMs that are there.
    """

    addresses: Range | None = None
    gateway: str = ""
    dns: tuple[str, ...] = ()
    bridge: str = ""
    vlan: int | None = None


@dataclass(frozen=True)
class Rules:
    """Where a group's new VMs go; ``near`` is another group."""

    anti_affinity: str = ""
    spread: str = ""
    near: str = ""
    pin: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """VMs of one kind: memory in MiB, disk in GiB; what is None or empty is as configured.

    A ``description`` of None leaves what is there. ``workload`` and ``source`` are told by the
    marks of new VMs.
    """

    name: str
    names: tuple[str, ...]
    role: str
    size: str = ""
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    workload: str = ""
    source: str = ""
    template: str = ""
    storage: str = ""
    full: bool | None = None
    network: Network = field(default_factory=Network)
    placement: Rules = field(default_factory=Rules)
    tags: tuple[str, ...] = ()
    description: str | None = None
    start: bool = True
    onboot: bool | None = None


@dataclass(frozen=True)
class Fleet:
    """All groups, by name."""

    name: str
    groups: tuple[Group, ...]
    policy: str = ""
