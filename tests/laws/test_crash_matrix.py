"""Broken off anywhere, then given again: what is there then is what an undisturbed command leaves.

Every plan is broken off at every command that it sends, every line of its journal, and everything
that a node writes down. A sample of the break points is in the quick suite, all of them in the slow
one; the summary says how many were tried.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from breaking import MOMENTS, NODE, same
from labsite import LabSite
from plans import CASES, Case, World, is_over, last_plan, sample, strangers_of, tried, unfinished

from pvekit.operations import resuming, runs
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk
from pvekit.run.apply import preview


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


def gone_on_with(case: Case, desk: Desk, way: str) -> Report:
    left = unfinished(desk)
    assert len(left) <= 1
    if way == "again" or not left:
        return case.do(desk)
    return resuming.resume(desk, desk.store.open(left[0])).report


def check_again(world: World, site: LabSite, desk: Desk, when: str, way: str) -> None:
    """Give the command again, if its run is not over, and see that all is as it should be."""
    over = is_over(desk)
    if not over:
        report = gone_on_with(world.case, desk, way)
        assert report.status == 0, [str(error) for error in report.errors]
    found, wanted = site.picture(), world.wanted
    if over and when in NODE:  # a node that starts anew after the end has turned our VMs off
        found, wanted = ({n: _at_rest(p[n]) for n in p} for p in (found, wanted))
    same(found, wanted)
    assert strangers_of(world.case, site) == world.strangers
    assert {run.state for run in runs.listed(desk.store)} == {"finished"}
    if not over:
        site.forget_programs()
        assert preview(last_plan(desk), site).pending == []
        assert site.programs(changes=True) == []


def _at_rest(lines: list[str]) -> list[str]:
    return [line for line in lines if not re.fullmatch(r"\d+\.\w+", line)]


def walk(world: World, when: str, way: str, points: Iterable[int]) -> int:
    """Break the command off at all these points, and return how many they were."""

    def check(site: LabSite, desk: Desk) -> None:
        check_again(world, site, desk, when, way)

    return tried(world, when, check, points)


@pytest.mark.parametrize("when", MOMENTS)
def test_some_break_points(case, worlds, when, record_property):
    if case.slow:
        pytest.skip("all of its break points are in the slow suite")
    place = MOMENTS.index(when)
    way = "resume" if place % 2 else "again"
    world = worlds.of(case)
    points = walk(world, when, way, sample(world, when, place * 5))
    record_property("break points", points)


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
def test_every_break_point(case, worlds, when, record_property):
    points = walk(worlds.of(case), when, "again", itertools.count())
    assert points
    record_property("break points", points)


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
def test_every_third_break_point_then_resume(case, worlds, when, record_property):
    points = walk(worlds.of(case), when, "resume", itertools.count(1, 3))
    assert points
    record_property("break points", points)
