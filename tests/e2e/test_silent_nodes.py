"""Nodes that do not answer: what lies there is neither taken for missing nor left out unsaid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from live import Live, live_site

from pvekit.lab.site import SiteSpec


def put(live: Live, node: str, vmid: int, name: str) -> None:
    """Put a VM there that pvekit made, without the work of making it."""
    mark = f"pvekit:v1 kind=vm vmid={vmid} name={name} role=web run=aaaa1111"
    live.on(node, f"qm create {vmid} --name {name} --tags web --description '{mark}'")


@contextmanager
def second_down(directory: Path, spec: SiteSpec) -> Iterator[Live]:
    """Nodes of which the first two have a VM each, and the second is down."""
    with live_site(directory, spec) as site:
        put(site, "pve1", 201, "here")
        put(site, "pve2", 202, "there")
        site.order("node-down", "pve2", how="refused", count=-1)
        site.forget()
        yield site


@pytest.fixture(scope="module")
def standalone(tmp_path_factory):
    with second_down(tmp_path_factory.mktemp("apart"), SiteSpec(nodes=2, clustered=False)) as site:
        yield site


@pytest.fixture(scope="module")
def clustered(tmp_path_factory):
    with second_down(tmp_path_factory.mktemp("together"), SiteSpec(nodes=3)) as site:
        yield site


MEANING_ONE = (
    "vm show {}",
    "vm start {}",
    "vm stop {} --dry-run",
    "vm reboot {}",
    "vm wait {} --for deleted --timeout 1s",
    "vm wait {} --timeout 1s",
    "vm resize {} --memory 2G",
    "vm migrate {} --to pve1",
    "vm snapshot list {}",
    "vm snapshot create {} before",
    "vm delete {} --yes",
    "vm ssh {}",
    "vm exec {} -- true",
    "vm console-log {}",
    "vm export {}",
    "size review {}",
    "size sample {}",
)


@pytest.mark.parametrize("words", MEANING_ONE)
@pytest.mark.parametrize("name", ["there", "202", "pve2/there", "pve2/202"])
def test_a_vm_that_may_lie_there_is_not_said_to_be_missing(standalone, words, name):
    answer = standalone.pvekit(*words.format(name).split())
    assert answer.status == 7, answer
    assert "pve2 does not answer, and it may lie there." in answer.err
    assert "NODE-SILENT" in answer.err
    assert standalone.changes() == []


@pytest.mark.parametrize("name", ["pve1/there", "pve1/202"])
def test_one_that_cannot_lie_there_is(standalone, name):
    answer = standalone.pvekit("vm", "show", name)
    assert (answer.status, "There is no VM" in answer.err) == (5, True), answer


SELECTING = (
    ("vm start --role db", 7),
    ("vm stop -l name=th*", 7),
    ("vm delete -l node=pve2 --yes", 7),
    ("vm start -l node!=pve1", 7),
    ("vm start -l node=pve1,role=db", 5),
    ("vm start -l node!=pve2,role=db", 5),
    ("vm export --all", 7),
    ("vm export --all --fleet shop", 7),
    ("vm export -l node=pve1", 0),
    ("size review -l tag=db", 7),
    ("size sample -l tag=db", 7),
    ("place --role web --size small --near there", 7),
)


@pytest.mark.parametrize(("words", "status"), SELECTING)
def test_nor_is_a_selection_that_may_match_there_empty(standalone, words, status):
    answer = standalone.pvekit(*words.split())
    assert answer.status == status, answer
    assert ("pve2 does not answer, and it may lie there." in answer.err) is (status == 7)
    assert standalone.changes() == []


@pytest.mark.parametrize("words", ["show", "verify", "delete --yes"])
def test_nor_is_a_template_said_to_be_missing(standalone, words):
    verb, *more = words.split()
    answer = standalone.pvekit("template", verb, "ubuntu", *more)
    assert answer.status == 7, answer
    assert "pve2 does not answer, and it may lie there." in answer.err


@pytest.mark.parametrize("words", ["show", "delete --yes"])
def test_one_that_was_to_lie_elsewhere_is(standalone, words):
    verb, *more = words.split()
    answer = standalone.pvekit("template", verb, "pve1/ubuntu", *more)
    assert (answer.status, "There is no template" in answer.err) == (5, True), answer
    assert standalone.pvekit("template", verb, "pve2/ubuntu", *more).status == 7


def test_a_list_says_whose_vms_it_has_not(standalone):
    for quiet in ((), ("-q",)):
        answer = standalone.must(*quiet, "vm", "list", "-o", "json")
        found = json.loads(answer.out)
        assert [row["name"] for row in answer.rows] == ["here"]
        assert found["silent_nodes"] == ["pve2"]
        assert "the VMs of pve2 are not listed: it does not answer" in answer.err
    assert yaml.safe_load(standalone.must("vm", "list", "-o", "yaml").out)["silent_nodes"]
    none = standalone.must("vm", "list", "--role", "db").err
    assert "There is no VM of ours with the role db on the nodes that answer" in none


def test_a_pve_cluster_tells_what_its_silent_members_have(clustered):
    answer = clustered.must("vm", "list", "-o", "json")
    assert {row["name"]: row["status"] for row in answer.rows} == {
        "here": "stopped",
        "there": "unknown",
    }
    assert json.loads(answer.out)["silent_nodes"] == []
    assert "not listed" not in answer.err
    assert clustered.pvekit("vm", "show", "nosuch").status == 5
    assert clustered.pvekit("vm", "show", "there").status == 0
    assert clustered.pvekit("vm", "start", "-l", "role=db").status == 5
