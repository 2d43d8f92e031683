"""`run resume` after every break point: what is there then is what an undisturbed run leaves.

Broken is the link, before, during or after a command, or the process dies. A sample of the break
points is in the quick suite, all of them are in the slow one; the summary says how many were tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from breaking import broken, difference, fresh_desk
from labsite import lab_site

from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, creating, deleting, resuming, runs, templates, vm_wishes
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk
from pvekit.operations.orders import AnyOrder
from pvekit.operations.rebooting import Reboot
from pvekit.operations.resizing import Resize

ONE = SiteSpec(nodes=1, clustered=False)
TWO = SiteSpec(nodes=2, clustered=True)
SMALL = vm_wishes.Request(role="worker", size="small")
FOUR = vm_wishes.Request(role="worker", size="small", count=4)
STATIC = vm_wishes.Request(
    role="worker", size="small", count=4, network="static", ip="10.0.0.20/24", gateway="10.0.0.1"
)
GROWN = vm_wishes.Request(role="worker", size="small", disk_gb=40)
MOMENTS = ("before", "during", "after", "killed before", "killed after")


def create(desk: Desk, request: vm_wishes.Request) -> Report:
    return creating.carry_out(desk, request, creating.begin(desk, request))[1]


def build(desk: Desk) -> Report:
    found, journal = templates.begin(
        desk, templates.Request(), templates.decided(desk, templates.Request())
    )
    return templates.carry_out(desk, found, journal)[1]


def change(desk: Desk, order: AnyOrder, *names: str) -> Report:
    journal = changing.begin(desk, order, names, changing.targets(desk, names))
    return changing.carry_out(desk, journal)[1]


def four(desk: Desk) -> Report:
    return create(desk, FOUR)


def static(desk: Desk) -> Report:
    return create(desk, STATIC)


def grown(desk: Desk) -> Report:
    return create(desk, GROWN)


def one(desk: Desk) -> Report:
    return create(desk, SMALL)


def delete(desk: Desk) -> Report:
    return deleting.carry_out(desk, deleting.decided(desk, ["k8s-worker-1"], 60))


def stop(desk: Desk) -> Report:
    return change(desk, changing.Order("stop", 60), "k8s-worker-1")


def resize(desk: Desk) -> Report:
    order = Resize(cpus=3, memory_mb=3072, disks=("=+10240",), allow_restart=True)
    return change(desk, order, "k8s-worker-1")


def reboot(desk: Desk) -> Report:
    return change(desk, Reboot(), "k8s-worker-1")


@dataclass(frozen=True)
class Case:
    """A command, the site that it begins on, and every how many break points the sample takes."""

    name: str
    do: Callable[[Desk], Report]
    spec: SiteSpec
    prepare: tuple[Callable[[Desk], Report], ...] = (build,)
    every: int = 7


CASES = (
    Case("four on two nodes, dhcp", four, TWO, every=47),
    Case("four on two nodes, static", static, TWO, every=47),
    Case("a grown disk", grown, ONE, every=13),
    Case("vm delete", delete, ONE, (build, one), every=3),
    Case("vm stop", stop, ONE, (build, one), every=3),
    Case("vm resize", resize, ONE, (build, one), every=11),
    Case("vm reboot", reboot, ONE, (build, one), every=11),
    Case("template build", build, ONE, (), every=29),
)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


@pytest.fixture
def start(case, tmp_path):
    """A function that returns a fresh site in the state that the case begins with."""
    with lab_site(case.spec) as origin:
        origin.on("pve1", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
        for place, step in enumerate(case.prepare):
            assert step(fresh_desk(origin, tmp_path, f"prepare{place}")).status == 0
        saved = origin.save()
        yield lambda: origin.restored(saved)


def resumed_or_again(case: Case, desk: Desk) -> Report:
    """Go on with the unfinished run; one that had touched nothing is over, and given again."""
    left = [run.run for run in runs.listed(desk.store) if run.state == "unfinished"]
    assert len(left) <= 1
    if not left:
        return case.do(desk)
    return resuming.resume(desk, desk.store.open(left[0])).report


def try_out(case, start, tmp_path, when, *, first, every, record) -> None:
    site = start()
    assert case.do(fresh_desk(site, tmp_path, "undisturbed")).status == 0
    wanted = site.picture()
    tried = 0
    for at in range(first, 100_000, every):
        site = start()
        desk = fresh_desk(site, tmp_path, f"at{at}")
        once = broken(case.do, desk, site, at, when)
        if not once.struck:
            break
        if not once.well:
            report = resumed_or_again(case, desk)
            assert report.status == 0, (at, report.errors)
        assert difference(site.picture(), wanted) == [], at
        assert all(run.state == "finished" for run in runs.listed(desk.store)), at
        tried += 1
    assert tried
    record("break points", tried)


@pytest.mark.parametrize("when", MOMENTS)
def test_resumed_after_a_sample_of_break_points(case, start, tmp_path, when, record_property):
    first = MOMENTS.index(when) % case.every
    try_out(case, start, tmp_path, when, first=first, every=case.every, record=record_property)


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
def test_resumed_after_every_break_point(case, start, tmp_path, when, record_property):
    try_out(case, start, tmp_path, when, first=0, every=1, record=record_property)
