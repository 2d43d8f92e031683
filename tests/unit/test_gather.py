"""Questions outside a run's steps: a link that breaks is borne, a silent node not for long."""

from __future__ import annotations

import pytest

from pvekit.plan import Ask
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.gather import SOON, gather
from pvekit.shell import Command, LinkLost, Query, Result, Unreachable

QUESTION = Ask("n", Query(Command(("look",)), str))


class Site:
    """A node whose first answers get lost, each after some seconds."""

    def __init__(self, lost: list[tuple[float, Exception]]) -> None:
        self.lost = lost
        self.now = 0.0
        self.asked = 0
        self.clock = Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def shell(self, place):
        return self

    def run(self, command: Command) -> Result:
        self.asked += 1
        if self.lost:
            seconds, error = self.lost.pop(0)
            self.now += seconds
            raise error
        return Result(command, 0, "well")

    def answer(self, retries: int):
        policy = Policy(retries=retries, jitter=lambda: 1.0)
        return gather(self, {"q": QUESTION}, self.clock, policy)["q"]


@pytest.mark.parametrize(("lost", "retries"), [(1, 0), (1, 4), (3, 4), (4, 4)])
def test_a_link_that_breaks_is_tried_again(lost, retries):
    site = Site([(0.0, LinkLost("cut"))] * lost)
    assert site.answer(retries) == "well"
    assert site.asked == lost + 1


@pytest.mark.parametrize(("lost", "retries"), [(2, 0), (5, 4)])
def test_not_for_ever(lost, retries):
    site = Site([(0.0, LinkLost("cut"))] * lost)
    assert isinstance(site.answer(retries), LinkLost)
    assert site.asked == lost


def test_a_silent_node_is_asked_twice():
    site = Site([(60.0, LinkLost("no end after 60 s"))] * 9)
    assert isinstance(site.answer(4), LinkLost)
    assert site.asked == 2
    assert SOON < 60.0


def test_a_question_that_may_take_long_is_not_asked_again():
    site = Site([(600.0, LinkLost("no end after 600 s"))] * 9)
    assert isinstance(site.answer(4), LinkLost)
    assert site.asked == 1


def test_a_node_that_is_off_is_asked_once():
    site = Site([(0.0, Unreachable("no route"))])
    assert isinstance(site.answer(4), Unreachable)
    assert site.asked == 1
