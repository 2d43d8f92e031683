"""The last days of a machine or of a workload, by moment, hour and day, relative to their peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pvekit.sizing.demand import DAY_SECONDS, Series, percentile

Resource = Literal["cpu", "memory"]

RATIOS = tuple(
    math.log(percent / 100)
    for percent in (
        *range(20, 90, 5),
        *range(90, 118),
        *range(118, 150, 4),
        *range(150, 240, 10),
        *range(250, 501, 50),
        *(600, 700, 850, 1000, 1200, 1500, 2000, 3000),
    )
)
"""The sizes that are looked at, as logarithms of their ratios to the anchor."""

_EPSILON_SHARE = 0.01
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
    def known(self) -> list[list[float]]:
        """Each machine's samples that are known, oldest first, machines without any left out."""
        known = ([v for v in values if v is not None] for values in self.machines)
        return [values for values in known if values]

    @cached_property
    def anchors(self) -> list[float]:
        """The machines' anchors, highest first."""
        return sorted(
            (anchor_of(sorted(values), self.resource) for values in self.known), reverse=True
        )

    @property
    def anchor(self) -> float:
        """The highest anchor of the machines."""
        return self.anchors[0]

    @property
    def epsilon(self) -> float:
        """What counts as next to nothing."""
        return self.typical * _EPSILON_SHARE

    def relative(self, amount: float) -> float:
        """Return the logarithm of an amount's ratio to the anchor."""
        return math.log((amount + self.epsilon) / (self.anchor + self.epsilon))

    @cached_property
    def highest(self) -> list[float | None]:
        """The highest sample of any machine at each moment."""
        if len(self.machines) == 1:
            return list(self.machines[0])
        return [
            max((v for v in moment if v is not None), default=None)
            for moment in zip(*self.machines, strict=True)
        ]

    @cached_property
    def ordered(self) -> list[float]:
        """The known ones of ``highest``, sorted."""
        return sorted(value for value in self.highest if value is not None)

    @cached_property
    def hours(self) -> list[list[float]]:
        """The known ones of ``highest``, by hour, oldest first."""
        return self._blocks(3600)

    @cached_property
    def peaks(self) -> list[float]:
        """Hourly peaks, oldest first, relative to the anchor."""
        return [self.relative(max(hour)) for hour in self.hours]

    @cached_property
    def highest_peaks(self) -> list[float]:
        """Hourly peaks, highest first, relative to the anchor."""
        return sorted(self.peaks, reverse=True)

    @cached_property
    def days(self) -> list[float]:
        """What each day needed, relative to the anchor, oldest first."""
        blocks = self._blocks(DAY_SECONDS)
        return [self.relative(exceeded_at(sorted(block), self.resource)) for block in blocks]

    def _blocks(self, seconds: int) -> list[list[float]]:
        """Return the samples by hour or day, counted back from now; empty blocks left out."""
        size = max(1, seconds // self.step_seconds)
        values = self.highest
        first = len(values) % size
        blocks = [values[at : at + size] for at in range(first, len(values), size)]
        known = ([value for value in block if value is not None] for block in blocks)
        return [block for block in known if block]


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
