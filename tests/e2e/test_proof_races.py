"""Many creations by many processes while locks time out: every VM is whole, nothing is left."""

from __future__ import annotations

from typing import Any

import pytest
from live import CREATE, Live, live_site

from pvekit.lab.site import SiteSpec


def race(live: Live, counts: tuple[int, ...], **locks: Any) -> None:
    """Let a process for each of these counts create so many VMs while locks time out."""
    live.must("template", "build")
    live.order("lock-held", "storage", **locks)
    live.order("lock-held", "config", **locks)
    commands = [(*CREATE, "-o", "json", "--count", str(count)) for count in counts]
    answers = live.in_parallel(*commands)
    live.clear()
    failed = "\n".join(answer.err for answer in answers if answer.status)
    assert [answer.status for answer in answers] == [0] * len(counts), failed
    vms = [vm for answer in answers for vm in answer.vms]
    assert len(vms) == sum(counts)
    assert {vm["state"] for vm in vms} == {"ready"}
    for key in ("name", "vmid", "address"):
        assert len({vm[key] for vm in vms}) == len(vms), key
    listed = live.must("vm", "list", "-o", "json").rows
    assert sorted(row["vmid"] for row in listed) == sorted(vm["vmid"] for vm in vms)
    assert {row["node"] for row in listed} == set(live.site.nodes)
    held = [each for each in live.site.log.of("fault") if each["kind"] == "lock-held"]
    assert held, "no lock timed out: nothing was proved"
    check_nothing_is_left(live, {vm["vmid"] for vm in vms})


def check_nothing_is_left(live: Live, vmids: set[int]) -> None:
    for node in live.site.nodes:
        assert live.on(node, "ls /etc/pve/priv/pvekit") == ""
        assert live.on(node, "ls /run/pvekit/jobs 2>/dev/null || true") == ""
        volumes = live.on(node, "pvesm list local-lvm").splitlines()[1:]
        owners = {int(line.split()[-1]) for line in volumes}
        assert {vmid for vmid in owners if vmid < 9000} <= vmids


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
