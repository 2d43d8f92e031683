"""The files of the software-defined networks, and what each kind of object may hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvekit.lab.access.store import text_of
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Layout, Section, Sections

if TYPE_CHECKING:
    from pvekit.lab.commands.call import Call
    from pvekit.lab.node import Node

RUNNING = "/etc/pve/sdn/.running-config"
Object = dict[str, Any]

_NAMES = frozenset({"dns", "reversedns", "dnszone", "ipam", "mtu", "nodes"})
_EVPN = frozenset(
    {
        *("exitnodes", "exitnodes-local-routing", "advertise-subnets", "exitnodes-primary"),
        *("disable-arp-nd-suppression", "rt-import", "mac"),
    }
)
_ZONES = {
    "simple": Layout(optional=_NAMES | {"dhcp"}),
    "vlan": Layout(frozenset({"bridge"}), _NAMES | {"bridge-disable-mac-learning"}),
    "qinq": Layout(
        frozenset({"bridge", "tag"}), _NAMES | {"bridge-disable-mac-learning", "vlan-protocol"}
    ),
    "vxlan": Layout(frozenset({"peers"}), _NAMES | {"vxlan-port"}),
    "evpn": Layout(frozenset({"vrf-vxlan", "controller"}), _NAMES | _EVPN),
    "faucet": Layout(frozenset({"dp-id"}), frozenset({"nodes", "controller", "vlan-protocol"})),
}
_BGP = frozenset({"bgp-multipath-as-path-relax", "ebgp", "ebgp-multihop", "loopback", "peers"})
_CONTROLLERS = {
    "evpn": Layout(frozenset({"asn", "peers"})),
    "bgp": Layout(frozenset({"node", "asn"}), _BGP),
    "isis": Layout(
        frozenset({"node", "isis-domain", "isis-net", "isis-ifaces"}), frozenset({"loopback"})
    ),
    "faucet": Layout(),
}
_SUBNET = frozenset({"gateway", "snat", "dnszoneprefix", "dhcp-range", "dhcp-dns-server"})


@dataclass(frozen=True)
class Kind:
    """One kind of object: its file, the option that names it, and the layouts of its types."""

    file: str
    key: str
    layouts: Mapping[str, Layout]


ZONES = Kind("zones", "zone", _ZONES)
VNETS = Kind(
    "vnets",
    "vnet",
    {
        "vnet": Layout(
            frozenset({"zone"}), frozenset({"tag", "alias", "vlanaware", "isolate-ports"})
        )
    },
)
SUBNETS = Kind("subnets", "subnet", {"subnet": Layout(frozenset({"vnet"}), _SUBNET)})
CONTROLLERS = Kind("controllers", "controller", _CONTROLLERS)
IPAMS = Kind(
    "ipams",
    "ipam",
    {
        "pve": Layout(),
        "netbox": Layout(frozenset({"url", "token"}), frozenset({"fingerprint"})),
        "phpipam": Layout(frozenset({"url", "token", "section"}), frozenset({"fingerprint"})),
    },
)
DNS = Kind(
    "dns",
    "dns",
    {
        "powerdns": Layout(
            frozenset({"url", "key"}),
            frozenset({"ttl", "reversev6mask", "reversemaskv6", "fingerprint"}),
        )
    },
)
_COMMITTED = (VNETS, ZONES, CONTROLLERS, SUBNETS)
_SETS = frozenset({"nodes", "exitnodes"})
_NUMBERS = frozenset(
    {
        *("tag", "mtu", "vxlan-port", "vrf-vxlan", "asn", "vlanaware", "isolate-ports", "snat"),
        *("bridge-disable-mac-learning", "advertise-subnets", "disable-arp-nd-suppression"),
        *("exitnodes-local-routing", "ebgp", "ebgp-multihop", "bgp-multipath-as-path-relax"),
        *("dp-id", "ttl", "reversemaskv6", "reversev6mask", "section"),
    }
)


def load(node: Node, kind: Kind) -> Sections:
    """Read the file of a kind of objects."""
    found = Sections.parse(text_of(node, f"/etc/pve/sdn/{kind.file}.cfg"))
    if kind is IPAMS:
        found.ids.setdefault("pve", Section("pve"))
    return found


@asynccontextmanager
async def changing(call: Call, kind: Kind, verb: str) -> AsyncIterator[Sections]:
    """Give the objects of a kind to the body, and write what that made of them."""
    name = {"dns": "dns", "ipams": "ipam"}.get(kind.file, kind.key)
    failing = f"{verb} sdn {name} object failed"
    lock = file_lock("sdn/.running-config")
    async with cfs_lock(call.node, lock, failing, call.process.complain):
        sections = load(call.node, kind)
        yield sections
        call.node.write(f"/etc/pve/sdn/{kind.file}.cfg", sections.text(kind.layouts))


def decoded(section: Section) -> Object:
    """Return an object with the types that the API tells."""
    found: Object = {"type": section.type}
    for key, value in section.values.items():
        if key in _SETS:
            found[key] = dict.fromkeys(split_list(value), 1)
        elif key == "dhcp-range":
            found[key] = value.split("\n")
        else:
            found[key] = int(value) if key in _NUMBERS else value
    return found


def encode(key: str, value: Any) -> Any:  # noqa: ANN401
    """Return a value of an object as the API shows it: sets and lists as text."""
    if key in {*_SETS, "dhcp-range"} and isinstance(value, dict | list):
        return ",".join(sorted(value))
    return value


def running(node: Node) -> dict[str, Any]:
    """Return what was applied last, or nothing."""
    text = text_of(node, RUNNING)
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found


def running_objects(node: Node, kind: Kind) -> dict[str, Object]:
    """Return the objects of a kind that were applied last."""
    found: dict[str, Object] = running(node).get(kind.file, {}).get("ids", {})
    return found


def commit(node: Node) -> int:
    """Make what is written the running configuration; returns its version."""
    version = int(running(node).get("version", 0)) + 1
    content: dict[str, Any] = {"version": version}
    for kind in _COMMITTED:
        ids = {name: decoded(section) for name, section in load(node, kind).ids.items()}
        content[kind.file] = {"ids": ids}
    node.write(RUNNING, json.dumps(content, sort_keys=True, separators=(",", ":")))
    return version


def pending(node: Node, kind: Kind) -> dict[str, Object]:
    """Return all objects as they run, with what is to change about them."""
    before = running_objects(node, kind)
    after = {name: decoded(section) for name, section in load(node, kind).ids.items()}
    found = {
        name: _changes(before.get(name, {}), after.get(name, {})) for name in {*before, *after}
    }
    return dict(sorted(found.items()))


def _changes(before: Object, after: Object) -> Object:
    named = {key: value for key, value in after.items() if key in ("type", "vnet")}
    told = {k: encode(k, v) for k, v in after.items() if k not in named}
    changes = {k: v for k, v in told.items() if v != encode(k, before.get(k))}
    changes |= dict.fromkeys([key for key in before if after and key not in after], "deleted")
    state = "changed" if changes else ""
    if not (before and after):
        state = "deleted" if before else "new"
    return {**before, **named, **({"state": state, "pending": changes} if state else {})}
