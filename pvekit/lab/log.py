"""The lab's own log: all that was asked of it, one JSON line per event."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Log:
    """Events in memory and, if a path is given, in a file.

    Events: ``exec`` (an SSH request: ``node, user, line``), ``program`` (a simulated program of
    Proxmox VE starts: ``node, argv, changes``, where ``changes`` says whether it may change
    anything), ``exit`` (of an exec: ``node, line, status``), ``fault`` (an ordered fault struck),
    ``download`` (``node, url, bytes``: what came from the internet) and ``transfer`` (``node, to,
    bytes``: what went from a node to another through SSH, if it was more than a few lines).
    """

    path: Path | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: str, **facts: Any) -> None:  # noqa: ANN401
        """Append one event."""
        entry = {"time": round(time.time(), 3), "event": event, **facts}
        self.events.append(entry)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def of(self, event: str) -> Iterator[dict[str, Any]]:
        """Return the events of one kind, oldest first."""
        return (entry for entry in self.events if entry["event"] == event)
