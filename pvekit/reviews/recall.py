"""Use as it was, from what a review kept of it: percentiles become samples again. Pure."""

from __future__ import annotations

from dataclasses import replace

from pvekit.reviews.reviewed import Reviewed
from pvekit.sizing.demand import DAY_SECONDS, Demand, Evidence, Series

_SAMPLES = 201
"""Every half percent has one: the 99.5th percentile, by which CPUs are chosen, is among them."""

_MEMORY_RAN_OUT = frozenset({"oom", "memory-saturated"})
_RAN_OUT_MARGIN = 1.2
"""Who ran out of memory would have used so many times of what it had, or more: nobody knows."""


def demand(review: Reviewed) -> Demand:
    """Return what a VM used, as a recommendation reads it."""
    cpu = _samples(review.cpu) if review.cpu else None
    memory = _samples(review.memory) if review.memory else None
    return reinforced(Demand(cpu, memory), review)


def reinforced(used: Demand, review: Reviewed) -> Demand:
    """Return a demand that knows of its VM's review: use ends where there is no more memory."""
    if used.memory is None or not used.memory.values or not ran_out(review):
        return used
    *values, last = used.memory.values
    least = max(last or 0.0, review.memory_mb * _RAN_OUT_MARGIN)
    return replace(used, memory=Series(used.memory.step_seconds, (*values, least)))


def ran_out(review: Reviewed) -> bool:
    """Whether a VM had too little memory."""
    return not _MEMORY_RAN_OUT.isdisjoint(review.signs)


def _samples(seen: Evidence) -> Series:
    """Return samples with these percentiles; what lies below the median is not known."""
    known = ((0.0, seen.p50), (50.0, seen.p50), (95.0, seen.p95), (99.0, seen.p99))
    points = (*known, (100.0, seen.max))
    step = max(1, round(seen.days * DAY_SECONDS / _SAMPLES))
    shares = (100 * n / (_SAMPLES - 1) for n in range(_SAMPLES))
    return Series(step, tuple(_between(points, share) for share in shares))


def _between(points: tuple[tuple[float, float], ...], share: float) -> float:
    """Return what lies on the lines between points, which go from left to right."""
    low = max(point for point in points if point[0] <= share)
    high = min((point for point in points if point[0] > share), default=low)
    part = (share - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
    return low[1] + (high[1] - low[1]) * part
