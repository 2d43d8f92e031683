"""A journal's file: cut at any byte, damaged, foreign, newer, locked, on a full disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pvekit.errors import Conflict, NotFound, PvekitError, UsageError
from pvekit.journal import Journal, Store
from pvekit.journal.reading import FORMAT, read
from pvekit.operations import runs


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "pvekit" / "runs", "pve1=pve1:22")


@pytest.fixture
def path(store):
    """The journal of a run that was broken off, with an event of each kind."""
    journal = store.begin("vm create", {"asked": {"role": "wörker"}})
    journal.decided({"vm/a": {"at": {"vmid": 100}}})
    journal.started("vm/a/clone")
    journal.job("pve1", "0123")
    journal.failed("vm/a/clone", "no\nspace")
    journal.passed("vm/a/clone", "failed", 1.5, "no space")
    journal.rolling_back()
    journal.finished(1)
    journal.close()
    return journal.path


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def test_cut_at_every_byte_the_whole_lines_are_left(path):
    data, lines = path.read_bytes(), lines_of(path)
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends) - 1
        journal = Journal(path)
        assert journal.events == [json.loads(line) for line in lines[:whole]], size
        assert path.read_bytes() == data[: ends[whole]], size
        if whole:
            journal.done("vm/a/more")
            assert read(path).events == journal.events, size
            assert len(journal.events) == whole + 1
        journal.close()


@pytest.mark.parametrize(
    "rest", [b"\0" * 50, b"\0\0\n\0", b'{"event"\n', b"garbage\nmore\n", b"\n"]
)
def test_what_a_crash_leaves_behind_the_last_event_is_cut_off(path, rest):
    data = path.read_bytes()
    path.write_bytes(data + rest)
    journal = Journal(path)
    journal.done("vm/a/more")
    assert len(lines_of(path)) == len(data.splitlines()) + 1
    assert read(path).fault == ""
    assert read(path).events == journal.events


def damaged(path):
    lines = lines_of(path)
    path.write_bytes(b"".join([*lines[:2], b'{"event":"started"}\n', *lines[3:]]))


def foreign(path):
    path.write_text('{"level":"info"}\n{"level":"warn"}\n')


def text(path):
    path.write_text("dear diary\n")


def newer(path):
    path.write_text(json.dumps({"event": "run", "format": FORMAT + 1, "was": "else"}) + "\n[]\n")


def unreadable(path):
    path.unlink()
    path.mkdir()


BAD = {
    damaged: (PvekitError, "is damaged in line 3"),
    foreign: (PvekitError, "is not one that pvekit wrote"),
    text: (PvekitError, "is not one that pvekit wrote"),
    newer: (UsageError, f"has format {FORMAT + 1}, but this version knows {FORMAT}"),
    unreadable: (PvekitError, "Is a directory"),
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_what_is_not_understood_is_named_kept_and_never_changed(store, path, spoil):
    kind, says = BAD[spoil]
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    for use in (store.look, store.open):
        with pytest.raises(kind) as caught:
            use(path.stem)
        assert path.stem in str(caught.value)
        assert says in str(caught.value)
    assert [(run.run, run.state) for run in runs.listed(store)] == [(path.stem, "unreadable")]
    assert store.unfinished("vm create", {"asked": {"role": "wörker"}}) is None
    assert not store.is_dead(path.stem)
    pruned = runs.prune(store, 0.0, now=9e9)
    assert pruned.removed == []
    assert [run.run for run, _ in pruned.kept] == [path.stem]
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_newer_journal_of_the_same_format_may_tell_more(path):
    first, *rest = lines_of(path)
    more = b'{"time":1,"event":"news","key":7}\n'
    path.write_bytes(b"".join([first[:-2] + b',"more":1}\n', more, *rest]))
    assert Journal(path).touched() == {"vm/a/clone"}


@contextmanager
def room_for(size):
    """A disk on which no file can be larger: a write beyond is refused as on a full one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_full_disk_is_told_and_leaves_a_whole_journal(path, room):
    journal = Journal(path)
    before = list(journal.events)
    with room_for(path.stat().st_size + room), pytest.raises(PvekitError) as caught:
        journal.started("vm/a/configure")
    assert str(path) in str(caught.value)
    assert journal.events == before
    assert read(path).events == before
    journal.started("vm/a/configure")
    assert read(path).events == journal.events


def test_all_of_an_event_is_on_disk_before_it_counts(store, monkeypatch):
    synced = []
    fsync = os.fsync

    def watched(handle):
        synced.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    journal = store.begin("vm create", {})
    assert len(synced) == 2, "the directory and the first event"
    for act in (
        lambda: journal.decided({"vm/a": {}}),
        lambda: journal.job("pve1", "0123"),
        lambda: journal.started("vm/a/clone"),
        lambda: journal.done("vm/a/clone"),
        lambda: journal.finished(0),
    ):
        act()
        assert synced[-1] == journal.path.stat().st_size


HOLD = """
import sys
from pathlib import Path
from pvekit.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.carried()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_process_is_told_which_has_it_and_since_when(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Conflict) as caught:
            Journal(path)
        other.stdin.close()
    since = runs.moment(read(path).events[-1]["time"])
    assert f"process {other.pid} since {since}" in str(caught.value)
    journal = Journal(path)
    assert journal.carrier.pid == other.pid
    assert "carried" in [event["event"] for event in journal.events]


def test_a_dead_process_is_not_named(path):
    journal = Journal(path)
    assert json.loads(lines_of(path)[0])["pid"] == os.getpid()
    data = path.read_bytes().replace(f'"pid":{os.getpid()}'.encode(), b'"pid":999999999')
    path.write_bytes(data)
    with pytest.raises(Conflict, match="by another process"):
        Journal(path)
    journal.close()


def test_a_run_that_is_gone_is_not_found(path):
    path.unlink()
    with pytest.raises(NotFound, match=path.stem):
        Journal(path)


def test_a_directory_that_others_may_read_is_closed(store, path):
    store.directory.chmod(0o755)
    store.directory.parent.chmod(0o755)
    store.begin("vm create", {}).close()
    assert store.directory.stat().st_mode & 0o777 == 0o700
    assert store.directory.parent.stat().st_mode & 0o777 == 0o700
