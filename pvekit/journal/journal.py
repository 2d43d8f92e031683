"""One run's journal: written and on disk before the change that it speaks of."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pvekit.errors import Conflict


class Journal:
    """An append-only file of events with one writer at a time.

    Events: ``run`` (what was asked for), ``decided`` (a subject's pinned decisions), ``started``,
    ``done`` and ``failed`` (of a step), ``finished`` (how the run ended).
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Open an existing journal as its only writer, or raise :class:`Conflict`."""
        self.path = path
        self._now = now
        self._file = path.open("r+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Conflict(f"Run {path.stem} is being carried out by another process.") from None
        self.events = read(path)
        self._cut_torn_line()

    @property
    def run(self) -> str:
        """The run's id."""
        return self.path.stem

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked for: the first event."""
        return self.events[0] if self.events else {}

    def begin(self, kind: str, digest: str, request: Mapping[str, Any]) -> None:
        """Write down what is asked for."""
        self._append("run", kind=kind, digest=digest, request=request, pid=os.getpid())

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
        if identity not in self.jobs().get(node, ()):
            self._append("job", node=node, id=identity)

    def jobs(self) -> dict[str, list[str]]:
        """Return the ids of all jobs by node."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event["event"] == "job":
                found.setdefault(event["node"], []).append(event["id"])
        return found

    def done(self, key: str) -> None:
        """Note that a step reached its goal."""
        self._append("done", key=key)

    def failed(self, key: str, why: str) -> None:
        """Note that a step failed."""
        self._append("failed", key=key, why=why)

    def finished(self, status: int) -> None:
        """Note that the run came to an end, with the exit status it had."""
        self._append("finished", status=status)

    def attempts(self, key: str) -> int:
        """Return how often a step was begun."""
        return Counter(e["key"] for e in self.events if e["event"] == "started")[key]

    def has_failed(self, key: str) -> bool:
        """Whether a step's last attempt is known to have failed."""
        return self._last_told(key) == "failed"

    def is_done(self, key: str) -> bool:
        """Whether a step has reached its goal before."""
        return self._last_told(key) == "done"

    def _last_told(self, key: str) -> str:
        told = [str(event["event"]) for event in self._valid() if event.get("key") == key]
        return told[-1] if told else ""

    def touched(self) -> frozenset[str]:
        """Return the keys of the steps that may have changed something that still stands."""
        return frozenset(e["key"] for e in self._valid() if e["event"] == "started")

    def _valid(self) -> list[dict[str, Any]]:
        """Return the events but for those of steps that were taken back since."""
        valid: list[dict[str, Any]] = []
        for event in self.events:
            for subject in event.get("instead_of", ()):
                of = f"{subject}/"
                valid = [e for e in valid if not str(e.get("key", "")).startswith(of)]
            valid.append(event)
        return valid

    def decisions(self) -> dict[str, Mapping[str, Any]]:
        """Return the pinned decisions by subject."""
        pinned: dict[str, Mapping[str, Any]] = {}
        for event in self.events:
            if event["event"] == "decided":
                for subject in event["instead_of"]:
                    pinned.pop(subject, None)
                pinned |= event["decisions"]
        return pinned

    def close(self) -> None:
        """Let the next writer in."""
        self._file.close()

    def _append(self, event: str, **facts: object) -> None:
        entry = {"time": round(self._now(), 3), "event": event, **facts}
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        self._file.seek(0, os.SEEK_END)
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.events.append(json.loads(line))

    def _cut_torn_line(self) -> None:
        """Remove a last line that a crash left incomplete."""
        whole = self.path.read_bytes()
        self._file.truncate(whole.rfind(b"\n") + 1)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the events of a journal; a torn last line is left out."""
    events = []
    for line in path.read_bytes().splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            break
    return events
