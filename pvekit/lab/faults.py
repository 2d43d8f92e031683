"""Faults of the site that were ordered in advance and strike when their moment comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pvekit.lab.faultkinds import BY_NAME, KINDS, LASTING, NODES
from pvekit.lab.log import Log

__all__ = ["KINDS", "MOMENTS", "Fault", "Faults"]

MOMENTS = ("before", "during", "after")


@dataclass(frozen=True)
class Fault:
    """One ordered fault: what goes wrong (``kind``), with whom (``match`` is part of the subject).

    For the kinds that concern nodes ``match`` names them, separated by commas; empty means all.
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
        if self.kind != kind or self.count == 0:
            return False
        if kind in NODES:
            return not self.match or not subject or subject in self.match.split(",")
        return self.match in subject

    def number_of(self, name: str, default: float) -> float:
        """Return a detail as a number."""
        return float(self.detail.get(name, default))


class Faults:
    """The orders that are still open, oldest first."""

    def __init__(self, log: Log, chance: random.Random | None = None) -> None:
        self._log = log
        self._chance = chance or random.Random()  # noqa: S311 - no secrets come from it
        self._open: list[Fault] = []
        self._last = 0
        self._watchers: list[Callable[[], None]] = []
        self._nodes: Collection[str] = ()

    def know(self, nodes: Collection[str]) -> None:
        """Take only these for names of nodes from now on."""
        self._nodes = nodes

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have a function called whenever the open orders changed."""
        self._watchers.append(watcher)

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher()

    def order(
        self, kind: str, match: str = "", when: str = "before", count: int = 1, **detail: str
    ) -> Fault:
        """Order a fault; raises :class:`ValueError` for an unknown kind, moment, node or detail."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}: one of {', '.join(KINDS)}")
        if when not in MOMENTS:
            raise ValueError(f"unknown moment {when!r}: one of {', '.join(MOMENTS)}")
        strangers = [name for name in match.split(",") if match and name not in self._nodes]
        if kind in NODES and self._nodes and strangers:
            raise ValueError(f"no node {strangers[0]!r}: {', '.join(self._nodes)}")
        _check(kind, detail)
        self._last += 1
        fault = Fault(self._last, kind, match, when, -1 if kind in LASTING else count, detail)
        self._open.append(fault)
        self._changed()
        return fault

    def take(self, kind: str, subject: str) -> Fault | None:
        """Let the oldest fitting fault strike once, and return it; some strike by chance."""
        fitting = (fault for fault in self._open if fault.concerns(kind, subject))
        fault = next(filter(self._strikes, fitting), None)
        if fault is None:
            return None
        self._log.add("fault", kind=kind, subject=subject, number=fault.number)
        if fault.count > 0:
            place = self._open.index(fault)
            left = replace(fault, count=fault.count - 1)
            self._open[place : place + 1] = [left] if left.count else []
            self._changed()
        return fault

    def _strikes(self, fault: Fault) -> bool:
        chance = fault.number_of("chance", 1.0)
        return chance >= 1.0 or self._chance.random() < chance

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
        self._changed()
        return withdrawn

    def to_data(self) -> list[dict[str, Any]]:
        """Return the open faults as JSON data."""
        return [asdict(fault) for fault in self._open]

    def restore(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take over the open faults from :meth:`to_data`."""
        self._open = [Fault(**entry) for entry in data]
        self._last = max((fault.number for fault in self._open), default=0)
        self._changed()


def _check(kind: str, detail: Mapping[str, str]) -> None:
    known = BY_NAME[kind].details
    for name, value in detail.items():
        if name not in known:
            told = ", ".join(known) or "none"
            raise ValueError(f"{kind} has no detail {name!r}: {told}")
        if known[name].number and not _is_number(value):
            raise ValueError(f"{kind}: {name}: expected a number, not {value!r}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
