"""What VMs used, as samples, and what of it a recommendation shows as its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

DAY_SECONDS = 86400

Risk = Literal["safe", "normal", "cost"]
"""How rarely demand may exceed a size.

``safe`` and ``normal`` never go below what was seen; ``cost`` may, where that is rarely needed.
"""

Confidence = Literal["low", "medium", "high"]
"""How sure a size is, the lowest first."""

Origin = Literal["own", "siblings"]


@dataclass(frozen=True)
class Series:
    """Samples of one resource, oldest first, one each ``step_seconds``, the last one being now.

    CPU is in cores, memory in MiB. A sample is the *highest* use of its interval where that is
    known (the MAX archives of Proxmox VE), else the mean. None is a sample that is missing.
    Raises ValueError for a step that is not positive, and for negative or infinite samples.
    """

    step_seconds: int
    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if self.step_seconds <= 0:
            raise ValueError(f"a step is some seconds, not {self.step_seconds}")
        if any(not 0 <= value < math.inf for value in self.seen):
            raise ValueError("a sample is neither negative nor infinite nor NaN; None is missing")

    @property
    def seen(self) -> tuple[float, ...]:
        """The samples that are not missing, oldest first."""
        return tuple(value for value in self.values if value is not None)

    @property
    def days(self) -> float:
        """How many days of samples there are, those that are missing left out."""
        return len(self.seen) * self.step_seconds / DAY_SECONDS


@dataclass(frozen=True)
class Demand:
    """What one VM used; None or an empty series where nothing is known of a resource.

    ``memory_pressure``: within the last 3 days all of its tasks waited for memory, however shortly.
    """

    cpu: Series | None = None
    memory: Series | None = None
    memory_pressure: bool = False


@dataclass(frozen=True)
class Allocation:
    """What a VM has: CPUs (parts of one with a CPU limit), and memory in MiB."""

    cpus: float
    memory_mb: int


@dataclass(frozen=True)
class History:
    """What is known of a VM: its own demand, that of its siblings, and what it has now.

    Siblings are VMs with the same role or workload. They count only for a resource of which
    the VM itself has less than a day of samples. Without ``current`` there is nothing to
    shrink or grow: the recommendation is for a VM to be made.
    """

    own: Demand = Demand()
    siblings: tuple[Demand, ...] = ()
    current: Allocation | None = None


@dataclass(frozen=True)
class Evidence:
    """What samples say: of whom, over how many days, how many, and their percentiles."""

    origin: Origin
    machines: int
    days: float
    samples: int
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True)
class Recommendation:
    """A size from history, with the reason in words.

    ``cpus`` are whole virtual CPUs, ``cpulimit`` the part of them that is needed, ``memory_mb``
    is MiB. A resource of which nothing is known is None, and so is its evidence.
    """

    cpus: int | None
    cpulimit: float | None
    memory_mb: int | None
    confidence: Confidence
    because: str
    cpu_evidence: Evidence | None
    memory_evidence: Evidence | None


def least_sure(told: Iterable[Confidence]) -> Confidence:
    """Return the lowest of some confidences; raises ValueError for none."""
    return min(told, key=get_args(Confidence).index)


def percentile(ordered: Sequence[float], q: float) -> float:
    """Return the percentile ``q`` (0 to 100) of sorted samples, linear between two of them."""
    position = (len(ordered) - 1) * q / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def evidence(origin: Origin, series: Iterable[Series]) -> Evidence | None:
    """Return what the samples of some VMs say together, or None if there are none."""
    known = [one for one in series if one.seen]
    if not known:
        return None
    ordered = sorted(value for one in known for value in one.seen)
    p50, p95, p99 = (percentile(ordered, q) for q in (50, 95, 99))
    return Evidence(
        origin=origin,
        machines=len(known),
        days=max(one.days for one in known),
        samples=len(ordered),
        p50=p50,
        p95=p95,
        p99=p99,
        max=ordered[-1],
    )
