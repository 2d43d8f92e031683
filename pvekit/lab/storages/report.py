"""What is reported of a node's storages: whether they are in use, how large and how full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.storage import Definition, Figures, Storages
from pvekit.lab.storages import reach

Row = dict[str, Any]


@dataclass
class Report:
    """The rows by storage id, and what was complained of on the way."""

    rows: dict[str, Row] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def report(storages: Storages, content: str = "", *, formats: bool = False) -> Report:
    """Report on all storages, or on the enabled ones that may hold some type of content."""
    found = Report()
    wanted = set(split_list(content))
    for definition in storages.defined().values():
        enabled = not definition.disabled and definition.on(storages.node)
        if wanted and not (enabled and wanted & definition.content):
            continue
        figures = Figures()
        if enabled:
            figures = _figures(storages, definition, found.warnings)
        row = facts(definition, figures, enabled=enabled)
        if formats and enabled:
            row |= _formats(definition)
        found.rows[definition.id] = row
    return found


def facts(definition: Definition, figures: Figures, *, enabled: bool) -> Row:
    """Return one storage's row."""
    return {
        "active": int(figures.active),
        "avail": figures.free,
        "content": ",".join(sorted(definition.content)),
        "enabled": int(enabled),
        "shared": int(definition.shared),
        "storage": definition.id,
        "total": figures.total,
        "type": definition.type,
        "used": figures.used,
    }


def _figures(storages: Storages, definition: Definition, warnings: list[str]) -> Figures:
    try:
        storages.activate(definition)
    except Failure as failure:
        warnings.append(failure.message)
        return Figures()
    if definition.type == "rbd" and not storages.exists_here(definition):
        installed = reach.has_ceph(storages)
        why = "rados_connect failed - Connection timed out" if installed else "rados not available"
        warnings.append(why)
        return Figures()
    return storages.figures(definition)


def _formats(definition: Definition) -> Mapping[str, Any]:
    kind = definition.kind
    if kind.family in {"backup", "none"}:
        return {"select_existing": 1} if kind.name.startswith("iscsi") else {}
    return {"format": [dict.fromkeys(kind.formats, 1), definition.default_format]}
