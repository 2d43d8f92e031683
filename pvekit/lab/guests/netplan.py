"""A guest's network configuration: cloud-init's two formats in, one netplan file out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from typing import Any

import yaml

PATH = "/etc/netplan/50-cloud-init.yaml"


@dataclass(frozen=True)
class Interface:
    """One interface as configured; ``addresses`` are in CIDR form, ``mac`` in lower case."""

    name: str
    mac: str = ""
    dhcp: bool = False
    dhcp_by_mac: bool = False
    slaac: bool = False
    addresses: tuple[str, ...] = ()
    gateway: str = ""


def from_cloud(data: Mapping[str, Any]) -> tuple[Interface, ...]:
    """Read a ``network-config`` of version 1 or 2; raises :class:`ValueError` for others."""
    inner = data.get("network", data)
    if inner.get("version") == 1:
        entries = inner.get("config") or []
        return tuple(_physical(entry) for entry in entries if entry.get("type") == "physical")
    if inner.get("version") == 2:
        ethernets = inner.get("ethernets") or {}
        return tuple(_ethernet(name, entry or {}) for name, entry in ethernets.items())
    raise ValueError("network-config of an unknown version")


def _physical(entry: Mapping[str, Any]) -> Interface:
    subnets = entry.get("subnets") or []
    types = {subnet.get("type") for subnet in subnets}
    gateways = (str(subnet["gateway"]) for subnet in subnets if "gateway" in subnet)
    return Interface(
        name=str(entry["name"]),
        mac=str(entry.get("mac_address", "")).lower(),
        dhcp=bool(types & {"dhcp", "dhcp4"}),
        slaac=bool(types & {"dhcp6", "ipv6_slaac", "ipv6_dhcpv6-stateless"}),
        addresses=tuple(_cidr(subnet) for subnet in subnets if "address" in subnet),
        gateway=next(gateways, ""),
    )


def _cidr(subnet: Mapping[str, Any]) -> str:
    address = str(subnet["address"])
    if "/" not in address and "netmask" in subnet:
        address = f"{address}/{subnet['netmask']}"
    return ip_interface(address).with_prefixlen


def _ethernet(name: str, entry: Mapping[str, Any]) -> Interface:
    routes = entry.get("routes") or []
    defaults = (
        str(route["via"]) for route in routes if route.get("to") in {"default", "0.0.0.0/0"}
    )
    return Interface(
        name=str(entry.get("set-name", name)),
        mac=str((entry.get("match") or {}).get("macaddress", "")).lower(),
        dhcp=bool(entry.get("dhcp4")),
        dhcp_by_mac=entry.get("dhcp-identifier") == "mac",
        slaac=bool(entry.get("dhcp6")),
        addresses=tuple(map(str, entry.get("addresses") or [])),
        gateway=str(entry.get("gateway4", next(defaults, ""))),
    )


def from_debian(text: str) -> tuple[Interface, ...]:
    """Read an ``interfaces(5)`` file as ConfigDrive holds it."""
    found: dict[str, Interface] = {}
    name = ""
    for words in map(str.split, text.splitlines()):
        if words[:1] == ["iface"] and words[3:] != ["loopback"]:
            name, method = words[1], words[3]
            before = found.get(name, Interface(name))
            found[name] = replace(
                before,
                dhcp=before.dhcp or words[2:] == ["inet", "dhcp"],
                slaac=before.slaac or (words[2] == "inet6" and method in {"auto", "dhcp"}),
            )
        elif name and words[:1] == ["address"]:
            added = (*found[name].addresses, words[1])
            found[name] = replace(found[name], addresses=added)
        elif name and words[:1] == ["netmask"]:
            *others, last = found[name].addresses
            whole = ip_interface(f"{last}/{words[1]}").with_prefixlen
            found[name] = replace(found[name], addresses=(*others, whole))
        elif name and words[:1] == ["gateway"] and "." in words[1]:
            found[name] = replace(found[name], gateway=words[1])
    return tuple(found.values())


def to_text(interfaces: Iterable[Interface]) -> str:
    """Return the netplan file that configures the interfaces."""
    ethernets = {interface.name: dict(_entry(interface)) for interface in interfaces}
    return yaml.safe_dump({"network": {"version": 2, "ethernets": ethernets}}, sort_keys=False)


def _entry(interface: Interface) -> Iterator[tuple[str, Any]]:
    if interface.mac:
        yield "match", {"macaddress": interface.mac}
        yield "set-name", interface.name
    if interface.dhcp:
        yield "dhcp4", True
    if interface.dhcp_by_mac:
        yield "dhcp-identifier", "mac"
    if interface.slaac:
        yield "dhcp6", True
    if interface.addresses:
        yield "addresses", list(interface.addresses)
    if interface.gateway:
        yield "routes", [{"to": "default", "via": interface.gateway}]


def from_text(text: str) -> tuple[Interface, ...]:
    """Read a netplan file; a damaged one configures nothing."""
    try:
        return from_cloud(yaml.safe_load(text) or {"version": 2})
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, KeyError):
        return ()
