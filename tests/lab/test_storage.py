"""Storages of every type: definitions, volumes, and what is said when they cannot be had."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.guests.disk import Disk
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.storage import Volume, VolumeTable, parent_of
from pvekit.lab.storages.hardware import STORAGE_KINDS
from pvekit.lab.storages.pruning import marked

DISKS = {"lvmthin": "local-lvm", "dir": "local-lvm", "rbd": "ceph", "nfs": "nas"} | {
    "zfspool": "local-zfs",
    "lvm": "san",
    "cephfs": "ceph",
}


def site(kind="lvmthin", **more):
    return Site(SiteSpec(storage=kind, seed=1, **more))


def run(on, line, node="pve1"):
    machine = on.nodes[node].machine
    status, out, err = asyncio.run(collect(machine, line, env={"LC_ALL": "C.UTF-8"}))
    return status, out.decode(), err.decode()


def told(on, line, node="pve1"):
    status, out, err = run(on, line, node)
    assert (status, err) == (0, "")
    return out


def refusal(on, line):
    status, _, err = run(on, line)
    assert status not in {0, 99}
    return err.strip()


@pytest.mark.parametrize(
    ("kind", "volume", "path"),
    [
        ("lvmthin", "local-lvm:vm-100-disk-0", "/dev/pve/vm-100-disk-0"),
        (
            "dir",
            "local-lvm:100/vm-100-disk-0.raw",
            "/var/lib/local-lvm/images/100/vm-100-disk-0.raw",
        ),
        (
            "rbd",
            "ceph:vm-100-disk-0",
            "rbd:ceph/vm-100-disk-0:conf=/etc/pve/ceph.conf:id=admin:"
            "keyring=/etc/pve/priv/ceph/ceph.keyring",
        ),
        ("nfs", "nas:100/vm-100-disk-0.raw", "/mnt/pve/nas/images/100/vm-100-disk-0.raw"),
        ("zfspool", "local-zfs:vm-100-disk-0", "/dev/zvol/rpool/data/vm-100-disk-0"),
        ("lvm", "san:vm-100-disk-0", "/dev/san/vm-100-disk-0"),
    ],
)
def test_volumes_are_named_and_found_as_their_storage_does(kind, volume, path):
    on = site(kind)
    out = told(on, f"pvesm alloc {DISKS[kind]} 100 '' 64M")
    assert out.endswith(f"successfully created '{volume}'\n")
    assert told(on, f"pvesm path {volume}") == f"{path}\n"
    assert told(on, f"pvesm list {DISKS[kind]} --vmid 100").splitlines()[1].split() == [
        *(volume, "raw", "images", "67108864", "100"),
    ]
    assert "Removed volume" in told(on, f"pvesm free {volume}")
    assert volume not in told(on, f"pvesm list {DISKS[kind]}")


@pytest.mark.parametrize(
    ("kind", "size"),
    [("lvmthin", 4 << 20), ("lvm", 4 << 20), ("zfspool", 1 << 20), ("rbd", 1 << 20)],
)
def test_sizes_are_rounded_up_on_block_storage(kind, size):
    on = site(kind)
    told(on, f"pvesm alloc {DISKS[kind]} 100 '' 5")
    volumes = on.nodes["pve1"].storages.pool(DISKS[kind]).volumes
    assert volumes["vm-100-disk-0"].size == size


@pytest.mark.parametrize("kind", [k for k in STORAGE_KINDS if k != "lvm"])
def test_linked_clones_name_their_base_where_they_need_it(kind):
    on = site(kind)
    storage = DISKS[kind]
    told(on, f"qm create 900 --scsi0 {storage}:1")
    told(on, "qm template 900")
    told(on, "qm clone 900 901 --name linked")
    drive = told(on, "qm config 901 | grep ^scsi0").split()[1].partition(",")[0]
    base = told(on, "qm config 900 | grep ^scsi0").split()[1].partition(",")[0]
    assert "base-900-disk-0" in base
    name = drive.partition(":")[2]
    assert parent_of(name) == ("" if kind == "lvmthin" else base.partition(":")[2])
    err = run(on, f"pvesm free {base}")[2]
    assert ("is still in use by linked clones" in err) == (kind != "lvmthin")


def test_thick_lvm_makes_no_templates_and_is_full_at_once():
    on = site("lvm", storage_gb=1)
    told(on, "qm create 900 --scsi0 san:0.5")
    told(on, "qm template 900")
    assert "scsi0: san:vm-900-disk-0," in told(on, "qm config 900")
    assert refusal(on, "qm clone 900 901").startswith("Linked clone feature is not supported for")
    err = refusal(on, "pvesm alloc san 901 '' 1G")
    assert err.endswith(
        'Volume group "san" has insufficient free space (128 extents): 256 required.'
    )


def test_overcommitted_thin_pools_are_warned_of():
    on = site("lvmthin", storage_gb=1)
    status, out, err = run(on, "pvesm alloc local-lvm 100 '' 2G")
    assert status == 0
    assert "WARNING: You have not turned on protection" in out
    assert err == (
        "  WARNING: Sum of all thin volume sizes (2.00 GiB) exceeds the size of thin pool pve/data "
        "(1.00 GiB).\n"
    )


def test_shared_storage_is_one_for_all_nodes_and_local_storage_is_not():
    on = site("nfs")
    told(on, "pvesm alloc nas 100 '' 1M; pvesm alloc local-lvm 100 '' 4M")
    told(on, "echo x > /mnt/pve/nas/snippets/x.yaml")
    there = told(
        on, "pvesm list nas; cat /mnt/pve/nas/snippets/x.yaml; pvesm list local-lvm", "pve2"
    )
    assert "nas:100/vm-100-disk-0.raw" in there
    assert "nas:snippets/x.yaml" in there
    assert "local-lvm:vm-100-disk-0" not in there


@pytest.mark.parametrize("kind", STORAGE_KINDS)
def test_the_state_of_all_storages_survives(kind):
    on = site(kind)
    told(on, f"pvesm alloc {DISKS[kind]} 100 '' 8M")
    again = Site.from_data(json.loads(json.dumps(on.to_data())))
    for line in ("pvesm status", f"pvesm list {DISKS[kind]}", "ls -R /mnt/pve 2>&1"):
        for node in ("pve1", "pve2"):
            assert run(again, line, node) == run(on, line, node)


@pytest.mark.parametrize(
    ("kind", "storage", "why"),
    [
        ("nfs", "nas", "storage 'nas' is not online"),
        ("rbd", "ceph", "rbd error: rbd: couldn't connect to the cluster!"),
    ],
)
def test_a_dead_storage_is_inactive_and_fails_all_work_on_it(kind, storage, why):
    on = site(kind)
    told(on, f"qm create 100 --scsi0 {storage}:1; qm create 101")
    on.faults.order("storage-down", storage, count=-1)
    status, out, err = run(on, "pvesm status")
    row = next(line for line in out.splitlines() if line.startswith(storage))
    assert (status, row.split()[2:4]) == (0, ["inactive", "0"])
    assert err != ""
    assert refusal(on, f"pvesm list {storage}") == why
    assert refusal(on, f"pvesm alloc {storage} 100 '' 1G") == why
    assert why in "".join(run(on, "qm destroy 101 --destroy-unreferenced-disks 1")[1:])
    assert told(on, "qm destroy 101") == ""
    on.faults.clear("storage-down")
    assert "vm-100-disk-0" in told(on, f"pvesm list {storage}")


def test_definitions_are_added_changed_and_removed():
    on = site()
    told(on, "pvesm add dir extra --path /srv/extra/ --content images,iso --nodes pve1,pve2")
    told(on, "pvesm set extra --disable 1 --content iso --prune-backups keep-last=3")
    text = "dir: extra\n\tdisable\n\tpath /srv/extra\n\tcontent iso\n\tnodes pve1,pve2\n"
    assert f"{text}\tprune-backups keep-last=3\n\n" in told(on, "cat /etc/pve/storage.cfg")
    assert "disabled" in told(on, "pvesm status --storage extra", "pve2")
    told(on, "pvesm set extra --delete nodes,prune-backups --disable 0")
    assert json.loads(told(on, "pvesh get /storage/extra --output-format json")) == {
        "content": "iso",
        "digest": json.loads(told(on, "pvesh get /storage --output-format json"))[0]["digest"],
        "path": "/srv/extra",
        "storage": "extra",
        "type": "dir",
    }
    assert told(on, "ls /srv/extra") == "images\ntemplate\n"
    told(on, "pvesm remove extra")
    assert "extra" not in told(on, "pvesm status")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("add dir dd", "missing value for required option 'path'"),
        ("add dir dd --path /d --vgname pve", "unexpected property 'vgname'"),
        ("add dir dd --path '/d d'", "illegal path for directory storage: /d d"),
        ("add dir local --path /d", "create storage failed: storage ID 'local' already defined"),
        (
            "add nfs nn --server 10.0.0.9 --export /e",
            "create storage failed: storage 'nn' is not online",
        ),
        (
            "add lvmthin tt --vgname pve --thinpool no",
            "create storage failed: no such logical volume pve/no",
        ),
        (
            "add pbs bb --server 10.0.0.9 --datastore d",
            "create storage failed: bb: error fetching datastores - 500 Can't connect to "
            "10.0.0.9:8007 (No route to host)",
        ),
        (
            "set local --delete path",
            "update storage failed: unable to delete required option 'path'",
        ),
        ("set local --delete nope", "update storage failed: no such option 'nope'"),
        ("set nosuch --disable 1", "update storage failed: storage 'nosuch' does not exist"),
        (
            "set local --digest 00",
            "update storage failed: detected modified configuration - file changed by other user? "
            "Try again.",
        ),
        (
            "set local --content none,iso",
            "update storage failed: unable to combine 'none' with other content types",
        ),
        ("remove nosuch", "delete storage failed: storage 'nosuch' does not exist"),
        ("list nosuch", "storage 'nosuch' does not exist"),
        ("path local:x", "unable to parse directory volume name 'x'"),
        ("path local-lvm:x-1", "unable to parse lvm volume name 'x-1'"),
        (
            "alloc local-lvm 100 vm-200-disk-0 1G",
            "illegal name 'vm-200-disk-0' - should be 'vm-100-*'",
        ),
        ("alloc local-lvm 100 '' 1G --format qcow2", "unsupported format 'qcow2'"),
    ],
)
def test_refusals(line, why):
    assert refusal(site(), f"pvesm {line}") == why


def test_a_refused_definition_is_not_kept():
    on = site()
    before = told(on, "cat /etc/pve/storage.cfg")
    refusal(on, "pvesm add nfs nn --server 10.0.0.9 --export /e")
    refusal(on, "pvesm set local --digest 00 --disable 1")
    assert told(on, "cat /etc/pve/storage.cfg") == before


def test_images_are_files_and_files_are_images():
    on = site("dir")
    told(on, "pvesm alloc local-lvm 100 vm-100-disk-0.raw 64M")
    directory = "/var/lib/local-lvm/images/100"
    assert told(on, f"stat -c %s {directory}/vm-100-disk-0.raw") == f"{64 << 20}\n"
    told(on, f"qemu-io -f raw -c 'write -P 5 0 1M' {directory}/vm-100-disk-0.raw")
    told(on, f"cp {directory}/vm-100-disk-0.raw {directory}/vm-100-disk-1.raw")
    assert "100/vm-100-disk-1.raw" in told(on, "pvesm list local-lvm")
    told(on, f"rm {directory}/vm-100-disk-0.raw")
    assert "100/vm-100-disk-0.raw" not in told(on, "pvesm list local-lvm")
    told(on, "qemu-img create -q -f raw /tmp/x 64M; qemu-io -f raw -c 'write -P 5 0 1M' /tmp/x")
    assert "identical" in told(on, f"qemu-img compare /tmp/x {directory}/vm-100-disk-1.raw")


def test_the_file_of_a_linked_clone_names_its_base():
    on = site("dir")
    told(on, "qm create 900 --scsi0 local-lvm:1; qm template 900; qm clone 900 901")
    path = told(on, "pvesm path $(qm config 901 | grep ^scsi0 | cut -d' ' -f2 | cut -d, -f1)")
    facts = json.loads(told(on, f"qemu-img info --output json {path}"))
    assert facts["backing-filename"] == "../900/base-900-disk-0.raw"
    assert facts["full-backing-filename"] == "/var/lib/local-lvm/images/900/base-900-disk-0.raw"
    assert (facts["backing-filename-format"], facts["format"]) == ("raw", "qcow2")


def test_protected_backups_stay():
    on = site()
    name = "vzdump-qemu-100-2025_01_02-03_04_05.vma.zst"
    volume = f"local:backup/{name}"
    told(on, f"echo x > /var/lib/vz/dump/{name}")
    place = f"/nodes/pve1/storage/local/content/{volume}"
    told(on, f"pvesh set {place} --protected 1 --notes n")
    status, _, err = run(on, f"pvesm free {volume}")
    assert (status, err) == (0, f"cannot remove protected volume 'backup/{name}' on 'local'\n")
    assert volume in told(on, "pvesm list local")
    told(on, f"pvesh set {place} --protected 0")
    assert told(on, f"pvesm free {volume}") == f"Removed volume '{volume}'\n"
    assert told(on, "ls /var/lib/vz/dump") == ""


def backups(days):
    return [
        {
            "ctime": 86400 * day + 3600,
            "subtype": "qemu",
            "vmid": 100,
            "volid": f"s:backup/vzdump-qemu-100-2025_01_01-00_00_{number:02}.vma",
        }
        for number, day in enumerate(days)
    ]


@given(
    st.lists(st.integers(0, 400), max_size=30, unique=True),
    st.fixed_dictionaries(
        {f"keep-{name}": st.integers(0, 5) for name in ("last", "daily", "weekly", "yearly")}
    ),
)
def test_pruning_keeps_at_most_what_the_rules_say_and_always_the_newest(days, rules):
    kept = [row for row in marked(backups(days), rules) if row["mark"] == "keep"]
    if not any(rules.values()):
        assert len(kept) == len(days)
        return
    assert len(kept) <= sum(rules.values())
    assert len(kept) >= min(len(days), rules["keep-last"])
    if days:
        assert max(days) * 86400 + 3600 in {row["ctime"] for row in kept}


NAMES = st.tuples(
    st.integers(100, 103), st.integers(0, 3), st.sampled_from(["", "900/base-900-disk-0.raw/"])
)


@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=40))
def test_volumes_are_found_by_owner_file_and_base_as_by_search(steps):
    table, plain = VolumeTable(), {}
    for add, (vmid, number, base) in steps:
        name = f"{base}{vmid}/vm-{vmid}-disk-{number}.qcow2"
        if add and table.at(f"{vmid}/vm-{vmid}-disk-{number}.qcow2") is None:
            table[name] = plain[name] = Volume(name, vmid, 1 << 20, "qcow2", Disk(1 << 20))
        elif not add and name in plain:
            del table[name], plain[name]
    assert dict(table) == plain
    for vmid in range(100, 104):
        assert table.owned(vmid) == [v for v in plain.values() if v.vmid == vmid]
    children = sorted(name for name in plain if name.startswith("900/"))
    assert table.children("900/base-900-disk-0.raw") == children
    for vmid, number in itertools.product(range(100, 104), range(4)):
        file = f"{vmid}/vm-{vmid}-disk-{number}.qcow2"
        assert table.at(file) is next((v for n, v in plain.items() if n.endswith(file)), None)


def test_a_download_is_kept_only_with_the_right_checksum():
    on = site()
    url = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
    told(on, "pvesm set local --content iso,import")
    line = (
        f"pvesh create /nodes/pve1/storage/local/download-url --content import --url {url} "
        "--filename d.qcow2"
    )
    status, _, err = run(on, f"{line} --checksum 00 --checksum-algorithm sha256")
    assert status == 0
    assert err.startswith("checksum mismatch: got '")
    assert "d.qcow2" not in told(on, "pvesm list local")
    assert "finished" in told(on, line)
    assert "local:import/d.qcow2" in told(on, "pvesm list local")


def test_what_lvm_and_directories_refuse():
    on = site()
    status, _, err = run(on, "pvesm scan lvmthin nosuch")
    assert status == 255
    assert err.startswith('  Volume group "nosuch" not found\n  Cannot process volume group')
    assert err.endswith(",time nosuch' failed: exit code 5\n")
    refused = run(on, "pvesm alloc local 100 '' 1G --format subvol")
    assert refused == (255, "", "storage does not support subvol quotas\n")
