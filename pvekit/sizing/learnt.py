"""Windows of other machines that looked alike, and how their next day went: the chance of need.

A model is a set of past windows. Each has features (see ``shape``), and what its machines needed
on the day after, relative to the window's anchor. For a new window the nearest ones say how likely
each size is to be exceeded; the size is the one that costs least, where a bad day has a price.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

from pvekit.sizing.demand import Risk
from pvekit.sizing.shape import Resource, Window

Kind = Literal["vm", "workload"]

RATIOS = tuple(
    math.log(percent / 100)
    for percent in (
        *range(30, 90, 10),
        *range(90, 130, 2),
        *range(130, 200, 10),
        *range(200, 401, 25),
    )
)
"""The sizes that are looked at, as logarithms of their ratios to the anchor."""

FEATURE_UNIT = 0.05
NEED_UNIT = 0.001
_FEATURE_LIMIT = 4.0
_SURE = 12.0
_SAFE_PRICE = 4.0
_NO_WEIGHT = 1e-9


@dataclass(frozen=True)
class Model:
    """Past windows of one kind and length, and what to do with them.

    ``prices`` say by risk what a bad day costs, in units of ``typical``; ``gamma`` how far that
    cost grows with the size. ``windows`` are features in units of FEATURE_UNIT of a standard
    deviation, ``needs`` those of each machine in units of NEED_UNIT, ``owners`` whose window it is.
    """

    kind: Kind
    resource: Resource
    days: int
    features: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    neighbours: int
    smoothing: float
    gamma: float
    typical: float
    prices: Mapping[str, float]
    windows: tuple[tuple[int, ...], ...]
    needs: tuple[tuple[int, ...], ...]
    owners: tuple[int, ...]

    @cached_property
    def _columns(self) -> tuple[tuple[int, ...], ...]:
        return tuple(zip(*self.windows, strict=True))

    def point(self, window: Window) -> tuple[int, ...]:
        """Return a window's features as ``windows`` holds them."""
        values = window.features(self.features)
        return tuple(map(_scaled, values, self.mean, self.deviation))

    def without(self, owner: int | None) -> Model:
        """Return the model without the windows of one owner."""
        kept = [at for at, other in enumerate(self.owners) if other != owner]
        return replace(
            self,
            windows=tuple(self.windows[at] for at in kept),
            needs=tuple(self.needs[at] for at in kept),
            owners=tuple(self.owners[at] for at in kept),
        )

    def nearest(self, point: Sequence[int]) -> list[tuple[float, int]]:
        """Return the nearest windows' indexes, each with its weight."""
        distances = [0] * len(self.windows)
        for mine, column in zip(point, self._columns, strict=True):
            distances = [d + (mine - v) ** 2 for d, v in zip(distances, column, strict=True)]
        order = sorted(range(len(distances)), key=distances.__getitem__)
        near = order[: self.neighbours]
        middle = distances[near[len(near) // 2]] + _NO_WEIGHT
        return [
            (math.exp(-distances[at] / (2 * middle)) * math.sqrt(len(self.needs[at])), at)
            for at in near
        ]

    def chances(self, window: Window) -> list[float]:
        """Return for each of RATIOS how likely a machine is to exceed it on the next day."""
        needs: list[tuple[float, float]] = []
        for weight, at in self.nearest(self.point(window)):
            of_window = self.needs[at]
            share = weight / len(of_window)
            needs += [(share, need * NEED_UNIT) for need in of_window]
        total = sum(share for share, _ in needs)
        return [
            sum(share * _above(need - ratio, self.smoothing) for share, need in needs) / total
            for ratio in RATIOS
        ]

    def allocation(self, window: Window, risk: Risk) -> float:
        """Return the size that costs least; memory not below the anchor unless ``cost``."""
        chances = self.chances(window)
        return self.cheapest(window, chances, self.price(risk), floored=self.floored(risk))

    def floored(self, risk: Risk) -> bool:
        """Whether a size may not be below the anchor: a workload's memory never pays off there."""
        if self.resource == "memory":
            return risk != "cost" or self.kind == "workload"
        return risk == "safe"

    def price(self, risk: Risk) -> float:
        """Return what a bad day costs, in units of ``typical``."""
        return self.prices["normal"] * _SAFE_PRICE if risk == "safe" else self.prices[risk]

    def cheapest(
        self, window: Window, chances: Sequence[float], price: float, *, floored: bool
    ) -> float:
        """Return the size for which itself and the price of its bad days are least together."""
        unit = window.typical
        anchor = window.anchor + window.epsilon
        bad_day = price * unit * (anchor / unit) ** self.gamma
        costs = [
            (anchor * math.exp(ratio) + bad_day * chance, ratio)
            for ratio, chance in zip(RATIOS, chances, strict=True)
            if not floored or ratio >= -_NO_WEIGHT
        ]
        ratio = min(costs)[1]
        return max(anchor * math.exp(ratio) - window.epsilon, window.epsilon)


def _scaled(value: float, mean: float, deviation: float) -> int:
    score = (value - mean) / deviation
    return round(max(-_FEATURE_LIMIT, min(_FEATURE_LIMIT, score)) / FEATURE_UNIT)


def _above(difference: float, smoothing: float) -> float:
    """Return how far a need counts as above a size: surely, surely not, or in between."""
    x = difference / smoothing
    if x > _SURE:
        return 1.0
    return 0.0 if x < -_SURE else 1 / (1 + math.exp(-x))


@cache
def models() -> tuple[Model, ...]:
    """Return the models that come with pvekit, longest windows first."""
    from importlib.resources import files

    text = files("pvekit.sizing").joinpath("learnt.json").read_text(encoding="utf-8")
    return tuple(sorted(map(model_of, json.loads(text)), key=lambda model: -model.days))


def model_of(data: Mapping[str, Any]) -> Model:
    """Return a model from its JSON form."""
    values = dict(data)
    for name in ("features", "mean", "deviation", "owners"):
        values[name] = tuple(values[name])
    for name in ("windows", "needs"):
        values[name] = tuple(map(tuple, values[name]))
    return Model(**values)
