import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.pve import conf
from pvekit.pve.conf import GuestConfig
from pvekit.pve.volumes import boot_slot, cloud_init_slot, volumes

TRANSCRIPTS = Path(__file__).parents[2] / "../shared/pve/transcripts"

RUNNING = """\
#line one
#line two%3A %C3%BCmlaut %2541
boot: order=scsi0;net0
ciuser: admin
ide2: local:102/vm-102-cloudinit.qcow2,media=cdrom
ipconfig0: ip=10.0.0.5/24,gw=10.0.0.1
memory: 4096
name: x102
net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,tag=12
sata3: none,media=cdrom
scsi0: local:102/vm-102-disk-0.qcow2,discard=on,size=2252M
scsi1: local:102/vm-102-disk-1.qcow2,size=1T
sshkeys: ssh-ed25519%20AAAA%2B%20me%40host%0A
tags: B,a c
unused0: local:102/vm-102-disk-9.qcow2

[PENDING]
cores: 8
delete: tags,!net1

[before]
#a snapshot's note
memory: 99
lock: snapshot
"""


def render(config: GuestConfig) -> str:
    notes = [f"#{conf.encode(line)}" for line in config.description.split("\n")]
    options = [f"{key}: {value}" for key, value in sorted(config.values.items())]
    return "\n".join([*(notes if config.description else []), *options, ""])


def test_only_the_main_section_is_the_config():
    config = conf.parse(RUNNING)
    assert config.values["memory"] == "4096"
    assert config.lock is None
    assert config.description == "line one\nline two: ümlaut %41"
    assert config.pending == {"cores": "8", "delete": "tags,!net1"}


def test_the_digest_is_of_the_whole_file():
    assert conf.parse("").digest == "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    assert conf.parse(RUNNING).digest != conf.parse(RUNNING + "\n").digest


def test_keys_are_shown_decoded():
    assert conf.parse(RUNNING).get("sshkeys") == "ssh-ed25519 AAAA+ me@host\n"


@pytest.mark.parametrize(
    ("key", "wanted", "holds"),
    [
        ("memory", 4096, True),
        ("memory", 2048, False),
        ("cores", 8, False),  # waits for the next start
        ("tags", "a;b;c", False),  # about to be deleted
        ("net1", None, False),
        ("net2", None, True),
        ("name", None, False),
        ("sshkeys", "ssh-ed25519 AAAA+ me@host", True),
        ("description", "line one\nline two: ümlaut %41\n", True),
    ],
)
def test_a_goal_holds_when_it_is_settled(key, wanted, holds):
    assert conf.parse(RUNNING).has(key, wanted) is holds


def test_no_goal_holds_under_a_lock():
    assert not conf.parse("lock: backup\nmemory: 4096\n").has("memory", 4096)


@pytest.mark.parametrize(
    ("key", "wanted", "actual"),
    [
        ("tags", "pvekit;k8s;Worker", "k8s,worker pvekit"),
        ("net0", "virtio=bc:24:11:00:00:01,bridge=vmbr0", "bridge=vmbr0,virtio=BC:24:11:00:00:01"),
        ("agent", "1", "enabled=1"),
        ("agent", "enabled=on,fstrim_cloned_disks=1", "1,fstrim_cloned_disks=1"),
        ("onboot", "yes", "1"),
        ("cpu", "x86-64-v2-AES", "cputype=x86-64-v2-AES"),
        ("ipconfig0", "gw=10.0.0.1,ip=10.0.0.5/24", "ip=10.0.0.5/24,gw=10.0.0.1"),
        ("nameserver", "1.1.1.1, 8.8.8.8", "1.1.1.1 8.8.8.8"),
        ("description", "a\nb", "a\nb\n"),
        ("memory", "2048", "current=2048"),
    ],
)
def test_what_means_the_same_is_equal(key, wanted, actual):
    assert conf.equal(key, wanted, actual)


@pytest.mark.parametrize(
    ("key", "wanted", "actual"),
    [
        ("tags", "a", "a;b"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0", "virtio=BC:24:11:00:00:01,bridge=vmbr1"),
        ("onboot", "0", "1"),
        ("name", "Web", "web"),
        ("description", "a", "b"),
    ],
)
def test_what_differs_is_not_equal(key, wanted, actual):
    assert not conf.equal(key, wanted, actual)


def test_the_stub_of_a_clone_is_recognised():
    stub = conf.parse("# qmclone temporary file\nlock: clone\n")
    assert stub.is_stub
    assert stub.description == " qmclone temporary file"
    assert not conf.parse(RUNNING).is_stub


def test_drives_are_known_by_slot():
    config = conf.parse(RUNNING)
    found = volumes(config)
    assert set(found) == {"ide2", "scsi0", "scsi1", "unused0"}
    assert [
        (found[slot].storage, found[slot].size_gb) for slot in ("scsi0", "scsi1", "unused0")
    ] == [
        ("local", 3),
        ("local", 1024),
        ("local", 0),
    ]
    assert cloud_init_slot(config) == "ide2"
    assert boot_slot(config) == "scsi0"


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("boot: order=net0;virtio1\nscsi0: l:a\nvirtio1: l:b\n", "virtio1"),
        ("bootdisk: sata0\nide0: l:a\nsata0: l:b\n", "sata0"),
        ("scsi2: l:b\nscsi1: l:vm-1-cloudinit,media=cdrom\n", "scsi2"),
        ("boot: order=net0\n", None),
        ("scsi0: none,media=cdrom\n", None),
    ],
)
def test_the_boot_disk(text, slot):
    assert boot_slot(conf.parse(text)) == slot


@pytest.mark.parametrize(
    "volid",
    ["local-lvm:vm-100-cloudinit", "local:100/vm-100-cloudinit.qcow2", "ceph:vm-100-cloudinit"],
)
def test_cloud_init_drives_of_all_storages(volid):
    assert cloud_init_slot(conf.parse(f"scsi1: {volid},media=cdrom\n")) == "scsi1"


keys = st.from_regex(r"[a-z]{1,8}[0-9]{0,2}", fullmatch=True).filter(
    lambda key: key not in ("description",)
)
texts = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1)
notes = st.text(st.characters(blacklist_categories=("Cs",))).map(str.rstrip)


@given(st.dictionaries(keys, texts), notes)
def test_what_is_written_reads_the_same(values, description):
    config = conf.parse(render(GuestConfig(values, description)))
    assert (config.values, config.description) == (values, description)


@given(st.text())
def test_nothing_makes_the_reader_fail(text):
    config = conf.parse(text)
    volumes(config)
    boot_slot(config)


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_escaping_takes_what_pve_takes(text):
    escaped = conf.encode(text)
    assert conf.decode(escaped) == text
    assert all(0x20 <= ord(char) < 0x7F and char != ":" for char in escaped)


@pytest.mark.skipif(
    not TRANSCRIPTS.is_dir(), reason="the recordings of the real programs are absent"
)
def test_recorded_files_are_read_whole():
    seen = 0
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["cmd"].startswith("cat /etc/pve/") and record["cmd"].endswith(".conf"):
                config = conf.parse(record["stdout"])
                assert render(config).strip() == record["stdout"].strip()
                seen += 1
    assert seen
