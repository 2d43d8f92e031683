"""A node's ``/etc/network/interfaces``, read and written as Proxmox VE does."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvekit.lab.access.store import text_of
from pvekit.lab.bridges import drop, put
from pvekit.lab.interface_writing import check, text

if TYPE_CHECKING:
    from pvekit.lab.node import Node

FILE = "/etc/network/interfaces"
NEW = "/etc/network/interfaces.new"
_NET = "/sys/class/net"
_PHYSICAL = re.compile(r"(eth\d+|en[^:.]+|ib[^:.]+)")
_SIMPLE = frozenset(
    {
        *("mtu", "bridge_fd", "bridge_vids", "bond_miimon", "bond_xmit_hash_policy"),
        *("bond-primary", "uplink-id", "vlan-protocol", "vlan-raw-device", "vlan-id", "vxlan-id"),
        *("bridge-access", "bridge-learning", "bridge-arp-nd-suppress", "ovs_type", "ovs_bridge"),
        *("ovs_options", "ovs_bonds", "ovs_ports"),
    }
)
_RENAMED = {
    **{f"bridge-{name}": f"bridge_{name}" for name in ("ports", "stp", "fd", "vids")},
    "bridge-vlan-aware": "bridge_vlan_aware",
    "bond-slaves": "slaves",
    "bond_slaves": "slaves",
    "bond-mode": "bond_mode",
    "bond-miimon": "bond_miimon",
    "bond-xmit-hash-policy": "bond_xmit_hash_policy",
}
_ADDRESS = frozenset({"address", "netmask", "broadcast", "gateway"})
Interface = dict[str, Any]


@dataclass
class Interfaces:
    """The interfaces by name, and the lines that belong to none, with their places."""

    named: dict[str, Interface] = field(default_factory=dict)
    others: list[tuple[int, str]] = field(default_factory=list)


def load(node: Node) -> Interfaces:
    """Read the interfaces as they are to become, or else as they are."""
    path = NEW if node.machine.files.exists(NEW) else FILE
    found = _Reader(text_of(node, path).splitlines()).read()
    files = node.machine.files
    up = files.names(_NET) if files.is_dir(_NET) else []
    for name in up:
        if _PHYSICAL.fullmatch(name):
            found.named.setdefault(name, {})["exists"] = 1
        if name in found.named:
            found.named[name]["active"] = 1
    lo = {"priority": 1, "method": "loopback", "autostart": 1}
    found.named.setdefault("lo", dict(lo))
    for name, interface in list(found.named.items()):
        _complete(found, name, interface)
    return found


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._found = Interfaces()
        self._priority = 2

    def read(self) -> Interfaces:
        while self._lines:
            line = self._lines.pop(0).rstrip()
            words = line.split()
            if line.lstrip().startswith("#") or not words:
                continue
            if words[0] in ("auto", "allow-ovs"):
                for name in words[1:]:
                    self._found.named.setdefault(name, {})["autostart"] = 1
            elif words[0] == "iface" and len(words) == 4 and words[2] in ("inet", "inet6"):
                self._interface(words[1], words[2], words[3])
            elif re.search(r"\w", line):
                self._found.others.append((self._priority, line))
                self._priority += 1
        return self._found

    def _interface(self, name: str, family: str, method: str) -> None:
        suffix = family.removeprefix("inet")
        interface = self._found.named.setdefault(name, {})
        if "priority" not in interface:
            interface["priority"] = self._priority
            self._priority += 1
        interface.setdefault("families", []).append(family)
        interface[f"method{suffix}"] = method
        while self._lines and not re.match(
            r"\s*(iface|mapping|auto|allow-|source)", self._lines[0]
        ):
            line = self._lines.pop(0).strip()
            if line.startswith("#"):
                before = interface.get(f"comments{suffix}", "")
                interface[f"comments{suffix}"] = f"{before}{line[1:]}\n"
            elif len(words := line.split(None, 1)) == 2:
                self._option(interface, suffix, *words)
            else:
                return

    def _option(self, interface: Interface, suffix: str, key: str, value: str) -> None:
        name = _RENAMED.get(key, key)
        if name in _ADDRESS:
            interface[f"{name}{suffix}"] = value
        elif name in ("slaves", "bridge_ports"):
            interface[name] = " ".join(sorted({p for p in value.split() if p != "none"}))
        elif name == "bridge_stp":
            interface[name] = "on" if value.lower() in ("on", "yes") else "off"
        elif name == "bridge_vlan_aware":
            interface[name] = 1
        elif name == "bond_mode" or name in _SIMPLE:
            interface[name] = value
        else:
            interface.setdefault(f"options{suffix}", []).append(f"{key} {value}")


def _type_of(name: str, interface: Interface) -> str:
    if re.fullmatch(r"bond\d+", name):
        return "bond"
    if re.fullmatch(r"vmbr\d+", name) or "bridge_ports" in interface:
        return "bridge"
    if re.fullmatch(r"\S+:\d+", name):
        return "alias"
    if re.fullmatch(r"\S+\.\d+", name) or "vlan-raw-device" in interface:
        return "vlan"
    if _PHYSICAL.fullmatch(name):
        return "eth"
    return "loopback" if name == "lo" else "vxlan" if "vxlan-id" in interface else "unknown"


def _complete(found: Interfaces, name: str, interface: Interface) -> None:
    kind = interface["type"] = _type_of(name, interface)
    if kind == "bridge":
        interface.setdefault("bridge_fd", 0)
        interface.setdefault("bridge_stp", "off")
    if kind in ("vlan", "alias"):
        parent = interface.get("vlan-raw-device") or re.split("[.:]", name)[0]
        exists = found.named.get(parent, {}).get("exists")
        if parent not in found.named or exists is not None:
            interface["exists"] = exists or 0
    for suffix, bits in (("", 32), ("6", 128)):
        _complete_address(interface, suffix, bits)
    interface.setdefault("method", "manual")
    interface.setdefault("method6", "manual")
    interface.setdefault("families", ["inet"])


def _complete_address(interface: Interface, suffix: str, bits: int) -> None:
    address = interface.get(f"address{suffix}")
    if not address:
        return
    mask = interface.get(f"netmask{suffix}")
    if "/" not in address and mask:
        size = mask if mask.isdecimal() else ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
        address = f"{address}/{size}"
    interface[f"cidr{suffix}"] = address if "/" in address else f"{address}/{bits}"
    if "/" in address:
        interface[f"address{suffix}"], _, interface[f"netmask{suffix}"] = address.partition("/")


def save(node: Node, interfaces: Interfaces) -> None:
    """Write what the interfaces are to become; the program dies if that makes no sense."""
    check(interfaces)
    node.machine.files.write(NEW, text(interfaces).encode())


def bridges(interfaces: Interfaces) -> set[str]:
    """Return the names of the bridges among the interfaces."""
    return {name for name, found in interfaces.named.items() if found["type"] == "bridge"}


def reload(node: Node) -> None:
    """Make the configuration the running one: bridges come and go."""
    files = node.machine.files
    if files.exists(NEW):
        files.rename(NEW, FILE)
    loaded = load(node)
    named, wanted = loaded.named, bridges(loaded)
    present = {n for n in files.names(_NET) if files.is_dir(f"{_NET}/{n}/bridge")}
    for name in present - wanted:
        if re.fullmatch(r"vmbr\d+", name):
            drop(files, name)
    for name in wanted:
        put(files, name, vlan_aware=bool(named[name].get("bridge_vlan_aware")))
