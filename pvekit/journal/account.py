"""What a journal's events tell of a run; looking needs no lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from pvekit.journal.reading import Event

Standing = Literal["unfinished", "rolling back", "rolled back", "finished"]


def kept_key(subject: str) -> str:
    """Return under which key a journal notes that what was made of a subject stays."""
    return f"{subject}/kept"


class Account:
    """A run as its events tell it, oldest first."""

    def __init__(self, run: str, events: list[Event]) -> None:
        self.run = run
        self.events = events

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked for: the first event."""
        return self.events[0] if self.events else {}

    @property
    def kind(self) -> str:
        """Which command it is, such as ``vm create``."""
        return str(self.request.get("kind", ""))

    @property
    def began(self) -> float:
        """When it began, in seconds since the epoch."""
        return float(self.request.get("time", 0.0))

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
    def carrier(self) -> Mapping[str, Any]:
        """The event of the last process that took the run up: ``pid``, ``host`` and ``time``."""
        found = [event for event in self.events if event["event"] in ("run", "carried")]
        return found[-1] if found else {}

    def jobs(self) -> dict[str, list[str]]:
        """Return the ids of all jobs by node."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event["event"] == "job":
                found.setdefault(event["node"], []).append(event["id"])
        return found

    def attempts(self, key: str) -> int:
        """Return how often a step was begun."""
        return Counter(e["key"] for e in self.events if e["event"] == "started")[key]

    def has_failed(self, key: str) -> bool:
        """Whether a step's last attempt is known to have failed."""
        return self._last_told(key) == "failed"

    def is_done(self, key: str) -> bool:
        """Whether a step has reached its goal before."""
        return self._last_told(key) == "done"

    def is_kept(self, subject: str) -> bool:
        """Whether what was made of a subject stays."""
        return self.is_done(kept_key(subject))

    def _last_told(self, key: str) -> str:
        kinds = ("started", "done", "failed")
        told = [e["event"] for e in self._valid() if e["event"] in kinds and e["key"] == key]
        return str(told[-1]) if told else ""

    def touched(self) -> frozenset[str]:
        """Return the keys of the steps that may have changed something that still stands."""
        return frozenset(e["key"] for e in self._valid() if e["event"] == "started")

    def _valid(self) -> list[Event]:
        """Return the events but for those of steps that were taken back since."""
        valid: list[Event] = []
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
