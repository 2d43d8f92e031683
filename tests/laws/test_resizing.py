"""`vm resize`: disks, CPUs and memory of VMs that are off, that run, and that are not ours."""

from __future__ import annotations

import re

import pytest
from plans import build, creating_of, standing

from pvekit.errors import Conflict, NoCapacity, NotFound, UsageError
from pvekit.lab.commands import qm_disk
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, runs, vm_wishes
from pvekit.operations.resizing import Resize, growth

ONE = SiteSpec(nodes=1, clustered=False)
WORKER = vm_wishes.Request(role="worker", size="small")
NAME = "k8s-worker-1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A site with a running worker, VM 100, and a stranger's VM 150."""
    directory = tmp_path_factory.mktemp("resizing")
    stranger = ("pve1", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
    with standing(ONE, directory, build, creating_of(WORKER), beside=[stranger]) as start:
        yield start


def resize(desk, *names, **asked):
    order = Resize(**asked)
    found = changing.decided(desk, order, names or (NAME,))
    return changing.carry_out(desk, changing.begin(desk, order, names or (NAME,), found))[1]


def option(site, key, vmid=100):
    lines = site.on("pve1", f"qm config {vmid} --current 1").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith(f"{key}: ")), None)


def changes(site):
    """What was sent to change VMs, without the digests: they are other ones each time."""
    lines = [" ".join(words) for words in site.programs(changes=True) if words[0] == "qm"]
    return [re.sub(r" --digest [0-9a-f]{40}$", "", line) for line in lines]


def test_a_disk_of_a_running_vm_grows_without_a_restart(site, desk):
    site.forget_programs()
    assert resize(desk, disks=(growth("", "40G"),)).status == 0
    assert "size=40G" in option(site, "scsi0")
    assert changes(site) == ["qm disk resize 100 scsi0 40G"]


def test_a_disk_of_a_vm_that_changes_at_the_last_moment_is_left_as_it_is(site, desk, monkeypatch):
    """After the look at its mark, and before the program has the lock: another disk is there."""
    grow = qm_disk._resize

    async def growing(call, say):
        config = call.node.config(call.vmid)
        config.values["scsi0"] = "local-lvm:vm-150-disk-0,size=1G"
        call.node.save(call.vmid, config)
        await grow(call, say)

    monkeypatch.setattr(qm_disk, "_resize", growing)
    report = resize(desk, disks=(growth("", "40G"),))
    (error,) = report.errors
    assert (report.status, error.id) == (Conflict.exit_status, "VM-CHANGED")
    assert " 1073741824 " in site.on("pve1", "pvesm list local-lvm --vmid 150")
    monkeypatch.undo()
    site.on("pve1", "qm set 100 --scsi0 local-lvm:vm-100-disk-0,size=20G")
    assert resize(desk, disks=(growth("", "40G"),)).status == 0


def test_a_disk_grows_by_what_was_asked_for_once(site, desk):
    assert resize(desk, disks=(growth("", "40"),)).status == 0
    assert resize(desk, disks=(growth("scsi0", "+10G"),)).status == 0
    assert "size=50G" in option(site, "scsi0")


def test_what_is_so_already_sends_nothing(site, desk):
    assert resize(desk, disks=(growth("", "40"),)).status == 0
    site.forget_programs()
    assert resize(desk, disks=(growth("", "40G"),), cpus=1).status == 0
    assert changes(site) == []


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"disks": ("=1024",)}, UsageError, "cannot shrink"),
        ({"disks": ("scsi7=1024",)}, NotFound, "has no disk scsi7"),
        ({"disks": ("scsi1=102400",)}, NotFound, "has no disk scsi1"),
        ({"disks": ("=40960", "scsi0=50000")}, UsageError, "two sizes"),
        ({"cpus": 4}, Conflict, "takes a restart"),
        ({"memory_mb": 8192}, Conflict, "takes a restart"),
        ({"cpus": 17, "allow_restart": True}, NoCapacity, "has 16"),
        ({"memory_mb": 90000, "allow_restart": True}, NoCapacity, "no room"),
        ({"disks": ("=1024000",)}, NoCapacity, "GiB free"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(site, desk, asked, error, says):
    site.forget_programs()
    with pytest.raises(error, match=says):
        resize(desk, **asked)
    assert site.programs(changes=True) == []
    assert runs.listed(desk.store) == []


def test_a_strangers_vm_is_refused(site, desk):
    with pytest.raises(Conflict, match="not ours"):
        resize(desk, "stranger", disks=("=40960",))


def test_a_locked_vm_is_refused(site, desk):
    site.on("pve1", "qm set 100 --lock backup")
    with pytest.raises(Exception, match=r"locked \(backup\)"):
        resize(desk, disks=("=40960",))


def test_a_running_vm_is_shut_down_changed_started_and_waited_for(site, desk):
    site.forget_programs()
    report = resize(desk, cpus=4, memory_mb=8192, disks=("=40960",), allow_restart=True)
    assert report.status == 0, report.errors
    assert (option(site, "cores"), option(site, "memory")) == ("4", "8192")
    verbs = [words.split()[1] for words in changes(site)]
    assert verbs[:4] == ["disk", "shutdown", "set", "start"]
    assert [stage.verb for stage in report.outcomes[f"vm/{NAME}"].stages][-1] == "cloud-init"


def test_a_stopped_vm_stays_off(site, desk):
    site.on("pve1", "qm stop 100")
    assert resize(desk, cpus=4, memory_mb=1024).status == 0
    assert (option(site, "cores"), option(site, "memory")) == ("4", "1024")
    assert site.on("pve1", "qm status 100") == "status: stopped\n"


def test_a_running_vm_takes_more_where_it_can_be_plugged_in(site, desk):
    site.on("pve1", "qm stop 100")
    site.on("pve1", "qm set 100 --hotplug cpu,memory,disk --numa 1 --cores 8 --vcpus 2")
    site.on("pve1", "qm start 100")
    site.forget_programs()
    assert resize(desk, cpus=4, memory_mb=8192).status == 0
    assert (option(site, "vcpus"), option(site, "memory")) == ("4", "8192")
    assert [words.split()[1] for words in changes(site)] == ["set"]
    with pytest.raises(Conflict, match="takes a restart"):
        resize(desk, cpus=2)
    assert resize(desk, cpus=12, allow_restart=True).status == 0
    assert (option(site, "vcpus"), option(site, "cores")) == (None, "12")


def test_sockets_share_cpus_equally(site, desk):
    site.on("pve1", "qm stop 100")
    site.on("pve1", "qm set 100 --sockets 2 --cores 1")
    with pytest.raises(UsageError, match="2 sockets"):
        resize(desk, cpus=3)
    assert resize(desk, cpus=6).status == 0
    assert option(site, "cores") == "3"


def test_memory_below_the_balloon_is_refused(site, desk):
    site.on("pve1", "qm set 100 --balloon 2048")
    with pytest.raises(Conflict, match="balloon"):
        resize(desk, memory_mb=1024, allow_restart=True)


def test_a_guest_that_does_not_shut_down_is_left_as_it_is(site, desk):
    site.on("pve1", "qm stop 100")
    site.lab.loop.do(lambda: site.lab.site.faults.order("guest-silent", "100"))
    site.on("pve1", "qm start 100")
    guest = site.lab.site.nodes["pve1"].guest(100)
    site.lab.loop.do(guest.pause)
    report = resize(desk, memory_mb=8192, allow_restart=True, seconds=1)
    assert report.status == 1
    assert not report.open
    assert option(site, "memory") == "2048"
    assert "[PENDING]" not in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")


def test_going_on_after_the_process_died_off_starts_it_again(site, desk):
    site.on("pve1", "qm stop 100")
    order = Resize(memory_mb=8192, allow_restart=True)
    site.on("pve1", "qm start 100")
    found = changing.decided(desk, order, [NAME])
    journal = changing.begin(desk, order, [NAME], found)
    site.on("pve1", "qm stop 100")  # as if the run had done that, and died
    assert changing.carry_out(desk, journal)[1].status == 0
    assert site.on("pve1", "qm status 100") == "status: running\n"
    assert option(site, "memory") == "8192"
