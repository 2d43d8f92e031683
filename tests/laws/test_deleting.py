"""``vm delete`` ends wherever it is broken off, and stops before the first change where it must."""

from __future__ import annotations

from dataclasses import replace

import pytest
from breaking import LINK, broken, fresh_desk
from labsite import Cut, desk_for, lab_site
from test_going_on import ONE, build, create, order

from pvekit.errors import Conflict, NotFound, Transient
from pvekit.lab.site import SiteSpec
from pvekit.operations import deleting, resuming, runs

NAME = "k8s-worker-1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A site with one template, as it is without a VM and with one."""
    with lab_site(ONE) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("made"))
        assert build(desk).status == 0
        site.on("pve1", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
        before = site.picture()
        assert create(desk)[1].status == 0
        yield site, before, site.save()


@pytest.fixture
def start(saved):
    return lambda: saved[0].restored(saved[2])


@pytest.fixture
def site(start):
    return start()


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


def delete(desk, *names: str):
    return deleting.carry_out(desk, deleting.decided(desk, names or (NAME,), 60))


def left(site, before) -> list[str]:
    """What is there more or less than before there was a VM."""
    now = site.picture()
    return [f"{node}: {line}" for node in now for line in set(now[node]) ^ set(before[node])]


def test_nothing_is_left(site, desk, saved):
    report = delete(desk)
    assert report.status == 0, report.errors
    assert left(site, saved[1]) == []


SOME = pytest.mark.parametrize(
    "every", [4, pytest.param(1, marks=pytest.mark.slow)], ids=["some points", "every point"]
)


@SOME
@pytest.mark.parametrize("when", LINK)
@pytest.mark.parametrize("ha", [False, True], ids=["plain", "under HA"])
def test_broken_then_again_is_gone(start, saved, tmp_path, when, ha, every):
    points = 0
    for at in range(LINK.index(when) % every, 1000, every):
        site = start()
        desk = fresh_desk(site, tmp_path, f"at{at}")
        if ha:
            site.on("pve1", "ha-manager add vm:100 --state started")
        first = broken(delete, desk, site, at, when)
        if not first.struck:
            break
        points += 1
        if not first.well:
            report = delete(desk)
            assert report.status == 0, (at, report.errors)
        assert left(site, saved[1]) == [], at
        assert "unfinished" not in {run.state for run in runs.listed(desk.store)}
    assert points > 8 // every


def test_a_destruction_that_died_half_way_is_gone_on_with_by_vmid_too(site, desk, saved):
    site.cut = Cut(0, "before", match="qm destroy")
    assert delete(desk).status == 7
    site.cut = None
    site.on("pve1", "qm stop 100")
    site.on("pve1", "printf 'lock: destroyed\\n' >/etc/pve/qemu-server/100.conf")
    report = delete(desk, "100")
    assert report.status == 0, report.errors
    assert left(site, saved[1]) == []


class Meddling:
    """A site on which somebody does something once a command with these words has been sent."""

    def __init__(self, site, after, line):
        self.site, self.after, self.line = site, after, line

    def shell(self, place):
        return _Meddled(self, place)

    def __getattr__(self, name):
        return getattr(self.site, name)


class _Meddled:
    def __init__(self, meddling, place):
        self.meddling, self.place = meddling, place

    def run(self, command):
        result = self.meddling.site.shell(self.place).run(command)
        if self.meddling.after in command.line() and self.meddling.line:
            line, self.meddling.line = self.meddling.line, ""
            self.meddling.site.on("pve1", line)
        return result


UNMARKED = "qm set 100 --delete description"
RENAMED = "qm set 100 --name another"
THEIRS = "qm stop 100; qm destroy 100; qm create 100 --memory 512"


@pytest.mark.parametrize("after", ["vmid-100 name-", "qm shutdown"], ids=["claim", "shutdown"])
@pytest.mark.parametrize("line", [UNMARKED, RENAMED])
def test_a_vm_that_loses_its_mark_meanwhile_stays_and_is_not_said_to_be_gone(
    site, desk, line, after
):
    report = delete(replace(desk, site=Meddling(site, after, line)))
    assert report.status == 6
    (error,) = report.errors
    assert "does not carry the mark of k8s-worker-1 any more" in error.brief
    assert ("is called another by now" in error.brief) is (line == RENAMED)
    assert site.on("pve1", "ls /etc/pve/qemu-server").split() == [
        "100.conf",
        "150.conf",
        "9000.conf",
    ]
    assert "vm-100-disk" in site.on("pve1", "pvesm list local-lvm --vmid 100")
    assert "vmid-100" not in site.on("pve1", "ls /etc/pve/priv/pvekit")
    assert not report.open
    with pytest.raises(Conflict, match="is not ours"):
        delete(desk, "100")


@pytest.mark.parametrize("name", [NAME, "theirs"])
@pytest.mark.parametrize("disk", ["", "--scsi0 local-lvm:1"], ids=["bare", "with a disk"])
def test_a_strangers_new_vm_under_its_vmid_is_left_alone_and_ours_is_gone(site, desk, name, disk):
    theirs = f"{THEIRS} --name {name} {disk}"
    report = delete(replace(desk, site=Meddling(site, "qm shutdown", theirs)))
    stages = {stage.verb: stage.state for stage in report.outcomes[f"vm/{NAME}"].stages}
    assert stages["destroy"] == "held"
    # Its disk has the name that ours had: what it is can only be seen by whoever frees it.
    assert report.status == (Conflict.exit_status if disk else 0)
    assert f"name: {name}" in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")
    kept = "vm-100-disk" in site.on("pve1", "pvesm list local-lvm --vmid 100")
    assert kept is bool(disk)


def test_half_a_vm_is_not_let_go_of_but_gone_on_with_by_the_run(site, desk, saved):
    site.cut = Cut(0, "before", match="qm destroy")
    run = delete(desk)
    assert run.status == 7
    site.cut = None
    site.on("pve1", "qm stop 100")
    site.on("pve1", "printf 'lock: destroyed\\n' >/etc/pve/qemu-server/100.conf")
    with pytest.raises(Conflict, match="half destroyed"):
        runs.roll_back(desk, desk.store.open(run.run))
    resumed = resuming.resume(desk, desk.store.open(run.run))
    assert resumed.report.status == 0, resumed.report.errors
    assert left(site, saved[1]) == []


def test_an_unfinished_deletion_is_taken_back_while_the_vm_is_whole(site, desk):
    site.cut = Cut(0, "before", match="qm destroy")
    run = delete(desk).run
    site.cut = None
    assert runs.roll_back(desk, desk.store.open(run)).status == 0
    assert "vmid-100" not in site.on("pve1", "ls /etc/pve/priv/pvekit")
    assert deleting.decided(desk, [NAME], 60).run == ""


def test_a_resumed_deletion_names_what_stands_in_its_way_first(site, desk):
    site.cut = Cut(0, "before", match="qm destroy")
    run = delete(desk).run
    site.cut = None
    site.on("pve1", "qm set 100 --protection 1")
    site.forget_programs()
    for way in (resuming.foresee, resuming.resume):
        with pytest.raises(Conflict, match="protected"):
            way(desk, desk.store.open(run))
    assert site.programs(changes=True) == []


def test_what_a_destruction_went_on_past_is_freed(site, desk, saved):
    site.cut = Cut(0, "after", match="qm destroy")
    delete(desk)
    site.cut = None
    site.on("pve1", "pvesm alloc local-lvm 100 vm-100-disk-0 1G")
    assert delete(desk).status == 0
    assert left(site, saved[1]) == []


def test_a_protected_vm_stays_and_nothing_is_sent(site, desk):
    site.on("pve1", "qm set 100 --protection 1")
    site.forget_programs()
    with pytest.raises(Conflict, match="protected") as refusal:
        deleting.decided(desk, [NAME], 60)
    assert "qm set 100 --protection 0" in refusal.value.hint
    assert site.programs(changes=True) == []


def test_a_locked_vm_is_named_as_such(site, desk):
    site.on("pve1", "echo 'lock: backup' >>/etc/pve/qemu-server/100.conf")
    with pytest.raises(Transient, match="backup"):
        deleting.decided(desk, [NAME], 60)


def test_a_vm_that_gets_locked_meanwhile_does_not_count_as_gone(site, desk):
    found = deleting.decided(desk, [NAME], 60)
    site.on("pve1", "qm stop 100; echo 'lock: backup' >>/etc/pve/qemu-server/100.conf")
    assert deleting.carry_out(desk, found).status == 7
    assert "lock: backup" in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")


def test_a_dead_storage_is_named_before_anything_is_sent(tmp_path):
    with lab_site(SiteSpec(nodes=1, clustered=False, storage="nfs")) as site:
        rows = map(str.split, site.on("pve1", "pvesm status").splitlines())
        storage = next(row[0] for row in rows if row[1] == "nfs")
        desk = desk_for(site, tmp_path, more=f"clone: {{storage: {storage}}}")
        assert build(desk).status == 0
        assert create(desk)[1].status == 0
        order(site, "storage-down", storage)
        site.forget_programs()
        with pytest.raises(Transient, match=storage):
            deleting.decided(desk, [NAME], 60)
        assert site.programs(changes=True) == []


def test_a_guest_that_does_not_shut_down_has_its_power_cut(site, desk, saved):
    order(site, "guest-silent", count=-1)
    report = delete(desk)
    assert report.status == 0, report.errors
    assert left(site, saved[1]) == []


def test_under_ha_the_resource_goes_first(site, desk, saved):
    site.on("pve1", "ha-manager add vm:100 --state started")
    site.forget_programs()
    assert delete(desk).status == 0
    sent = [argv[:2] for argv in site.programs(changes=True)]
    order_of = [sent.index(each) for each in (["ha-manager", "remove"], ["qm", "destroy"])]
    assert order_of == sorted(order_of)
    assert "vm: 100" not in site.on("pve1", "cat /etc/pve/ha/resources.cfg")
    assert left(site, saved[1]) == []


def test_a_disk_that_another_vmid_lends_stays(site, desk):
    site.on("pve1", "pvesm alloc local-lvm 9999 vm-9999-pvc-1 1G")
    site.on("pve1", "qm set 100 --scsi5 local-lvm:vm-9999-pvc-1")
    assert delete(desk).status == 0
    assert "vm-9999-pvc-1" in site.on("pve1", "pvesm list local-lvm")


def test_a_stranger_of_another_name_is_not_there_for_us(desk):
    with pytest.raises(NotFound):
        deleting.decided(desk, ["no-such"], 60)
    with pytest.raises(Conflict):
        deleting.decided(desk, ["stranger"], 60)


def test_two_at_once_do_not_both_delete(site, desk, tmp_path):
    found = deleting.decided(desk, [NAME], 60)
    site.on("pve1", "mkdir -p /etc/pve/priv/pvekit")
    site.on("pve1", """echo '{"run":"0ther","vmid":100}' >/etc/pve/priv/pvekit/vmid-100""")
    assert deleting.carry_out(desk, found).status == 6
    assert "name: k8s-worker-1" in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")
