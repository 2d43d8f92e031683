"""What differs by nature is made alike, and nothing else is."""

from __future__ import annotations

import pytest

from tests.lab.parity.normal import normal

ALIKE = [
    (
        "vmgenid: 5e4fd577-c5fd-4f1f-a96a-2245fbf1070f",
        "vmgenid: 21b9fd3f-24e7-4c3b-b1b0-bbe0f35b4d7c",
    ),
    ("net0: virtio=BC:24:11:49:DD:77,bridge=vmbr0", "net0: virtio=BC:24:11:00:00:01,bridge=vmbr0"),
    ("meta: creation-qemu=10.0.13,ctime=1795206550", "meta: creation-qemu=9.2.0,ctime=1"),
    (
        "UPID:pve1:00002A75:0008135E:6B00B200:qmclone:9000:root@pam:",
        "UPID:pve1:00000001:00000002:00000003:qmclone:9000:root@pam:",
    ),
    ("a\ntransferred 1.0 GiB of 2.0 GiB (50.00%)\nb\n", "a\nb\n"),
    ("trying to acquire lock...\n OK\ndone\n", "done\n"),
    ('[{"key":"a"},{"key":"b"}]', '[{"key":"b"},{"key":"a"}]'),
    ('{"uptime":1,"vmid":2}', '{"uptime":7.5,"vmid":2}'),
    (
        "       100 a   running    512   0.00 3132      ",
        "       100 a   running    512   0.00 44      ",
    ),
    ("\twr_bytes: 1", "\twr_bytes: 2"),
]
APART = [
    ("status: running", "status: stopped"),
    ("trying to acquire lock...\n", ""),
    ("size=1G", "size=2G"),
    ('{"vmid":1}', '{"vmid":2}'),
    ('{"uptime":1}', "{}"),
    ('[{"upid":"a"},{"upid":"b"}]', '[{"upid":"b"},{"upid":"a"}]'),
    (
        "       100 a   running    512   0.00 3132      ",
        "       100 a   running    512   0.00 0         ",
    ),
    ("VM 100 already exists", "VM 101 already exists"),
    (
        "local             dir     active  1 2 3  7.23%",
        "local             dir   inactive  1 2 3  7.23%",
    ),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_made_alike(one: str, other: str):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_kept_apart(one: str, other: str):
    assert normal(one) != normal(other)


@pytest.mark.parametrize("text", [text for pair in (*ALIKE, *APART) for text in pair])
def test_twice_is_once(text: str):
    assert normal(normal(text)) == normal(text)
