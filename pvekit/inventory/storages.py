"""Storages from ``storage.cfg`` and their state from ``.rrd``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvekit.inventory.model import Storage, StorageState
from pvekit.inventory.reading import NodeReading, Rrd
from pvekit.pve.numbers import whole

_HEADING = re.compile(r"(\S+):\s*(\S+)\s*")
_PROPERTY = re.compile(r"\s+(\S+)(?:\s+(.*\S))?\s*")

# From PVE's storage plugins: what is shared by nature, and the content where none is configured.
_SHARED_TYPES = frozenset(
    ("cephfs", "cifs", "drbd", "glusterfs", "iscsi", "iscsidirect", "nfs", "pbs", "rbd", "zfs")
)
_DEFAULT_CONTENT = {
    "btrfs": "images,rootdir",
    "cephfs": "backup",
    "esxi": "import",
    "pbs": "backup",
    "zfspool": "images,rootdir",
}
# Every PVE node has this storage, even if storage.cfg does not name it.
_LOCAL = ("dir", {"content": "images,rootdir,vztmpl,iso,snippets", "path": "/var/lib/vz"})

Section = tuple[str, Mapping[str, str]]


def storages(domain: str, view: NodeReading) -> tuple[Storage, ...]:
    """Return the storages of a domain as one of its nodes sees them."""
    sections = {"local": _LOCAL} | parse(view.files.get("/etc/pve/storage.cfg", ""))
    return tuple(
        _storage(domain, name, section, view.rrd) for name, section in sorted(sections.items())
    )


def parse(text: str) -> dict[str, Section]:
    """Read a section config: each section's type and properties by its name."""
    sections: dict[str, tuple[str, dict[str, str]]] = {}
    current: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("#"):
            continue
        if heading := _HEADING.fullmatch(line):
            current = {}
            sections[heading[2]] = (heading[1], current)
        elif found := _PROPERTY.fullmatch(line):
            current[found[1]] = found[2] or "1"
    return dict(sections)


def _storage(domain: str, name: str, section: Section, rrd: Rrd) -> Storage:
    kind, settings = section
    nodes = settings.get("nodes")
    return Storage(
        domain=domain,
        id=name,
        type=kind,
        content=_words(settings.get("content", _DEFAULT_CONTENT.get(kind, "images"))),
        nodes=_words(nodes) if nodes else None,
        shared=kind in _SHARED_TYPES or settings.get("shared") == "1",
        disabled=settings.get("disable") == "1",
        states=_states(name, rrd),
    )


def _states(storage: str, rrd: Rrd) -> dict[str, StorageState]:
    # `pvestatd` reports on active storages only: time, total and used bytes.
    states = {}
    for (kind, key), values in rrd.items():
        node, _, name = key.partition("/")
        if kind == "storage" and name == storage and len(values) > 2:
            total, used = whole(values[1]), whole(values[2])
            if total is not None and used is not None:
                states[node] = StorageState(total, used)
    return states


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\s,;]+", text))
