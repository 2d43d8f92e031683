"""The audit log's chain: what is seen of edits, removals and crashes; several writers at once."""

from __future__ import annotations

import json
import os
import random
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from pvekit.audit.log import AuditLog, AuditUnwritable
from pvekit.audit.verify import verify
from pvekit.errors import Interrupted
from pvekit.operations.auditing import Audited, Whereabouts
from pvekit.shell import Command, Purpose, Result


def filled(folder: Path, count: int = 6, largest: int = 1 << 20) -> AuditLog:
    log = AuditLog(folder / "state", largest)
    for number in range(count):
        log.append({"op": f"step {number}", "argv": ["qm", "ü", "\u2028"]})
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_what_is_whole(tmp_path):
    log = filled(tmp_path)
    found = verify(log)
    assert (found.lines, found.broken, found.torn) == (6, "", ())
    assert [json.loads(line)["number"] for line in lines(log)] == [1, 2, 3, 4, 5, 6]
    for path in (log.path, log.head):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.directory.stat().st_mode) == 0o700


def test_nothing_is_whole_too(tmp_path):
    assert verify(AuditLog(tmp_path)).broken == ""


TAMPERED = {
    "a value changed": lambda all: [all[0].replace(b"step 0", b"step 9"), *all[1:]],
    "a line removed": lambda all: [*all[:2], *all[3:]],
    "the first removed": lambda all: all[1:],
    "two exchanged": lambda all: [all[0], all[2], all[1], *all[3:]],
    "a line twice": lambda all: [all[0], *all],
    "the last removed": lambda all: all[:-1],
    "all but one removed": lambda all: all[:1],
    "all removed": lambda all: [],
    "one made unreadable": lambda all: [*all[:2], b"garbage\n", *all[3:]],
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_what_is_seen(tmp_path, tamper):
    log = filled(tmp_path)
    log.path.write_bytes(b"".join(tamper(lines(log))))
    assert verify(log).broken


def test_any_byte_that_changes_is_seen(tmp_path):
    log = filled(tmp_path)
    whole = log.path.read_bytes()
    for place in random.Random(1).sample(range(len(whole)), 200):
        changed = bytearray(whole)
        changed[place] ^= 1
        log.path.write_bytes(changed)
        assert verify(log).broken, place
    log.path.write_bytes(whole)
    log.head.unlink()
    assert "missing" in verify(log).broken


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_told_and_breaks_nothing(tmp_path, kept):
    """A crash in the middle of a line: the head knows only of the line before."""
    log = filled(tmp_path)
    head = log.head.read_bytes()
    log.append({"op": "torn"})
    last = lines(log)[-1]
    log.head.write_bytes(head)
    log.path.write_bytes(b"".join(lines(log)[:-1]) + last[:kept])
    if kept == -1:  # only the line feed is missing: the line is whole
        assert verify(log).lines == 7
    else:
        assert len(verify(log).torn) == 1
        assert verify(log).broken == ""
    log.append({"op": "after"})
    found = verify(log)
    assert found.broken == ""
    assert found.lines == (8 if kept == -1 else 7)


def test_a_crash_between_line_and_head(tmp_path):
    log = filled(tmp_path)
    head = log.head.read_bytes()
    log.append({"op": "last"})
    log.head.write_bytes(head)
    assert verify(log).broken == ""
    log.append({"op": "after"})
    assert (verify(log).lines, verify(log).broken) == (8, "")


def test_the_chain_goes_on_over_files(tmp_path):
    log = filled(tmp_path, 40, largest=1000)
    files = log.files()
    assert len(files) > 5
    found = verify(log)
    assert (found.lines, found.broken, len(found.files)) == (40, "", len(files))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    files[2].unlink()
    assert verify(log).broken


WRITER = """
import sys
from pathlib import Path
from pvekit.audit.log import AuditLog
log = AuditLog(Path(sys.argv[1]), 20000)
for number in range(60):
    log.append({"writer": sys.argv[2], "n": number, "text": "x" * 200})
"""


def test_processes_that_write_at_once(tmp_path):
    words = [sys.executable, "-c", WRITER, str(tmp_path / "state")]
    writers = [subprocess.Popen([*words, str(number)]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    found = verify(AuditLog(tmp_path / "state"))
    assert (found.lines, found.broken, found.torn) == (240, "", ())


def test_modes_do_not_depend_on_the_umask_and_links_are_not_followed(tmp_path):
    before = os.umask(0)
    try:
        log = filled(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.directory.stat().st_mode) == 0o700
    log.path.unlink()
    log.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditUnwritable):
        log.append({})
    assert not (tmp_path / "elsewhere").exists()


@contextmanager
def room_for(size):
    """A disk on which no file can be larger: a write beyond is refused as on a full one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Node:
    """A shell that sees what is in the log while its command runs, and may die in it."""

    def __init__(self, log, dies=False):
        self.log, self.dies, self.seen = log, dies, []

    def run(self, command):
        self.seen.append(verify(self.log).lines)
        if self.dies:
            raise Interrupted(9)
        return Result(command, 0)


CHANGE = Command(("qm", "start", 100), purpose=Purpose("7f3a", "vm/a/start"))


def audited(log, **how):
    node = Node(log, **how)
    return node, Audited(node, log, Whereabouts("pve1", "pve1:22", "root", lambda: "SHA256:x"))


def test_a_command_is_in_the_log_before_it_is_sent_and_its_end_after(tmp_path):
    log = filled(tmp_path, 1)
    node, shell = audited(log)
    shell.run(CHANGE)
    assert node.seen == [2]
    told = [json.loads(line) for line in lines(log)[1:]]
    assert [(each["event"], each.get("of")) for each in told] == [("sent", None), ("ended", 2)]
    assert (told[0]["argv"], told[1]["rc"]) == (["qm", "start", "100"], 0)
    node, shell = audited(log, dies=True)
    with pytest.raises(Interrupted):
        shell.run(CHANGE)
    assert node.seen == [4]
    assert verify(log).broken == ""


@pytest.mark.parametrize("room", [0, 1, 40])
def test_on_a_full_disk_nothing_is_sent_and_the_chain_stays_whole(tmp_path, room):
    log = filled(tmp_path)
    before = log.path.read_bytes()
    node, shell = audited(log)
    with room_for(len(before) + room), pytest.raises(AuditUnwritable):
        shell.run(CHANGE)
    assert node.seen == []
    assert log.path.read_bytes() == before
    assert (verify(log).broken, verify(log).torn) == ("", ())
    shell.run(CHANGE)
    assert (verify(log).lines, verify(log).broken) == (8, "")
