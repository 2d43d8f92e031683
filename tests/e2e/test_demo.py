"""`make demo`: each command before its output, and nothing left behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "docs" / "demo.sh"

COMMANDS = [
    r"pvekit-lab up --dir \S+",
    r"pvekit template build",
    r"pvekit vm create --role master --size medium",
    r"pvekit vm create --role worker --size auto --count 3",
    r"pvekit vm list",
]


class Room:
    """A place where a demo cannot leave anything unseen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": str(directory),
            "TMPDIR": str(directory),
        }

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", str(DEMO)],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def left(self) -> list[str]:
        return [*map(str, self.directory.rglob("*")), *self._processes()]

    def _processes(self) -> list[str]:
        mark = f"TMPDIR={self.directory}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text())
            except OSError:  # it has just ended, or is not ours
                continue
        return found


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_it_runs_twice_and_leaves_nothing(room: Room):
    for _ in range(2):
        demo = room.start()
        told, _ = demo.communicate()
        assert demo.returncode == 0, told
        assert_shown(told)
        assert room.left() == []


def assert_shown(told: str) -> None:
    """Check that each command is shown, and after it what it printed."""
    parts = re.split(r"^\$ (.+)\n", told, flags=re.MULTILINE)
    commands, outputs = parts[1::2], parts[2::2]
    assert len(commands) == len(COMMANDS), told
    for command, pattern in zip(commands, COMMANDS, strict=True):
        assert re.fullmatch(pattern, command)
    lab, built, master, workers, listed = outputs
    assert "is up" in lab
    assert (
        len(re.findall(r"^ubuntu-2204-cloud-template +\d+ +pve\d +built", built, re.MULTILINE)) == 2
    )
    assert ready(master) == ["k8s-master-1"]
    assert ready(workers) == ["k8s-worker-1", "k8s-worker-2", "k8s-worker-3"]
    assert listed.count("running") == 4


def ready(output: str) -> list[str]:
    return re.findall(r"^(\S+) .* ready$", output, re.MULTILINE)


@pytest.mark.parametrize(
    "interrupt",
    [
        pytest.param(lambda demo: os.killpg(demo.pid, signal.SIGINT), id="Ctrl-C"),
        pytest.param(lambda demo: demo.terminate(), id="terminated"),
    ],
)
def test_it_cleans_up_when_it_is_broken_off(
    room: Room, interrupt: Callable[[subprocess.Popen[str]], None]
):
    demo = room.start()
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("$ pvekit template build"):
            break
    interrupt(demo)
    demo.communicate()
    assert demo.returncode == 130
    assert room.left() == []
