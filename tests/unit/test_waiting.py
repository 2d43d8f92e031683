"""Calls that nobody can end are waited for only so long."""

from __future__ import annotations

import threading

import pytest

from pvekit.deadlines import begun, bounded


def test_a_call_that_ends_gives_its_result_or_its_error():
    assert bounded(lambda: 7, 60) == 7
    with pytest.raises(KeyError):
        bounded(lambda: {}["missing"], 60)
    assert isinstance(begun(lambda: {}["missing"]).exception(60), KeyError)


def test_a_call_that_does_not_end_is_left_behind():
    over = threading.Event()
    with pytest.raises(TimeoutError):
        bounded(over.wait, 0.01)
    over.set()


def test_nothing_of_a_call_holds_the_end_of_the_process_up():
    future = begun(threading.Event().wait)
    (thread,) = (each for each in threading.enumerate() if each.name.endswith("(answer)"))
    assert thread.daemon
    assert not future.done()
