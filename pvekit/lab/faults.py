"""Faults of the site that were ordered in advance and strike when their moment comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pvekit.lab.log import Log

KINDS = (
    "link-cut",
    "lock-held",
    "storage-full",
    "quorum-lost",
    "guest-silent",
    "guest-no-ssh",
    "guest-slow",
    "download-corrupt",
    "clone-fails",
    "start-fails",
)
MOMENTS = ("before", "during", "after")


@dataclass(frozen=True)
class Fault:
    """One ordered fault: what goes wrong (``kind``), with whom (``match`` is part of the subject).

    ``count`` is how often it still strikes; a negative one means until it is cleared.
    """

    number: int
    kind: str
    match: str = ""
    when: str = "before"
    count: int = 1
    detail: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, kind: str, subject: str) -> bool:
        """Return whether this is the kind and the subject of the fault."""
        return self.kind == kind and self.match in subject and self.count != 0


class Faults:
    """The orders that are still open, oldest first."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._open: list[Fault] = []
        self._last = 0

    def order(
        self, kind: str, match: str = "", when: str = "before", count: int = 1, **detail: str
    ) -> Fault:
        """Order a fault; raises :class:`ValueError` for an unknown kind or moment."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}: one of {', '.join(KINDS)}")
        if when not in MOMENTS:
            raise ValueError(f"unknown moment {when!r}: one of {', '.join(MOMENTS)}")
        self._last += 1
        fault = Fault(self._last, kind, match, when, count, detail)
        self._open.append(fault)
        return fault

    def take(self, kind: str, subject: str) -> Fault | None:
        """Let the oldest fitting fault strike once, and return it."""
        fault = self.holds(kind, subject)
        if fault is None:
            return None
        self._log.add("fault", kind=kind, subject=subject, number=fault.number)
        if fault.count > 0:
            place = self._open.index(fault)
            left = replace(fault, count=fault.count - 1)
            self._open[place : place + 1] = [left] if left.count else []
        return fault

    def holds(self, kind: str, subject: str = "") -> Fault | None:
        """Return the fault that would strike, without using it up."""
        return next((fault for fault in self._open if fault.concerns(kind, subject)), None)

    def open(self) -> Sequence[Fault]:
        """Return the faults that may still strike, oldest first."""
        return tuple(self._open)

    def clear(self, kind: str = "") -> int:
        """Withdraw all open faults, or those of one kind; returns how many."""
        kept = [fault for fault in self._open if kind and fault.kind != kind]
        withdrawn = len(self._open) - len(kept)
        self._open = kept
        return withdrawn

    def to_data(self) -> list[dict[str, Any]]:
        """Return the open faults as JSON data."""
        return [asdict(fault) for fault in self._open]

    def restore(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take over the open faults from :meth:`to_data`."""
        self._open = [Fault(**entry) for entry in data]
        self._last = max((fault.number for fault in self._open), default=0)
