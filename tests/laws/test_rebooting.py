"""`vm reboot` and `vm wait`, and what is selected for them."""

from __future__ import annotations

import pytest
from plans import build, creating_of, standing

from pvekit.errors import Conflict, NotFound
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, vm_wishes, waiting
from pvekit.operations.rebooting import Reboot
from pvekit.operations.selecting import Selection

TWO = SiteSpec(nodes=2, clustered=False)
WORKERS = vm_wishes.Request(role="worker", size="small", count=2)
NAME = "k8s-worker-1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two standalone nodes with a running worker each, VMs 100 and 101, and a stranger's VM 150."""
    directory = tmp_path_factory.mktemp("rebooting")
    stranger = ("pve2", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
    with standing(TWO, directory, build, creating_of(WORKERS), beside=[stranger]) as start:
        yield start


def reboot(desk, *names, **asked):
    journal = changing.begin(desk, Reboot(**asked), names, changing.targets(desk, names))
    return changing.carry_out(desk, journal)[1]


def changes(site):
    return [" ".join(words) for words in site.programs(changes=True) if words[0] == "qm"]


def pids(site):
    return {node: site.on(node, "cat /run/qemu-server/10?.pid") for node in ("pve1", "pve2")}


def test_a_vm_is_shut_down_started_and_waited_for(site, desk):
    before = pids(site)["pve1"]
    site.forget_programs()
    report = reboot(desk, NAME)
    assert report.status == 0, report.errors
    assert changes(site) == ["qm shutdown 100 --timeout 120", "qm start 100"]
    assert pids(site)["pve1"] != before
    assert [stage.verb for stage in report.outcomes[f"vm/{NAME}"].stages][-1] == "cloud-init"


def test_one_that_was_rebooted_meanwhile_is_left_alone(site, desk):
    order = Reboot(wait=False)
    journal = changing.begin(desk, order, [NAME], changing.decided(desk, order, [NAME]))
    site.on("pve1", "qm stop 100 && qm start 100")
    site.forget_programs()
    assert changing.carry_out(desk, journal)[1].status == 0
    assert changes(site) == []


def test_one_that_is_off_is_refused_and_so_are_all(site, desk):
    site.on("pve1", "qm stop 100")
    site.forget_programs()
    with pytest.raises(Conflict, match=r"Not running: VM 100 \(k8s-worker-1 on pve1\)"):
        reboot(desk, NAME, "k8s-worker-2")
    assert changes(site) == []


def test_a_guest_that_hangs_is_only_reset_with_force(site, desk):
    site.on("pve1", "qm stop 100")
    for _ in range(2):
        site.lab.loop.do(lambda: site.lab.site.faults.order("guest-slow", "100", seconds=1000000))
    site.on("pve1", "qm start 100")
    report = reboot(desk, NAME, seconds=1, wait=False)
    assert (report.status, report.open) == (1, False)
    assert "powerdown failed" in str(report.errors[0])
    before = pids(site)["pve1"]
    assert reboot(desk, NAME, seconds=1, force=True, wait=False).status == 0
    assert pids(site)["pve1"] != before


@pytest.mark.parametrize("until", ["ready", "agent", "ssh", "running"])
def test_what_is_so_is_not_waited_for(desk, until):
    found = waiting.wait(desk, Selection((), ("role=worker",)), until, 0)
    assert found.status == 0
    assert [vm.name for vm in found.targets] == [NAME, "k8s-worker-2"]


def test_waiting_ends_in_time_and_says_what_was_seen(site, desk):
    site.on("pve1", "qm stop 100")
    found = waiting.wait(desk, Selection((NAME, "k8s-worker-2")), "agent", 20)
    assert found.status == 4
    assert "not running" in str(found.outcomes[f"vm/{NAME}"].error)
    found = waiting.wait(desk, Selection((NAME,)), "running", 20)
    assert found.status == 9
    assert found.outcomes[f"vm/{NAME}"].error.id == "WAIT-TIMEOUT"
    assert waiting.wait(desk, Selection((NAME,)), "stopped", 0).status == 0


def test_a_strangers_vm_can_be_waited_for_by_name_but_is_never_selected(desk):
    assert waiting.wait(desk, Selection(("stranger",)), "stopped", 0).status == 0
    found = waiting.wait(desk, Selection((), ("all",)), "running", 0)
    assert [vm.vmid for vm in found.targets] == [100, 101]


def test_what_is_not_there_is_deleted_and_nothing_else(site, desk):
    found = waiting.wait(desk, Selection(("nobody",)), "deleted", 0)
    assert (found.status, found.gone) == (0, ("nobody",))
    assert waiting.wait(desk, Selection(("stranger",)), "deleted", 0).status == 9
    site.on("pve2", "qm destroy 150")
    assert waiting.wait(desk, Selection(("stranger",)), "deleted", 0).status == 0
    with pytest.raises(NotFound):
        waiting.wait(desk, Selection(("nobody",)), "stopped", 0)


def test_two_of_one_name_are_told_apart(site, desk):
    site.on("pve2", "sed -i 's/k8s-worker-2/k8s-worker-1/g' /etc/pve/qemu-server/101.conf")
    with pytest.raises(Conflict, match="pve1/100: k8s-worker-1") as caught:
        changing.targets(desk, [NAME])
    assert "pve2/101: k8s-worker-1" in caught.value.details
    assert [vm.vmid for vm in changing.targets(desk, ["pve2/k8s-worker-1"])] == [101]
    report = reboot(desk, "pve1/100", "pve2/101", wait=False)
    assert report.status == 0
    assert sorted(report.outcomes) == [f"vm/{NAME}@pve1:100", f"vm/{NAME}@pve2:101"]


def test_one_vmid_on_two_nodes_is_told_apart(site, desk):
    site.on("pve2", "qm create 100 --name other --memory 512")
    with pytest.raises(Conflict, match="pve2/100: other, not ours"):
        changing.targets(desk, ["100"])
    assert [vm.name for vm in changing.targets(desk, ["pve1/100"])] == [NAME]
