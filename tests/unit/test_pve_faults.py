"""Proxmox VE's texts, sorted by what to do. The exit status of a failure means nothing."""

from __future__ import annotations

import pytest

from pvekit.errors import Conflict, IdTaken, LockTimeout, NoCapacity, QuorumLost, Transient
from pvekit.pve.faults import failure
from pvekit.shell import Command, CommandFailed, Result

CLONE = Command(("qm", "clone", 9000, 104))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("can't lock file '/var/lock/qemu-server/lock-104.conf' - got timeout", LockTimeout),
        ("cfs-lock 'storage-x' error: got lock request timeout", LockTimeout),
        ("VM is locked (backup)", LockTimeout),
        ("unable to create VM 104 - VM 104 already exists on node 'pve2'", IdTaken),
        ("unable to create VM 104: config file already exists", IdTaken),
        ("checksum mismatch (file change by other user?)", Conflict),
        ("pvekit-refused: VM 104 does not carry the mark", Conflict),
        ("pvekit-held: name-x {}", IdTaken),
        ("cluster not ready - no quorum?", QuorumLost),
        ("copy failed: No space left on device", NoCapacity),
        ("can't remove VM 7 - protection mode enabled", Conflict),
        ("got no worker upid", Transient),
    ],
)
def test_a_text_has_its_class(text, kind):
    assert type(failure(Result(CLONE, 255, "", text), what="clone", node="pve1")) is kind


def test_a_full_storage_is_told_with_what_to_do():
    error = failure(Result(CLONE, 5, err="No space left on device"), what="clone", node="pve1")
    assert (error.id, error.hint != "") == ("STORAGE-FULL", True)


def test_a_lock_on_the_new_vmid_means_that_it_is_taken():
    text = "can't lock file '/var/lock/qemu-server/lock-104.conf' - got timeout"
    assert type(failure(Result(CLONE, 255, err=text), what="x", node="n", vmid=104)) is IdTaken


def test_anything_else_is_told_with_its_last_words():
    error = failure(Result(CLONE, 2, "", "something new\n"), what="clone", node="pve1")
    assert isinstance(error, CommandFailed)
    assert "something new" in error.details
    assert "pve1" in error.brief
