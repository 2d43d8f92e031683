"""What other machines taught: how likely each size is to be exceeded, and which one is cheapest.

A model asks the past windows that looked most alike, decision trees grown from all of them, or
both, how likely a machine is to exceed each size on the next day. The size is the one that costs
least, where a bad day has a price.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pvekit.sizing.demand import Risk
from pvekit.sizing.neighbours import Neighbours
from pvekit.sizing.shape import RATIOS, Resource, Window
from pvekit.sizing.trees import Tree, Trees

Kind = Literal["vm", "workload"]

_SAFE_PRICE = 4.0
_LEAST_CHANCE = 1e-3
_EQUAL = 1e-9


@dataclass(frozen=True)
class Model:
    """What is learnt of one kind of windows and their length; it has neighbours, trees or both.

    ``prices`` say by risk what a bad day costs, in units of ``typical``; ``gamma`` how far that
    cost grows with the size.
    """

    kind: Kind
    resource: Resource
    days: int
    gamma: float
    typical: float
    prices: Mapping[str, float]
    neighbours: Neighbours | None
    trees: Trees | None

    def without(self, owner: int | None) -> Model:
        """Return the model without the neighbouring windows of one owner."""
        if self.neighbours is None:
            return self
        return replace(self, neighbours=self.neighbours.without(owner))

    def chances(self, window: Window) -> list[float]:
        """Return for each of RATIOS how likely a machine is to exceed it on the next day."""
        return agreed([one.chances(window) for one in (self.neighbours, self.trees) if one])

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
            if not floored or ratio >= -_EQUAL
        ]
        ratio = min(costs)[1]
        return max(anchor * math.exp(ratio) - window.epsilon, window.epsilon)


def agreed(opinions: Sequence[Sequence[float]]) -> list[float]:
    """Return the chances that lie in the middle of several opinions: of their logits."""
    if len(opinions) == 1:
        return list(opinions[0])
    return [1 / (1 + math.exp(-_middle(chances))) for chances in zip(*opinions, strict=True)]


def _middle(chances: Sequence[float]) -> float:
    logits = [math.log((one + _LEAST_CHANCE) / (1 - one + _LEAST_CHANCE)) for one in chances]
    return sum(logits) / len(logits)


@cache
def models() -> tuple[Model, ...]:
    """Return the models that come with pvekit, longest windows first."""
    from importlib.resources import files

    text = files("pvekit.sizing").joinpath("learnt.json").read_text(encoding="utf-8")
    return tuple(sorted(map(model_of, json.loads(text)), key=lambda model: -model.days))


def model_of(data: Mapping[str, Any]) -> Model:
    """Return a model from its JSON form."""
    values = dict(data)
    near, trees = values.pop("neighbours"), values.pop("trees")
    return Model(
        **values,
        neighbours=_neighbours_of(near) if near else None,
        trees=trees_of(trees) if trees else None,
    )


def trees_of(data: Mapping[str, Any]) -> Trees:
    """Return trees from their JSON form."""
    return Trees(tuple(data["features"]), tuple(map(_tree_of, data["trees"])))


def _tree_of(data: int | Sequence[Any]) -> Tree:
    if isinstance(data, int):
        return data
    asked, threshold, below, above = data
    return asked, threshold, _tree_of(below), _tree_of(above)


def _neighbours_of(data: Mapping[str, Any]) -> Neighbours:
    values = dict(data)
    for name in ("features", "mean", "deviation", "owners"):
        values[name] = tuple(values[name])
    for name in ("windows", "needs"):
        values[name] = tuple(map(tuple, values[name]))
    return Neighbours(**values)
