"""``/cluster``: its members, its log, the next free id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.membership import Member

Entry = dict[str, Any]
_RANGE = re.compile(r"^next-id:\s*(.*)$", re.MULTILINE)


async def next_id(call: Call) -> str:
    """Return a free id, or that the id asked for is free; it reserves nothing."""
    taken = call.node.cluster.guests()
    if asked := call.get("vmid"):
        if int(asked) in taken:
            raise call.refuse(vmid=f"VM {asked} already exists")
        return asked
    lower, upper = _range(call)
    free = next((vmid for vmid in range(lower, upper) if vmid not in taken), None)
    if free is None:
        raise Failure(f"unable to get any free VMID in range [{lower}, {upper - 1}]")
    return str(free)


def _range(call: Call) -> tuple[int, int]:
    text = call.node.machine.files.read("/etc/pve/datacenter.cfg").decode()
    found = _RANGE.search(text)
    pairs = dict(re.findall(r"(\w+)=(\d+)", found[1] if found else ""))
    return int(pairs.get("lower", "100")), int(pairs.get("upper", "1000000"))


async def status(call: Call) -> list[Entry]:
    """Return the PVE cluster and its members; a standalone node lists only itself."""
    cluster = call.node.cluster
    found: list[Entry] = []
    if cluster.name:
        count = len(cluster.members)
        found.append(
            {
                "id": "cluster",
                "name": cluster.name,
                "nodes": count,
                "quorate": int(cluster.quorate(call.node.name)),
                "type": "cluster",
                "version": count,
            }
        )
    return found + [_member(call, member) for member in reversed(cluster.members)]


def _member(call: Call, member: Member) -> Entry:
    cluster, viewer = call.node.cluster, call.node.name
    return {
        "id": f"node/{member.name}",
        "ip": member.address,
        "level": "",
        "local": int(member.name == viewer),
        "name": member.name,
        "nodeid": member.number if cluster.name else 0,
        "online": int(not cluster.name or cluster.online(member.name, viewer)),
        "type": "node",
    }


async def config_nodes(call: Call) -> list[Entry]:
    """Return the nodes that the cluster's communication layer knows."""
    if not call.node.cluster.name:
        return []
    return [
        {
            "name": member.name,
            "node": member.name,
            "nodeid": str(member.number),
            "quorum_votes": "1",
            "ring0_addr": member.address,
        }
        for member in call.node.cluster.members
    ]


async def totem(call: Call) -> Entry:
    """Return how the cluster's communication layer is set up."""
    files = call.node.machine.files
    path = "/etc/pve/corosync.conf"
    text = files.read(path).decode() if files.is_file(path) else ""
    found = re.search(r"^totem {\n(.*?)^}", text, re.MULTILINE | re.DOTALL)
    return _block(iter(found[1].splitlines())) if found else {}


def _block(lines: Iterator[str]) -> Entry:
    values: Entry = {}
    for line in map(str.strip, lines):
        if line == "}":
            break
        if line.endswith("{"):
            inner = _block(lines)
            values[line[:-1].strip()] = {inner.get("linknumber", "0"): inner}
        elif ":" in line:
            key, _, value = line.partition(":")
            values[key] = value.strip()
    return values


async def qdevice(call: Call) -> Entry:
    """Return the state of the external vote: the lab has none."""
    del call
    return {}


async def log(call: Call) -> list[Entry]:
    """Return what the members logged last, newest first."""
    newest = list(call.node.cluster.log.newest())
    asked = int(call.get("max", str(len(newest))))
    return [{**asdict(entry), "id": f"{entry.uid}:{entry.node}"} for entry in newest[:asked]]


async def api_version(call: Call) -> int:
    """Return the version of the methods for joining a cluster."""
    del call
    return 1


ROUTES = (
    Route("get", "/cluster/config/apiversion", api_version),
    Route("get", "/cluster/config/qdevice", qdevice),
    Route("get", "/cluster/config/totem", totem),
    Route("get", "/cluster/config/nodes", config_nodes),
    Route("get", "/cluster/log", log),
    Route("get", "/cluster/nextid", next_id),
    Route("get", "/cluster/status", status),
)
