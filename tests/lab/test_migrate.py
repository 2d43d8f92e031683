"""Migration: disks and configuration go together, or everything stays."""

import re

import pytest

from tests.lab.pve_lab import ask, do, played, volumes

MAKE = "qm create 100 --name v --memory 512 --scsi0 local-lvm:1 --scsi1 local-lvm:1"


def lines(out):
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in out.splitlines()]


def test_an_offline_migration_takes_local_disks_along():
    async def scenario(_, one, two):
        await do(one, MAKE)
        one.storages.find("local-lvm:100/vm-100-disk-0.raw").disk.files["/mark"] = b"x"
        before = one.config(100).values
        said = lines(await do(one, "qm migrate 100 pve2"))
        address = next(m.address for m in one.cluster.members if m.name == "pve2")
        assert said[:4] == [
            f"starting migration of VM 100 to node 'pve2' ({address})",
            "found local disk 'local-lvm:100/vm-100-disk-0.raw' (attached)",
            "found local disk 'local-lvm:100/vm-100-disk-1.raw' (attached)",
            "copying local disk images",
        ]
        name = "local-lvm:100/vm-100-disk-0.raw"
        assert f"successfully imported '{name}'" in said
        assert f"volume '{name}' is '{name}' on the target" in said
        assert said[-1].startswith("migration finished successfully (duration 00:0")
        assert two.config(100).values == before
        assert volumes(one) == []
        assert two.storages.find(name).disk.files["/mark"] == b"x"
        missing = "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist\n"
        assert await ask(one, "qm config 100") == (False, "", missing)

    played(scenario)


def test_a_name_that_is_taken_on_the_target_is_not_overwritten():
    async def scenario(_, one, two):
        await do(one, "qm create 100 --scsi0 local-lvm:1")
        await do(two, "pvesm alloc local-lvm 100 vm-100-disk-0.raw 1G")
        await do(one, "qm migrate 100 pve2")
        assert two.config(100).values["scsi0"].startswith("local-lvm:100/vm-100-disk-1.raw")

    played(scenario)


def test_shared_disks_stay_where_they_are():
    async def scenario(_, one, two):
        await do(one, "qm create 100 --scsi0 ceph:1")
        said = lines(await do(one, "qm migrate 100 pve2"))
        assert len(said) == 2
        assert 100 in two.vmids()
        assert volumes(two, "ceph") == ["vm-100-disk-0"]

    played(scenario, storage="rbd")


def test_a_running_vm_goes_on_at_the_target():
    async def scenario(_, one, two):
        await do(one, "qm create 100 --memory 512 --scsi0 local-lvm:1")
        await do(one, "qm start 100")
        guest = one.guest(100)
        why = "can't migrate running VM without --online\n"
        assert await ask(one, "qm migrate 100 pve2") == (False, "", why)
        worked, out, err = await ask(one, "qm migrate 100 pve2 --online")
        assert (worked, err) == (False, "migration aborted\n")
        option = "without with-local-disks option"
        told = (
            f"'local-lvm:100/vm-100-disk-0.raw': can't live migrate attached local disks {option}"
        )
        assert f"can't migrate local disk {told}" in lines(out)
        assert one.config(100).lock == ""
        said = lines(await do(one, "qm migrate 100 pve2 --online --with-local-disks"))
        assert "migration status: completed" in said
        assert two.guest(100) is guest
        assert guest.running
        assert one.guest(100) is None
        assert not one.machine.files.exists("/run/qemu-server/100.pid")
        assert two.machine.files.exists("/run/qemu-server/100.pid")
        await do(two, "qm stop 100")
        assert volumes(one) == []

    played(scenario)


REFUSED = [
    ("qm migrate 100 nosuch", "no such cluster node 'nosuch'\n"),
    ("qm migrate 100 pve1", "target: target is local node.\n"),
    (
        "qm migrate 999 pve2",
        "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist\n",
    ),
    ("qm migrate 100 pve2 --targetstorage nosuch", "storage 'nosuch' does not exist\n"),
    ("qm migrate 100 pve2 --targetstorage a1,b1", "targetstorage: "),
]


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_what_is_refused(line, why):
    async def scenario(_, one, __):
        await do(one, MAKE)
        before = one.config_text(100), volumes(one)
        worked, _, err = await ask(one, line)
        assert not worked
        assert why in err
        assert (one.config_text(100), volumes(one)) == before

    played(scenario)


def test_a_linked_clone_and_its_base_cannot_leave():
    async def scenario(_, one, __):
        await do(one, "qm create 100 --scsi0 local-lvm:1")
        await do(one, "qm template 100")
        await do(one, "qm clone 100 101")
        for vmid, why in (
            (100, "'local-lvm:100/base-100-disk-0.raw': referenced by linked clone(s)"),
            (101, "as it's a clone of 'base-100-disk-0.raw'"),
        ):
            worked, out, err = await ask(one, f"qm migrate {vmid} pve2")
            assert (worked, err) == (False, "migration aborted\n")
            assert why in out
            assert "aborting phase 1 - cleanup resources" in lines(out)
            assert vmid in one.vmids()
            assert one.config(vmid).lock == ""

    played(scenario)


def test_snapshots_in_qcow2_go_along():
    async def scenario(_, one, two):
        await do(one, "qm create 100 --scsi0 local-lvm:1,format=qcow2")
        await do(one, "qm snapshot 100 s1")
        await do(one, "qm migrate 100 pve2")
        await do(two, "qm rollback 100 s1")

    played(scenario)


def test_two_storages_of_different_kinds_need_a_common_form():
    async def scenario(site, one, two):
        text = site.clusters[0].tree.read("storage.cfg").decode()
        extra = "dir: other\n\tpath /srv/other\n\tcontent images\n\n"
        site.clusters[0].tree.write("storage.cfg", (text + extra).encode())
        await do(one, "qm create 100 --scsi0 local-lvm:1")
        await do(one, "qm migrate 100 pve2 --targetstorage other")
        assert two.config(100).values["scsi0"] == "other:100/vm-100-disk-0.raw,size=1G"
        await do(two, "qm create 101 --scsi0 other:1,format=qcow2")
        worked, out, _ = await ask(two, "qm migrate 101 pve1 --targetstorage local-lvm")
        assert not worked
        assert "cannot migrate from storage type 'dir' to 'lvmthin'" in out
        assert 101 in two.vmids()

    played(scenario, storage="lvmthin")
