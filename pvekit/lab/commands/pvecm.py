"""``pvecm``: the cluster's quorum and members, as corosync sees them from a node."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvekit.lab import dates
from pvekit.lab.access.store import text_of
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.failure import Failure
from pvekit.lab.node import Node
from pvekit.lab.pmxcfs import Member

_CONFIG = "/etc/pve/corosync.conf"
_LINE = "-" * 22


def _config(node: Node) -> str:
    text = text_of(node, _CONFIG)
    if not text:
        why = "does not exist - is this node part of a cluster?"
        raise Failure(f"Error: Corosync config '{_CONFIG}' {why}")
    return text


def _value(text: str, key: str) -> str:
    found = re.search(rf"(?m)^\s*{key}:\s*(\S+)", text)
    return found[1] if found else ""


def _present(node: Node) -> list[Member]:
    """Return the members that a node is connected with, itself included."""
    members = sorted(node.cluster.members, key=lambda member: member.number)
    online = node.cluster.online
    return [m for m in members if m.name == node.name or online(m.name, node.name)]


async def status(call: Call) -> None:
    """Show the state of the quorum."""
    node = call.node
    text, present = _config(node), _present(node)
    total, quorate = len(node.cluster.members), node.cluster.quorate(node.name)
    own = next(member.number for member in present if member.name == node.name)
    ring = f"{present[0].number}.{node.cluster.membership.version():x}"
    flags = "Quorate" if quorate else ""
    blocked = " " if quorate else "Activity blocked"
    await call.process.say(
        f"Cluster information\n{'-' * 19}\n"
        f"Name:             {_value(text, 'cluster_name')}\n"
        f"Config Version:   {_value(text, 'config_version')}\n"
        "Transport:        knet\nSecure auth:      on\n\n"
        f"Quorum information\n{'-' * 18}\n"
        f"Date:             {dates.local_time(node.machine.clock.now())}\n"
        "Quorum provider:  corosync_votequorum\n"
        f"Nodes:            {len(present)}\nNode ID:          0x{own:08x}\n"
        f"Ring ID:          {ring}\nQuorate:          {'Yes' if quorate else 'No'}\n\n"
        f"Votequorum information\n{_LINE}\n"
        f"Expected votes:   {total}\nHighest expected: {total}\n"
        f"Total votes:      {len(present)}\nQuorum:           {total // 2 + 1} {blocked}\n"
        f"Flags:            {flags} \n\n"
        f"Membership information\n{_LINE}\n    Nodeid      Votes Name\n"
    )
    for member in present:
        local = " (local)" if member.name == node.name else ""
        await call.process.say(f"0x{member.number:08x}          1 {member.address}{local}\n")


async def nodes(call: Call) -> None:
    """Show the members."""
    _config(call.node)
    head = f"\nMembership information\n{_LINE}\n    Nodeid      Votes Name\n"
    await call.process.say(head)
    for member in _present(call.node):
        local = " (local)" if member.name == call.node.name else ""
        await call.process.say(f"{member.number:>10}          1 {member.name}{local}\n")


async def api_version(call: Call) -> None:
    """Show which version of joining the node speaks."""
    await call.process.say("1\n")


async def update_certificates(call: Call) -> None:
    """Make certificates that are missing: the lab's never are."""
    call.node.check_quorum()
    if not call.on("silent"):
        await call.process.say("(re)generate node files\nmerge authorized SSH keys\n")


HANDLERS: Mapping[str, Handler] = {
    "apiver": api_version,
    "nodes": nodes,
    "status": status,
    "updatecerts": update_certificates,
}
READING = frozenset({"apiver", "nodes", "status"})
