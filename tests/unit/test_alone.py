"""One command of a kind at a time on a site, if that is asked for."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from pvekit.errors import Transient
from pvekit.operations.alone import alone
from pvekit.run.clock import Clock

BUILD = "pvekit template build"


def ticking(after=None):
    """A clock whose sleeps let time pass; ``after`` so many of them something happens."""
    now, slept = [0.0], itertools.count(1)

    def sleep(seconds):
        now[0] += seconds
        if after and next(slept) == after[0]:
            after[1]()

    return Clock(lambda: now[0], sleep)


def test_a_second_one_is_refused_and_told_who_has_the_lock(tmp_path):
    with alone(tmp_path, "site", BUILD, 0, ticking()):
        with pytest.raises(Transient, match=str(os.getpid())) as refusal:
            alone(tmp_path, "site", BUILD, 60, ticking()).__enter__()
        assert refusal.value.exit_status == 7
        assert "waited 60 s" in str(refusal.value)


@pytest.mark.parametrize(("site", "command"), [("other", BUILD), ("site", "pvekit gc")])
def test_other_sites_and_commands_do_not_wait(tmp_path, site, command):
    with alone(tmp_path, "site", BUILD, 0, ticking()), alone(tmp_path, site, command, 0, ticking()):
        pass


def test_whoever_waits_goes_on_when_the_other_ends(tmp_path):
    with ExitStack() as first:
        first.enter_context(alone(tmp_path, "site", BUILD, 0, ticking()))
        clock = ticking((3, first.close))
        with alone(tmp_path, "site", BUILD, 60, clock):
            assert 0 < clock.now() < 2


def test_a_dead_process_holds_nothing(tmp_path):
    code = (
        "import pathlib, sys, time\n"
        "from pvekit.operations.alone import alone\n"
        "from pvekit.run.clock import Clock\n"
        f"with alone(pathlib.Path({str(tmp_path)!r}), 'site', {BUILD!r}, 0, Clock()):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Transient, match=str(other.pid)):
            alone(tmp_path, "site", BUILD, 0, ticking()).__enter__()
        other.send_signal(signal.SIGKILL)
        other.wait()
        with alone(tmp_path, "site", BUILD, 0, ticking()):
            pass


def test_the_locks_are_ours_alone(tmp_path):
    old = os.umask(0)
    try:
        with alone(tmp_path / "locks", "site", BUILD, 0, ticking()):
            (path,) = (tmp_path / "locks").iterdir()
            assert path.stat().st_mode & 0o777 == 0o600
            assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(old)
