"""How far the sizes of first launches were off what their VMs turned out to use, by source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from pvekit.sizing.demand import Evidence
from pvekit.sizing.history import AT_LIMIT, MIN_MEMORY_MB
from pvekit.sizing.review import Review
from pvekit.sizing.size import Size

SOURCES = ("model", "history", "preset", "given")
"""Where a first size can come from, as they are told; whatever else is told after them."""

_LEAST_CPUS = 1.0
ENOUGH_DAYS = 0.5
"""A VM with less than that of samples says nothing of its first size."""


@dataclass(frozen=True)
class Launch:
    """A first size, where it came from, what its VM has now, and its review."""

    source: str
    size: Size
    cpus: float
    memory_mb: int
    review: Review


@dataclass(frozen=True)
class Accuracy:
    """How far sizes of one source were off: parts of the need, positive ones are too large.

    CPU is held against :func:`cpus_needed`, memory against :func:`memory_needed_mb`.
    ``too_small`` is the part of the VMs whose CPU or memory was too small.
    """

    source: str
    count: int
    cpu_error_mean: float | None
    cpu_error_median: float | None
    memory_error_mean: float | None
    memory_error_median: float | None
    too_small: float


def accuracies(launches: Iterable[Launch]) -> tuple[Accuracy, ...]:
    """Return how far sizes were off, for each source of VMs that were measured."""
    measured = [each for each in launches if each.review.days >= ENOUGH_DAYS]
    known = sorted({each.source or "unknown" for each in measured}, key=_place)
    return tuple(
        _accuracy(source, [each for each in measured if (each.source or "unknown") == source])
        for source in known
    )


def _place(source: str) -> tuple[int, str]:
    return (SOURCES.index(source) if source in SOURCES else len(SOURCES), source)


def _accuracy(source: str, launches: Sequence[Launch]) -> Accuracy:
    cpu = [error for each in launches if (error := cpu_error(each)) is not None]
    memory = [error for each in launches if (error := memory_error(each)) is not None]
    return Accuracy(
        source=source,
        count=len(launches),
        cpu_error_mean=fmean(cpu) if cpu else None,
        cpu_error_median=median(cpu) if cpu else None,
        memory_error_mean=fmean(memory) if memory else None,
        memory_error_median=median(memory) if memory else None,
        too_small=sum(map(is_too_small, launches)) / len(launches),
    )


def cpus_needed(used: Evidence) -> float:
    """Return the CPUs that use called for: its p99, of at least the smallest size there is."""
    return max(_LEAST_CPUS, used.p99)


def memory_needed_mb(used: Evidence) -> float:
    """Return the memory that use called for: its peak, of at least the smallest size there is."""
    return max(float(MIN_MEMORY_MB), used.max)


def cpu_error(launch: Launch) -> float | None:
    """Return how far the CPUs were off; None where nothing is known of their use."""
    if launch.review.cpu is None:
        return None
    need = cpus_needed(launch.review.cpu.used)
    return (launch.size.cpus - need) / need


def memory_error(launch: Launch) -> float | None:
    """Return how far the memory was off; None where nothing is known of its use."""
    if launch.review.memory is None:
        return None
    need = memory_needed_mb(launch.review.memory.used)
    return (launch.size.memory_mb - need) / need


def is_too_small(launch: Launch) -> bool:
    """Whether more was needed than the first size; a VM that has less now need not tell."""
    review, size = launch.review, launch.size
    cpu = review.cpu is not None and (
        review.cpu.used.p99 > size.cpus or (review.cpu.saturated and launch.cpus >= size.cpus)
    )
    memory = review.memory is not None and review.memory.used.max >= size.memory_mb * AT_LIMIT
    return cpu or memory or ("oom" in review.signs and launch.memory_mb >= size.memory_mb)
