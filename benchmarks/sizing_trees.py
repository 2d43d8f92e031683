"""Grow the trees of a model: of the chance that a machine exceeds a size, by window and size.

Each window is asked about some sizes, half of them near to what was needed: they matter most.
Deterministic: the same windows give the same trees, with the same release of LightGBM.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from pvekit.sizing.shape import RATIOS
from pvekit.sizing.trees import LEAF_UNIT, Tree, Trees

SIZES_EACH = 30
NEAR = 0.06
TREES = 200
SETTINGS: dict[str, Any] = {
    "objective": "cross_entropy",
    "learning_rate": 0.13,
    "num_leaves": 12,
    "min_child_samples": 10 * SIZES_EACH,
    "lambda_l2": 5.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


def grow(
    names: Sequence[str], points: Sequence[Sequence[int]], needs: Sequence[Sequence[float]]
) -> Trees:
    """Return the trees for windows: their features, and their machines' needs to the anchor."""
    import lightgbm
    import numpy

    chance = random.Random(0)
    rows, shares, weights = [], [], []
    for point, of_window in zip(points, needs, strict=True):
        for size in _sizes(of_window, chance):
            rows.append([size, *point])
            shares.append(sum(need > RATIOS[size] for need in of_window) / len(of_window))
            weights.append(math.sqrt(len(of_window)))
    data = lightgbm.Dataset(numpy.array(rows, dtype=float), shares, weight=weights)
    monotone = [-1] + [0] * len(names)
    grown = lightgbm.train({**SETTINGS, "monotone_constraints": monotone}, data, TREES)
    trees = [_tree(one["tree_structure"]) for one in grown.dump_model()["tree_info"]]
    return Trees(tuple(names), tuple(trees))


def _sizes(needs: Sequence[float], chance: random.Random) -> list[int]:
    """Return places in RATIOS: some anywhere, and as many near to what a machine needed."""
    last = len(RATIOS) - 1
    anywhere = [chance.randrange(len(RATIOS)) for _ in range(SIZES_EACH // 2)]
    near = [chance.choice(needs) + chance.gauss(0, NEAR) for _ in range(SIZES_EACH // 2)]
    return anywhere + [min(last, bisect_left(RATIOS, one)) for one in near]


def _tree(node: dict[str, Any]) -> Tree:
    if "leaf_value" in node:
        return round(node["leaf_value"] / LEAF_UNIT)
    below, above = _tree(node["left_child"]), _tree(node["right_child"])
    if below == above:
        return below
    return node["split_feature"], math.floor(node["threshold"]), below, above
