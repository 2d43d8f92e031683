"""What is refused of zones, vnets and subnets, within the lock on their configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from pvekit.lab.failure import Failure
from pvekit.lab.node import Node
from pvekit.lab.sdn import config
from pvekit.lab.sections import Section, Sections

_ZONES_PM = "at /usr/share/perl5/PVE/Network/SDN/Zones/EvpnPlugin.pm line"


def wrong(name: str, why: str) -> Failure:
    """Return the refusal of a parameter: within a lock the usage line gets lost."""
    return Failure(f"400 Parameter verification failed.\n{name}: {why}")


def names(node: Node, wanted: Mapping[str, str]) -> None:
    """Refuse name servers and address managers that are not defined."""
    servers = config.load(node, config.DNS).ids
    for key in ("dns", "reversedns"):
        if wanted.get(key) and wanted[key] not in servers:
            raise wrong(key, f"{wanted[key]} don't exist")
    if wanted.get("dnszone") and not wanted.get("dns"):
        raise wrong("dnszone", "missing dns server")
    ipam = wanted.get("ipam")
    if ipam and ipam not in config.load(node, config.IPAMS).ids:
        raise wrong("ipam", f"{ipam} not existing")


def ipam_change(node: Node, zone: str) -> None:
    """Refuse another address manager for a zone with subnets."""
    if any(name.startswith(f"{zone}-") for name in config.load(node, config.SUBNETS).ids):
        raise wrong("ipam", "can't change ipam if a subnet is already defined in this zone")


def zone(node: Node, zones: Sections, name: str) -> None:
    """Refuse an EVPN zone without a controller of its own; it gets an address if it has none."""
    section = zones.ids[name]
    if section.type != "evpn":
        return
    controller, vrf = section.values["controller"], section.values["vrf-vxlan"]
    known = config.load(node, config.CONTROLLERS).ids
    if controller not in known:
        raise Failure(f"controller {controller} don't exist {_ZONES_PM} 326.")
    if known[controller].type != "evpn":
        raise Failure(f"{controller} is not a evpn controller type {_ZONES_PM} 328.")
    for other, found in sorted(zones.ids.items()):
        if other != name and found.values.get("vrf-vxlan") == vrf:
            raise Failure(f"vrf-vxlan {vrf} is already declared in {other} {_ZONES_PM} 338.")
    section.values.setdefault("mac", node.new_mac())


def subnets_of(node: Node, vnet: str) -> list[str]:
    """Return the subnets of a vnet."""
    ids = config.load(node, config.SUBNETS).ids
    return [name for name, section in ids.items() if section.values.get("vnet") == vnet]


def vnet(node: Node, vnets: Sections, name: str) -> None:
    """Refuse a vnet that does not fit its zone."""
    values = vnets.ids[name].values
    zones = config.load(node, config.ZONES).ids
    if values["zone"] not in zones:
        place = "at /usr/share/perl5/PVE/API2/Network/SDN/Vnets.pm line 232."
        raise Failure(f"cannot lookup undefined type! {place}")
    kind = zones[values["zone"]].type
    if kind in ("vlan", "qinq"):
        _vlan_tag(vnets, name)
    elif kind in ("vxlan", "evpn"):
        _vxlan_tag(vnets, name, zones)
    elif kind == "simple" and "tag" in values:
        raise wrong("tag", "vlan tag is not allowed on simple zone")
    if values.get("vlanaware") == "1" and subnets_of(node, name):
        raise wrong("vlanaware", "vlanaware vnet is not compatible with subnets")


def _vlan_tag(vnets: Sections, name: str) -> None:
    values = vnets.ids[name].values
    if "tag" not in values:
        raise wrong("tag", "missing vlan tag")
    if int(values["tag"]) > 4096:  # as the real one has it
        raise wrong("tag", "vlan tag max value is 4096")
    for other, found in sorted(vnets.ids.items()):
        same = found.values.get("zone") == values["zone"]
        if other != name and same and found.values.get("tag") == values["tag"]:
            raise wrong("tag", f"tag {values['tag']} already exist in vnet {other}")


def _vxlan_tag(vnets: Sections, name: str, zones: Mapping[str, Section]) -> None:
    tag = vnets.ids[name].values.get("tag")
    if tag is None:
        raise wrong("tag", "missing vxlan tag")
    if int(tag) > 16777216:
        raise wrong("tag", "vxlan tag max value is 16777216")
    for other, found in sorted(vnets.ids.items()):
        where = found.values.get("zone", "")
        tunnels = where in zones and zones[where].type in ("vxlan", "evpn")
        if other != name and tunnels and found.values.get("tag") == tag:
            raise wrong("tag", f"vxlan tag {tag} already exist in vnet {other} in zone {where} ")


def subnet(node: Node, cidr: str, section: Section) -> None:
    """Refuse a subnet that does not fit its vnet, gateway or ranges."""
    vnets = config.load(node, config.VNETS).ids
    name = section.values["vnet"]
    if name not in vnets:
        raise wrong("vnet", f"{name} don't exist")
    if vnets[name].values.get("vlanaware") == "1":
        raise wrong("vnet", "you can't add a subnet on a vlanaware vnet")
    network = ipaddress.ip_network(cidr, strict=False)
    gateway = section.values.get("gateway")
    alone = network.version == 4 and network.prefixlen == 32
    if gateway and not alone and ipaddress.ip_address(gateway) not in network:
        raise wrong("gateway", f"{gateway} is not in subnet {cidr}")
    _ranges(cidr, section.values.get("dhcp-range", ""))


def _ranges(cidr: str, text: str) -> None:
    network = ipaddress.ip_network(cidr, strict=False)
    seen: list[tuple[int, int]] = []
    for entry in text.split("\n") if text else []:
        found = dict(part.split("=", 1) for part in entry.split(","))
        first, last = found.get("start-address", ""), found.get("end-address", "")
        numbers = (int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last)))
        if numbers[0] > numbers[1]:
            why = f"start-address {first} must be smaller than end-address {last}"
            raise wrong("dhcp-range", why)
        for word, address in (("start", first), ("end", last)):
            if ipaddress.ip_address(address) not in network:
                raise wrong("dhcp-range", f"{word}-address {address} is not in subnet {cidr}")
        if any(numbers[0] <= high and low <= numbers[1] for low, high in seen):
            raise wrong("dhcp-range", "dhcp ranges must not overlap")
        seen.append(numbers)
