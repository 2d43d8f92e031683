"""Many creations at once, each in a process of its own, on a PVE cluster of three nodes."""

from __future__ import annotations

import pytest
from live import CREATE, Answer, Live, live_site, templated_site

from pvekit.lab.site import SiteSpec


@pytest.fixture
def live(tmp_path):
    with templated_site(tmp_path, SiteSpec(nodes=3, clustered=True)) as site:
        yield site


STATIC = ("--network", "static", "--ip", "10.0.0.20/24", "--gateway", "10.0.0.1")


def in_parallel(live: Live, count: int, *more: str) -> list[Answer]:
    return live.in_parallel(*[(*CREATE, "-o", "json", *more)] * count)


def created(live: Live, count: int, *more: str) -> list[dict]:
    answers = in_parallel(live, count, *more)
    failed = "\n".join(answer.err for answer in answers if answer.status)
    assert [answer.status for answer in answers] == [0] * count, failed
    return [vm for answer in answers for vm in answer.vms]


def check_different(live: Live, vms: list[dict]) -> None:
    for key in ("name", "vmid", "address"):
        assert len({vm[key] for vm in vms}) == len(vms), key
    assert {vm["state"] for vm in vms} == {"ready"}
    listed = live.must("vm", "list", "-o", "json").rows
    assert sorted(vm["vmid"] for vm in listed) == sorted(vm["vmid"] for vm in vms)
    check_nothing_is_left(live)


def check_nothing_is_left(live: Live) -> None:
    for node in live.site.nodes:
        assert live.on(node, "ls /etc/pve/priv/pvekit") == ""
        assert live.on(node, "ls /run/pvekit/jobs 2>/dev/null || true") == ""


def test_each_node_has_one_template(live):
    rows = live.must("template", "list", "-o", "json").rows
    assert [(row["node"], row["vmid"]) for row in rows] == [
        ("pve1", 9000),
        ("pve2", 9001),
        ("pve3", 9002),
    ]


@pytest.mark.parametrize("count", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_as_many_processes_make_as_many_different_vms(live, count):
    vms = created(live, count)
    check_different(live, vms)
    assert {vm["name"] for vm in vms} == {f"k8s-worker-{n}" for n in range(1, count + 1)}
    assert {vm["node"] for vm in vms} == {"pve1", "pve2", "pve3"}


@pytest.mark.parametrize("count", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_that_count_up_from_one_address_get_different_ones(live, count):
    vms = created(live, count, *STATIC, "--count", "2")
    check_different(live, vms)
    assert {vm["address"] for vm in vms} == {f"10.0.0.{20 + n}" for n in range(2 * count)}


@pytest.mark.parametrize("count", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_of_processes_that_want_the_very_same_address_one_gets_it(live, count):
    answers = in_parallel(live, count, *STATIC)
    assert sorted(answer.status for answer in answers) == [0, *[6] * (count - 1)], answers
    refused = [answer.err for answer in answers if answer.status]
    assert all("10.0.0.20" in err for err in refused), refused
    check_different(live, [vm for answer in answers if not answer.status for vm in answer.vms])


def test_two_builds_at_once_make_each_template_once(tmp_path):
    with live_site(tmp_path / "other", SiteSpec(nodes=2)) as live:
        answers = live.in_parallel(*[("template", "build")] * 2)
        assert [answer.status for answer in answers] == [0, 0], answers
        rows = live.must("template", "list", "-o", "json").rows
        assert [row["node"] for row in rows] == ["pve1", "pve2"]
        check_nothing_is_left(live)
