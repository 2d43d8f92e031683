"""Snapshots: what they keep, what comes back, and what is said."""

import pytest

from pvekit.lab.snapshots import parse
from tests.lab.pve_lab import ask, do, played, volumes

MAKE = "qm create 100 --name v --memory 512 --net0 virtio,bridge=vmbr0 --scsi0 local-lvm:1"
QCOW2 = f"{MAKE},format=qcow2"


def disk(node, name="100/vm-100-disk-0.qcow2"):
    return node.storages.find(f"local-lvm:{name}")


def test_a_rollback_brings_back_options_size_and_content():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        disk(node).disk.files["/mark"] = b"old"
        line = "snapshotting 'drive-scsi0' (local-lvm:100/vm-100-disk-0.qcow2)\n"
        assert await do(node, "qm snapshot 100 s1 --description 'one\ntwo'") == line
        before = node.config(100).values
        await do(node, "qm set 100 --memory 900 --scsi1 local-lvm:1")
        await do(node, "qm resize 100 scsi0 +1G")
        disk(node).disk.files["/mark"] = b"new"
        assert await do(node, "qm rollback 100 s1") == ""
        after = node.config(100).values
        assert after.pop("vmgenid") != before["vmgenid"]
        assert after == {k: v for k, v in before.items() if k != "vmgenid"} | {
            "parent": "s1",
            "unused0": "local-lvm:100/vm-100-disk-1.raw",
        }
        assert disk(node).size == 1 << 30
        assert disk(node).disk.files["/mark"] == b"old"
        disk(node).disk.files["/mark"] = b"newer"
        await do(node, "qm rollback 100 s1")
        assert disk(node).disk.files["/mark"] == b"old"

    played(scenario)


def test_the_file_holds_sections_as_proxmox_writes_them():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        await do(node, "qm snapshot 100 s1 --description first")
        await do(node, "qm snapshot 100 s2")
        text = node.config_text(100)
        assert "\nparent: s2\n" in text.partition("[")[0]
        assert "\n\n[s1]\n#first\nboot: " in text
        assert "\n\n[s2]\nboot: " in text
        found = parse(node.config(100))
        assert (found["s1"].parent, found["s2"].parent) == ("", "s1")
        assert "lock" not in text
        assert "snapstate" not in text

    played(scenario)


def test_the_tree_is_drawn_by_parent_and_age():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        alone = "`-> current                                             You are here!\n"
        assert await do(node, "qm listsnapshot 100") == alone
        await do(node, "qm snapshot 100 s1 --description first")
        await do(node, "qm snapshot 100 s2")
        rows = (await do(node, "qm listsnapshot 100")).splitlines()
        assert [row.split()[:2] for row in rows] == [["`->", n] for n in ("s1", "s2", "current")]
        assert [len(row) - len(row.lstrip()) for row in rows] == [0, 1, 2]
        assert rows[0].endswith("     first")
        assert rows[1].endswith("     no-description")

    played(scenario)


def test_a_removed_snapshot_leaves_its_children_to_its_parent():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        for name in ("s1", "s2", "s3"):
            await do(node, f"qm snapshot 100 {name}")
        assert await do(node, "qm delsnapshot 100 s2") == ""
        found = parse(node.config(100))
        assert {name: found[name].parent for name in found} == {"s1": "", "s3": "s1"}
        await do(node, "qm delsnapshot 100 s3")
        assert node.config(100).values["parent"] == "s1"
        await do(node, "qm delsnapshot 100 s1")
        assert "parent" not in node.config(100).values
        assert disk(node).snapshots == []

    played(scenario)


REFUSED = [
    ("qm snapshot 100 s1", "snapshot name 's1' already used"),
    ("qm snapshot 100 current", "unable to use snapshot name 'current' (reserved name)"),
    ("qm snapshot 999 s1", "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"),
    ("qm rollback 100 no", "snapshot 'no' does not exist"),
    ("qm delsnapshot 100 no", "snapshot 'no' does not exist"),
    ("qm template 100", "unable to create template, because VM contains snapshots"),
    ("qm clone 100 101 --snapname no", "snapshot 'no' does not exist"),
    ("qm snapshot 101 s1", "snapshot feature is not available"),
]


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_what_is_refused(line, why):
    async def scenario(_, node, __):
        await do(node, QCOW2)
        await do(node, "qm snapshot 100 s1")
        if " 101 s1" in line:
            await do(node, MAKE.replace("100", "101"))
        before = node.config_text(100)
        worked, _, err = await ask(node, line)
        assert not worked
        assert err == f"{why}\n"
        assert node.config_text(100) == before

    played(scenario)


def test_zfs_goes_back_to_the_latest_only():
    async def scenario(_, node, __):
        storage = next(d.id for d in node.storages.active() if d.type == "zfspool")
        await do(node, f"qm create 100 --scsi0 {storage}:1")
        for name in ("s1", "s2"):
            await do(node, f"qm snapshot 100 {name}")
        why = f"can't rollback, 's1' is not most recent snapshot on '{storage}:vm-100-disk-0'\n"
        assert await ask(node, "qm rollback 100 s1") == (False, "", why)
        await do(node, "qm rollback 100 s2")

    played(scenario, storage="zfspool")


def test_thin_volumes_show_what_lvm_prints():
    async def scenario(_, node, __):
        await do(node, "qm create 100 --scsi0 local-lvm:1")
        out = await do(node, "qm snapshot 100 s1")
        assert out.splitlines()[-1] == '  Logical volume "snap_vm-100-disk-0_s1" created.'
        out = await do(node, "qm rollback 100 s1")
        assert out == (
            '  Logical volume "vm-100-disk-0" successfully removed.\n'
            '  Logical volume "vm-100-disk-0" created.\n'
        )
        out = await do(node, "qm delsnapshot 100 s1")
        assert out == '  Logical volume "snap_vm-100-disk-0_s1" successfully removed.\n'

    played(scenario, storage="lvmthin")


def test_memory_is_saved_and_the_vm_runs_after_the_rollback():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        await do(node, "qm start 100")
        out = await do(node, "qm snapshot 100 live --vmstate 1")
        assert "saving VM state and RAM using storage 'local-lvm'\n" in out
        state = node.storages.find("local-lvm:100/vm-100-state-live.raw")
        assert state.size == (512 * 2 + 500) << 20
        await do(node, "qm stop 100")
        await do(node, "qm rollback 100 live")
        assert node.guest(100) is not None
        await do(node, "qm stop 100")
        await do(node, "qm delsnapshot 100 live")
        assert volumes(node) == ["100/vm-100-disk-0.qcow2"]

    played(scenario)


def test_a_clone_of_a_snapshot_has_what_was_then():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        disk(node).disk.files["/mark"] = b"old"
        await do(node, "qm snapshot 100 s1")
        disk(node).disk.files["/mark"] = b"new"
        await do(node, "qm set 100 --memory 900")
        await do(node, "qm clone 100 101 --snapname s1")
        made = disk(node, "101/vm-101-disk-0.qcow2")
        assert made.disk.files["/mark"] == b"old"
        assert made.snapshots == []
        values = node.config(101).values
        assert values["memory"] == "512"
        assert not values.keys() & {"parent", "snaptime", "lock"}

    played(scenario)


def test_destroying_a_vm_removes_the_memory_that_its_snapshots_saved():
    async def scenario(_, node, __):
        await do(node, QCOW2)
        await do(node, "qm start 100")
        await do(node, "qm snapshot 100 live --vmstate 1")
        await do(node, "qm stop 100")
        await do(node, "qm destroy 100")
        assert volumes(node) == []

    played(scenario)
