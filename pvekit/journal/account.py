"""What a journal's events tell of a run; looking needs no lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pvekit.journal.frozen import part
from pvekit.journal.pinned import Pinned
from pvekit.journal.reading import Event

Standing = Literal["unfinished", "rolling back", "rolled back", "finished"]


MANNER = "manner"
"""The part of a request that makes no other request of it, such as how long is waited."""


@dataclass(frozen=True)
class Carrier:
    """A process that took a run up, and when, in seconds since the epoch."""

    pid: object
    host: object
    since: float


def kept_key(subject: str) -> str:
    """Return under which key a journal notes that what was made of a subject stays."""
    return f"{subject}/kept"


@dataclass
class _Steps:
    """How a run's steps stand after its first ``read`` events; asked for at every step.

    Of steps that were taken back since only the ``attempts`` count.
    """

    read: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    last: dict[str, str] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    jobs: set[tuple[str, str]] = field(default_factory=set)
    passed: dict[str, float] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take note of the next event."""
        self.read += 1
        for subject in event.get("instead_of", ()):
            self._forget(f"{subject}/")
        kind, key = event["event"], event.get("key", "")
        if kind == "job":
            self.jobs.add((event["node"], event["id"]))
        if kind == "started":
            self.attempts[key] += 1
            self.started.add(key)
        if kind == "passed":
            self.passed[key] = float(event["time"])
        if kind in ("started", "done", "failed"):
            self.last[key] = kind

    def _forget(self, of: str) -> None:
        for key in [key for key in self.last if key.startswith(of)]:
            del self.last[key]
            self.started.discard(key)


class Account:
    """A run as its events tell it, oldest first."""

    def __init__(self, run: str, events: list[Event]) -> None:
        self.run = run
        self.events = events
        self._steps = _Steps()

    @property
    def kind(self) -> str:
        """Which command it is, such as ``vm create``."""
        return str(self._first.get("kind", ""))

    @property
    def digest(self) -> str:
        """What it has in common with the runs of identical requests."""
        return str(self._first.get("digest", ""))

    @property
    def site(self) -> str:
        """The site that it was begun on: what the configuration said of it then."""
        return str(self._first.get("site", ""))

    @property
    def context(self) -> str:
        """What its user calls that site; empty where he does not."""
        return str(self._first.get("context", ""))

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked for, as a whole."""
        found: Mapping[str, Any] = self._first.get("request", {})
        return found

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the request means; raises :class:`UsageError` for another version's."""
        return part(self.request, "asked")

    @property
    def order(self) -> Mapping[str, Any]:
        """What is to be done with what the request means; raises as :attr:`asked` does."""
        return part(self.request, "order")

    @property
    def manner(self) -> Mapping[str, Any]:
        """How it is to be done: what makes no other request of it."""
        found: Mapping[str, Any] = self.request.get(MANNER, {})
        return found

    @property
    def began(self) -> float:
        """When it began, in seconds since the epoch."""
        return float(self._first.get("time", 0.0))

    @property
    def _first(self) -> Event:
        return self.events[0] if self.events else {}

    @property
    def last(self) -> float:
        """When the last thing was noted, in seconds since the epoch."""
        return float(self.events[-1]["time"]) if self.events else 0.0

    @property
    def status(self) -> int | None:
        """The exit status with which it ended, or None if it has not."""
        found = [event["status"] for event in self.events if event["event"] == "finished"]
        return found[-1] if found else None

    @property
    def standing(self) -> Standing:
        """How far it is; only what is unfinished can be gone on with."""
        rolling = any(event["event"] == "rolling-back" for event in self.events)
        if self.status is not None:
            return "rolled back" if rolling else "finished"
        return "rolling back" if rolling else "unfinished"

    @property
    def carrier(self) -> Carrier | None:
        """The last process that took the run up."""
        found = [event for event in self.events if event["event"] in ("run", "carried")]
        if not found:
            return None
        return Carrier(found[-1].get("pid"), found[-1].get("host"), found[-1]["time"])

    def jobs(self) -> dict[str, list[str]]:
        """Return the ids of all jobs by node."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event["event"] == "job":
                found.setdefault(event["node"], []).append(event["id"])
        return found

    def has_job(self, node: str, identity: str) -> bool:
        """Whether a job is known."""
        return (node, identity) in self._read().jobs

    def attempts(self, key: str) -> int:
        """Return how often a step was begun."""
        return self._read().attempts[key]

    def has_failed(self, key: str) -> bool:
        """Whether a step's last attempt is known to have failed."""
        return self._last_told(key) == "failed"

    def is_done(self, key: str) -> bool:
        """Whether a step has reached its goal before."""
        return self._last_told(key) == "done"

    def is_kept(self, subject: str) -> bool:
        """Whether what was made of a subject stays."""
        return self.is_done(kept_key(subject))

    def passed_at(self, key: str) -> float | None:
        """Return when a step last went by, however it went, in seconds since the epoch."""
        return self._read().passed.get(key)

    def _last_told(self, key: str) -> str:
        return self._read().last.get(key, "")

    def touched(self) -> frozenset[str]:
        """Return the keys of the steps that may have changed something that still stands."""
        return frozenset(self._read().started)

    def _read(self) -> _Steps:
        """Return how the steps stand, with all events until now."""
        for event in self.events[self._steps.read :]:
            self._steps.add(event)
        return self._steps

    def decisions(self) -> dict[str, Mapping[str, Any]]:
        """Return the decisions that stand, by subject, as they were written down."""
        pinned: dict[str, Mapping[str, Any]] = {}
        for event in self.events:
            if event["event"] == "decided":
                for subject in event["instead_of"]:
                    pinned.pop(subject, None)
                pinned |= event["decisions"]
        return pinned

    def pinned(self) -> dict[str, Pinned]:
        """Return the decisions that stand, by subject."""
        return {subject: Pinned.of(each) for subject, each in self.decisions().items()}

    def ever_pinned(self) -> Iterator[tuple[str, Pinned]]:
        """Yield all decisions with their subjects, also those that others stand instead of."""
        for event in self.events:
            if event["event"] == "decided":
                for subject, each in event["decisions"].items():
                    yield subject, Pinned.of(each)
