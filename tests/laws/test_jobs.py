"""A run that has ended leaves no directory of a job on a node, however it ended."""

from __future__ import annotations

import dataclasses

import pytest
from labsite import Cut, build_templates, desk_for, lab_site

from pvekit.errors import NoCapacity
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, creating, deleting, runs, vm_wishes

WORKER = vm_wishes.Request(role="worker", size="small")
STOP = changing.Order("stop", 60)


@pytest.fixture
def site():
    with lab_site(SiteSpec(nodes=1, clustered=False)) as site:
        yield site


@pytest.fixture
def desk(site, tmp_path):
    desk = desk_for(site, tmp_path)
    build_templates(desk)
    return desk


def create(desk, request=WORKER):
    return creating.carry_out(desk, request, creating.begin(desk, request))[1]


def change(desk, order, *names):
    journal = changing.begin(desk, order, names, changing.targets(desk, names))
    return changing.carry_out(desk, journal)[1]


def delete(desk, *names):
    return deleting.carry_out(desk, deleting.decided(desk, names, 60))


def jobs(site):
    return site.on("pve1", "ls /run/pvekit/jobs").split()


def used(desk):
    """Whether the newest run has had jobs at all: else that none is left proves nothing."""
    return bool(next(desk.store.all()).account.jobs())


def test_after_each_command(site, desk):
    assert used(desk)
    assert jobs(site) == []
    for done in (
        lambda: create(desk, dataclasses.replace(WORKER, count=2, disk_gb=40)),
        lambda: change(desk, STOP, "k8s-worker-1"),
        lambda: change(desk, changing.Order("start"), "k8s-worker-1"),
        lambda: delete(desk, "k8s-worker-1", "k8s-worker-2"),
    ):
        assert done().status == 0
        assert used(desk)
        assert jobs(site) == []


def test_after_a_change_that_failed_for_good(site, desk):
    assert create(desk).status == 0
    found = deleting.decided(desk, ["k8s-worker-1"], 60)
    site.on("pve1", "qm set 100 --protection 1")
    report = deleting.carry_out(desk, found)
    assert report.status == 6, report.errors
    assert used(desk)
    assert jobs(site) == []


def test_after_a_rollback(site, desk):
    site.cut = Cut(0, "before", match="qm set")
    report = create(desk)
    assert report.status == 7
    assert jobs(site) != []
    assert runs.roll_back(desk, desk.store.open(report.run)).status == 0
    assert jobs(site) == []


def test_after_a_race_that_was_lost_and_nowhere_else_to_go(site, desk):
    """The clone finds its vmid taken; decided anew, there is no room any more."""
    site.cut = Cut(0, "before", match="qm clone")
    assert create(desk).status == 7
    site.cut = None
    site.on("pve1", "qm create 100 --name stranger --memory 900000")
    (run,) = runs.listed(desk.store, unfinished=True)
    journal = desk.store.open(run.run)
    _, report = creating.carry_out(desk, WORKER, journal)
    assert [type(error) for error in report.errors] == [NoCapacity]
    assert used(desk)
    assert runs.roll_back(desk, desk.store.open(run.run)).status == 0
    assert jobs(site) == []
