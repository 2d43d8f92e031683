"""Waiting for a message: no wait is so long that a signal would go unheard."""

from __future__ import annotations

import queue

import pytest

from pvekit.run.clock import AT_A_TIME, Clock


class Late:
    """A queue that gets its message after some waits in vain, which cost no time."""

    def __init__(self, vain: int) -> None:
        self.vain = vain
        self.waits: list[float] = []

    def get(self, timeout):
        self.waits.append(timeout)
        if len(self.waits) <= self.vain:
            raise queue.Empty
        return "message"


def test_a_wait_without_an_end_is_many_short_ones():
    late = Late(5)
    assert Clock().receive(late, None) == "message"
    assert late.waits == [AT_A_TIME] * 6


def test_a_message_that_is_there_is_returned_and_none_is_told():
    messages = queue.SimpleQueue()
    messages.put("first")
    assert Clock().receive(messages, 3600.0) == "first"
    with pytest.raises(queue.Empty):
        Clock().receive(messages, 0.0)
