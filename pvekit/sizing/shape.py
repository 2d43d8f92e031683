"""The shape of demand: a few numbers that say how bursty it is, whatever its size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pvekit.sizing.demand import DAY_SECONDS, Series, percentile

Resource = Literal["cpu", "memory"]

_EPSILON_SHARE = 0.01
_NEAR = math.log(0.75)
_LEVEL_WEIGHT = 0.5
_CPU_ANCHOR_PERCENTILE = 99.5


def exceeded_at(ordered: Sequence[float], resource: Resource) -> float:
    """Return what a size must reach so that a day with these sorted samples is not a bad one.

    Memory: the highest sample. CPU: 1 % of the samples may lie above.
    """
    if resource == "memory":
        return ordered[-1]
    return ordered[-min(len(ordered), math.ceil(0.01 * len(ordered)) + 1)]


def anchor_of(ordered: Sequence[float], resource: Resource) -> float:
    """Return what a size is a multiple of: the peak of memory, nearly the peak of CPU."""
    if resource == "memory":
        return ordered[-1]
    return percentile(ordered, _CPU_ANCHOR_PERCENTILE)


@dataclass(frozen=True)
class Window:
    """The last days of one machine, or of all replicas of a workload side by side.

    ``typical`` is the size that machines around it have; all is relative to it or to the anchor,
    so that the same shape at another scale has the same features.
    """

    machines: tuple[tuple[float | None, ...], ...]
    resource: Resource
    step_seconds: int
    typical: float

    @cached_property
    def anchor(self) -> float:
        """The highest anchor of the machines."""
        ordered = (sorted(v for v in values if v is not None) for values in self.machines)
        return max(anchor_of(one, self.resource) for one in ordered if one)

    @property
    def epsilon(self) -> float:
        """What counts as next to nothing."""
        return self.typical * _EPSILON_SHARE

    def relative(self, amount: float) -> float:
        """Return the logarithm of an amount's ratio to the anchor."""
        return math.log((amount + self.epsilon) / (self.anchor + self.epsilon))

    def features(self, names: Sequence[str]) -> list[float]:
        """Return the named features."""
        return [_FEATURES[name](self) for name in names]

    @cached_property
    def _highest(self) -> list[float | None]:
        """The highest sample of any machine at each moment."""
        if len(self.machines) == 1:
            return list(self.machines[0])
        return [
            max((v for v in moment if v is not None), default=None)
            for moment in zip(*self.machines, strict=True)
        ]

    @cached_property
    def _ordered(self) -> list[float]:
        return sorted(value for value in self._highest if value is not None)

    def _blocks(self, seconds: int) -> list[list[float]]:
        """Return the samples by hour or day, counted back from now; empty blocks left out."""
        size = max(1, seconds // self.step_seconds)
        values = self._highest
        first = len(values) % size
        blocks = [values[at : at + size] for at in range(first, len(values), size)]
        known = ([value for value in block if value is not None] for block in blocks)
        return [block for block in known if block]

    @cached_property
    def _hours(self) -> list[float]:
        """Hourly peaks, highest first."""
        return sorted((max(block) for block in self._blocks(3600)), reverse=True)

    @cached_property
    def _days(self) -> list[float]:
        """What each day needed, relative to the anchor, oldest first."""
        blocks = self._blocks(DAY_SECONDS)
        return [self.relative(exceeded_at(sorted(block), self.resource)) for block in blocks]

    def _percentile(self, q: float) -> float:
        return self.relative(percentile(self._ordered, q))

    def _hour(self, rank: int) -> float:
        hours = self._hours
        return self.relative(hours[min(rank, len(hours) - 1)])

    def _day(self, rank: int) -> float:
        days = sorted(self._days, reverse=True)
        return days[min(rank, len(days) - 1)]

    def _tail(self) -> float:
        last = self._blocks(3600)[-1]
        return self.relative(sum(last) / len(last))

    def _level(self) -> float:
        return _LEVEL_WEIGHT * math.log((self.anchor + self.epsilon) / self.typical)


_FEATURES: dict[str, Callable[[Window], float]] = {
    "p25": lambda window: window._percentile(25),
    "p50": lambda window: window._percentile(50),
    "p95": lambda window: window._percentile(95),
    "max": lambda window: window._percentile(100),
    "hour-2": lambda window: window._hour(1),
    "hour-7": lambda window: window._hour(6),
    "hour-13": lambda window: window._hour(12),
    "day-2": lambda window: window._day(1),
    "day-4": lambda window: window._day(3),
    "day-median": lambda window: percentile(sorted(window._days), 50),
    "last-3-days": lambda window: max(window._days[-3:]),
    "days-near-peak": lambda window: sum(day > _NEAR for day in window._days) / len(window._days),
    "last-hour": lambda window: window._tail(),
    "machines": lambda window: math.log(len(window.machines)),
    "level": lambda window: window._level(),
}


def window_of(machines: Sequence[Series], resource: Resource, days: int, typical: float) -> Window:
    """Return the last days of some machines, the steps of which are the same."""
    step = machines[0].step_seconds
    length = days * DAY_SECONDS // step
    padded = tuple(_last(series.values, length) for series in machines)
    return Window(
        tuple(one for one in padded if any(v is not None for v in one)), resource, step, typical
    )


def _last(values: tuple[float | None, ...], length: int) -> tuple[float | None, ...]:
    last = values[-length:]
    return (None,) * (length - len(last)) + last
