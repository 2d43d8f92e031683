"""Broken off anywhere, then taken back, by `run rollback` or by `gc`: the site is as it was."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from breaking import MOMENTS, same, settle
from labsite import LabSite
from plans import CASES, World, is_over, sample, strangers_of, tried, unfinished

from pvekit.operations import collecting, runs
from pvekit.operations.desk import Desk

BACK = tuple(case for case in CASES if case.back)


@pytest.fixture(params=BACK, ids=lambda case: case.name)
def case(request):
    return request.param


def rolled_back(desk: Desk) -> None:
    for run in unfinished(desk):
        report = runs.roll_back(desk, desk.store.open(run))
        assert report.status == 0, [str(error) for error in report.errors]


def collected(desk: Desk) -> None:
    with collecting.looked(desk) as sight:
        if sight.found.leftovers:
            report = collecting.remove(desk, sight)
            assert report.status == 0, [str(error) for error in report.errors]
    with collecting.looked(desk) as sight:
        assert sight.found.leftovers == ()


def whole(desk: Desk) -> frozenset[int]:
    """The vmids of what was made to its end before the break: `gc` keeps that."""
    accounts = [found.account for found in desk.store.all()]
    return frozenset(
        decision["at"]["vmid"]
        for account in accounts
        for subject, decision in account.decisions().items()
        if account.is_kept(subject)
    )


def without(picture: dict[str, list[str]], vmids: frozenset[int]) -> dict[str, list[str]]:
    if not vmids:
        return picture
    ids = "|".join(map(str, vmids))
    theirs = re.compile(rf"/({ids})\.conf:|^({ids})\.|:vm-({ids})-|:base-({ids})-")
    return {node: [x for x in picture[node] if not theirs.search(x)] for node in picture}


WAYS = {"rollback": rolled_back, "gc": collected}


def walk(world: World, when: str, way: str, points: Iterable[int]) -> int:
    """Break the command off at all these points, and return how many they were."""

    def check(site: LabSite, desk: Desk) -> None:
        if not is_over(desk):
            WAYS[way](desk)
            settle(site)
            kept = whole(desk) if way == "gc" else frozenset()
            same(without(site.picture(), kept), world.before)
        assert strangers_of(world.case, site) == world.strangers

    return tried(world, when, check, points)


@pytest.mark.parametrize("when", MOMENTS)
def test_some_break_points(case, worlds, when, record_property):
    if case.slow:
        pytest.skip("all of its break points are in the slow suite")
    place = MOMENTS.index(when)
    way = "rollback" if place % 2 else "gc"
    world = worlds.of(case)
    points = walk(world, when, way, sample(world, when, place * 5 + 3))
    record_property("break points", points)


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_every_break_point(case, worlds, when, way, record_property):
    points = walk(worlds.of(case), when, way, itertools.count())
    assert points
    record_property("break points", points)
