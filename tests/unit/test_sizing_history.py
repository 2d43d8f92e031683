"""The size of a machine from what it or its siblings used: cases."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from pvekit.sizing import Allocation, Demand, History, Series, recommend

DAY = 288


def series(*values: float | None, days: float = 0) -> Series:
    return Series(300, values * round(days * DAY) if days else values)


def steady(cores: float, memory_mb: float, days: float) -> Demand:
    return Demand(series(cores, days=days), series(memory_mb, days=days))


def test_without_any_history_there_is_no_recommendation():
    assert recommend(History()) is None
    assert recommend(History(Demand(series(), series(None, None)), (Demand(),))) is None


def test_own_history_wins_over_siblings():
    found = recommend(History(steady(0.5, 900, 8), (steady(6, 9000, 8),)))
    assert found is not None
    assert (found.cpus, found.confidence) == (1, "high")
    assert 900 <= found.memory_mb < 2000
    assert found.memory_evidence.origin == "own"
    assert found.memory_evidence.days == 8


def test_siblings_count_where_it_has_less_than_a_day():
    found = recommend(History(steady(0.5, 900, 0.5), (steady(3, 9000, 8),)))
    assert found.memory_mb >= 9000
    assert found.cpus >= 3
    assert found.memory_evidence.origin == "siblings"
    assert "sibling" in found.because


def test_a_resource_without_history_is_left_open():
    found = recommend(History(Demand(cpu=series(1.5, days=2))))
    assert found.memory_mb is None
    assert found.memory_evidence is None
    assert found.confidence == "low"


def test_memory_shrinks_only_after_seven_days():
    has = Allocation(4, 8192)
    early = recommend(History(steady(0.5, 900, 6.9), current=has))
    assert early.memory_mb == 8192
    assert "fewer than 7 days" in early.because
    assert recommend(History(steady(0.5, 900, 7), current=has)).memory_mb < 8192


@pytest.mark.parametrize("risk", ["safe", "normal", "cost"])
def test_memory_does_not_shrink_where_tasks_waited_for_it(risk):
    has = Allocation(4, 8192)
    waited = replace(steady(0.5, 900, 8), memory_pressure=True)
    found = recommend(History(waited, current=has), risk)
    assert found.memory_mb == 8192
    assert "waited for memory" in found.because
    # It may still grow, and CPU has nothing to do with it.
    assert found.cpus < 4
    full = replace(steady(0.5, 8190, 8), memory_pressure=True)
    assert recommend(History(full, current=has), risk).memory_mb > 8192


def test_a_machine_that_was_off_for_long_is_known_by_what_it_used_before():
    off = (None,) * 20 * DAY
    found = recommend(History(Demand(Series(300, (0.5,) * 9 * DAY + off))))
    assert found == recommend(History(Demand(series(0.5, days=9))))


def test_a_machine_that_did_nothing_gets_the_least():
    found = recommend(History(steady(0.0, 0.0, 8)))
    assert (found.cpus, found.memory_mb) == (1, 512)


def test_siblings_never_shrink_what_runs():
    found = recommend(History(siblings=(steady(0.5, 900, 20),), current=Allocation(4, 8192)))
    assert (found.cpus, found.memory_mb) == (4, 8192)
    assert "CPU stays at 4: only others' history says that less would do" in found.because


def test_used_up_memory_and_saturated_cpus_grow():
    found = recommend(History(steady(2, 2040, 8), current=Allocation(2, 2048)))
    assert found.memory_mb >= 2048 * 1.3
    assert found.cpus == 3


def test_small_changes_are_left_out():
    plain = recommend(History(steady(1.4, 3000, 9)))
    has = Allocation(plain.cpulimit, plain.memory_mb + 128)
    again = recommend(History(steady(1.4, 3000, 9), current=has))
    assert again.memory_mb == has.memory_mb
    memory = f"memory stays at {has.memory_mb} MiB: {plain.memory_mb} MiB would do, too near"
    assert memory in again.because
    assert re.search(rf"CPU stays at {has.cpus:g}: 1\.\d\d cores would do, too near", again.because)


def test_what_fits_is_said_to_fit():
    plain = recommend(History(steady(1.4, 3000, 9)))
    again = recommend(
        History(steady(1.4, 3000, 9), current=Allocation(plain.cpus, plain.memory_mb))
    )
    assert f"CPU stays at {plain.cpus}: that fits (" in again.because
    assert f"memory stays at {plain.memory_mb} MiB: that fits (" in again.because


@pytest.mark.parametrize("days", [2, 9])
@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("cpus", [1, 2, 4, 16])
@pytest.mark.parametrize("memory_mb", [1024, 2048, 3200, 16384])
def test_whatever_stays_has_its_reason(days, waited, own, cpus, memory_mb):
    used = replace(steady(1.4, 1800, days), memory_pressure=waited)
    history = History(used) if own else History(siblings=(used,))
    found = recommend(replace(history, current=Allocation(cpus, memory_mb)))
    for part in found.because.split("; "):
        assert not re.search(r"stays at \S+( MiB)? \(", part), part
        assert re.search(r"^(CPU|memory) (stays at .*: \w|from |was )", part), part


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
def test_impossible_samples_are_refused(bad):
    with pytest.raises(ValueError, match="sample"):
        Series(300, (1.0, bad))


def test_a_step_is_positive():
    with pytest.raises(ValueError, match="step"):
        Series(0, (1.0,))
