"""Reading a journal's file: what can be relied on, and why not where nothing can."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvekit import private
from pvekit.errors import PvekitError, UsageError

FORMAT = 1
"""The journals that this version writes; those of a higher one it leaves alone."""

Event = dict[str, Any]

_STRANGE = "is not one that pvekit wrote"

_NEEDED: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "run": {"kind": str, "digest": str, "request": dict},
    "decided": {"decisions": dict, "instead_of": list},
    "started": {"key": str, "undo": bool},
    "done": {"key": str},
    "failed": {"key": str, "why": str},
    "passed": {"key": str, "state": str, "seconds": (int, float)},
    "job": {"node": str, "id": str},
    "finished": {"status": int},
}
"""What the events must hold; of an event that is not here any content is right."""


@dataclass(frozen=True)
class Reading:
    """A journal's whole events and how many bytes they are; ``fault``: why it is not understood.

    What a crash left of a last event lies behind those bytes and was never acted on.
    """

    events: list[Event] = field(default_factory=list)
    size: int = 0
    fault: str = ""
    newer: bool = False

    def check(self, run: str) -> None:
        """Raise an error if the journal is not understood."""
        if self.newer:
            raise UsageError(
                f"The journal of run {run} {self.fault}.",
                hint="Use the version of pvekit that began the run.",
                id="RUN-OTHER-VERSION",
            )
        if self.fault:
            raise PvekitError(
                f"The journal of run {run} {self.fault}.",
                hint="Nothing was changed. What the run made carries its id in the mark.",
                id="RUN-JOURNAL-DAMAGED",
            )


def read(path: Path) -> Reading:
    """Read a journal's file; never raises."""
    try:
        with open(path, "rb", opener=private.unlinked) as file:
            return parse(file.read())
    except OSError as error:
        return Reading(fault=f"cannot be read: {error.strerror}")


def parse(data: bytes) -> Reading:
    """Read a journal's bytes.

    Only a whole line counts, for it was on disk before what it speaks of was done. Behind the last
    of them a crash may have left anything; between them there is nothing but events.
    """
    lines = data.split(b"\n")[:-1]
    if fault := _strange(lines[0]) if lines else "":
        return Reading(fault=fault, newer=fault != _STRANGE)
    events = [_event(line) for line in lines]
    while events and events[-1] is None:
        events.pop()
    whole = [event for event in events if event is not None]
    size = sum(len(line) + 1 for line in lines[: len(events)])
    if len(whole) < len(events):
        return Reading(fault=f"is damaged in line {events.index(None) + 1}")
    return Reading(whole, size)


def _strange(line: bytes) -> str:
    """Say why a journal that begins with this line is not understood; empty if it is."""
    first = _object(line)
    written = first.get("format", FORMAT)
    if first.get("event") != "run" or not isinstance(written, int):
        return _STRANGE
    if written > FORMAT:
        return f"has format {written}, but this version knows {FORMAT}: a newer pvekit wrote it"
    return "" if _event(line) else _STRANGE


def _event(line: bytes) -> Event | None:
    """Return the event that a line holds, or None if it holds none."""
    event = _object(line)
    if not isinstance(event.get("event"), str):
        return None
    needed = {"time": (int, float), **_NEEDED.get(event["event"], {})}
    return event if all(isinstance(event.get(key), kind) for key, kind in needed.items()) else None


def _object(line: bytes) -> Event:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
