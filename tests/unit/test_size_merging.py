"""One series from records and own samples: cases, and laws for any of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.operations.size_history import demand
from pvekit.operations.size_merging import merged, without_cache
from pvekit.pve.use import Use
from pvekit.samples import Measured

NOW = 1_795_003_200  # at a whole half hour
HALF = 1800


def records(*memory: float | None, cpu: float | None = 1.0, **more: object) -> Use:
    """Records whose last step begins at NOW."""
    return Use(HALF, (cpu,) * len(memory), memory, 4096.0, end=float(NOW), **more)


def own(begin: int, *used: int | None, cpu: float | None = 0.5, pressure: float | None = 0.0):
    return [
        Measured(begin + 300 * n, begin + 300 * (n + 1), cpu, value, pressure)
        for n, value in enumerate(used)
    ]


def test_without_own_samples_records_stay_as_they_are():
    used = records(2048.0, 3000.0)
    assert merged(used, ()).memory_mb == (2048.0, 3000.0)
    assert merged(used, ()).step_seconds == HALF


def test_own_samples_win_where_they_cover_the_time():
    used = merged(records(2048.0, 2048.0), own(NOW, 700, 800, None, 900))
    assert (used.step_seconds, used.end) == (300, NOW + 900.0)
    # What the guest did not tell at one time stays what was recorded.
    assert used.memory_mb == (2048.0,) * 6 + (700, 800, 2048.0, 900)
    assert used.cpu == (1.0,) * 6 + (0.5,) * 4
    assert demand(used).memory.values == used.memory_mb


def test_the_rest_of_a_recorded_interval_stays():
    used = merged(records(2048.0, 2048.0), own(NOW - 900, 700))
    assert used.memory_mb[3:6] == (700, 2048.0, 2048.0)
    assert used.end == NOW


def test_own_samples_alone_are_enough():
    used = merged(None, own(NOW, 700, 800))
    assert (used.step_seconds, used.cpu, used.memory_mb) == (300, (0.5, 0.5), (700, 800))
    assert demand(used).memory.seen == (700, 800)


def test_a_vm_that_was_off_leaves_a_gap():
    used = merged(None, [*own(NOW, 700), *own(NOW + 1500, 800)])
    assert used.memory_mb == (700, None, None, None, None, 800)
    assert used.cpu == (0.5, None, None, None, None, 0.5)


def test_the_page_cache_is_taken_out_before_and_only_once():
    used = records(2048.0, 4096.0, guest_used_mb=1024.0)
    alike = (1024.0, 1024.0)
    assert without_cache(used).memory_mb == alike
    assert without_cache(without_cache(used)).memory_mb == alike
    assert merged(used, own(NOW, 600)).memory_mb == (1024.0,) * 6 + (600,)


def test_memory_that_is_page_cache_for_all_one_knows_leaves_own_samples_alone():
    used = merged(records(4000.0, 4000.0), own(NOW, 700))
    assert demand(used).memory.seen == (700,)


def test_pressure_of_either_counts():
    assert merged(records(1.0, 2.0), own(NOW, 700, pressure=None)).pressure == ()
    told = records(1.0, 2.0, pressure=(0.5, 0.0))
    assert demand(merged(told, own(NOW, 700, pressure=0.0))).memory_pressure
    assert demand(merged(records(1.0, 2.0), own(NOW, 700, pressure=0.1))).memory_pressure
    assert not demand(merged(records(1.0, 2.0), own(NOW, 700, pressure=0.0))).memory_pressure


def test_pressure_of_long_ago_does_not_count():
    long_ago = own(NOW - 4 * 86400, 700, pressure=9.0)
    assert not demand(merged(records(1.0, 2.0), long_ago)).memory_pressure


measured = st.builds(
    lambda at, long, cpu, used: Measured(NOW + at, NOW + at + long, cpu, used, cpu),
    st.integers(-90_000, 9_000),
    st.integers(10, 1800),
    st.none() | st.floats(0, 64),
    st.none() | st.integers(0, 9999),
)
some = st.lists(st.none() | st.floats(0, 9999), max_size=60).map(lambda each: records(*each))


@settings(max_examples=60, deadline=None)
@given(some, st.lists(measured, max_size=20))
def test_all_that_was_measured_is_in_it_and_nothing_else(used, found):
    found.sort(key=lambda each: each.until)
    both = merged(used if used.cpu else None, found)
    if not found:
        return
    assert len(both.cpu) == len(both.memory_mb)
    peak = max((each.used_mb for each in found if each.used_mb is not None), default=None)
    known = [value for value in both.memory_mb if value is not None]
    if peak is not None:
        assert peak in known
    told = {each.used_mb for each in found} | {*without_cache(used).memory_mb}
    assert {*known} <= told
