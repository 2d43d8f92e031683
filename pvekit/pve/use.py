"""What VMs have used: Proxmox VE's week of records, and what their guests say of memory now."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Query

_PATIENCE = 20.0
_MIB = 1 << 20


@dataclass(frozen=True)
class Use:
    """The samples of one VM, oldest first, one each ``step_seconds``; None is one that is missing.

    ``cpu`` is in cores, ``memory_mb`` in MiB as Proxmox VE sees it, page cache included.
    ``guest_used_mb`` is what the guest itself counts as used now, without its page cache, or None.
    """

    step_seconds: int = 0
    cpu: tuple[float | None, ...] = ()
    memory_mb: tuple[float | None, ...] = ()
    max_memory_mb: float = 0.0
    guest_used_mb: float | None = None


def query(node: str, vmids: tuple[int, ...]) -> Query[Mapping[int, Use]]:
    """Return the question what these VMs of a node, by its PVE name, have used."""
    return Query(script("use", node, *vmids, timeout=_PATIENCE), parse)


def parse(text: str) -> Mapping[int, Use]:
    """Read the script's answer; a VM of which nothing is recorded is left out."""
    told: dict[tuple[str, int], Any] = {}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        vmid, _, data = rest.partition(" ")
        number = whole(vmid)
        if number is not None:
            told[kind, number] = _json(data)
    found = {
        vmid: _use(rows, told.get(("meminfo", vmid)))
        for (what, vmid), rows in told.items()
        if what == "rrd" and isinstance(rows, list)
    }
    return {vmid: use for vmid, use in found.items() if use.step_seconds}


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _use(rows: list[Any], said: object) -> Use:
    timed = sorted(
        (row for row in rows if isinstance(row, dict) and _number(row, "time") is not None),
        key=lambda row: float(row["time"]),
    )
    if len(timed) < 2:
        return Use()
    step = int(timed[1]["time"] - timed[0]["time"])
    memory = tuple(_scaled(row, "mem", 1 / _MIB) for row in timed)
    return Use(
        max(step, 0),
        tuple(_scaled(row, "cpu", _number(row, "maxcpu") or 0.0) for row in timed),
        memory,
        max((_scaled(row, "maxmem", 1 / _MIB) or 0.0 for row in timed), default=0.0),
        _guest_used(said),
    )


def _scaled(row: Mapping[str, Any], key: str, factor: float) -> float | None:
    """Return a figure in another unit; a CPU without a count of its processors is unknown."""
    value = _number(row, key)
    return value * factor if value is not None and factor else None


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _guest_used(said: object) -> float | None:
    """Return MemTotal less MemAvailable of a guest's ``/proc/meminfo``, in MiB."""
    text = said.get("out-data") if isinstance(said, dict) else None
    if not isinstance(text, str):
        return None
    found = dict(re.findall(r"^(MemTotal|MemAvailable): +([0-9]{1,15}) kB$", text, re.MULTILINE))
    if len(found) < 2:
        return None
    used = int(found["MemTotal"]) - int(found["MemAvailable"])
    return used / 1024 if used > 0 else None
