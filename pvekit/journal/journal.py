"""One run's journal: written and on disk before the change that it speaks of."""

from __future__ import annotations

import fcntl
import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pvekit import private
from pvekit.errors import Conflict, NotFound, PvekitError
from pvekit.journal.account import Account, Carrier, kept_key
from pvekit.journal.reading import FORMAT, read
from pvekit.masking import masked

TRIES = 5
"""How often the lock is tried: who only looks whether a run lives holds it for a moment."""

_SOMEBODY = "another process"


class Journal(Account):
    """An append-only file of events with one writer at a time.

    Events: ``run`` (what was asked for), ``carried`` (another process goes on), ``decided`` (a
    subject's pinned decisions), ``started``, ``done`` and ``failed`` (of a step that changes
    something), ``job``, ``passed`` (how any step went), ``rolling-back`` and ``finished``.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Open an existing journal as its only writer.

        Raises :class:`Conflict` if another process is, and why it cannot be read or understood.
        """
        self.path = path
        self._now = now
        self._file = _locked(path)
        try:
            reading = read(path)
            reading.check(path.stem)
            self._file.truncate(reading.size)
        except BaseException:
            self._file.close()
            raise
        super().__init__(path.stem, reading.events)

    def begin(
        self, kind: str, digest: str, request: Mapping[str, Any], site: str = "", context: str = ""
    ) -> None:
        """Write down what is asked for; ``context`` is what the user calls the site.

        Only here and in words for people secrets are looked for: what is gone on from must stay as
        it is, even if a word of it happens to be somebody's password.
        """
        request = json.loads(masked(json.dumps(request)))
        facts = {"kind": kind, "digest": digest, "request": request, "site": site}
        if context:
            facts["context"] = context
        self._append("run", format=FORMAT, **facts, **_carrier())

    def carried(self) -> None:
        """Note which process carries the run out, if it is not who began it."""
        mine = _carrier()
        known = self.carrier
        if known is None or {"pid": known.pid, "host": known.host} != mine:
            self._append("carried", **mine)

    def decided(
        self, decisions: Mapping[str, Mapping[str, Any]], instead_of: Iterable[str] = ()
    ) -> None:
        """Pin decisions by subject, all at once: a crash leaves all of them or none.

        They stand ``instead_of`` those of subjects of which everything was taken back.
        """
        self._append("decided", decisions=decisions, instead_of=list(instead_of))

    def started(self, key: str, *, undo: bool = False) -> int:
        """Note that a step is about to change something; return which attempt this is."""
        self._append("started", key=key, undo=undo)
        return self.attempts(key)

    def job(self, node: str, identity: str) -> None:
        """Note that a job is about to be started on a node."""
        if not self.has_job(node, identity):
            self._append("job", node=node, id=identity)

    def kept(self, subject: str) -> None:
        """Note that what was made of a subject stays, whatever becomes of the rest of the run."""
        self._append("done", key=kept_key(subject))

    def done(self, key: str) -> None:
        """Note that a step reached its goal."""
        self._append("done", key=key)

    def failed(self, key: str, why: str) -> None:
        """Note that a step failed."""
        self._append("failed", key=key, why=masked(why))

    def passed(self, key: str, state: str, seconds: float, says: str = "") -> None:
        """Note for the reader how any step went: held, done or failed, and what was seen."""
        told = {"state": state, "seconds": round(seconds, 3), "says": masked(says)}
        self._append("passed", key=key, **told)

    def rolling_back(self) -> None:
        """Note that from now on the run is taken back, and not gone on with any more."""
        if self.standing == "unfinished":
            self._append("rolling-back")

    def finished(self, status: int) -> None:
        """Note that the run came to an end, with the exit status it had."""
        self._append("finished", status=status)

    def remove(self) -> None:
        """Remove the file, and let go of it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let the next writer in."""
        self._file.close()

    def _append(self, event: str, **facts: object) -> None:
        entry = {"time": round(self._now(), 3), "event": event, **facts}
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        size = self._file.seek(0, os.SEEK_END)
        try:
            self._write(line)
            if event != "passed":  # which no change waits for
                os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(size)
            raise PvekitError(
                f"Cannot write the journal {self.path}: {error.strerror}.",
                hint="What it was to speak of was not sent. The same command goes on once it can.",
                id="JOURNAL-UNUSABLE",
            ) from None
        self.events.append(json.loads(line))

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._file.write(line) :]


def _carrier() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname()}


def _locked(path: Path) -> io.FileIO:
    try:
        file = io.FileIO(str(path), "r+", opener=private.unlinked)
    except FileNotFoundError:
        raise NotFound(
            f"There is no run {path.stem}.", hint="See `pvekit run list`.", id="RUN-NOT-FOUND"
        ) from None
    except OSError as error:
        raise PvekitError(
            f"Cannot open the journal {path}: {error.strerror}.", id="JOURNAL-UNUSABLE"
        ) from None
    try:
        private.check_file(file.fileno(), path, "The journal")
    except PvekitError:
        file.close()
        raise
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return file
    file.close()
    raise _busy(path)


def is_locked(path: Path) -> bool:
    """Whether a living process carries a run out."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _busy(path: Path) -> Conflict:
    carrier = Account(path.stem, read(path).events).carrier
    who = _named(carrier) if carrier is not None else _SOMEBODY
    return Conflict(
        f"Run {path.stem} is being carried out by {who}.",
        hint=f"Wait for it, or end it; `pvekit run show {path.stem}` says how far it is.",
        id="RUN-BUSY",
    )


def _named(carrier: Carrier) -> str:
    if carrier.host != socket.gethostname():
        return f"a process on {carrier.host or 'another machine'}"
    if not _lives(carrier.pid):
        return _SOMEBODY
    since = datetime.fromtimestamp(carrier.since, UTC).isoformat(timespec="seconds")
    return f"process {carrier.pid} since {since}"


def _lives(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
