"""Ctrl-C, SIGTERM and SIGHUP: what runs is brought to an end, and the same command goes on.

Each command is a process of its own; it is sent its signal when the lab has seen the command line
in whose midst it is to be interrupted.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from live import CREATE, STANDALONE, Live, templated_site

ENDING = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
EACH = pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)


def mostly(*quick: signal.Signals) -> pytest.MarkDecorator:
    """Each signal, all but these in the slow suite only: they are heard by the same handler."""
    return pytest.mark.parametrize(
        "number",
        [
            pytest.param(each, marks=[pytest.mark.slow] * (each not in quick), id=each.name)
            for each in ENDING
        ],
    )


@pytest.fixture(scope="module")
def module_live(tmp_path_factory) -> Iterator[Live]:
    with templated_site(tmp_path_factory.mktemp("site"), STANDALONE) as site:
        yield site


@pytest.fixture
def live(module_live) -> Iterator[Live]:
    module_live.forget()
    yield module_live
    module_live.clear()
    module_live.settle()
    for row in module_live.must("run", "list", "-o", "json").rows:
        if row["state"] == "unfinished":
            module_live.must("run", "rollback", row["run"], "--yes")
    names = [row["name"] for row in module_live.must("vm", "list", "-o", "json").rows]
    if names:
        module_live.must("vm", "delete", *names, "--yes")


def until_seen(live: Live, process: subprocess.Popen[str], *texts: str) -> None:
    """Wait until the lab has been asked a line with one of these texts."""
    while not any(text in line for line in live.lines() for text in texts):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def test_the_interruption_of_many_is_told_once(live):
    live.order("guest-slow", count=-1, seconds="600")
    words = (*CREATE, "--count", "3")
    process = live.process(*words)
    until_seen(live, process, "qm start")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert err.count("Error: ") == 1, err
    assert "3 steps were interrupted." in err
    assert all(f"vm/k8s-worker-{number}/" in err for number in (1, 2, 3))
    live.clear()


def interrupted(live: Live, number: signal.Signals, text: str, *words: str):
    """Interrupt a command once the lab has seen a line; return its status and what it said."""
    process = live.process(*words)
    until_seen(live, process, text)
    process.send_signal(number)
    out, err = process.communicate()
    return process.returncode, out, err


@EACH
def test_a_wait_is_interrupted_and_gone_on_with(live, number):
    live.order("guest-silent", "100", count=-1)
    status, out, err = interrupted(live, number, "sh -s -- sight 100", *CREATE, "-o", "json")
    assert status == ENDING[number], err
    assert f"interrupted ({number.name})" in err
    run = re.search(r"Run (\w+) is unfinished", err)[1]
    assert f"take back: pvekit run rollback {run}" in err
    assert "go on:     pvekit vm create --role worker --size small -o json" in err
    assert '"state": "interrupted"' in out
    live.clear()
    done = live.must(*CREATE, "-o", "json")
    assert done.err.startswith(f"resuming run {run}")
    assert [vm["state"] for vm in done.vms] == ["ready"]


def test_what_was_interrupted_can_be_taken_back(live):
    before = live.picture()
    live.order("guest-silent", "100", count=-1)
    _, _, err = interrupted(live, signal.SIGINT, "sh -s -- sight 100", *CREATE)
    command = re.search(r"take back: pvekit (.+)", err)[1].split()
    live.must(*command, "--yes")
    assert live.picture() == before


def an_unfinished_run(live) -> str:
    live.order("guest-silent", "100", count=-1)
    _, _, err = interrupted(live, signal.SIGINT, "sh -s -- sight 100", *CREATE)
    live.clear()
    return re.search(r"Run (\w+) is unfinished", err)[1]


@mostly(signal.SIGTERM)
def test_a_rollback_is_interrupted_and_gone_on_with(live, number):
    before = live.picture()
    run = an_unfinished_run(live)
    words = ("run", "rollback", run, "--yes")
    live.order("slow", "qm stop 100", seconds="1")
    status, _, err = interrupted(live, number, "qm stop 100", *words)
    assert status == ENDING[number], err
    assert f"go on:     pvekit run rollback {run} --yes" in err
    assert "take back" not in err
    (row,) = live.must("run", "list", "--unfinished", "-o", "json").rows
    assert (row["run"], row["state"]) == (run, "rolling back")
    live.must(*words)
    assert live.picture() == before


@mostly(signal.SIGHUP)
def test_a_deletion_is_interrupted_and_gone_on_with(live, number):
    before = live.picture()
    live.must(*CREATE)
    words = ("vm", "delete", "k8s-worker-1", "--yes")
    live.order("slow", "qm shutdown 100", seconds="1")
    status, _, err = interrupted(live, number, "qm shutdown 100", *words)
    assert status == ENDING[number], err
    run = re.search(r"Run (\w+) is unfinished", err)[1]
    assert "go on:     pvekit vm delete k8s-worker-1 --yes" in err
    assert f"take back: pvekit run rollback {run}" in err
    done = live.must(*words)
    assert f"resuming run {run}" in done.err
    assert live.picture() == before


def test_a_resumption_is_interrupted_and_gone_on_with(live):
    run = an_unfinished_run(live)
    live.order("guest-silent", "100", count=-1)
    live.forget()
    words = ("run", "resume", run)
    status, _, err = interrupted(live, signal.SIGINT, "sh -s -- sight 100", *words)
    assert status == 130, err
    assert f"go on:     pvekit run resume {run}" in err
    assert f"take back: pvekit run rollback {run}" in err
    live.clear()
    live.must(*words)


def test_a_collection_is_interrupted_and_begun_again(live):
    before = live.picture()
    an_unfinished_run(live)
    live.order("slow", "qm destroy 100", seconds="1")
    live.order("slow", "qm stop 100", seconds="1")
    status, _, err = interrupted(live, signal.SIGINT, "qm stop 100", "gc", "--yes")
    assert status == 130, err
    assert "go on:     pvekit gc --yes" in err
    assert "rollback" not in err
    live.clear()
    live.must("gc", "--yes")
    assert live.picture() == before
    assert live.must("run", "list", "--unfinished", "-o", "json").rows == []


def test_a_second_signal_leaves_a_rollback_at_once(live):
    before = live.picture()
    run = an_unfinished_run(live)
    live.order("slow", "qm stop 100", count=1, seconds="4")
    words = ("run", "rollback", run, "--yes")
    process = live.process(*words)
    until_seen(live, process, "qm stop 100")
    process.send_signal(signal.SIGTERM)
    assert "interrupted (SIGTERM)" in said(process, "interrupted")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    live.clear()
    live.settle()
    live.must(*words)
    assert live.picture() == before


def test_reading_a_silent_node_is_interrupted_at_once(live):
    live.order("hang", "sh -s -- /var/lib/vz/pvekit", count=-1)
    status, _, err = interrupted(live, signal.SIGINT, "sh -s -- /var/lib/vz/pvekit", "vm", "list")
    assert status == 130
    assert "no run is left unfinished" in err


def test_a_run_that_was_interrupted_before_any_change_is_not_left_unfinished(live):
    live.order("hang", "sh -s -- /var/lib/vz/pvekit", count=-1)
    assert interrupted(live, signal.SIGTERM, "sh -s --", *CREATE)[0] == 143
    live.clear()
    states = {row["state"] for row in live.must("run", "list", "-o", "json").rows}
    assert states <= {"finished", "rolled back"}


def test_a_second_signal_leaves_at_once_and_the_journal_is_whole(live):
    live.order("hang", "qm set 100", count=-1)
    process = live.process(*CREATE)
    until_seen(live, process, "qm set 100")
    process.send_signal(signal.SIGINT)
    assert "interrupted (SIGINT)" in said(process, "interrupted")
    assert process.poll() is None  # the change under way is waited for
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "ended at once" in err
    live.clear()
    live.settle()
    done = live.must(*CREATE)
    assert done.err.startswith("resuming run ")
    assert len(live.must("vm", "list", "-o", "json").rows) == 1


def said(process: subprocess.Popen[str], text: str) -> str:
    """Read what a process says up to a line with this text."""
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"{text} was never said")


def test_what_is_under_way_comes_to_its_end(live):
    live.order("slow", "qm set 100", seconds="1")
    process = live.process(*CREATE)
    until_seen(live, process, "qm set 100")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert "ciuser: ubuntu" in live.on("pve1", "cat /etc/pve/qemu-server/100.conf")


def test_a_question_is_interrupted(live):
    live.must(*CREATE)
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pvekit", "vm", "delete", "k8s-worker-1"],
        env={**os.environ, **live.environ},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    with process:
        asked = b""
        while b"with all disks?" not in asked:
            asked += os.read(process.stderr.fileno(), 1000)
        live.forget()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    os.close(mine)
    assert live.changes() == []


def test_a_signal_that_is_ignored_stays_so(live):
    live.order("guest-slow", "100", seconds="1")
    command = [sys.executable, "-m", "pvekit", *CREATE]
    process = subprocess.Popen(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *command],
        env={**os.environ, **live.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until_seen(live, process, "sh -s -- sight 100")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate()
    assert process.returncode == 0, err


def test_a_terminal_that_hangs_up_does_not_make_a_bug(live):
    live.order("guest-silent", "100", count=-1)
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pvekit", *CREATE],
        env={**os.environ, **live.environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    while not any("sh -s -- sight 100" in line for line in live.lines()):
        os.set_blocking(mine, False)
        try:
            os.read(mine, 65536)
        except BlockingIOError:
            time.sleep(0.001)
    os.close(mine)
    process.send_signal(signal.SIGHUP)
    assert process.wait() == 129
    (run,) = [r for r in live.must("run", "list", "-o", "json").rows if r["state"] == "unfinished"]
    assert "k8s-worker-1" in run["subjects"]
