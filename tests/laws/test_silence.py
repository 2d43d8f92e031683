"""Whatever falls silent, every command ends within its deadline and says where it was waiting.

Time is simulated: a command that gets no answer lets its own deadline pass.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from labsite import Silence, desk_for, lab_site

from pvekit.errors import PvekitError
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, deleting, listing, templates, vm_wishes
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


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    place = tmp_path_factory.mktemp("states")
    with lab_site(SiteSpec(nodes=1, clustered=False)) as site:
        bare = site.save()
        assert build(desk_for(site, place)) == []
        built = site.save()
        assert create(desk_for(site, place)) == []
        yield site, {build: bare, create: built, delete: site.save(), show: built}


def policy() -> Policy:
    return Policy(jitter=lambda: 1.0)


def silent_from(origin, do, at, directory):
    """Run a command whose node says nothing from some command on: its errors and its silence."""
    site = origin[0].restored(origin[1][do])
    desk = replace(desk_for(site, directory), policy=policy())
    site.silence = Silence(desk.clock, at)
    try:
        errors = do(desk)
    except PvekitError as error:
        errors = [error]
    return desk, site, errors


@pytest.mark.parametrize("do", [build, create, delete, show], ids=lambda do: do.__name__)
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_node_that_falls_silent_ends_a_command_in_time(origin, tmp_path, do, stride):
    at = tried = 0
    while True:
        (tmp_path / str(at)).mkdir()
        desk, site, errors = silent_from(origin, do, at, tmp_path / str(at))
        if site.silence.began is None:
            break
        lasted = desk.clock.now() - site.silence.began
        patience = max(desk.policy.deadline, desk.config.readiness.timeout_seconds)
        assert lasted <= patience + desk.policy.longest + 2 * QUESTION, at
        told = "\n".join(map(str, errors))
        assert not errors or re.search(r"(pve1|10\.0\.\S+): no end after \d+ s", told), (at, told)
        # Only the last words of a run, asked for twice, are not worth an error.
        assert errors or lasted <= QUESTION + desk.policy.shortest + 1.0, at
        tried += 1
        at += stride
    assert tried >= 1
