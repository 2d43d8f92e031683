"""Progress: what is drawn of many subjects, at any time and in any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.cli.tracks import Tracks, took
from pvekit.plan import Check, Step, Verdict
from pvekit.run.context import Event

STATES = ("planned", "started", "waiting", "held", "done", "failed", "ended")


def step(name: str, verb: str) -> Step:
    def look():
        return Verdict(holds=True)
        yield

    return Step(f"vm/{name}", verb, "pve1", Check("it is there", look))


def told(tracks: Tracks, name: str, state: str, now: float, verb: str = "clone", says: str = ""):
    tracks.take(Event(step(name, verb), state, says=says), now)


def test_clones_tell_how_far_they_are():
    tracks = Tracks(0.0)
    for name in ("web-1", "web-2"):
        told(tracks, name, "planned", 0.0)
        told(tracks, name, "started", 5.0)
    told(tracks, "web-1", "waiting", 9.0, says="transferred 1.2 GiB of 8.0 GiB (15.00%)")
    told(tracks, "web-2", "waiting", 9.0, says="transferred 3.6 GiB of 8.0 GiB (45.00%)")
    assert tracks.lines(80, 24, 65.0) == [
        "[--------------------] 0/2 done, 1m05s, copying 30%",
        "web-1  clone   1m00s  15%, 1.2 GiB of 8.0 GiB",
        "web-2  clone   1m00s  45%, 3.6 GiB of 8.0 GiB",
    ]
    told(tracks, "web-1", "failed", 66.0)
    told(tracks, "web-2", "started", 66.0, verb="agent")
    assert tracks.lines(80, 24, 67.0) == [
        "[##########----------] 0/2 done, 1 failed, 1m07s",
        "web-2  agent     1 s",
    ]


def test_who_has_only_claimed_his_number_is_not_done():
    tracks = Tracks(0.0)
    told(tracks, "web-1", "started", 0.0, verb="claim@pve1")
    told(tracks, "web-1", "ended", 1.0, verb="claim@pve1")
    assert tracks.lines(80, 24, 2.0) == [
        "[--------------------] 0/1 done, 2 s",
        "and 1 more, 1 of them not begun",
    ]
    told(tracks, "web-1", "ended", 2.0, verb="cloud-init")
    assert tracks.lines(80, 24, 2.0) == ["[####################] 1/1 done, 2 s"]


def test_who_moves_comes_before_who_waits_for_his_turn():
    tracks = Tracks(0.0)
    told(tracks, "web-1", "started", 0.0)
    told(tracks, "web-2", "started", 1.0)
    told(tracks, "web-2", "waiting", 2.0, says="transferred 0.0 B of 8.0 GiB (0.00%)")
    assert [line.split()[0] for line in tracks.lines(80, 24, 3.0)[1:]] == ["web-2", "web-1"]


def test_fifty_fit_and_the_longest_waiting_come_first():
    tracks = Tracks(0.0)
    names = [f"k8s-worker-{number}" for number in range(1, 51)]
    for name in names:
        told(tracks, name, "planned", 0.0)
    for late, name in enumerate(reversed(names[:45])):
        told(tracks, name, "started", 10.0 + late, verb="agent", says="x" * 100)
    lines = tracks.lines(80, 24, 100.0)
    assert len(lines) == 23
    assert all(len(line) < 80 for line in lines)
    assert lines[0] == "[--------------------] 0/50 done, 1m40s"
    assert lines[1].startswith("k8s-worker-45  agent   1m30s  xxx")
    assert lines[-1] == "and 29 more, 5 of them not begun"


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(STATES), st.text(max_size=90))),
    st.integers(1, 200),
    st.integers(1, 60),
)
def test_whatever_happens_it_fits(events, columns, rows):
    tracks = Tracks(0.0)
    for number, (name, state, says) in enumerate(events):
        told(tracks, name, state, float(number), says=says)
        lines = tracks.lines(columns, rows, float(number))
        assert len(lines) <= max(3, rows - 1)
        assert all(len(line) < max(2, columns) for line in lines)
        assert not any("\n" in line or "\r" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "says"), [(-1, "0 s"), (59.9, "59 s"), (60, "1m00s"), (3661, "61m01s")]
)
def test_durations(seconds, says):
    assert took(seconds) == says
