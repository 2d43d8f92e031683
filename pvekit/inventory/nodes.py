"""The nodes of a domain: those that were read, those that failed, and members nobody asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pvekit.inventory.model import Domain, Member, NodeState
from pvekit.inventory.reading import NodeReading, Rrd
from pvekit.pve.numbers import whole

_MIB = 1 << 20


class _Figures(NamedTuple):
    cpus: int | None = None
    memory_mb: int | None = None
    memory_free_mb: int | None = None


def nodes(
    domain: Domain, view: NodeReading, readings: Mapping[str, NodeReading]
) -> tuple[NodeState, ...]:
    """Return the nodes of a domain: the readings' by alias, and the members without one."""
    members = {member.name: member for member in domain.members}
    read = {item.node for item in readings.values()}
    return (
        *(_read(domain, alias, members, item, view) for alias, item in readings.items()),
        *(_unread(domain, member, view) for name, member in members.items() if name not in read),
    )


def with_failed(known: Iterable[NodeState], failed: Iterable[str]) -> tuple[NodeState, ...]:
    """Add the configured nodes that gave no answer, each in a known member's place if it is one."""
    states = list(known)
    for alias in failed:
        members = [node for node in states if node.name == alias and not node.configured]
        member = members[0] if len(members) == 1 else None
        if member:
            states.remove(member)
        domain = member.domain if member else ""
        states.append(NodeState(alias=alias, name=alias, domain=domain, online=False))
    return tuple(states)


def bridges(reading: NodeReading) -> Iterator[str]:
    """Yield a node's bridges: the kernel's own, and Open vSwitch's after its network file."""
    yield from (name for name in reading.facts.get("bridge", ()) if name != "*")
    interface = ""
    for line in reading.files.get("/etc/network/interfaces", "").split("\n"):
        words = [*line.split(), "", ""]
        if words[0] == "iface":
            interface = words[1]
        elif words[:2] == ["ovs_type", "OVSBridge"]:
            yield interface


def _read(
    domain: Domain,
    alias: str,
    members: Mapping[str, Member],
    reading: NodeReading,
    view: NodeReading,
) -> NodeState:
    member = members.get(reading.node)
    free = re.search(r"(?<![0-9])[0-9]{1,19}$", reading.fact("image_dir_free_bytes"))
    return NodeState(
        alias=alias,
        name=reading.node,
        domain=domain.key,
        online=member is not None and member.online,
        writable=reading.writable,
        bridges=frozenset(bridges(reading)),
        tools=frozenset(reading.facts.get("tool", ())),
        boot_id=reading.boot_id,
        image_dir_free_bytes=int(free[0]) if free else None,
        maintenance=reading.node in view.maintenance,
        **_figures(reading.node, view.rrd)._asdict(),
    )


def _unread(domain: Domain, member: Member, view: NodeReading) -> NodeState:
    return NodeState(
        alias=member.name,
        name=member.name,
        domain=domain.key,
        online=member.online,
        configured=False,
        maintenance=member.name in view.maintenance,
        **_figures(member.name, view.rrd)._asdict(),
    )


def _figures(node: str, rrd: Rrd) -> _Figures:
    """Return what `pvestatd` reported about ten seconds ago, at most."""
    values = rrd.get(("node", node), ())
    numbers = [whole(value) for value in values[4:9]]
    if len(numbers) < 5:
        return _Figures()
    cpus, _, _, total, used = numbers
    if total is None or used is None:
        return _Figures(cpus)
    return _Figures(cpus, total // _MIB, (total - used) // _MIB)
