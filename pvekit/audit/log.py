"""The file of the audit log: appended under a lock, so that processes do not mix their lines."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pvekit.audit.entry import Link, line, read
from pvekit.errors import PvekitError

LARGEST = 16 << 20
"""A file of so many bytes is put aside; the next one goes on with its chain."""
_TAIL = 1 << 20
_NAME = "audit.jsonl"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class AuditUnwritable(PvekitError):
    """The audit log cannot be written; what it was to speak of is not sent."""

    id = "AUDIT-UNWRITABLE"


class AuditLog:
    """The log in a directory. ``largest`` is the size in bytes at which a file is put aside.

    Beside it lies ``audit.head``: where the chain stands, for seeing that last lines are missing.
    """

    def __init__(self, directory: Path, largest: int = LARGEST) -> None:
        self.directory = directory
        self.path = directory / _NAME
        self.head = directory / "audit.head"
        self._largest = largest
        self._thread = threading.Lock()

    def append(self, facts: Mapping[str, Any], *, sync: bool = False) -> int:
        """Add a line, with ``sync`` on the disk when this returns, and return its number.

        Raises :class:`AuditUnwritable`; then nothing of it is left.
        """
        with self._locked() as head:
            log = self._open()
            try:
                end = os.fstat(log).st_size
                if end >= self._largest:
                    self._put_aside()
                    os.close(log)
                    log, end = self._open(), 0
                torn = end > 0 and os.pread(log, 1, end - 1) != b"\n"
                text, here = line(facts, _last(log, end, stands(head)))
                _write(log, b"\n" + text if torn else text, end)
                if sync:
                    os.fsync(log)
                os.pwrite(head, f"{here.number:>12} {here.digest}\n".encode(), 0)
                return here.number
            finally:
                os.close(log)

    def files(self) -> list[Path]:
        """Return the files of the log, oldest first."""
        aside = sorted(self.directory.glob("audit-*.jsonl"))
        return [*aside, *([self.path] if self.path.exists() else ())]

    def _put_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path.rename(self.directory / f"audit-{stamp}.jsonl")

    def _open(self) -> int:
        return os.open(self.path, _FLAGS | os.O_APPEND, 0o600)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the log for this thread and process; gives the file that tells where it stands."""
        with self._thread:
            try:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                head = os.open(self.head, _FLAGS, 0o600)
                try:
                    fcntl.flock(head, fcntl.LOCK_EX)
                    yield head
                finally:
                    os.close(head)
            except OSError as error:
                raise AuditUnwritable(
                    f"Cannot write the audit log {self.path}: {error.strerror}.",
                    hint="Make room or mend the permissions; `audit: false` does without it.",
                ) from error


def stands(head: int) -> Link:
    """Return where a chain stands according to its head."""
    words = os.pread(head, 200, 0).decode(errors="replace").split()
    if len(words) == 2 and words[0].isdecimal():
        return Link(int(words[0]), words[1])
    return Link()


def _write(log: int, text: bytes, end: int) -> None:
    """Append all of a text, or nothing: on a full disk a part of it may be written."""
    try:
        while text:
            text = text[os.write(log, text) :]
    except OSError:
        os.ftruncate(log, end)
        raise


def _last(log: int, end: int, head: Link) -> Link:
    """Return what the next line follows: the head, or the line that was written after it."""
    tail = os.pread(log, _TAIL, max(0, end - _TAIL))
    last = read(tail.rstrip(b"\n").rpartition(b"\n")[2])
    if last and last["prev"] == head.digest and last["number"] == head.number + 1:
        return Link(last["number"], last["hash"])
    return head
