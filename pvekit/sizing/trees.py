"""Boosted decision trees: how likely each size is to be exceeded, from a window's features.

A tree is a leaf (the evidence in thousandths of a logit) or a split: the number of what is asked,
a threshold, and the trees for up to it and for above it. 0 is the size, by its place in RATIOS,
the others are the features in units of TREE_UNIT.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from pvekit.sizing.features import features_of
from pvekit.sizing.shape import RATIOS, Window

Tree: TypeAlias = "int | tuple[int, int, Tree, Tree]"

TREE_UNIT = 0.005
LEAF_UNIT = 0.001
_LIMIT = 2000
_SIZE = 0


@dataclass(frozen=True)
class Trees:
    """Trees and the names of the features that they ask for."""

    features: tuple[str, ...]
    trees: tuple[Tree, ...]

    def point(self, window: Window) -> list[int]:
        """Return a window's features as the trees ask for them."""
        return points(window, self.features)

    def chances(self, window: Window) -> list[float]:
        """Return for each of RATIOS how likely a machine is to exceed it on the next day."""
        point = self.point(window)
        steps = [0] * (len(RATIOS) + 1)
        for tree in self.trees:
            _add(tree, point, 0, len(RATIOS), steps)
        return [1 / (1 + math.exp(-LEAF_UNIT * sum_)) for sum_ in accumulate(steps[:-1])]


def points(window: Window, names: Sequence[str]) -> list[int]:
    """Return the named features in units of TREE_UNIT, within limits."""
    values = features_of(window, names)
    return [max(-_LIMIT, min(_LIMIT, round(value / TREE_UNIT))) for value in values]


def _add(tree: Tree, point: Sequence[int], low: int, high: int, steps: list[int]) -> None:
    """Add what a tree says of the sizes from ``low`` to before ``high``, as steps up and down."""
    while not isinstance(tree, int):
        asked, threshold, below, above = tree
        if asked != _SIZE:
            tree = below if point[asked - 1] <= threshold else above
        elif high <= threshold + 1:
            tree = below
        elif low > threshold:
            tree = above
        else:
            _add(below, point, low, threshold + 1, steps)
            tree, low = above, threshold + 1
    steps[low] += tree
    steps[high] -= tree
