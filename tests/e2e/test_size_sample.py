"""``pvekit size sample`` as cron runs it."""

from __future__ import annotations

import json

import pytest
from live import CREATE, Live, live_site, templated_site

from pvekit.lab.site import SiteSpec

MANY = 100


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), SiteSpec(nodes=2)) as site:
        site.must(*CREATE, "--count", "3")
        yield site


def lines(live: Live) -> dict[str, list[str]]:
    """What is kept, by file."""
    folder = live.home / "state" / "pvekit" / "samples"
    found = sorted(folder.glob("*.20*"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in found)
    return {path.name: path.read_text().splitlines() for path in found}


def test_with_q_nothing_is_said_and_two_at_once_keep_one_sample_each(live):
    told = live.in_parallel(*[("-q", "size", "sample")] * 2)
    assert [(each.status, each.out, each.err) for each in told] == [(0, "", "")] * 2
    assert [len(each) for each in lines(live).values()] == [1, 1, 1]
    again = live.must("size", "sample", "-o", "json").rows
    assert {row["state"] for row in again} == {"recent"}
    assert {type(row["used_mb"]) for row in again} == {int}


def test_samples_of_last_year_go_by_themselves(live):
    folder = live.home / "state" / "pvekit" / "samples"
    old = folder / "100-abc.2020-01"
    old.write_text("1 1 1 - - - -\n")
    live.must("-q", "size", "sample", "--keep", "3650d")
    assert old.exists()
    live.must("-q", "size", "sample")
    assert not old.exists()
    assert len(lines(live)) == 3


def test_a_site_without_any_vm_of_ours_is_no_failure(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=1, clustered=False)) as bare:
        answer = bare.must("size", "sample", "-o", "json")
        assert json.loads(answer.out)["items"] == []
        assert "No VM of ours is there." in bare.must("size", "sample").err
        assert bare.must("-q", "size", "sample").err == ""


def test_a_node_that_may_have_further_vms_is_named(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=2, clustered=False)) as site:
        site.order("node-down", "pve2", how="refused")
        answer = site.pvekit("size", "sample")
        assert answer.status == 7
        assert "not sampled: pve2 does not answer" in answer.err
        assert site.pvekit("size", "sample", "-l", "node=pve1").status == 5


@pytest.mark.slow
def test_a_hundred_vms_take_one_command_for_each_node(tmp_path):
    with templated_site(tmp_path, SiteSpec(nodes=2, memory_mb=1 << 20, storage_gb=4000)) as site:
        site.must(*CREATE, "--count", str(MANY), "--no-wait", "--yes")
        site.forget()
        rows = site.must("size", "sample", "-o", "json").rows
        assert [row["state"] for row in rows] == ["sampled"] * MANY
        # The inventory and the counters, of each node.
        assert len([line for line in site.lines() if "sh -s" in line]) == 4
        assert site.changes() == []
        assert len(lines(site)) == MANY
