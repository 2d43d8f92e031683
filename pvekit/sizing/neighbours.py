"""Windows of other machines that looked alike, and how their next day went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pvekit.sizing.features import features_of
from pvekit.sizing.shape import RATIOS, Window

FEATURE_UNIT = 0.05
NEED_UNIT = 0.001
_FEATURE_LIMIT = 4.0
_SURE = 12.0
_NO_WEIGHT = 1e-9


@dataclass(frozen=True)
class Neighbours:
    """Past windows, and how to compare.

    ``nearest`` are asked, and a need counts as above a size by ``smoothing``. ``windows`` are
    features in units of FEATURE_UNIT of a standard deviation, ``needs`` those of each machine in
    units of NEED_UNIT, ``owners`` whose window it is.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    nearest: int
    smoothing: float
    windows: tuple[tuple[int, ...], ...]
    needs: tuple[tuple[int, ...], ...]
    owners: tuple[int, ...]

    @cached_property
    def _columns(self) -> tuple[tuple[int, ...], ...]:
        return tuple(zip(*self.windows, strict=True))

    def point(self, window: Window) -> tuple[int, ...]:
        """Return a window's features as ``windows`` holds them."""
        values = features_of(window, self.features)
        return tuple(map(_scaled, values, self.mean, self.deviation))

    def without(self, owner: int | None) -> Neighbours:
        """Return all but the windows of one owner."""
        kept = [at for at, other in enumerate(self.owners) if other != owner]
        return replace(
            self,
            windows=tuple(self.windows[at] for at in kept),
            needs=tuple(self.needs[at] for at in kept),
            owners=tuple(self.owners[at] for at in kept),
        )

    def weighed(self, point: Sequence[int]) -> list[tuple[float, int]]:
        """Return the nearest windows' indexes, each with its weight."""
        distances = [0] * len(self.windows)
        for mine, column in zip(point, self._columns, strict=True):
            distances = [d + (mine - v) ** 2 for d, v in zip(distances, column, strict=True)]
        order = sorted(range(len(distances)), key=distances.__getitem__)
        near = order[: self.nearest]
        middle = distances[near[len(near) // 2]] + _NO_WEIGHT
        return [
            (math.exp(-distances[at] / (2 * middle)) * math.sqrt(len(self.needs[at])), at)
            for at in near
        ]

    def chances(self, window: Window) -> list[float]:
        """Return for each of RATIOS how likely a machine is to exceed it on the next day."""
        needs: list[tuple[float, float]] = []
        for weight, at in self.weighed(self.point(window)):
            of_window = self.needs[at]
            share = weight / len(of_window)
            needs += [(share, need * NEED_UNIT) for need in of_window]
        total = sum(share for share, _ in needs)
        return [
            sum(share * _above(need - ratio, self.smoothing) for share, need in needs) / total
            for ratio in RATIOS
        ]


def _scaled(value: float, mean: float, deviation: float) -> int:
    score = (value - mean) / deviation
    return round(max(-_FEATURE_LIMIT, min(_FEATURE_LIMIT, score)) / FEATURE_UNIT)


def _above(difference: float, smoothing: float) -> float:
    """Return how far a need counts as above a size: surely, surely not, or in between."""
    x = difference / smoothing
    if x > _SURE:
        return 1.0
    return 0.0 if x < -_SURE else 1 / (1 + math.exp(-x))
