"""A guest's network interfaces as its configuration brings them up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from pvekit.lab.guests import netplan
from pvekit.lab.guests.hardware import Nic
from pvekit.lab.guests.netplan import Interface
from pvekit.lab.guests.network import Network
from pvekit.lab.guests.system import System

Address = IPv4Interface | IPv6Interface


@dataclass(frozen=True)
class Link:
    """One interface; ``routed`` tells whether a default route leads out of it."""

    name: str
    mac: str
    addresses: tuple[Address, ...] = ()
    routed: bool = False

    @property
    def reachable(self) -> tuple[Address, ...]:
        """The addresses that others can reach."""
        return tuple(address for address in self.addresses if not address.is_link_local)


def connect(system: System, nics: Sequence[Nic], network: Network) -> tuple[Link, ...]:
    """Return all interfaces after the system's own network configuration."""
    configured = netplan.from_text(system.text(netplan.PATH))
    return tuple(_link(system, nic, _for(nic, configured), network) for nic in nics)


def _for(nic: Nic, configured: Sequence[Interface]) -> Interface | None:
    return next(
        (one for one in configured if one.mac == nic.mac or (not one.mac and nic.index == 0)), None
    )


def _link(system: System, nic: Nic, interface: Interface | None, network: Network) -> Link:
    name = interface.name if interface else f"ens{18 + nic.index}"  # PVE's PCI slots
    if interface is None or nic.link_down or nic.bridge is None:
        return Link(name, nic.mac)
    addresses = tuple(_addresses(system, nic, interface, network))
    routed = interface.dhcp or bool(interface.gateway)
    return Link(name, nic.mac, (*addresses, _from_mac("fe80", nic.mac)), routed)


def _addresses(
    system: System, nic: Nic, interface: Interface, network: Network
) -> Iterator[Address]:
    yield from map(ip_interface, interface.addresses)
    if interface.dhcp:
        # systemd-networkd derives the client id from the machine id, NetworkManager from the MAC.
        by_machine = system.family == "debian" and not interface.dhcp_by_mac
        client = f"{system.text('/etc/machine-id').strip()}/{nic.index}" if by_machine else nic.mac
        yield network.lease(nic.vlan, client)
    if interface.slaac:
        yield _from_mac(f"fd00:{nic.vlan:x}", nic.mac)


def _from_mac(prefix: str, mac: str) -> IPv6Interface:
    """Return the address that a host with this MAC gives itself (RFC 4291, EUI-64)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]]).hex(":", 2)
    return IPv6Interface(f"{prefix}::{identifier}/64")


# What container software adds: unit that must run, interface, address, its MAC address.
_NOISE = (
    ("docker.service", "docker0", "172.17.0.1/16", "02:42:6b:1f:0a:11"),
    ("kubelet.service", "flannel.1", "10.244.0.0/32", "9a:1c:5e:0d:7f:20"),
    ("kubelet.service", "cni0", "10.244.0.1/24", "be:4a:71:2c:93:05"),
)
_CNI = "/etc/cni/net.d/*.conflist"


def noise(system: System) -> Iterator[Link]:
    """Return the bridges that container software makes once it runs."""
    for unit, name, address, mac in _NOISE:
        needs_plugin = unit == "kubelet.service" and not system.files.glob(_CNI)
        if unit in system.active and not needs_plugin:
            yield Link(name, mac, (ip_interface(address),))
