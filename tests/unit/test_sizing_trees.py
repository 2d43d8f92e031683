"""Trees say the same as asked one size at a time, and those that come with pvekit are sound."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pvekit.sizing
from pvekit.sizing.features import features_of
from pvekit.sizing.learnt import agreed, models
from pvekit.sizing.shape import RATIOS, Window
from pvekit.sizing.trees import LEAF_UNIT, Trees, points

STEP = 1800
NAMES = ("level", "p50", "hour-2")
LEARNT = Path(pvekit.sizing.__file__).with_name("learnt.json")

leaves = st.integers(-3000, 3000)
splits = st.one_of(
    st.tuples(st.just(0), st.integers(0, len(RATIOS) - 2)),
    st.tuples(st.integers(1, len(NAMES)), st.integers(-200, 200)),
)
trees = st.recursive(
    leaves, lambda below: st.builds(lambda split, a, b: (*split, a, b), splits, below, below)
)


def window(values=(1.0, 2.0, 4.0, 1.0), machines: int = 1) -> Window:
    samples = tuple(values) * 12
    each = tuple(tuple(v * (at + 1) for v in samples) for at in range(machines))
    return Window(each, "memory", STEP, typical=3.0)


def asked_one_by_one(tree, size: int, point) -> int:
    while not isinstance(tree, int):
        asked, threshold, below, above = tree
        tree = below if (size, *point)[asked] <= threshold else above
    return tree


@given(st.lists(trees, min_size=1, max_size=6), st.floats(0.1, 9))
def test_all_sizes_at_once_are_each_size_asked_alone(grown, high):
    one = window((1.0, high, 2.0))
    point = points(one, NAMES)
    found = Trees(NAMES, tuple(grown)).chances(one)
    for size, chance in enumerate(found):
        logit = LEAF_UNIT * sum(asked_one_by_one(tree, size, point) for tree in grown)
        assert chance == pytest.approx(1 / (1 + math.exp(-logit)))


def test_opinions_meet_in_the_middle():
    assert agreed([[0.2, 0.9]]) == [0.2, 0.9]
    (both,) = agreed([[0.01], [0.5]])
    assert 0.01 < both < 0.255
    assert agreed([[1.0], [0.0]]) == [pytest.approx(0.5)]


def test_what_comes_with_pvekit_is_small_and_never_finds_a_larger_size_riskier():
    assert LEARNT.stat().st_size < 500_000
    assert all(model.trees or model.neighbours for model in models())
    for model in models():
        one = window(machines=3 if model.kind == "workload" else 1)
        chances = model.chances(one)
        assert all(0 <= chance <= 1 for chance in chances)
        for smaller, larger in pairwise(chances):
            assert larger <= smaller + 1e-3


def test_a_feature_is_the_same_at_another_scale():
    names = sorted({name for model in models() if model.trees for name in model.trees.features})
    one = window((1.0, 3.0, 2.0, 7.0, 5.0), machines=2)
    other = Window(
        tuple(tuple(v * 64 for v in values) for values in one.machines), "memory", STEP, 3.0 * 64
    )
    assert features_of(other, names) == pytest.approx(features_of(one, names))
