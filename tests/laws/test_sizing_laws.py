"""Laws of the sizes that history calls for, whatever was used."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.sizing import Allocation, Demand, History, Series, recommend
from pvekit.sizing.need import need_of, sibling_need
from pvekit.sizing.shape import anchor_of

STEP = 10800
DAY = 86400 // STEP

samples = st.lists(
    st.one_of(st.none(), st.floats(0, 64, allow_subnormal=False)), min_size=1, max_size=16 * DAY
).filter(any)
resources = st.sampled_from(["cpu", "memory"])
risks = st.sampled_from(["safe", "normal", "cost"])
kinds = st.sampled_from(["vm", "workload"])


def series(values: list[float | None], scale: float = 1) -> Series:
    return Series(STEP, tuple(None if value is None else value * scale for value in values))


def demand(cpu: list[float | None], memory: list[float | None]) -> Demand:
    return Demand(series(cpu), series(memory, 100))


@settings(max_examples=60, deadline=None)
@given(samples, resources, risks, kinds)
def test_a_need_is_deterministic_finite_and_positive(values, resource, risk, kind):
    one = [series(values)]
    amount = need_of(one, resource, risk, kind)
    assert 0 < amount < math.inf
    assert amount == need_of(one, resource, risk, kind)


@settings(max_examples=60, deadline=None)
@given(samples, kinds, st.sampled_from(["safe", "normal"]))
def test_memory_is_never_below_the_peak_that_was_seen(values, kind, risk):
    one = series(values)
    assert need_of([one], "memory", risk, kind) >= max(one.seen)


@settings(max_examples=40, deadline=None)
@given(samples, resources, kinds)
def test_more_safety_is_never_a_smaller_size(values, resource, kind):
    one = [series(values)]
    safe, normal, cost = (need_of(one, resource, risk, kind) for risk in ("safe", "normal", "cost"))
    assert cost <= normal * (1 + 1e-9)
    assert normal <= safe * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(samples, resources, risks, st.sampled_from([0.25, 0.5, 2.0, 16.0, 1024.0]))
def test_at_another_scale_it_is_the_same_size_at_that_scale(values, resource, risk, scale):
    """All machines around being larger by the same factor, too."""
    one = need_of([series(values)], resource, risk, typical=8.0)
    other = need_of([series(values, scale)], resource, risk, typical=8.0 * scale)
    assert other == pytest.approx(one * scale, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(samples, resources, risks, st.sampled_from([1.0, 1.5, 2.0, 4.0]))
def test_more_demand_never_calls_for_less(values, resource, risk, factor):
    """Of the machine and those around it."""
    less = need_of([series(values)], resource, risk, typical=8.0)
    more = need_of([series(values, factor)], resource, risk, typical=8.0 * factor)
    assert more >= less * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(samples, samples, resources)
def test_a_higher_peak_of_siblings_never_calls_for_less(values, other, resource):
    many = [series(values), series(other)]
    amount = sibling_need(many, resource)
    assert amount >= max(anchor_of(sorted(one.seen), resource) for one in many)
    higher = [series(values, 2), series(other, 2)]
    assert sibling_need(higher, resource) == pytest.approx(2 * amount)


@settings(max_examples=40, deadline=None)
@given(samples, samples, risks)
def test_a_recommendation_is_a_size_that_can_be_given(cpu, memory, risk):
    found = recommend(History(demand(cpu, memory)), risk)
    assert found.cpus >= 1
    assert found.cpulimit <= found.cpus
    assert found.memory_mb >= 512
    assert found.memory_mb % 128 == 0
    assert found == recommend(History(demand(cpu, memory)), risk)


@settings(max_examples=40, deadline=None)
@given(samples, samples, risks, st.integers(1, 64), st.integers(1, 64))
def test_what_runs_shrinks_only_by_its_own_week(cpu, memory, risk, cpus, blocks):
    """And never below its peak, unless the risk is cost."""
    has = Allocation(cpus, blocks * 512)
    found = recommend(History(demand(cpu, memory), current=has), risk)
    if found.memory_mb < has.memory_mb:
        assert found.memory_evidence.days >= 7
        assert risk == "cost" or found.memory_mb >= found.memory_evidence.max
