"""Where VMs go, asked of a site: the answer changes nothing, and creating follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labsite import build_templates, create_vms, desk_for, lab_site

from pvekit.errors import NoCapacity, NotFound
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, placing
from pvekit.operations.vm_wishes import Request

RACKS = "placement: {policy: memory}\nroles: {db: {anti_affinity: hard}}"
MASTERS = Request(role="master", size="small", count=3, wait=False)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Three nodes of a PVE cluster with a template each."""
    with lab_site(SiteSpec(nodes=3)) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("build"))
        build_templates(desk)
        saved = site.save()
        yield lambda: site.restored(saved)


def nodes_of(answer):
    return [place["node"] for place in answer.places]


def create(desk, request):
    return [at.node for _, at in create_vms(desk, request)]


def test_asking_sends_no_change(origin, tmp_path):
    site = origin()
    before = site.picture()
    site.forget_programs()
    assert nodes_of(placing.ask(desk_for(site, tmp_path), MASTERS)) == ["pve1", "pve2", "pve3"]
    assert site.programs(changes=True) == []
    assert site.picture() == before


def test_creating_goes_where_it_was_said(origin, tmp_path):
    site = origin()
    site.on("pve1", "qm create 150 --name stranger --memory 512")
    desk = desk_for(site, tmp_path)
    for request in (MASTERS, replace(MASTERS, role="worker", policy="pack")):
        said = nodes_of(placing.ask(desk, request))
        assert create(desk, request) == said
    assert said == ["pve1", "pve1", "pve1"]


def test_those_that_are_there_count_for_what_comes(origin, tmp_path):
    desk = desk_for(origin(), tmp_path, more=RACKS)
    one = replace(MASTERS, role="db", count=1)
    assert [create(desk, one)[0] for _ in range(3)] == ["pve1", "pve2", "pve3"]
    with pytest.raises(NoCapacity, match="1 of role db there already"):
        placing.ask(desk, one)
    assert nodes_of(placing.ask(desk, replace(one, anti_affinity="none"))) == ["pve1"]


def test_near_and_avoid(origin, tmp_path):
    site = origin()
    site.on("pve2", "qm create 150 --name stranger --memory 512")
    desk = desk_for(site, tmp_path)
    assert nodes_of(placing.ask(desk, replace(MASTERS, near="stranger"))) == ["pve2"] * 3
    avoiding = replace(MASTERS, avoid=("pve1", "pve3"))
    assert nodes_of(placing.ask(desk, avoiding)) == ["pve2"] * 3
    for wrong in (replace(MASTERS, near="nobody"), replace(MASTERS, avoid=("pve9",))):
        with pytest.raises(NotFound):
            placing.ask(desk, wrong)


def test_a_node_in_maintenance_gets_nothing(origin, tmp_path):
    site = origin()
    status = '{"node_status":{"pve1":"maintenance","pve2":"online","pve3":"online"}}'
    site.on("pve1", f"echo '{status}' > /etc/pve/ha/manager_status")
    answer = placing.ask(desk_for(site, tmp_path), MASTERS)
    assert set(nodes_of(answer)) == {"pve2", "pve3"}
    reasons = {each["node"]: each["because"] for each in answer.places[0]["reasons"]}
    assert reasons["pve1"] == "in maintenance (HA node-maintenance)"


def test_a_doubtful_place_is_told(origin, tmp_path):
    told = []
    desk = replace(
        desk_for(origin(), tmp_path, more="placement: {n_plus_one: warn}"), warn=told.append
    )
    creating.decided(desk, replace(MASTERS, node="pve1", memory_mb=20000, count=2))
    assert told == [
        "2 of 2 VMs of role master share pve1: its failure takes half of them or more.",
    ]
    creating.decided(desk, replace(MASTERS, memory_mb=40000, anti_affinity="hard"))
    assert sum(line.startswith("Not N+1: if pve") for line in told) == 3
