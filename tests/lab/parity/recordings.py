"""The recordings: one JSON object per command, in the order in which they ran."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

DIRECTORY = Path(
    os.environ.get("PVE_TRANSCRIPTS", Path(__file__).parents[3] / "../shared/pve/transcripts")
)

_PROGRAMS = (
    "qm|pvesh|pvesm|pveum|pvecm|pvenode|pveversion|ha-manager|vzdump|qmrestore|qemu-img|pvesr|pveam"
)
_RUNS = re.compile(rf"(?:^|[;&|(\s'\"/])({_PROGRAMS})(?=$|[\s'\"])")
_TOGETHER = re.compile(r"at once|held by another process|all get the same")


@dataclass(frozen=True)
class Entry:
    """One recorded command: where it ran, what it was given, and how it answered."""

    recording: str
    number: int
    node: str
    cmd: str
    rc: int
    stdout: str
    stderr: str
    note: str = ""
    stdin: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the status was zero."""
        return self.rc == 0

    @cached_property
    def program(self) -> str:
        """Which of Proxmox VE's programs it runs, or nothing."""
        found = _RUNS.search(self.cmd)
        return found[1] if found else ""

    @property
    def about(self) -> str:
        """The line by which rules name it."""
        note = f" # {self.note}" if self.note else ""
        return f"{self.recording}:{self.number} {self.node}$ {self.cmd}{note}"


def names() -> list[str]:
    """Return the names of all recordings, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.jsonl"))


def read(name: str) -> list[Entry]:
    """Return the commands of one recording."""
    known = {"node", "cmd", "rc", "stdout", "stderr", "note", "stdin"}
    with (DIRECTORY / f"{name}.jsonl").open() as file:
        lines = [json.loads(line) for line in file]
    return [
        Entry(name, number, **{key: value for key, value in line.items() if key in known})
        for number, line in enumerate(lines)
    ]


def groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Return the commands in the groups in which they ran: mostly one, some at the same time."""

    def key(entry: Entry) -> object:
        return entry.note if _TOGETHER.search(entry.note) else entry.number

    for _, members in groupby(entries, key):
        yield list(members)
