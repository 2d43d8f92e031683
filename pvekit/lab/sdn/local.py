"""What a node makes of the applied networks: its own interfaces, and how it tells of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pvekit.lab.access.store import text_of
from pvekit.lab.bridges import drop, put
from pvekit.lab.sdn import config

if TYPE_CHECKING:
    from pvekit.lab.node import Node

FILE = "/etc/network/interfaces.d/sdn"
_NET = "/sys/class/net"
_NONE = "local sdn network configuration is not yet generated, please reload"
_OLD = "local sdn network configuration is too old, please reload"


def _here(node: Node) -> dict[str, config.Object]:
    """Return the applied vnets of the zones that this node is in."""
    zones = config.running_objects(node, config.ZONES)
    return {
        name: vnet
        for name, vnet in sorted(config.running_objects(node, config.VNETS).items())
        if vnet.get("zone") in zones and node.name in zones[vnet["zone"]].get("nodes", [node.name])
    }


def version(node: Node) -> int:
    """Return the version of the networks that the node generated last, or 0."""
    found = re.match(r"#version:(\d+)", text_of(node, FILE))
    return int(found[1]) if found else 0


def trouble(node: Node) -> str:
    """Return why the node is not up to date, or nothing."""
    own = version(node)
    if not own:
        return _NONE
    return _OLD if own < int(config.running(node).get("version", 0)) else ""


def apply(node: Node) -> list[str]:
    """Generate the node's interfaces; returns warnings."""
    wanted = config.running(node).get("version")
    if not wanted:
        return []
    here = _here(node)
    blocks = [_block(node, name, vnet) for name, vnet in here.items()]
    files = node.machine.files
    if not files.is_dir("/etc/network/interfaces.d"):
        files.mkdir("/etc/network/interfaces.d")
    _replace_bridges(node, set(here))
    files.write(FILE, f"#version:{wanted}\n\n{''.join(blocks)}".encode())
    text = text_of(node, "/etc/network/interfaces")
    if blocks and not re.search(r"(?m)^source /etc/network/interfaces\.d/(sdn|\*)", text):
        return ["missing 'source /etc/network/interfaces.d/sdn' directive for SDN support!"]
    return []


def _replace_bridges(node: Node, wanted: set[str]) -> None:
    files = node.machine.files
    for name in re.findall(r"(?m)^auto (\S+)$", text_of(node, FILE)):
        if name not in wanted and files.is_dir(f"{_NET}/{name}/bridge"):
            drop(files, name)
    for name in wanted:
        put(files, name)


def _block(node: Node, name: str, vnet: config.Object) -> str:
    zone = config.running_objects(node, config.ZONES)[vnet["zone"]]
    lines = []
    for subnet, values in sorted(config.running_objects(node, config.SUBNETS).items()):
        if values.get("vnet") == name and values.get("gateway"):
            lines.append(f"address {values['gateway']}/{subnet.rpartition('-')[2]}")
    port = f"{zone['bridge']}.{vnet['tag']}" if zone["type"] == "vlan" else "none"
    port = f"vxlan_{name}" if zone["type"] in ("vxlan", "evpn") else port
    lines += [f"bridge_ports {port}", "bridge_stp off", "bridge_fd 0"]
    lines += ["bridge-vlan-aware yes", "bridge-vids 2-4094"] if vnet.get("vlanaware") else []
    lines += [f"mtu {zone['mtu']}"] if zone.get("mtu") else []
    lines += [f"alias {vnet['alias']}"] if vnet.get("alias") else []
    lines += ["ip-forward on"] if lines[0].startswith("address") else []
    return f"auto {name}\niface {name}\n" + "".join(f"\t{line}\n" for line in lines) + "\n"


def zone_states(node: Node) -> dict[str, str]:
    """Return whether each applied zone of the node is available."""
    state = "pending" if trouble(node) else "available"
    zones = config.running_objects(node, config.ZONES).items()
    return {name: state for name, zone in zones if node.name in zone.get("nodes", [node.name])}


def vnet_states(node: Node, zone: str) -> list[config.Object]:
    """Return the vnets of a zone on the node, and whether they are available."""
    why = trouble(node)
    found = []
    for name, vnet in _here(node).items():
        if vnet["zone"] == zone:
            told = {"status": "pending", "statusmsg": why} if why else {"status": "available"}
            found.append({"vnet": name, **told})
    return found
