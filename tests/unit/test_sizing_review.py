"""Reviews of sizes, without a site: what is told of them, and what they become."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.pve import signs
from pvekit.pve.signs import Kill, Signs
from pvekit.sizing import Allocation, Demand, Series, Size
from pvekit.sizing.history import memory_steps
from pvekit.sizing.review import Review, Reviewable, lately, review
from pvekit.sizing.review_proposals import Launch, accuracies
from pvekit.sizing.size import parse_need

STEP = 1800
DAY = 48
HAS = Allocation(4, 4096)
QUIET = Signs(1e6, pressure=0.0)
OOM = Signs(1e6, killed=(Kill(60.0, "java"), Kill(61.0, "java")))


def demand(cpu, memory, days=14):
    count = int(days * DAY)
    return Demand(Series(STEP, (cpu,) * count), Series(STEP, (memory,) * count))


def reviewed(cpu=0.3, memory=1000.0, days=14, has=HAS, told=QUIET, **more):
    used = demand(cpu, memory, days)
    return review(Reviewable(has, lately(used, 86400), used, told, **more))


def test_a_size_that_is_far_too_large_shrinks_to_what_is_needed():
    found = reviewed()
    assert (found.cpus, found.confidence, found.signs) == (1, "high", ())
    assert 1000 <= found.memory_mb < 2048
    assert found.cpu.slack == pytest.approx(92.5)
    assert found.memory.slack == pytest.approx((4096 - 1000) / 40.96)
    assert (found.cpu.used.samples, found.cpu.used.days) == (DAY, 1.0)


def test_a_kernel_that_killed_makes_memory_grow_whatever_history_says():
    found = reviewed(told=OOM)
    assert found.memory_mb == memory_steps(4096 * 1.3)
    assert found.because.startswith("the kernel killed 2 processes (java) for want of memory; ")
    assert found.signs == ("oom",)
    unknown = review(Reviewable(HAS, Demand(), Demand(), OOM))
    assert unknown.memory_mb == memory_steps(4096 * 1.3)
    assert (unknown.cpus, unknown.cpu, unknown.memory, unknown.days) == (4, None, None, 0.0)


def test_a_limit_inside_the_guest_that_was_reached_changes_nothing():
    found = reviewed(told=Signs(1e6, cgroup_kills=3))
    assert found.signs == ("cgroup-oom",)
    assert found.memory_mb == reviewed().memory_mb


def test_memory_for_which_tasks_wait_does_not_shrink():
    found = reviewed(told=Signs(1e6, pressure=0.5))
    assert (found.memory_mb, found.signs) == (4096, ("memory-pressure",))
    assert "tasks waited for it 0.5 % of the time" in found.because


def test_what_was_at_its_limit_is_saturated_and_grows():
    found = reviewed(cpu=3.97, memory=4050.0)
    assert found.signs == ("memory-saturated", "cpu-saturated")
    assert found.cpus >= 6
    assert found.memory_mb >= 4096 * 1.3


@pytest.mark.parametrize(("at_limit", "saturated"), [(0, False), (1, False), (2, True)])
def test_cpus_are_saturated_for_more_than_a_hundredth_of_the_samples(at_limit, saturated):
    cpu = Series(STEP, (1.0,) * (DAY - at_limit) + (4.0,) * at_limit)
    found = review(Reviewable(HAS, Demand(cpu), Demand(cpu)))
    assert found.cpu.saturated is saturated


@pytest.mark.parametrize("samples", [1, 2, 47])
def test_a_few_samples_shrink_nothing(samples):
    found = reviewed(days=samples / DAY)
    assert (found.cpus, found.memory_mb, found.confidence) == (4, 4096, "low")
    assert "less than a day of samples" in found.because


def test_nothing_recorded_leaves_a_size_as_it_is():
    found = review(Reviewable(HAS, Demand(), Demand()))
    assert (found.cpus, found.memory_mb, found.confidence) == (4, 4096, "low")
    assert found.because == "nothing is recorded of what it used"


def test_nothing_shrinks_below_the_floor_of_its_class_nor_grows_to_it():
    found = reviewed(floor=Size(2, 3072, 10))
    assert (found.cpus, found.memory_mb) == (2, 3072)
    assert "the least of its workload class" in found.because
    below = reviewed(has=Allocation(1, 1100), floor=Size(2, 3072, 10))
    assert (below.cpus, below.memory_mb) == (1, 1100)


@pytest.mark.parametrize(("days", "shrinks"), [(0.5, False), (6.9, False), (7.1, True)])
def test_memory_that_was_changed_does_not_shrink_within_a_week(days, shrinks):
    found = reviewed(sized_days=days)
    assert (found.memory_mb < 4096) is shrinks
    assert ("it has been 4096 MiB for fewer than 7 days" in found.because) is not shrinks
    assert reviewed(sized_days=days, told=OOM).memory_mb > 4096


def test_a_limit_on_cpus_is_left_to_who_set_it():
    found = reviewed(has=Allocation(1.5, 4096), behind_limit=4)
    assert found.cpus == 4
    assert "they have a limit of 1.5" in found.because


used = st.one_of(st.none(), st.floats(0, 9000))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(used, used), max_size=400),
    st.integers(1, 64),
    st.integers(512, 8192),
    st.sampled_from((None, QUIET, OOM, Signs(5.0, pressure=2.0))),
)
def test_memory_never_shrinks_below_what_was_seen(samples, cpus, memory_mb, told):
    cpu, memory = zip(*samples, strict=True) if samples else ((), ())
    whole = Demand(Series(STEP, tuple(cpu)), Series(STEP, tuple(memory)))
    found = review(Reviewable(Allocation(cpus, memory_mb), lately(whole, 86400), whole, told))
    assert found.cpus >= 1
    assert found.memory_mb >= 512
    if found.memory_mb < memory_mb:
        assert found.memory_mb >= max(whole.memory.seen)
        assert "oom" not in found.signs
    if told is OOM:
        assert found.memory_mb >= memory_mb * 1.3


def launch(source, cpus, memory_mb, found: Review, has=HAS):
    return Launch(source, Size(cpus, memory_mb, 10), has.cpus, has.memory_mb, found)


def test_how_far_first_sizes_were_off_is_told_by_source():
    plenty, full = reviewed(cpu=2.0, memory=1024.0), reviewed(cpu=3.99, memory=4096.0)
    young = reviewed(days=0.2)
    found = accuracies(
        [
            launch("preset", 4, 4096, plenty),
            launch("preset", 2, 1024, plenty),
            launch("history", 4, 4096, full),
            launch("", 1, 2048, reviewed(cpu=0.01)),
            launch("model", 1, 512, young),
        ]
    )
    assert [(each.source, each.count) for each in found] == [
        ("history", 1), ("preset", 2), ("unknown", 1),
    ]  # fmt: skip
    history, preset, unknown = found
    assert (preset.cpu_error_mean, preset.cpu_error_median) == (0.5, 0.5)
    assert (preset.memory_error_mean, preset.too_small) == (1.5, 0.5)
    assert (history.too_small, history.memory_error_mean) == (1.0, 0.0)
    # Nothing is smaller than one CPU: one that is all but idle was no mistake.
    assert (unknown.cpu_error_mean, unknown.too_small) == (0.0, 0.0)


def test_a_first_size_is_too_small_only_as_long_as_the_machine_has_it():
    out_of_memory = reviewed(memory=1000.0, told=OOM)
    (as_launched,) = accuracies([launch("given", 4, 4096, out_of_memory)])
    (shrunk_since,) = accuracies([launch("given", 8, 8192, out_of_memory)])
    assert (as_launched.too_small, shrunk_since.too_small) == (1.0, 0.0)


@pytest.mark.parametrize("text", ["", "x", "2c", "0c1m1g", "2c4096m40g ", "\uff12c1m1g", "9" * 50])
def test_what_is_no_size_of_a_mark(text):
    assert parse_need(text) is None
    assert parse_need("2c4096m40g") == Size(2, 4096, 40)


# What a guest's kernel says


def said(*lines):
    import json

    return f"signs 100 {json.dumps({'exitcode': 0, 'out-data': chr(10).join(lines)})}\n"


UP = "5000.00 4000.00"
KILLED = "Out of memory: Killed process 7 (java) total-vm:1kB"


def told(*lines):
    return signs.parse(said(UP, *lines), 3600)[100]


def test_kills_are_counted_from_either_log():
    assert told(f"[ 4000.000001] web kernel: {KILLED}").kills == 1
    assert told(f"[ 4000.000000] {KILLED}", f"[ 4001.000000] {KILLED}").kills == 2
    old = "Out of memory: Kill process 9 (my sql) score 900 or sacrifice child"
    assert told(f"[ 4000.000000] {old}").names == ("my?sql",)
    only = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),global_oom,task=x"
    assert told(f"[ 4000.000000] {only}").kills == 1


def test_what_was_killed_before_the_time_that_is_looked_at_does_not_count():
    assert told(f"[ 1399.000000] {KILLED}").kills == 0


def test_what_was_killed_before_the_size_was_changed_says_nothing_of_it():
    found = told(f"[ 4000.000000] {KILLED}", f"[ 4990.000000] {KILLED}")
    assert found.killed == (Kill(1000.0, "java"), Kill(10.0, "java"))
    assert (found.within(100).kills, found.within(5).kills) == (1, 0)


def test_a_cgroup_out_of_memory_is_told_apart():
    found = told(f"[ 4000.000000] Memory cgroup {KILLED.replace('Out', 'out')}")
    assert (found.kills, found.cgroup_kills, found.names) == (0, 1, ())


def test_pressure_is_that_of_all_tasks_over_five_minutes():
    some = "some avg10=9.00 avg60=9.00 avg300=9.00 total=9"
    assert told(some, "full avg10=0.00 avg60=0.10 avg300=1.25 total=77").pressure == 1.25
    assert told(some).pressure is None
    assert told("full avg10=0.00 avg60=0.00 avg300=99999999999.9 total=1").pressure == 100.0


@pytest.mark.parametrize(
    "line",
    [
        KILLED,
        f"evil\t[ 4000.000000] {KILLED}",
        f"[ 4000.000000] said: {KILLED}",
        f"[ 1e9] {KILLED}",
        f"[ \uff14000.000000] {KILLED}",
        "[ 4000.000000] Out of memory: Killed process 99999999999 (x)",
        "full avg10=0.00 avg60=0.00 avg300=nan total=1",
        "full avg10=0.00 avg60=0.00 avg300=-1.00 total=1",
        "full avg10=0.00 avg60=0.00 avg300=5.00 total=1 and more",
    ],
)
def test_what_a_hostile_guest_says_otherwise_is_nothing(line):
    assert told(line) == Signs(5000.0)


def test_a_guest_that_says_too_much_or_nothing_is_left_out():
    assert signs.parse("signs 100 \n", 60) == {}
    assert signs.parse(said("hello"), 60) == {}
    assert signs.parse(said(UP, "x" * 50_000), 60) == {}
    many = told(*[f"[ 4000.000000] {KILLED}"] * 500)
    assert many.kills < 60
