"""What VMs have used: Proxmox VE's records, and what their guests say of memory now."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pvekit.pve import printed
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.pve.timeline import Timeline
from pvekit.shell import Query

DAY = 86400
WEEK = 7 * DAY
_PATIENCE = 20.0
_AT_ONCE = 8
_MIB = 1 << 20
_ARCHIVES_8 = {"hour": 70 * 60, "day": 70 * 1800, "week": 70 * 10800, "month": 70 * 43200}
_ARCHIVES_9 = {"hour": 3600, "day": DAY, "week": WEEK - 1800, "month": 30 * DAY - 1800}
"""What the archives of Proxmox VE 8 and 9 cover, in seconds, finest first.

Proxmox VE 9 has 1440 minutes, and half hours for 7 or 30 days. The newest half hour is not there
before it is over: a whole week is in the month only, which has the same step.
"""
_LONGEST = "year"
_LONGEST_STEP = 7 * DAY
_NEVER = 1e11


@dataclass(frozen=True)
class Use:
    """The samples of one VM, oldest first, one each ``step_seconds``; None is one that is missing.

    ``cpu`` is in cores, ``memory_mb`` in MiB as Proxmox VE sees it: with page cache.
    ``guest_used_mb`` is what the guest itself counts as used now, without its page cache, or None.
    ``pressure`` is the share of time, in percent, in which all tasks waited for memory: it has a
    sample for each of the others, or none where nobody counts it (Proxmox VE 8). ``end`` is when
    the step of the last sample began, in seconds since the epoch. ``cache_free``: the page cache
    has been taken out of ``memory_mb``.
    """

    step_seconds: int = 0
    cpu: tuple[float | None, ...] = ()
    memory_mb: tuple[float | None, ...] = ()
    max_memory_mb: float = 0.0
    guest_used_mb: float | None = None
    pressure: tuple[float | None, ...] = ()
    end: float = 0.0
    cache_free: bool = False

    def last(self, span_seconds: float) -> Use:
        """Return what was used in the last so many seconds."""
        if not self.step_seconds:
            return self
        count = max(1, math.ceil(span_seconds / self.step_seconds))
        return replace(
            self,
            cpu=self.cpu[-count:],
            memory_mb=self.memory_mb[-count:],
            pressure=self.pressure[-count:],
        )


def query(
    node: str, vmids: tuple[int, ...], span_seconds: float = WEEK
) -> Query[Mapping[int, Use]]:
    """Return the question what these VMs of a node, by its PVE name, have used over a span.

    The finest archive that covers the span answers, and may reach further back.
    """
    frames = (_timeframe(each, span_seconds) for each in (_ARCHIVES_8, _ARCHIVES_9))
    patience = _PATIENCE + 2.0 * max(0, len(vmids) - _AT_ONCE)
    return Query(script("use", node, *frames, *vmids, timeout=patience), parse)


def _timeframe(archives: Mapping[str, int], span_seconds: float) -> str:
    covering = (name for name, seconds in archives.items() if seconds >= span_seconds)
    return next(covering, _LONGEST)


def parse(text: str) -> Mapping[int, Use]:
    """Read the script's answer; a VM of which nothing is recorded is left out."""
    told: dict[tuple[str, int], str] = {}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        vmid, _, data = rest.partition(" ")
        number = whole(vmid)
        if number is not None:
            told[kind, number] = data
    found = {
        vmid: _use(rows, told.get(("meminfo", vmid), ""))
        for (what, vmid), data in told.items()
        if what == "rrd" and isinstance(rows := _json(data), list)
    }
    return {vmid: use for vmid, use in found.items() if use.step_seconds}


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _use(rows: list[Any], said: str) -> Use:
    timed = {
        int(time): row
        for row in rows
        if isinstance(row, dict) and (time := _number(row, "time")) is not None and time < _NEVER
    }
    if len(timed) < 2:
        return Use()
    spans = _spans(sorted(timed))
    step = min(until - since for since, until in spans)
    line = Timeline.over(step, spans[0][0], spans[-1][0])

    def of(key: str, factor: float = 1.0, by: str = "") -> tuple[float | None, ...]:
        told = ((at, until, _scaled(timed[at], key, factor, by)) for at, until in spans)
        return line.highest(told)

    pressure = of("pressurememoryfull")
    return Use(
        step,
        of("cpu", by="maxcpu"),
        of("mem", 1 / _MIB),
        max((_scaled(row, "maxmem", 1 / _MIB) or 0.0 for row in timed.values()), default=0.0),
        _guest_used(said),
        pressure if any(value is not None for value in pressure) else (),
        float(line.end),
    )


def _spans(times: list[int]) -> list[tuple[int, int]]:
    """Return from when until when each row speaks.

    Rows of one archive are equally far apart. Where a node was upgraded to Proxmox VE 9, rows of
    the old archive, which are further apart, stand before those of the new one.
    """
    spans = [(now, min(then, now + _LONGEST_STEP)) for now, then in pairwise(times)]
    since, until = spans[-1]
    return [*spans, (times[-1], times[-1] + until - since)]


def _scaled(row: Mapping[str, Any], key: str, factor: float, by: str = "") -> float | None:
    """Return a figure in another unit; a CPU without a count of its processors is unknown."""
    value = _number(row, key)
    if by:
        factor = _number(row, by) or 0.0
    return value * factor if value is not None and factor else None


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _guest_used(said: str) -> float | None:
    """Return what a guest uses by its ``/proc/meminfo``, in MiB."""
    known = printed.meminfo(printed.text(said))
    return known.used_kb / 1024 if known and known.used_kb else None
