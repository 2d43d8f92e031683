"""What one node answered to ``read-site.sh``, taken apart but not yet interpreted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.errors import Transient, UnreadableAnswer
from pvekit.inventory.model import Member
from pvekit.pve import ending
from pvekit.pve.numbers import decimal, whole

# PVE 8 writes `pve2-node/NAME` and `pve2.3-vm/ID`, PVE 9 `pve-node-9.0/NAME`; the fields that
# are read here have the same places in both.
_RRD_KEY = re.compile(r"pve[0-9.]*-(node|vm|storage)(?:-[0-9.]+)?/(.+)")

Rrd = Mapping[tuple[str, str], tuple[str, ...]]
"""Figures by kind (``node``, ``vm``, ``storage``) and name (``pve1``, ``101``, ``pve1/local``)."""


@dataclass(frozen=True)
class NodeReading:
    """One node's files by path, its facts by key, and who it says the PVE cluster's members are.

    ``pve_cluster`` is None on a standalone host; ``guests`` is ``.vmlist``: vmid to node and type.
    """

    node: str
    pve_cluster: str | None
    quorate: bool
    members: tuple[Member, ...]
    guests: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    rrd: Rrd = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fact(self, key: str) -> str:
        """Return a fact that has one value, or an empty text."""
        return self.facts.get(key, ("",))[-1]

    @property
    def is_spared(self) -> bool:
        """Whether it leaves out what the whole PVE cluster shares: guests, storages, claims."""
        return "spared" in self.facts

    @property
    def boot_id(self) -> str:
        """The kernel's random id of this boot: no two hosts share one."""
        return self.files.get("/proc/sys/kernel/random/boot_id", "").strip()

    @property
    def writable(self) -> bool:
        """Whether the cluster file system takes changes."""
        mode = self.fact("local_mode")
        return bool(re.fullmatch("[0-7]{3,6}", mode)) and bool(int(mode, 8) & 0o200)

    @property
    def maintenance(self) -> frozenset[str]:
        """The nodes that HA has in maintenance, by PVE name."""
        states = _json(self.files, "/etc/pve/ha/manager_status").get("node_status")
        states = states if isinstance(states, dict) else {}
        return frozenset(name for name, state in states.items() if state == "maintenance")

    @property
    def time(self) -> float:
        """The node's clock at the reading, in seconds since the epoch."""
        return decimal(self.fact("time")) or 0.0


def parse(text: str) -> NodeReading:
    """Read the script's output.

    Raises :class:`Transient` if ``/etc/pve`` was not readable, and :class:`UnreadableAnswer` if
    there is no end: VMs that are missing would count as gone.
    """
    files: dict[str, list[str]] = {}
    facts: dict[str, list[str]] = {}
    # Only "\n" ends a line: a note may hold any other separator that Unicode knows.
    lines = text.split("\n")
    for line in lines:
        if line.startswith("/"):
            path, _, content = line.partition(":")
            files.setdefault(path, []).append(content)
        elif line.startswith("fact "):
            _, key, value = (*line.split(" ", 2), "")[:3]
            facts.setdefault(key, []).append(value)
    found = _reading(
        {path: "".join(f"{line}\n" for line in lines) for path, lines in files.items()},
        {key: tuple(values) for key, values in facts.items()},
    )
    ending.whole(lines)
    return found


def _reading(files: Mapping[str, str], facts: Mapping[str, tuple[str, ...]]) -> NodeReading:
    members = _json(files, "/etc/pve/.members")
    node = members.get("nodename")
    if not isinstance(node, str) or not node:
        raise Transient(
            "The PVE cluster file system /etc/pve cannot be read.",
            hint="Is pve-cluster running there, and may the SSH user read it (root, or sudo -n)?",
            id="PVE-FILES-UNREADABLE",
        )
    pve_cluster = _mapping(members.get("cluster", {}))
    name = pve_cluster.get("name")
    return NodeReading(
        node=node,
        pve_cluster=None if name is None else str(name),
        quorate=bool(pve_cluster.get("quorate", 1)),
        members=_members(_mapping(members.get("nodelist", {}))) or (Member(node, online=True),),
        guests=dict(_guests(_mapping(_json(files, "/etc/pve/.vmlist").get("ids", {})))),
        rrd=_rrd(files.get("/etc/pve/.rrd", "")),
        files=files,
        facts=facts,
    )


def _members(nodes: Mapping[str, Any]) -> tuple[Member, ...]:
    entries = ((name, _mapping(entry)) for name, entry in sorted(nodes.items()))
    return tuple(
        Member(name, online=bool(entry.get("online")), address=str(entry.get("ip", "")))
        for name, entry in entries
    )


def _guests(ids: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, str]]]:
    for vmid, entry in ids.items():
        found = _mapping(entry)
        number, node, kind = whole(vmid), found.get("node"), found.get("type")
        if number is None or not isinstance(node, str) or not isinstance(kind, str):
            raise _unreadable(f"{vmid}: {entry}")
        yield number, (node, kind)


def _json(files: Mapping[str, str], path: str) -> Mapping[str, Any]:
    """Return a file's content; one that is not there is empty, one that is none is an error."""
    text = files.get(path, "")
    if not text.strip():
        return {}
    try:
        return _mapping(json.loads(text))
    except (ValueError, RecursionError):
        raise _unreadable(f"{path}: {text}") from None


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable(str(value))
    return value


def _unreadable(what: str) -> UnreadableAnswer:
    return UnreadableAnswer(
        "What the node says of its PVE cluster cannot be read.", details=what[:200]
    )


def _rrd(text: str) -> Rrd:
    figures = {}
    for line in text.split("\n"):
        key, *values = line.split(":")
        if found := _RRD_KEY.fullmatch(key):
            figures[found[1], found[2]] = tuple(values)
    return figures
