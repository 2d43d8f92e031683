"""Progress on a real terminal: what a person sees, at 50 VMs in 80x24, resized, interrupted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live import CREATE, Live, templated_site

from pvekit.cli.region import HIDE, SHOW
from pvekit.lab.site import SiteSpec

PATIENCE = 120.0
"""After so many seconds a test fails; none of them measures time."""
WIDTH, HEIGHT = 80, 24


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), SiteSpec(nodes=4)) as site:
        yield site


@contextmanager
def terminal(live: Live, *words: str) -> Iterator[tuple[int, int]]:
    """pvekit on a pseudo-terminal of its own: its process id and the other end."""
    process, handle = pty.fork()
    if process == 0:
        environ = {**os.environ, **live.environ, "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", "pvekit", *words], environ)
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    try:
        yield process, handle
    finally:
        os.close(handle)


def until(handle: int, wanted: str) -> str:
    """Return what was written up to some text, or up to the end."""
    told = b""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if select.select([handle], [], [], 1.0)[0]:
            try:
                part = os.read(handle, 65536)
            except OSError:  # nobody is at the other end any more
                part = b""
            if not part:
                return told.decode()
            told += part
            if wanted and wanted.encode() in told:
                return told.decode()
    raise AssertionError(told.decode()[-2000:])


def plain(text: str) -> list[str]:
    return [re.sub(r"\x1b\[[0-9?;]*[A-Za-z]", "", line) for line in text.split("\r\n")]


def test_a_person_sees_a_bar_then_the_table_and_gets_the_cursor_back(live):
    with terminal(live, *CREATE, "--name", "seen") as (process, handle):
        told = until(handle, "")
        assert os.waitpid(process, 0)[1] == 0
    assert HIDE in told
    assert told.rindex(SHOW) > told.rindex(HIDE)
    assert any(re.match(r"\[#*-*\] 0/1 done, \d+ s", line) for line in plain(told))
    assert "seen: clone" not in told, "finished steps do not scroll by"
    after = plain(told[told.rindex(SHOW) :])
    assert after[1].split()[0] == "seen"
    assert after[1].split()[-1] == "ready"
    live.must("vm", "delete", "seen", "--yes")


def test_ctrl_c_gives_the_cursor_back_and_says_how_to_go_on(live):
    live.order("guest-slow", seconds="600")
    with terminal(live, *CREATE, "--name", "cut") as (process, handle):
        until(handle, "agent")
        os.kill(process, signal.SIGINT)
        told = until(handle, "")
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    live.clear()
    assert status == 130
    assert "pvekit: interrupted (SIGINT)" in told
    assert SHOW in told
    assert HIDE not in told[told.rindex(SHOW) :]
    assert "go on:" in told[told.rindex(SHOW) :]
    run = live.must("run", "list", "--unfinished", "-o", "json").rows[0]["run"]
    live.must("run", "rollback", run, "--yes")


def test_who_is_asked_about_a_deletion_of_many_sees_each_on_a_line(live):
    live.must(*CREATE, "--count", "4", "--no-wait")
    vms = live.must("vm", "list", "-o", "json").vms
    with terminal(live, "vm", "delete", "--all") as (process, handle):
        told = until(handle, "[y/N]: ")
        os.write(handle, b"y\n")
        until(handle, "")
        assert os.waitpid(process, 0)[1] == 0
    assert len(vms) == 4
    named = {f"  VM {vm['vmid']} ({vm['name']} on {vm['node']})" for vm in vms}
    assert named <= set(plain(told)), told
    assert "Delete these 4 VMs with all disks?" in told
    assert live.must("vm", "list", "-o", "json").vms == []


def test_who_is_asked_about_a_rollback_sees_which_vms_would_go(live):
    live.order("start-fails", count=2)
    assert live.pvekit(*CREATE, "--count", "2").status != 0
    run = live.must("run", "list", "--unfinished", "-o", "json").rows[0]["run"]
    vms = live.must("vm", "list", "-o", "json").vms
    with terminal(live, "run", "rollback", run) as (process, handle):
        told = until(handle, "[y/N]: ")
        os.write(handle, b"n\n")
        until(handle, "")
        os.waitpid(process, 0)
    assert len(vms) == 2
    for vm in vms:
        named = f"{vm['name']} (VM {vm['vmid']} on {vm['node']}): destroyed with all disks"
        assert named in told
    foreseen = live.must("run", "rollback", run, "--dry-run").out
    assert live.must("vm", "list", "-o", "json").vms == vms
    assert foreseen.count("qm destroy") == 2
    live.must("run", "rollback", run, "--yes")


@pytest.mark.parametrize("words", [("-q",), ("--log-format", "json")])
def test_who_wants_none_sees_no_live_lines(live, words):
    with terminal(live, *words, *CREATE, "--name", "calm") as (process, handle):
        told = until(handle, "")
        assert os.waitpid(process, 0)[1] == 0
    assert HIDE not in told
    assert SHOW not in told
    assert (told == "") is (words == ("-q",))
    live.must("vm", "delete", "calm", "--yes")


class Screen:
    """A terminal as a person sees it: a window of tmux, which heeds what a terminal heeds."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *words: str) -> str:
        line = ["tmux", "-S", str(self._socket), *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    def lines(self) -> list[str]:
        return [line for line in self.tmux("capture-pane", "-p").splitlines() if line]


@pytest.fixture
def screen(tmp_path):
    found = Screen(tmp_path / "tmux")
    yield found
    found.tmux("kill-server")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not here")
def test_fifty_are_readable_in_80x24_and_after_a_resize(live, screen):
    words = [sys.executable, "-m", "pvekit", *CREATE, "--count", "50", "--yes"]
    settings = [f"{key}={value}" for key, value in {**live.environ, "TERM": "screen"}.items()]
    settings.append(f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}")
    line = f"{shlex.join(['env', *settings, *words])}; echo ended $?; cat"
    screen.tmux("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), line)
    seen: list[list[str]] = []
    narrow = False
    ends = time.monotonic() + PATIENCE
    while not any("ended" in row for row in screen.lines()):
        assert time.monotonic() < ends, seen[-1:]
        rows = screen.lines()
        if rows and rows[-1].startswith("and ") and rows != (seen or [[]])[-1]:
            seen.append(rows)
        if len(seen) == 5 and not narrow:
            screen.tmux("resize-window", "-x", "60", "-y", "15")
            narrow = True
        time.sleep(0.05)
    wide = seen[:5]
    assert wide, "it was drawn"
    for rows in wide:
        assert len(rows) <= HEIGHT - 1
        assert re.match(r"\[#*-*\] \d+/50 done, ", rows[0])
        assert all(re.match(r"k8s-worker-\d+ +\S+ +\d+ s", row) for row in rows[1:-1])
        assert re.match(r"and \d+ more", rows[-1])
    assert narrow
    assert len(seen[-1]) <= 14
    assert sum("done," in row for row in seen[-1]) == 1, "no frame was left standing"
    last = screen.tmux("capture-pane", "-p", "-S", "-200").splitlines()
    assert sum(row.rstrip().endswith("ready") for row in last) == 50
    assert "ended 0" in "\n".join(last)
    assert screen.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"
