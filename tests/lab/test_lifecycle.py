"""VMs are made, changed, given disks and taken apart as Proxmox VE does it."""

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.lab.commands.drives import parse
from pvekit.lab.configcheck import broken
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import Image, image_file, shape_of
from pvekit.lab.machine import collect
from pvekit.lab.options import table
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.vmconfig import VmConfig

OVF = """<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:href="a.vmdk" ovf:id="f1"/></References>
<DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1"/></DiskSection>
<VirtualSystem ovf:id="x"><Name>my web_1</Name>
<OperatingSystemSection ovf:id="96"/><VirtualHardwareSection>
<Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>
<rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
<rasd:VirtualQuantity>256</rasd:VirtualQuantity></Item>
<Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent>
<rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:ResourceType>17</rasd:ResourceType>
<rasd:HostResource>ovf:/disk/d1</rasd:HostResource></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>
"""


class Desk:
    """A node where commands are run one after the other."""

    def __init__(self, storage="lvmthin", **spec):
        self.site = Site(SiteSpec(storage=storage, seed=1, **spec))
        self.node = self.site.nodes["pve1"]

    def run(self, *lines):
        """Run commands and return (status, stdout, stderr) of the last."""
        return asyncio.run(self._run(lines))

    async def _run(self, lines):
        for line in lines:
            status, out, err = await collect(self.node.machine, line, env={"LC_ALL": "C.UTF-8"})
        await asyncio.sleep(0)
        return status, out.decode(errors="replace"), err.decode(errors="replace")

    def config(self, vmid):
        return self.node.config(vmid).values

    def volumes(self):
        return {
            f"{storage}:{name}"
            for storage in self.node.storages.defined()
            for name in self.node.storages.pool(storage).volumes
        }


@pytest.mark.parametrize("storage", ["lvmthin", "dir", "rbd"])
def test_of_a_create_that_fails_nothing_stays(storage):
    desk = Desk(storage)
    place = "ceph" if storage == "rbd" else "local-lvm"
    line = f"qm create 100 --scsi0 {place}:1 --scsi1 {place}:0,import-from=/root/none.raw"
    status, _, err = desk.run(line)
    assert (status != 0, err) == (
        True,
        "unable to create VM 100 - can't find file '/root/none.raw'\n",
    )
    assert desk.volumes() == set()
    assert not desk.node.machine.files.exists(desk.node.config_path(100))


def test_a_new_vm_gets_its_disks_in_the_order_of_their_names():
    desk = Desk()
    desk.run(
        "qm create 100 --virtio0 local-lvm:1 --scsi1 local-lvm:1 --scsi0 local-lvm:1 "
        "--efidisk0 local-lvm:1,efitype=4m --bios ovmf"
    )
    order = ["efidisk0", "scsi0", "scsi1", "virtio0"]
    names = [re.match(r"local-lvm:vm-100-disk-\d", desk.config(100)[slot])[0] for slot in order]
    assert names == [f"local-lvm:vm-100-disk-{number}" for number in range(4)]


@pytest.mark.parametrize(
    ("line", "err"),
    [
        ("--scsi0 local-lvm:1,mbps_max=3", "mbps_max requires mbps"),
        ("--scsi0 local-lvm:1,iops=3,iops_rd=3", "scsi0: unable to parse drive options"),
        ("--virtio0 none,media=cdrom", "virtio0: unable to parse drive options"),
        ("--scsi0 local:backup/a.vma", "scsi0: content type needs to be 'images' or 'iso'"),
        ("--scsi0 local:1", "storage: storage 'local' does not support vm images"),
        ("--scsi0 local-lvm:iso", "unable to parse lvm volume name 'iso'"),
        ("--efidisk0 local-lvm:0,import-from=/a", "efidisk0: need to specify 'efitype'"),
        ("--machine pc,viommu=intel", "unable to create VM 100 - to use Intel vIOMMU"),
        ("--pool none", "403 Permission check failed (pool 'none' does not exist)"),
    ],
)
def test_what_cannot_be_is_refused(line, err):
    desk = Desk()
    status, _, text = desk.run(f"qm create 100 {line}")
    assert status != 0
    assert err in text
    assert desk.node.vmids() == []


def test_rates_in_bytes_become_megabytes_and_booleans_numbers():
    spec = table("qm").commands["set"].names["scsi0"]
    drive, _ = parse(spec, "scsi0", "volume=ab:b,bps_rd=1572864,ssd=on,size=1024M")
    assert str(drive) == "ab:b,mbps_rd=1.500,size=1G,ssd=1"


@given(st.text(st.characters(codec="latin-1", exclude_categories=("Cc", "Zl", "Zp")), max_size=20))
@settings(max_examples=15)
def test_descriptions_keep_their_inner_lines(text):
    wanted = f"first\n\n{text}\n  last"
    config = VmConfig.parse(VmConfig({"name": "a"}, wanted).text())
    assert (config.description, config.values) == (wanted, {"name": "a"})


def test_deleting_detaches_and_deleting_again_removes():
    desk = Desk()
    desk.run("qm create 100 --scsi0 local-lvm:1 --scsi1 local-lvm:1", "qm set 100 --delete scsi1")
    assert desk.config(100)["unused0"] == "local-lvm:vm-100-disk-1"
    assert desk.run("qm set 100 --delete unused0")[1].splitlines()[1:] == [
        '  Logical volume "vm-100-disk-1" successfully removed.'
    ]
    assert desk.volumes() == {"local-lvm:vm-100-disk-0"}
    desk.run("qm disk unlink 100 --idlist scsi0 --force 1")
    assert desk.volumes() == set()
    assert desk.config(100)["boot"].strip() == ""


def test_a_drive_set_again_keeps_its_volume_whatever_size_is_claimed():
    desk = Desk()
    desk.run(
        "qm create 100 --scsi0 local-lvm:1",
        "qm set 100 --scsi0 local-lvm:vm-100-disk-0,size=50G,iothread=on",
    )
    assert desk.config(100)["scsi0"] == "local-lvm:vm-100-disk-0,iothread=1,size=1G"
    assert "unused0" not in desk.config(100)


CHANGES = st.lists(
    st.sampled_from(
        [
            "--memory 1024",
            "--cores 4",
            "--delete cores",
            "--scsi1 local-lvm:1",
            "--delete scsi1",
            "--ide2 none,media=cdrom",
            "--net0 e1000,bridge=vmbr0",
            "--description text",
            "--delete description",
            "--tags b,a",
        ]
    ),
    max_size=6,
)


@given(CHANGES)
@settings(max_examples=20, deadline=None)
def test_nothing_waits_in_a_vm_that_is_off(changes):
    desk = Desk()
    desk.run("qm create 100 --memory 512", *(f"qm set 100 {change}" for change in changes))
    config = desk.node.config(100)
    assert config.pending == {}
    named = {volid for _, volid in config.volumes()}
    assert desk.volumes() == named


@given(st.sets(st.sampled_from(["memory", "cores", "sockets", "numa", "cpu", "bios"]), min_size=1))
@settings(max_examples=10, deadline=None)
def test_what_waits_can_be_taken_back(names):
    values = {"memory": "2048", "cores": "3", "sockets": "2", "numa": "1", "cpu": "max"}
    values["bios"] = "ovmf"
    words = " ".join(f"--{name} {values[name]}" for name in sorted(names))
    desk = Desk()

    async def main():
        machine = desk.node.machine
        for line in ("qm create 100 --memory 512 --cores 2 --boot c", "qm start 100"):
            await collect(machine, line)
        before = desk.node.config_text(100)
        await collect(machine, f"qm set 100 {words}")
        waiting = set(desk.node.config(100).pending)
        await collect(machine, f"qm set 100 --revert {','.join(sorted(names))}")
        return before, waiting, desk.node.config_text(100)

    before, waiting, after = asyncio.run(main())
    assert waiting == names
    assert after == before


def test_a_change_needs_the_digest_that_was_read():
    desk = Desk()
    desk.run("qm create 100")
    status, out, err = desk.run(f"qm set 100 --cores 2 --digest {'0' * 40}")
    assert (status, out, err) == (255, "", "checksum mismatch (file change by other user?)\n")
    shown = desk.run("pvesh get /nodes/pve1/qemu/100/config --output-format json")[1]
    digest = re.search(r'"digest":"(\w+)"', shown)[1]
    assert desk.run(f"qm set 100 --cores 2 --digest {digest}")[0] == 0


def test_a_disk_moves_to_another_storage_and_its_old_volume_is_unused():
    desk = Desk("rbd")
    desk.run("qm create 100 --scsi0 local-lvm:1,discard=on")
    status, out, _ = desk.run("qm disk move 100 scsi0 ceph")
    assert (status, out.splitlines()[0]) == (
        0,
        "create full clone of drive scsi0 (local-lvm:vm-100-disk-0)",
    )
    assert desk.config(100)["scsi0"] == "ceph:vm-100-disk-0,discard=on,size=1G"
    assert desk.config(100)["unused0"] == "local-lvm:vm-100-disk-0"
    desk.run("qm disk move 100 scsi0 local-lvm --delete 1")
    assert desk.volumes() == {"local-lvm:vm-100-disk-0", "local-lvm:vm-100-disk-1"}


def test_a_disk_moves_to_another_vm_under_a_new_name():
    desk = Desk("dir")
    desk.run("qm create 100 --scsi0 local-lvm:1 --net0 virtio", "qm create 101")
    status, out, _ = desk.run("qm disk move 100 scsi0 --target-vmid 101 --target-disk virtio2")
    new = "local-lvm:101/vm-101-disk-0.raw"
    assert (status, out.splitlines()) == (
        0,
        [
            "moving disk 'scsi0' from VM '100' to '101'",
            "removing disk 'scsi0' from boot order config",
            "removing disk 'scsi0' from VM '100' config",
            f"update VM 101: -virtio2 {new},size=1G",
        ],
    )
    assert desk.config(100)["boot"] == "order=net0"
    assert desk.config(101)["virtio2"] == f"{new},size=1G"
    assert desk.volumes() == {new}


@pytest.mark.parametrize(
    ("words", "err"),
    [
        ("scsi0 local-lvm", "you can't move to the same storage with same format"),
        ("scsi7 local-lvm", "disk 'scsi7' does not exist"),
        ("ide2 local-lvm", "you can't move a cdrom"),
        ("scsi0 nosuch", "storage 'nosuch' does not exist"),
        ("scsi0 --target-vmid 999", "could not find target VM 999"),
        ("scsi0 --target-vmid 101 --target-disk scsi1", "is already in use for VM '101'"),
        ("scsi0 local --target-vmid 101", "either set 'storage' or 'target-vmid', but not both"),
        ("scsi0 --target-vmid 101 --digest 1", "VM 100: detected modified configuration"),
    ],
)
def test_moves_that_cannot_be(words, err):
    desk = Desk()
    desk.run(
        "qm create 100 --scsi0 local-lvm:1 --ide2 none,media=cdrom",
        "qm create 101 --scsi1 local-lvm:1",
    )
    before = desk.volumes()
    status, _, text = desk.run(f"qm disk move 100 {words}")
    assert status != 0
    assert err in text
    assert desk.volumes() == before


def test_a_rescan_finds_what_no_configuration_names():
    desk = Desk()
    desk.run("qm create 100 --scsi0 local-lvm:1 --scsi1 local-lvm:1")
    path = desk.node.config_path(100)
    text = desk.node.config_text(100)
    text = re.sub(r"(?m)^scsi1:.*\n", "", text).replace("size=1G", "size=3G")
    desk.node.machine.files.write(path, text.encode())
    told = [
        "VM 100 (scsi0): size of disk 'local-lvm:vm-100-disk-0' updated from 3G to 1G",
        "VM 100 add unreferenced volume 'local-lvm:vm-100-disk-1' as 'unused0' to config",
    ]
    assert desk.run("qm disk rescan --dryrun 1")[1].splitlines()[2:] == told
    assert desk.node.config_text(100) == text
    assert desk.run("qm disk rescan")[1].splitlines()[1:] == told
    assert desk.run("qm disk rescan")[1].splitlines()[1:] == []


def test_a_manifest_becomes_a_vm_with_its_disk():
    desk = Desk()
    files = desk.node.machine.files
    disk = Disk(48 << 20)
    files.write("/root/a.vmdk", image_file(Image(disk, shape_of(disk, "vmdk"))))
    files.write("/root/w.ovf", OVF.encode())
    assert '"ostype" : "l26"' in desk.run("qm importovf 100 w.ovf local-lvm --dryrun 1")[1]
    assert desk.node.vmids() == []
    assert desk.run("qm importovf 100 w.ovf local-lvm")[0] == 0
    kept = {k: v for k, v in desk.config(100).items() if k not in {"smbios1", "vmgenid"}}
    assert kept == {
        "boot": "order=scsi1",
        "cores": "2",
        "memory": "256",
        "name": "myweb1",
        "scsi1": "local-lvm:vm-100-disk-0",
    }
    status, _, err = desk.run("qm importovf 100 w.ovf local-lvm")
    taken = "VM 100 already exists on node 'pve1'\n"
    assert (status, err) == (
        255,
        f"Reserving empty config for OVF import to VM 100 failed: {taken}",
    )


def test_lines_that_make_no_sense_are_told_and_not_read():
    assert broken("name: a\nsshkeys:  \nboot:  \nrubbish\nnosuch: 1\n", "8.4") == (
        ("sshkeys", "unable to parse value of 'sshkeys' - invalid urlencoded string:  "),
        ("", "unable to parse config: rubbish"),
        ("nosuch", "unable to parse value of 'nosuch' - unknown setting 'nosuch'"),
    )
    assert broken("memory: lots\nonboot: 7\n", "9.2") == (
        (
            "memory",
            "unable to parse value of 'memory' - format error\n"
            "current: type check ('integer') failed - got 'lots'",
        ),
        ("onboot", "unable to parse value of 'onboot' - type check ('boolean') failed - got '7'"),
    )
    desk = Desk()
    desk.run("qm create 100 --name a", "touch e.pub; qm set 100 --sshkeys e.pub")
    assert "sshkeys: " in desk.node.config_text(100)
    assert "sshkeys" not in desk.config(100)


def test_a_value_that_cannot_be_read_counts_as_none():
    desk = Desk()
    line = "qm create 100; echo 'cores: many' >> /etc/pve/qemu-server/100.conf; qm set 100 --name a"
    warning = (
        "vm 100 - unable to parse value of 'cores' - type check ('integer') failed - got 'many'"
    )
    status, _, err = desk.run(line)
    assert (status, err.splitlines()[0]) == (0, warning)
    assert "cores" not in desk.node.config_text(100)


def test_each_release_has_its_own_emulator():
    for release, qemu in {"8.4": "10.0.13", "9.2": "11.0.0"}.items():
        desk = Desk(pve=release)
        desk.run("qm create 100 --ostype win11 --machine q35")
        config = desk.config(100)
        assert config["meta"].startswith(f"creation-qemu={qemu},")
        assert config["machine"] == f"pc-q35-{qemu.rpartition('.')[0]}"


def test_values_are_written_in_their_own_forms():
    desk = Desk()
    desk.run(
        "qm create 100 --net0 e1000,bridge=vmbr0,firewall=on --ostype win11 --cpuunits 50000",
        "qm set 100 --tags 'Web,b;b' --cdrom none --cipassword secret",
    )
    config = desk.config(100)
    assert re.fullmatch(r"e1000=BC:24:11(:[0-9A-F]{2}){3},bridge=vmbr0,firewall=1", config["net0"])
    assert config["machine"].startswith("pc-i440fx-")
    assert (config["cpuunits"], config["tags"], config["ide2"]) == (
        "10000",
        "b;web",
        "none,media=cdrom",
    )


def test_network_cards_get_the_clusters_own_prefix():
    desk = Desk()
    desk.run("echo 'mac_prefix: 02:aa' >> /etc/pve/datacenter.cfg; qm create 100 --net0 virtio")
    assert re.fullmatch(r"virtio=02:AA(:[0-9A-F]{2}){4}", desk.config(100)["net0"])
