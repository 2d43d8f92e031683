"""The laws that hold for every plan, wherever the link breaks.

Preview sends no change, and shows exactly what apply sends. Applying twice changes nothing more.
Broken, then resumed = whole. Broken, then rolled back = untouched. Strangers stay as they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from breaking import broken, difference, fresh_desk
from labsite import LabSite, desk_for, lab_site

from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, runs, templates, vm_wishes
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk
from pvekit.plan import Plan
from pvekit.run.apply import preview

VM = vm_wishes.Request(role="worker", size="small", disk_gb=30)
TEMPLATE = templates.Request(nodes=("pve1",))


def create(desk: Desk) -> Report:
    """Create a VM, or go on with an unfinished run, as the command does."""
    journal = creating.unfinished(desk, VM) or creating.begin(desk, VM)
    return creating.carry_out(desk, VM, journal)[1]


def build(desk: Desk) -> Report:
    """Build a template, or go on with an unfinished run, as the command does."""
    journal = templates.unfinished(desk, TEMPLATE)
    if journal is not None:
        return templates.carry_out(desk, templates.go_on(desk, journal), journal)[1]
    found, journal = templates.begin(desk, TEMPLATE, templates.decided(desk, TEMPLATE))
    return templates.carry_out(desk, found, journal)[1]


def create_plan(desk: Desk) -> Plan:
    return creating.decided(desk, VM).plan(desk)


def build_plan(desk: Desk) -> Plan:
    return templates.decided(desk, TEMPLATE).plan(desk)


@dataclass(frozen=True)
class Case:
    """A command whose plan obeys the laws; some need a site that has a template already."""

    name: str
    do: Callable[[Desk], Report]
    plan: Callable[[Desk], Plan]
    spec: SiteSpec
    prepare: tuple[Callable[[Desk], Report], ...] = ()
    slow: bool = False


STANDALONE = SiteSpec(nodes=1, clustered=False)
CASES = (
    Case("vm create", create, create_plan, STANDALONE, (build,)),
    Case("vm create on two standalone nodes", create, create_plan,
         SiteSpec(nodes=2, clustered=False), (build,), slow=True),
    Case("template build by boot", build, build_plan, STANDALONE),
    Case("template build by virt-customize", build, build_plan,
         SiteSpec(nodes=1, clustered=False, virt_customize=True), slow=True),
)  # fmt: skip


@pytest.fixture(
    params=[pytest.param(case, marks=[pytest.mark.slow] * case.slow) for case in CASES],
    ids=lambda case: case.name,
)
def case(request):
    return request.param


@pytest.fixture
def start(case, tmp_path):
    """A function that returns a fresh site in the state that the case begins with."""
    with lab_site(case.spec) as origin:
        origin.on("pve1", "qm create 150 --name k8s-worker-7 --memory 512 --scsi0 local-lvm:1")
        for step in case.prepare:
            assert step(desk_for(origin, tmp_path)).status == 0
        saved = origin.save()
        yield lambda: origin.restored(saved)


def comparable(line: str) -> str:
    """A command line without what is drawn anew for each run, or read on the node."""
    line = re.sub(r" --digest [0-9a-f]{40}", "", line)
    line = re.sub(r"run=[0-9a-z]+", "run=R", line)
    return re.sub(r"BC:24:11(:[0-9A-F]{2}){3}", "MAC", line)


def test_preview_sends_no_change(case, start, tmp_path):
    site = start()
    desk = fresh_desk(site, tmp_path, "a")
    before = site.picture()
    assert preview(case.plan(desk), site).pending
    assert site.programs(changes=True) == []
    assert site.picture() == before


def test_preview_shows_exactly_what_apply_sends(case, start, tmp_path):
    site = start()
    desk = fresh_desk(site, tmp_path, "a")
    pending = preview(case.plan(desk), site).pending
    lines = [line for step in pending for c in step.changes for line in str(c).splitlines()]
    shown = [comparable(line) for line in lines if line.startswith("qm ")]
    site.forget_programs()
    assert case.do(desk).status == 0
    sent = [comparable(shlex.join(argv)) for argv in site.programs(changes=True)]
    assert sorted(line for line in sent if line.startswith("qm ")) == sorted(shown)


def test_twice_is_once(case, start, tmp_path):
    site = start()
    desk = fresh_desk(site, tmp_path, "a")
    journal_plan = plan_of_run(case, desk, site)
    before = site.picture()
    site.forget_programs()
    assert preview(journal_plan, site).pending == []
    assert site.programs(changes=True) == []
    assert site.picture() == before


def plan_of_run(case: Case, desk: Desk, site: LabSite) -> Plan:
    """Carry a case out and return the plan that it carried out."""
    report = case.do(desk)
    assert report.status == 0, report.errors
    journal = desk.store.open(report.run)
    if case.do is create:
        return creating.resumed(desk, journal)
    return templates.resumed(journal).plan(desk)


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_broken_then_resumed_is_whole(case, start, tmp_path, when):
    whole = start()
    assert case.do(fresh_desk(whole, tmp_path, "whole")).status == 0
    wanted = whole.picture()
    at = 0
    while True:
        site = start()
        desk = fresh_desk(site, tmp_path, f"{when}{at}")
        first = broken(case.do, desk, site, at, when)
        if not first.struck:
            break
        if not first.well:
            report = case.do(desk)
            assert report.status == 0, (at, report.errors)
        assert difference(site.picture(), wanted) == [], at
        at += 1
    assert at > 10


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_broken_then_rolled_back_is_untouched(case, start, tmp_path, when):
    at = 0
    while True:
        site = start()
        before = site.picture()
        desk = fresh_desk(site, tmp_path, f"{when}{at}")
        if not broken(case.do, desk, site, at, when).struck:
            break
        for run in runs.listed(desk.store):
            if run.state == "unfinished":
                report = runs.roll_back(desk, desk.store.open(run.run))
                assert report.status == 0, (at, report.errors)
                assert difference(site.picture(), before) == [], at
        at += 1
    assert at > 10
