"""Whatever falls silent, every command ends within its deadline and says where it was waiting.

Time is simulated: a command that gets no answer lets its own deadline pass.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from labsite import Cut, Silence, desk_for, lab_site

from pvekit.errors import PvekitError
from pvekit.lab.site import SiteSpec
from pvekit.operations import (
    changing,
    collecting,
    creating,
    deleting,
    listing,
    resuming,
    runs,
    template_listing,
    templates,
    vm_wishes,
)
from pvekit.run.context import Policy

TEMPLATE = templates.Request()
VM = vm_wishes.Request(role="worker", size="small")
QUESTION = 120.0
"""No single question or short change is waited for longer than this, in seconds."""


def build(desk):
    found, journal = templates.begin(desk, TEMPLATE, templates.decided(desk, TEMPLATE))
    return templates.carry_out(desk, found, journal)[1].errors


def create(desk):
    journal = creating.unfinished(desk, VM) or creating.begin(desk, VM)
    return creating.carry_out(desk, VM, journal)[1].errors


def delete(desk):
    return deleting.carry_out(desk, deleting.decided(desk, ["k8s-worker-1"], 60)).errors


def show(desk):
    listing.rows(desk.inventory())
    return []


def show_templates(desk):
    template_listing.listed(desk)
    return []


def change(desk, verb):
    order = changing.Order(verb, seconds=60)
    found = changing.targets(desk, ["k8s-worker-1"])
    journal = changing.begin(desk, order, ["k8s-worker-1"], found)
    return changing.carry_out(desk, journal)[1].errors


def start(desk):
    return change(desk, "start")


def stop(desk):
    return change(desk, "stop")


def unfinished(desk):
    (run,) = runs.listed(desk.store, unfinished=True)
    return desk.store.open(run.run)


def resume(desk):
    return resuming.resume(desk, unfinished(desk)).report.errors


def rollback(desk):
    return runs.roll_back(desk, unfinished(desk)).errors


def gc(desk):
    with collecting.looked(desk) as sight:
        errors = collecting.remove(desk, sight).errors if sight.found.leftovers else []
        return errors + [PvekitError(why) for why in sight.unseen.values()]


def broken_off(desk, site):
    """Leave an unfinished run and half a VM."""
    site.cut = Cut(0, "before", match="qm set")
    assert create(desk)
    site.cut = None


BEFORE = {resume: broken_off, rollback: broken_off, gc: broken_off}
ALL = (build, create, delete, show, show_templates, start, stop, resume, rollback, gc)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    place = tmp_path_factory.mktemp("states")
    with lab_site(SiteSpec(nodes=1, clustered=False)) as site:
        bare = site.save()
        assert build(desk_for(site, place)) == []
        built = site.save()
        assert create(desk_for(site, place)) == []
        made = site.save()
        assert stop(desk_for(site, place)) == []
        stopped = site.save()
        states = dict.fromkeys(ALL, built)
        yield site, {**states, build: bare, delete: made, stop: made, start: stopped}


def policy() -> Policy:
    return Policy(jitter=lambda: 1.0)


def silent_from(origin, do, at, directory):
    """Run a command whose node says nothing from some command on: its errors and its silence."""
    site = origin[0].restored(origin[1][do])
    desk = desk_for(site, directory)
    if do in BEFORE:
        BEFORE[do](desk, site)
    desk = replace(desk, policy=policy())
    site.silence = Silence(desk.clock, at)
    try:
        errors = do(desk)
    except PvekitError as error:
        errors = [error]
    return desk, site, errors


@pytest.mark.parametrize("do", ALL, ids=lambda do: do.__name__)
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_node_that_falls_silent_ends_a_command_in_time(origin, tmp_path, do, stride):
    at = tried = 0
    while True:
        (tmp_path / str(at)).mkdir()
        desk, site, errors = silent_from(origin, do, at, tmp_path / str(at))
        if site.silence.began is None:
            break
        lasted = desk.clock.now() - site.silence.began
        patience = max(desk.policy.deadline, desk.config.readiness.timeout_seconds)
        listing_disks = collecting.LISTING if do is gc else 0.0
        assert lasted <= patience + desk.policy.longest + 2 * QUESTION + listing_disks, at
        told = "\n".join(map(str, errors))
        assert not errors or re.search(r"(pve1|10\.0\.\S+): no end after \d+ s", told), (at, told)
        # Only the last words of a run, asked for twice, are not worth an error.
        assert errors or lasted <= QUESTION + desk.policy.shortest + 1.0, at
        tried += 1
        at += stride
    assert tried >= 1
