"""The figures that all nodes know of each other: ``/etc/pve/.rrd``, read."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pvekit.lab.pmxcfs import ClusterFileSystem

_PROPERTY = re.compile(r"^(lock|tags): *(.*?) *$", re.MULTILINE)
_VM = (
    *("uptime", "name", "status", "template", "", "maxcpu", "cpu", "maxmem", "mem"),
    *("maxdisk", "disk", "netin", "netout", "diskread", "diskwrite", "memhost"),
)
_TEXTS = ("name", "status")


@functools.lru_cache(maxsize=1 << 15)
def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0  # "U" is unknown
    return int(value) if value.is_integer() else value


@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> Mapping[str, str]:
    """Return what was told by kind and name, such as ``vm/100``, whatever version wrote it."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        kind, _, name = key.partition("/")
        found[f"{kind.split('-')[1]}/{name}"] = rest
    return found


@functools.lru_cache(maxsize=1 << 14)
def _vm_figures(told: str) -> dict[str, Any]:
    """Return the figures of one VM; kept, since those of thousands are asked for at once."""
    return {
        key: value if key in _TEXTS else _number(value)
        for key, value in zip(_VM, told.split(":"), strict=False)
        if key
    }


@functools.lru_cache(maxsize=1 << 15)
def _properties(data: bytes) -> dict[str, str]:
    """Return the properties that are not told, but read from the configurations themselves."""
    text = data.decode(errors="replace")
    return dict(_PROPERTY.findall(text.partition("\n[")[0]))


@dataclass(frozen=True)
class Reports:
    """What was told last; what nobody told of is ``unknown``."""

    cluster: ClusterFileSystem
    told: Mapping[str, str]

    def vm(self, vmid: int, node: str, kind: str = "qemu") -> dict[str, Any]:
        """Return one VM or container as ``/cluster/resources`` lists it."""
        entry: dict[str, Any] = {
            "id": f"{kind}/{vmid}",
            "node": node,
            "status": "unknown",
            "type": kind,
            "vmid": vmid,
        }
        if told := self.told.get(f"vm/{vmid}"):
            entry |= _vm_figures(told)
        directory = "qemu-server" if kind == "qemu" else "lxc"
        path = f"nodes/{node}/{directory}/{vmid}.conf"
        try:
            return entry | _properties(self.cluster.tree.read(path))
        except FileNotFoundError:
            return entry

    def node(self, name: str, viewer: str) -> dict[str, Any]:
        """Return one node as another one lists it."""
        entry: dict[str, Any] = {"id": f"node/{name}", "node": name, "type": "node"}
        told = self.told.get(f"node/{name}")
        online = self.cluster.online(name, viewer)
        if told is None:
            return entry | {"status": "unknown" if online else "offline"}
        values = told.split(":")
        keys = {"level": 1, "maxcpu": 4, "maxmem": 7, "maxdisk": 11}
        if online:
            keys |= {"uptime": 0, "cpu": 5, "mem": 8, "disk": 12}
        figures = {key: _number(values[place]) for key, place in keys.items() if key != "level"}
        state = "online" if online else "offline"
        return entry | figures | {"level": values[1], "status": state}

    def storage(self, node: str, storage: str) -> dict[str, Any]:
        """Return what ``/cluster/resources`` adds to the definition of a storage."""
        told = self.told.get(f"storage/{node}/{storage}")
        if told is None:
            return {"status": "unknown"}
        _, total, used = told.split(":")
        return {"disk": _number(used), "maxdisk": _number(total), "status": "available"}


def reported(cluster: ClusterFileSystem) -> Reports:
    """Return what the nodes of a PVE cluster told last."""
    return Reports(cluster, _parsed(cluster.figures()))
