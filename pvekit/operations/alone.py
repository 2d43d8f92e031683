"""One command of a kind at a time on a site: a lock on this machine, for what a timer starts."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvekit import private
from pvekit.errors import Transient
from pvekit.run.clock import Clock

PAUSE = 0.2


@contextmanager
def alone(directory: Path, site: str, command: str, wait: float, clock: Clock) -> Iterator[None]:
    """Hold the lock of a command on a site; waits so many seconds for whoever has it.

    ``directory`` is where the locks lie, ``site`` what tells it from others. The lock ends with its
    process, however that ends. Raises :class:`Transient` if the other one has not ended in time.
    """
    private.directory(directory, "The directory of locks")
    name = hashlib.sha256(f"{site}\n{command}".encode()).hexdigest()[:16]
    path = directory / f"{name}.lock"
    handle = private.unlinked(str(path), os.O_RDWR | os.O_CREAT)
    try:
        _take(handle, command, wait, clock)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, command: str, wait: float, clock: Clock) -> None:
    deadline = clock.now() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.now() >= deadline:
                raise _busy(handle, command, wait) from None
            clock.sleep(PAUSE)
        else:
            return


def _busy(handle: int, command: str, wait: float) -> Transient:
    holder = os.pread(handle, 20, 0).decode(errors="replace").strip()
    told = f" (process {holder})" if holder.isdecimal() else ""
    return Transient(
        f"`{command}` runs already on this site{told}; waited {wait:.0f} s for its end.",
        hint="Nothing was sent. A greater --lock-wait waits longer.",
        id="COMMAND-RUNS-ALREADY",
    )
