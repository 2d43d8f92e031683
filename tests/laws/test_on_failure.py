"""What becomes of what fails: kept and gone on with, or taken back, and the others stay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from labsite import Cut, LabSite, desk_for, lab_site

from pvekit.errors import NoCapacity
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, runs, templates, vm_wishes

TEMPLATE = templates.Request()
THREE = vm_wishes.Request(role="worker", size="small", count=3)


def build(desk):
    found, journal = templates.begin(desk, TEMPLATE, templates.decided(desk, TEMPLATE))
    return templates.carry_out(desk, found, journal)


def create(desk, request=THREE):
    journal = creating.unfinished(desk, request) or creating.begin(desk, request)
    return creating.carry_out(desk, request, journal)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    with lab_site(SiteSpec(nodes=1, clustered=False)) as site:
        bare = site.save()
        assert build(desk_for(site, tmp_path_factory.mktemp("x")))[1].status == 0
        yield site, bare, site.save()


@pytest.fixture
def site(origin):
    return origin[0].restored(origin[2])


def order(site, kind, *args, **detail):
    site.lab.loop.do(lambda: site.lab.site.faults.order(kind, *args, **detail))


def clear(site):
    site.lab.loop.do(site.lab.site.faults.clear)


def made(site):
    return site.on("pve1", "ls /etc/pve/qemu-server").split()


# What fails for VM 101, by the step that it ends
FAULTS = {
    "clone": ("clone-fails", "9000 101"),
    "start": ("start-fails", "101"),
    "agent": ("guest-silent", "101"),
}


@pytest.mark.parametrize("step", FAULTS)
def test_what_failed_is_taken_back_and_nothing_else(site, tmp_path, step):
    order(site, *FAULTS[step], count=-1)
    desk = replace(desk_for(site, tmp_path), on_failure="rollback")
    found, report = create(desk)
    assert report.status == 4
    assert not report.open
    results = {s.name: creating.result(s, at, report) for s, at in found.decisions}
    assert {name: each["state"] for name, each in results.items()} == {
        "k8s-worker-1": "ready",
        "k8s-worker-2": "taken back",
        "k8s-worker-3": "ready",
    }
    assert [name for name, each in results.items() if each["error"]] == ["k8s-worker-2"]
    assert results["k8s-worker-2"]["taken_back"]
    assert made(site) == ["100.conf", "102.conf", "9000.conf"]
    assert site.on("pve1", "ls /etc/pve/priv/pvekit") == ""
    assert "vm-101-" not in site.on("pve1", "pvesm list local-lvm")
    assert site.on("pve1", "ls /run/pvekit/jobs") == ""
    assert [run.state for run in runs.listed(desk.store)] == ["finished"]


def test_kept_is_gone_on_with(site, tmp_path):
    order(site, "start-fails", "101", count=-1)
    desk = desk_for(site, tmp_path)
    _, report = create(desk)
    assert (report.status, report.open) == (4, True)
    assert made(site) == ["100.conf", "101.conf", "102.conf", "9000.conf"]
    clear(site)
    _, again = create(desk)
    assert (again.status, again.run) == (0, report.run)


def test_what_cannot_be_taken_back_is_told_and_the_run_stays_open(site, tmp_path):
    order(site, "start-fails", "101", count=-1)
    desk = replace(desk_for(site, tmp_path), on_failure="rollback")
    site.cut = Cut(0, "before", match="destroy 101")
    _, report = create(desk)
    assert report.open
    (error,) = report.errors
    assert "It was not taken back: cut before" in error.details
    (run,) = runs.listed(desk.store)
    assert run.state == "unfinished"
    assert runs.roll_back(desk, desk.store.open(run.run)).status == 0


def test_a_build_that_fails_is_taken_back(origin, tmp_path):
    site = origin[0].restored(origin[1])
    before = site.picture()
    order(site, "start-fails", count=-1)
    desk = replace(desk_for(site, tmp_path), on_failure="rollback")
    _, report = build(desk)
    assert report.errors
    assert not report.open
    assert site.picture() == before


@dataclass
class Thief:
    """Takes a vmid, and then all memory, between a decision and its claim."""

    site: LabSite
    struck: bool = False

    def due(self, line: str) -> bool:
        if "vmid-101" in line and not self.struck:
            self.struck = True
            self.site.on("pve1", "mkdir -p /etc/pve/priv/pvekit")
            self.site.on("pve1", 'echo \'{"run":"other"}\' > /etc/pve/priv/pvekit/vmid-101')
            self.site.on("pve1", "qm create 500 --name theirs --memory 64000")
        return False


def test_a_race_that_is_lost_for_good_leaves_the_others(site, tmp_path):
    site.cut = Thief(site)
    _, report = create(desk_for(site, tmp_path))
    assert report.status == 4
    assert [name for name, each in report.outcomes.items() if each.error] == ["vm/k8s-worker-2"]
    assert isinstance(report.errors[0], NoCapacity)
    assert made(site) == ["100.conf", "102.conf", "500.conf", "9000.conf"]
