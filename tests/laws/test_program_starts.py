"""How many programs of Proxmox VE, and how many remote commands, things cost: counted, not timed.

Each start of ``qm``, ``pvesh`` or ``pvesm`` costs a node most of a second of processor time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from labsite import desk_for, lab_site
from plans import STATIC, VM, build, creating_of

from pvekit.lab.site import SiteSpec
from pvekit.operations import waiting
from pvekit.operations.selecting import Selection

SITES = {
    "standalone": SiteSpec(nodes=1, clustered=False, memory_mb=1 << 20, storage_gb=5000),
    "cluster": SiteSpec(nodes=2, memory_mb=1 << 20, storage_gb=5000),
}
GROWN = replace(VM, disk_gb=24)
NETWORKS = {"dhcp": {}, "static": STATIC}
CLONES = {"full": True, "linked": False}
SILENT = 600.0


@pytest.fixture(scope="module", params=SITES)
def saved(request, tmp_path_factory):
    """A site with a template."""
    with lab_site(SITES[request.param]) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("made"))
        assert build(desk).status == 0
        data = site.save()
        yield lambda: site.restored(data)


def started(site):
    """What was started: a word for each, but for what a guest that boots has to be asked."""
    changing = Counter(" ".join(words[:2]) for words in site.programs(changes=True))
    asking = [words for words in site.programs(changes=False) if words[1] not in ("agent", "guest")]
    return changing, Counter(" ".join(words[:2]) for words in asking)


def created(site, tmp_path, request):
    desk = desk_for(site, tmp_path)
    site.forget_programs()
    report = creating_of(request)(desk)
    assert report.status == 0, report.errors
    return started(site)


@pytest.mark.parametrize("clone", CLONES)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("count", [1, 4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_vm_costs_four_changes_however_many_are_made(saved, tmp_path, count, network, clone):
    wanted = replace(GROWN, count=count, full=CLONES[clone], **NETWORKS[network])
    site = saved()
    changing, asking = created(site, tmp_path, wanted)
    each = ("qm clone", "qm set", "qm disk", "qm start")
    assert changing == Counter(dict.fromkeys(each, count))
    # What lies on a storage, once per node.
    assert asking["pvesm list"] <= 2 * len(site.lab.site.nodes)
    assert asking.keys() <= {"pvesm list"}


@pytest.mark.parametrize("count", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_vms_that_are_not_waited_for_cost_four_changes_each(saved, tmp_path, count):
    changing, _ = created(saved(), tmp_path, replace(GROWN, count=count, wait=False))
    assert set(changing.values()) == {count}
    assert len(changing) == 4


def waited(saved, tmp_path, guests, seconds):
    """Wait in vain for silent guests; return each remote command to an agent, and each program."""
    site = saved()
    desk = desk_for(site, tmp_path)
    names = [f"silent-{number}" for number in range(guests)]
    for number, name in enumerate(names):
        site.on("pve1", f"qm create {500 + number} --name {name} --memory 512 --agent 1")
        site.on("pve1", f"qm start {500 + number}")
    site.forget_programs()
    found = waiting.wait(desk, Selection(tuple(names)), "agent", seconds)
    assert all(outcome.error for outcome in found.outcomes.values())
    assert len(found.targets) == guests
    asked = [words for words in site.programs() if words[1] in ("agent", "guest")]
    lines = [event["line"] for event in site.lab.site.log.of("exec")]
    return [line for line in lines if " 500" in line and "sh -s" in line], asked


@pytest.mark.parametrize("guests", [1, 4, 20])
def test_waiting_for_many_guests_costs_one_command_per_tick(saved, tmp_path, guests):
    lines, asked = waited(saved, tmp_path, guests, 60.0)
    assert 3 < len(lines) <= 25
    assert asked
    assert len(asked) == guests * (len(asked) // guests)
    assert len(asked) <= 25 * guests


def test_what_takes_long_is_asked_ever_more_seldom(saved, tmp_path):
    short, _ = waited(saved, tmp_path, 2, SILENT / 10)
    long, _ = waited(saved, tmp_path, 2, SILENT)
    assert len(long) < 5 * len(short)
    assert len(long) < 100, (len(short), len(long))
