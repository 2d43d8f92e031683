"""Where samples are kept: a file per VM and month in the state directory, a line per sample.

Any number of processes may write at once: each holds the directory's lock meanwhile. A line that
was torn by a full disk or a loss of power goes with the next sample; readers pass over it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from pvekit import private
from pvekit.errors import PvekitError
from pvekit.journal.store import Store
from pvekit.samples.sample import Sample, from_line

NEAREST = 240
"""A sample so few seconds after the last one is not kept: sizes are for longer times than that."""

_FILE = re.compile(r"(?P<key>.+)\.(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])")
_WHAT = "The directory of samples"
_FILE_OF = "The file of samples"
_MOST_KEY = 100
_MOST_CHARACTERS = 1 << 26
_LAST_LINES = 4096


def kept_under(vmid: int, run: str, name: str) -> str:
    """Return what the samples of a VM are kept under: another VM of the same vmid has another.

    ``run`` is the run that made it, by which it is known wherever it goes.
    """
    return f"{vmid}-{quote(run or name, safe='')}"[:_MOST_KEY]


class Samples:
    """The samples that are kept on this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def of(cls, store: Store) -> Samples:
        """Return those that lie beside the journals."""
        return cls(store.beside("samples"))

    def add(self, taken: Mapping[str, Sample]) -> frozenset[str]:
        """Append a sample each, and return the keys of which one was; others have had one just now.

        Raises OSError where nothing can be written, UsageError where others could meddle with it.
        """
        with self._locked():
            return frozenset(key for key, sample in taken.items() if self._append(key, sample))

    def read(self, key: str, since: float, until: float) -> tuple[Sample, ...]:
        """Return the samples of a VM within a time, oldest first.

        Damaged lines are passed over, and so is all that others could have written.
        """
        try:
            private.check_directory(self.directory, _WHAT)
        except (OSError, PvekitError):
            return ()
        found: list[Sample] = []
        for month in _months(since, until):
            text = self._text(self._path(key, month))
            found += _read_back(text, month, since, until)
        return tuple(found)

    def prune(self, before: float) -> int:
        """Remove the files of months that ended before a moment; returns how many."""
        if not self.directory.is_dir():
            return 0
        with self._locked():
            old = [path for path in self.directory.iterdir() if _ended(path.name, before)]
            for path in old:
                path.unlink(missing_ok=True)
        return len(old)

    def _append(self, key: str, sample: Sample) -> bool:
        month = _month_of(sample.at)
        path = self._path(key, month)
        handle = private.unlinked(str(path), os.O_RDWR | os.O_CREAT)
        try:
            private.check_file(handle, path, _FILE_OF)
            end, last = _whole_end(handle, month)
            if last is not None and abs(sample.at - last.at) < NEAREST:
                return False
            _write(handle, f"{sample.to_line(month)}\n".encode(), end)
        finally:
            os.close(handle)
        return True

    def _path(self, key: str, month: int) -> Path:
        return self.directory / f"{key}.{datetime.fromtimestamp(month, UTC):%Y-%m}"

    def _text(self, path: Path) -> str:
        try:
            return private.read(path, _FILE_OF, _MOST_CHARACTERS)
        except (OSError, PvekitError):
            return ""

    def _locked(self) -> AbstractContextManager[None]:
        return private.locked(self.directory / "lock", _WHAT)


def _read_back(text: str, month: int, since: float, until: float) -> list[Sample]:
    """Return the samples of a file within a time; what lies before it is not even read.

    What stands after the last line end is being written just now, or was torn.
    """
    found: list[Sample] = []
    for line in reversed(text.split("\n")[:-1]):
        sample = from_line(line, month)
        if sample is None or sample.at > until or (found and sample.at >= found[-1].at):
            continue
        if sample.at < since:
            break
        found.append(sample)
    return found[::-1]


def _whole_end(handle: int, month: int) -> tuple[int, Sample | None]:
    """Return where the last whole line of a file ends, and its sample if it is one."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, _LAST_LINES, max(0, size - _LAST_LINES))
    if b"\n" not in tail:  # a loss of power may leave any number of zeros
        tail = os.pread(handle, size, 0)
    whole, _, torn = tail.rpartition(b"\n")
    last = whole.rpartition(b"\n")[2].decode("ascii", "replace")
    return size - len(torn), from_line(last, month)


def _write(handle: int, line: bytes, end: int) -> None:
    """Write a line wholly in the place of what is torn, or leave nothing of it."""
    os.ftruncate(handle, end)
    try:
        if os.pwrite(handle, line, end) != len(line):
            raise OSError("the disk is full")
    except OSError:
        os.ftruncate(handle, end)
        raise


def _month_of(moment: float) -> int:
    day = datetime.fromtimestamp(moment, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())


def _next(month: int) -> int:
    return _month_of(month + 32 * 86400)


def _months(since: float, until: float) -> Iterable[int]:
    month = _month_of(max(0.0, since))
    while month <= until:
        yield month
        month = _next(month)


def _ended(name: str, before: float) -> bool:
    """Whether a file's month ended before a moment; what is no file of samples never did."""
    found = _FILE.fullmatch(name)
    if found is None:
        return False
    month = datetime(int(found["year"]), int(found["month"]), 1, tzinfo=UTC).timestamp()
    return _next(int(month)) <= before
