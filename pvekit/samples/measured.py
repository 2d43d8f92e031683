"""From counters to what was used between two samples. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from pvekit.samples.sample import Sample

LONGEST = 1800
"""Samples that are more seconds apart say nothing of the time between them."""

USUAL = 300
"""For so many seconds a sample that stands alone speaks."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was used from ``since`` to ``until`` (seconds since the epoch); None is not known.

    ``cpu`` is the mean in cores, ``used_mb`` what the guest had in use at the end, without its
    page cache, ``pressure`` the share of the time in percent in which all its tasks waited for
    memory.
    """

    since: int
    until: int
    cpu: float | None
    used_mb: int | None
    pressure: float | None


def measured(samples: Sequence[Sample]) -> tuple[Measured, ...]:
    """Return what samples, oldest first, say of the time between them."""
    return tuple(_measured(samples))


def usual_gap(found: Sequence[Measured]) -> int:
    """Return how many seconds most of them speak of."""
    return median_low([each.until - each.since for each in found]) if found else USUAL


def _measured(samples: Sequence[Sample]) -> Iterator[Measured]:
    if samples:
        yield _alone(samples[0])
    for before, now in pairwise(samples):
        gap = now.at - before.at
        if gap <= 0:
            continue
        if gap > LONGEST:
            yield _alone(now)
            continue
        yield Measured(before.at, now.at, _cpu(before, now), now.used_mb, _pressure(before, now))


def _alone(sample: Sample) -> Measured:
    return Measured(sample.at - USUAL, sample.at, None, sample.used_mb, None)


def _cpu(before: Sample, now: Sample) -> float | None:
    """Return the mean of cores; None where the process is another one."""
    used = now.cpu_ds - before.cpu_ds
    if now.process != before.process or used < 0:
        return None
    return used / 10 / (now.at - before.at)


def _pressure(before: Sample, now: Sample) -> float | None:
    """Return percent; a guest that has booted meanwhile counts from 0 on."""
    if before.full_ms is None or now.full_ms is None:
        return None
    waited = now.full_ms - before.full_ms
    if now.process != before.process or waited < 0:
        waited = now.full_ms
    return min(100.0, waited / 10 / (now.at - before.at))
