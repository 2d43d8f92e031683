"""What pvekit may have left on one node: jobs, locked configs, downloads, build folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pvekit.errors import UnreadableAnswer
from pvekit.plan import Ask
from pvekit.pve import ending
from pvekit.pve.numbers import decimal, whole
from pvekit.pve.scripts import script
from pvekit.shell import Query

T = TypeVar("T", int, float)


@dataclass(frozen=True)
class LocalJob:
    """A job's directory: how the job stands, and for how many seconds it has."""

    state: str
    age: float


@dataclass(frozen=True)
class LocalFile:
    """A file or folder, its size, and how many seconds ago it last changed."""

    path: str
    size_bytes: int
    age: float


@dataclass(frozen=True)
class Local:
    """What one node told: ``locks`` says of each vmid whether somebody holds its lock."""

    time: float = 0.0
    jobs: Mapping[str, LocalJob] = field(default_factory=dict)
    locks: Mapping[int, bool] = field(default_factory=dict)
    files: tuple[LocalFile, ...] = ()


def asked(node: str, image_dir: str) -> Ask[Local]:
    """Ask a node what may have been left on it."""
    return Ask(node, Query(script("local", image_dir), read))


def read(out: str) -> Local:
    """Read the answer of the script ``local``."""
    time = 0.0
    jobs: dict[str, LocalJob] = {}
    locks: dict[int, bool] = {}
    files: list[LocalFile] = []
    for line in ending.lines(out):
        match line.split(" ", 3):
            case ["time", seconds]:
                time = _known(decimal(seconds), line)
            case ["job", identity, state, age]:
                jobs[identity] = LocalJob(state, _known(decimal(age), line))
            case ["lock", vmid, state]:
                locks[_known(whole(vmid), line)] = state == "held"
            case ["file", size, age, path]:
                known = _known(whole(size), line), _known(decimal(age), line)
                files.append(LocalFile(path, *known))
    return Local(time, jobs, locks, tuple(files))


def _known(number: T | None, line: str) -> T:
    """Return a number that was read: what is left on a node is not judged by half an answer."""
    if number is None:
        raise UnreadableAnswer("What is left on the node cannot be read.", details=line[:200])
    return number
