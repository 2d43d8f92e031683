"""Many creations by many processes while locks time out: every VM is whole, nothing is left."""

from __future__ import annotations

from typing import Any

import pytest
from live import Live, live_site

from pvekit.lab.site import SiteSpec

STATIC = ("--network", "static", "--ip", "10.0.0.100/24", "--gateway", "10.0.0.1")


def commands(counts: tuple[int, ...]) -> list[tuple[str, ...]]:
    """Commands for so many VMs each: equal ones and different ones, DHCP and one pool, `--new`."""
    kinds = (
        ("--role", "worker"),
        ("--role", "worker", *STATIC),
        ("--role", "worker", "--new"),
        ("--role", "master", *STATIC, "--new"),
    )
    shared = ("--size", "small", "-o", "json")
    return [
        ("vm", "create", *kinds[place % len(kinds)], *shared, "--count", str(count))
        for place, count in enumerate(counts)
    ]


def race(live: Live, counts: tuple[int, ...], **locks: Any) -> None:
    """Let a process for each of these counts create so many VMs while locks time out."""
    live.must("template", "build")
    live.order("lock-held", "storage", **locks)
    live.order("lock-held", "config", **locks)
    answers = live.in_parallel(*commands(counts))
    live.clear()
    failed = "\n".join(answer.err for answer in answers if answer.status)
    assert [answer.status for answer in answers] == [0] * len(counts), failed
    vms = [vm for answer in answers for vm in answer.vms]
    assert [len(answer.vms) for answer in answers] == list(counts)
    assert {vm["state"] for vm in vms} == {"ready"}
    for key in ("name", "vmid", "address"):
        assert len({vm[key] for vm in vms}) == len(vms), key
    for place, answer in enumerate(answers):
        assert {vm["address"].startswith("10.0.0.1") for vm in answer.vms} == {place % 2 == 1}
    listed = live.must("vm", "list", "-o", "json").rows
    assert sorted(row["vmid"] for row in listed) == sorted(vm["vmid"] for vm in vms)
    assert {row["node"] for row in listed} == set(live.site.nodes)
    held = [each for each in live.site.log.of("fault") if each["kind"] == "lock-held"]
    assert held, "no lock timed out: nothing was proved"
    check_nothing_is_left(live, {vm["vmid"] for vm in vms})


def check_nothing_is_left(live: Live, vmids: set[int]) -> None:
    assert live.must("run", "list", "--unfinished", "-o", "json").rows == []
    for node in live.site.nodes:
        assert live.on(node, "ls /etc/pve/priv/pvekit") == ""
        assert live.on(node, "ls /run/pvekit/jobs 2>/dev/null || true") == ""
        volumes = live.on(node, "pvesm list local-lvm").splitlines()[1:]
        owners = {int(line.split()[-1]) for line in volumes}
        assert {vmid for vmid in owners if vmid < 9000} <= vmids
    assert live.pvekit("gc", "--dry-run").out.splitlines()[-1:] == ["Nothing is left over."]


KINDS = pytest.mark.parametrize("clustered", [True, False], ids=["PVE cluster", "standalone"])


@KINDS
def test_four_processes_make_eight_vms_on_two_nodes(tmp_path, clustered):
    with live_site(tmp_path, SiteSpec(nodes=2, clustered=clustered)) as live:
        race(live, (2, 2, 2, 2), count=3)


@pytest.mark.slow
@KINDS
def test_eight_processes_make_fifty_vms_on_four_nodes(tmp_path, clustered):
    with live_site(tmp_path, SiteSpec(nodes=4, clustered=clustered)) as live:
        race(live, (7, 7, 6, 6, 6, 6, 6, 6), count=-1, chance="0.05")
