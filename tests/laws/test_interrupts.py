"""The laws of stopping: a signal at any command, then resumed = whole, rolled back = untouched.

The signal is a real one, heard by this process as by the command line.
"""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from breaking import settle
from labsite import Cut, LabSite, desk_for, lab_site

from pvekit.cli.signals import heard
from pvekit.errors import Interrupted, PvekitError
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, runs, templates, vm_wishes
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk

ONE = SiteSpec(nodes=1, clustered=False)
TWO = vm_wishes.Request(role="worker", size="small", count=2)
TEMPLATE = templates.Request(nodes=("pve1",))


def create(desk: Desk) -> Report:
    journal = creating.unfinished(desk, TWO) or creating.begin(desk, TWO)
    return creating.carry_out(desk, TWO, journal)[1]


def build(desk: Desk) -> Report:
    journal = templates.unfinished(desk, TEMPLATE)
    if journal is not None:
        return templates.carry_out(desk, templates.go_on(desk, journal), journal)[1]
    found, journal = templates.begin(desk, TEMPLATE, templates.decided(desk, TEMPLATE))
    return templates.carry_out(desk, found, journal)[1]


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A site without and one with a template, and what the commands make of them."""
    place = tmp_path_factory.mktemp("states")
    with lab_site(ONE) as origin:
        bare = origin.save()
        assert build(desk_for(origin, place)).status == 0
        built = origin.save()
        yield {"create": (create, origin, built), "build": (build, origin, bare)}


@pytest.fixture(params=["create", "build"])
def case(request, states):
    return states[request.param]


def stopped_at(do, site: LabSite, desk: Desk, at: int) -> tuple[bool, int]:
    """Run a command that gets a signal at one of its commands: whether it did, and its status."""
    site.cut = Cut(at, "signal")
    with heard() as stop:
        desk = replace(desk, stop=stop)
        try:
            status = do(desk).status
        except Interrupted as error:
            status = 128 + error.number
        except PvekitError as error:
            status = error.exit_status
    struck, site.cut = site.cut.struck, None
    settle(site)
    return struck, status


def walk(case, tmp_path, stride, check):
    do, origin, data = case
    at = tried = 0
    while True:
        site = origin.restored(data)
        before = site.picture()
        (tmp_path / str(at)).mkdir()
        desk = desk_for(site, tmp_path / str(at))
        struck, status = stopped_at(do, site, desk, at)
        if not struck:
            assert status == 0
            break
        # A signal that comes as the last command ends may find nothing left to stop.
        assert status in (0, 130), at
        check(do, site, desk, status, before, at)
        tried += 1
        at += stride
    assert tried > 20 / stride
    print(f"{tried} points")  # noqa: T201


@pytest.fixture(params=[13, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "every"])
def stride(request):
    return request.param


def test_interrupted_then_resumed_is_whole(case, tmp_path, stride):
    do, origin, data = case
    whole = origin.restored(data)
    (tmp_path / "whole").mkdir()
    assert do(desk_for(whole, tmp_path / "whole")).status == 0
    wanted = {node: sorted(lines) for node, lines in whole.picture().items()}

    def check(do, site, desk, status, before, at):
        if status:
            assert do(desk).status == 0, at
        assert {node: sorted(lines) for node, lines in site.picture().items()} == wanted, at

    walk(case, tmp_path, stride, check)


def test_interrupted_then_rolled_back_is_untouched(case, tmp_path, stride):
    def check(do, site, desk, status, before, at):
        open_runs = [run for run in runs.listed(desk.store) if run.state == "unfinished"]
        for run in open_runs:
            assert runs.roll_back(desk, desk.store.open(run.run)).status == 0, at
        if open_runs:
            assert site.picture() == before, at

    walk(case, tmp_path, stride, check)


def test_nothing_new_is_begun_after_the_signal(states, tmp_path):
    """Of ten clones, two at a time, those that run end on the node, and no further one begins."""
    _, origin, data = states["create"]
    site = origin.restored(data)
    desk = desk_for(site, tmp_path, more="clone: {concurrency: 2}")
    ten = replace(TWO, count=10)
    site.cut = Cut(0, "signal", match="qm clone")
    with heard() as stop:
        watched = replace(desk, stop=stop)
        _, report = creating.carry_out(watched, ten, creating.begin(watched, ten))
    assert report.status == 130
    assert len(report.errors) == 10
    clones = [argv for argv in site.programs(changes=True) if argv[:2] == ["qm", "clone"]]
    assert 1 <= len(clones) <= 2
    site.cut = None
    settle(site)
    journal = creating.unfinished(desk, ten)
    assert creating.carry_out(desk, ten, journal)[1].status == 0
    clones = [argv for argv in site.programs(changes=True) if argv[:2] == ["qm", "clone"]]
    assert len(clones) == 10


def test_handlers_are_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    with heard():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
