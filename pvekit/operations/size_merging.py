"""One series of each resource from Proxmox VE's records and pvekit's own samples. Pure.

Own samples win where they cover the time: they know memory without the guest's page cache, which
the records do not, and processors by every tick that was used, not at moments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pvekit.pve.timeline import MOST, Timeline
from pvekit.pve.use import Use
from pvekit.samples import Measured
from pvekit.samples.measured import USUAL, usual_gap

_PAGE_CACHE = 0.85
"""Memory that never falls below this part of what there is says nothing: it is page cache."""

_Values = tuple[float | None, ...]


def without_cache(used: Use) -> Use:
    """Return the records with memory as the guest counts it, as far as that can be told.

    The share that the guest counts as used now is taken for the past, too; where the guest says
    nothing, memory that is always all but used up is unknown.
    """
    if used.cache_free:
        return used
    known = [value for value in used.memory_mb if value is not None]
    values: _Values = used.memory_mb
    if used.guest_used_mb is not None and known:
        share = min(1.0, used.guest_used_mb / known[-1]) if known[-1] else 1.0
        least = used.guest_used_mb
        values = tuple(None if value is None else max(value * share, least) for value in values)
    elif known and min(known) > used.max_memory_mb * _PAGE_CACHE:
        values = (None,) * len(values)
    return replace(used, memory_mb=values, cache_free=True)


def merged(used: Use | None, own: Sequence[Measured]) -> Use:
    """Return what is known of a VM, in steps that are as fine as the finer of the two."""
    records = without_cache(used) if used else Use()
    if not own:
        return records
    line = _timeline(records, own)

    def both(recorded: _Values, value: Callable[[Measured], float | None]) -> _Values:
        laid = line.highest((each.since, each.until, value(each)) for each in own)
        under = line.highest(_spans(records, recorded))
        return tuple(old if new is None else new for new, old in zip(laid, under, strict=True))

    pressure = both(records.pressure, lambda each: each.pressure)
    return replace(
        records,
        step_seconds=line.step,
        cpu=both(records.cpu, lambda each: each.cpu),
        memory_mb=both(records.memory_mb, lambda each: each.used_mb),
        pressure=pressure if any(value is not None for value in pressure) else (),
        end=float(line.end),
        cache_free=True,
    )


def _timeline(records: Use, own: Sequence[Measured]) -> Timeline:
    """Return steps over both; own samples have at least the time that they usually are apart."""
    step = max(USUAL, -(-usual_gap(own) // USUAL) * USUAL)
    step = min(step, records.step_seconds or step)
    last = max(int(records.end), own[-1].until - 1)
    begun = records.end - (len(records.cpu) - 1) * records.step_seconds
    first = min(own[0].since, int(begun) if records.cpu else own[0].since)
    end = last // step * step
    return Timeline.over(step, max(first // step * step, end - (MOST - 1) * step), end)


def _spans(records: Use, values: _Values) -> Iterable[tuple[float, float, float | None]]:
    step = records.step_seconds
    begin = records.end - (len(values) - 1) * step
    return ((begin + n * step, begin + (n + 1) * step, value) for n, value in enumerate(values))
