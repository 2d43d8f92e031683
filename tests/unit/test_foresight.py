"""Resting until the next look: never past what is known to remain, and never too often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.run.foresight import LATEST, SOONEST, Course, Spans


def looks(seconds, tells, *, expected=0.0):
    """When a job that takes so many seconds is looked at; the last look is the one that sees it."""
    course, at = Course(expected), [0.0]
    while at[-1] < seconds:
        at.append(at[-1] + course.rest(at[-1], tells(at[-1])))
    return at


durations = st.floats(1.0, 3600.0)


@given(durations, st.sampled_from([1.0, 0.1, 5.0]))
def test_a_job_that_tells_how_far_it_is_ends_unseen_for_a_moment_only(seconds, steps):
    told = looks(seconds, lambda at: f"transferred ({100 * at / seconds // steps * steps:.2f}%)")
    assert told[-1] - seconds <= max(2 * SOONEST, 0.06 * seconds)
    assert told[-1] - seconds <= LATEST
    assert len(told) <= 40 + seconds / LATEST


def handing_over(lead, copies, parts, counts=None):
    """When a job hands over that begins to count after a lead, and takes so long for each disk."""
    course, at = Course(parts=parts if counts is None else counts), 0.0
    end = lead + sum(copies)
    while at < end:
        left = at - lead
        told = ""
        for seconds in copies:
            if 0 <= left < seconds:
                told = f"transferred ({100 * left / seconds:.2f}%)"
            left -= seconds
        rest = course.rest(at, told)
        if course.is_closing:
            return at, end
        at += rest
    return None, end


def test_a_job_that_was_joined_does_not_tell_how_long_its_like_needs_to_begin():
    course = Course(parts=1, lead=1.25)
    course.rest(0.01, "(50.00%)")
    course.rest(1.0, "(60.00%)")
    assert course.lead == 1.25


leads = st.floats(0.5, 5.0)
long_copies = st.floats(30.0, 3600.0)


@given(leads, long_copies)
def test_the_next_is_let_in_so_early_that_nothing_lies_idle_and_not_much_earlier(lead, copy):
    at, end = handing_over(lead, [copy], 1)
    seen = max(1.5 * lead, lead + 2 * SOONEST)  # it began to count unseen for a moment
    assert end - 2 * seen <= at <= end - min(lead, SOONEST)


@given(leads, long_copies, long_copies)
def test_of_several_disks_only_the_last_one_can_end_it(lead, first, second):
    at, _ = handing_over(lead, [first, second], 2)
    assert at > lead + first


@given(leads, long_copies)
def test_without_knowing_how_many_disks_there_are_nobody_is_let_in_early(lead, copy):
    assert handing_over(lead, [copy], 0)[0] is None


@given(durations)
def test_a_job_that_tells_nothing_is_looked_at_less_and_less(seconds):
    at = looks(seconds, lambda _: "at work")
    assert at[-1] - seconds <= max(SOONEST, 0.15 * at[-1])
    assert len(at) <= 40 + seconds / LATEST


@given(durations)
def test_a_job_that_takes_as_long_as_its_like_is_seen_at_its_end(seconds):
    at = looks(seconds, lambda _: "", expected=seconds)
    assert at[-1] - seconds <= max(SOONEST, 1e-6 * seconds)
    assert len(at) <= 12 + seconds / LATEST


@given(durations, durations)
def test_the_next_disk_begins_anew(first, second):
    def tells(at):
        share = at / first if at < first else (at - first) / second
        return f"transferred 1.0 GiB of 16.0 GiB ({100 * share:.2f}%)"

    at = looks(first + second, tells)
    assert at[-1] - (first + second) <= LATEST


@given(durations, st.floats(0.1, 2.0))
def test_what_follows_the_copy_is_looked_at_soon(seconds, more):
    def tells(at):
        return f"({min(100.0, 100 * at / seconds):.2f}%)" if at <= seconds else "created."

    at = looks(seconds + more, tells)
    assert at[-1] - (seconds + more) <= max(2 * SOONEST, 0.03 * seconds)


def test_the_least_of_what_was_seen_is_expected():
    spans = Spans()
    assert spans.expected("start") == 0
    for seconds in (3.0, 2.0, 5.0):
        spans.took("start", seconds)
    assert spans.expected("start") == pytest.approx(2.0)
