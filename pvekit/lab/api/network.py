"""``/nodes/NODE/network``: a node's interfaces, changed aside and then reloaded."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from pvekit.lab import formats, installed, interfaces
from pvekit.lab.access.store import text_of
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.interfaces import Interface, Interfaces
from pvekit.lab.lists import split_list
from pvekit.lab.sdn import config as sdn
from pvekit.lab.sdn import local
from pvekit.lab.workers import worker

Data = dict[str, Any]
_PATH = "/nodes/{node}/network"
_TAKEN = frozenset({"node", "iface", "delete", "api_path", "noproxy", "output-format"})


def _refused(call: Call, name: str, why: str) -> Exception:
    return formats.refused(call.command.usage(), {name: why})


async def list_interfaces(call: Call) -> list[Data]:
    """``GET``: all interfaces but the loopback, or those of a type."""
    found = interfaces.load(call.node).named
    found.pop("lo", None)
    kind = call.get("type")
    if kind not in ("", "include_sdn"):
        found = {name: entry for name, entry in found.items() if _matches(kind, entry["type"])}
    if kind in ("any_bridge", "include_sdn", "vnet"):
        found |= _vnets(call)
    return [{**entry, "iface": name} for name, entry in sorted(found.items())]


def _matches(wanted: str, kind: str) -> bool:
    bridge = kind in ("bridge", "OVSBridge")
    return wanted == kind or (bridge and wanted in ("any_bridge", "any_local_bridge"))


def _vnets(call: Call) -> dict[str, Data]:
    zones = sdn.running_objects(call.node, sdn.ZONES)
    found: dict[str, Data] = {}
    for name, vnet in sdn.running_objects(call.node, sdn.VNETS).items():
        zone = zones.get(vnet.get("zone", ""), {})
        if call.node.name in zone.get("nodes", [call.node.name]):
            found[name] = {
                "type": "vnet",
                "active": "1",
                "ipam": int(bool(zone.get("ipam"))),
                "vlanaware": int(bool(vnet.get("vlanaware"))),
                "comments": vnet.get("alias"),
            }
    return found


async def read_interface(call: Call) -> Data:
    """``GET``: one interface."""
    return _existing(call, interfaces.load(call.node))


def _existing(call: Call, found: Interfaces) -> Interface:
    if call.values["iface"] not in found.named:
        raise _refused(call, "iface", "interface does not exist")
    return found.named[call.values["iface"]]


def _wanted(call: Call) -> Interface:
    wanted: Interface = {k: v for k, v in call.values.items() if k not in _TAKEN}
    for suffix in ("", "6"):
        if cidr := wanted.pop(f"cidr{suffix}", ""):
            if f"address{suffix}" in wanted:
                raise _refused(call, f"address{suffix}", f"address conflicts with cidr{suffix}")
            wanted[f"address{suffix}"], _, wanted[f"netmask{suffix}"] = cidr.partition("/")
    for key in ("autostart", "bridge_vlan_aware"):
        if key in wanted:
            wanted[key] = int(wanted[key])
            if not wanted[key]:
                del wanted[key]
    return wanted


def _check_gateways(call: Call, found: Interfaces, wanted: Interface) -> None:
    words = {"gateway": "Default gateway", "gateway6": "Default ipv6 gateway"}
    for key, word in words.items():
        for name, entry in sorted(found.named.items()):
            if key in wanted and name != call.values["iface"] and entry.get(key):
                raise _refused(call, key, f"{word} already exists on interface '{name}'.")


def _check_ipv6(call: Call, wanted: Interface) -> None:
    address = wanted.get("address6")
    if address:
        parsed = ipaddress.IPv6Address(address)
        if parsed.is_multicast or parsed.is_unspecified or parsed.is_loopback:
            raise _refused(call, "address", f"{address} is not a valid host ip address.")


def _families(wanted: Interface) -> list[str]:
    found = [f"inet{suffix}" for suffix in ("", "6") if wanted.get(f"address{suffix}")]
    return found or ["inet"]


def _finish(wanted: Interface) -> Interface:
    methods = {
        f"method{suffix}": "static" if wanted.get(f"address{suffix}") else "manual"
        for suffix in ("", "6")
    }
    return {**wanted, **methods, "families": _families(wanted)}


async def create_interface(call: Call) -> None:
    """Add an interface to those that the next reload makes."""
    found = interfaces.load(call.node)
    if call.values["iface"] in found.named:
        raise _refused(call, "iface", "interface already exists")
    wanted = _wanted(call)
    _check_gateways(call, found, wanted)
    _check_ipv6(call, wanted)
    if wanted["type"].startswith("OVS"):
        raise Failure("Open VSwitch is not installed (need package 'openvswitch-switch')", 2)
    found.named[call.values["iface"]] = _finish(wanted)
    interfaces.save(call.node, found)


async def update_interface(call: Call) -> None:
    """Change an interface; addresses that are not given again go."""
    found = interfaces.load(call.node)
    present = _existing(call, found)
    for key in split_list(call.get("delete")):
        present.pop(key, None)
        if key in ("cidr", "cidr6"):
            present.pop(key.replace("cidr", "netmask"), None)
            present.pop(key.replace("cidr", "address"), None)
    wanted = _wanted(call)
    _check_gateways(call, found, wanted)
    _check_ipv6(call, wanted)
    for suffix in ("", "6"):
        if f"address{suffix}" in wanted:
            present.pop(f"cidr{suffix}", None)
    present |= _finish(wanted)
    interfaces.save(call.node, found)


async def delete_interface(call: Call) -> None:
    """Take an interface out of those that the next reload makes."""
    found = interfaces.load(call.node)
    _existing(call, found)
    del found.named[call.values["iface"]]
    interfaces.save(call.node, found)


async def revert(call: Call) -> None:
    """Forget all changes since the last reload."""
    if call.node.machine.files.exists(interfaces.NEW):
        call.node.machine.files.unlink(interfaces.NEW)


def _check_tools(call: Call) -> None:
    """Die unless the tool that reloads interfaces is Proxmox VE's own build of it."""
    text = text_of(call.node, installed.FILE)
    version = installed.versions(text).get("ifupdown2")
    if version is None:
        raise Failure("you need ifupdown2 to reload network configuration")
    if not re.fullmatch(r"\d+\.\d+\.\d+-\d+\+pmx\d+", version):
        asked = "Did you installed from Proxmox repositories?"
        raise Failure(f"incompatible 'ifupdown2' package version '{version}'! {asked}")


async def reload(call: Call) -> None:
    """Make all changes, and generate the software-defined networks."""
    node = call.node
    _check_tools(call)
    async with worker(node.tasks, call.process, "srvreload", "networking", call.tasks) as say:
        for warning in local.apply(node):
            await say(f"WARN: {warning}\n")
        interfaces.reload(node)


ROUTES = (
    Route("get", _PATH, list_interfaces),
    Route("create", _PATH, create_interface),
    Route("set", _PATH, reload),
    Route("delete", _PATH, revert),
    Route("get", f"{_PATH}/{{iface}}", read_interface),
    Route("set", f"{_PATH}/{{iface}}", update_interface),
    Route("delete", f"{_PATH}/{{iface}}", delete_interface),
)
