"""The log that all members of a PVE cluster share, as ``/etc/pve/.clusterlog`` shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pvekit.lab.credentials import PROGRAM

_SHOWN = 50
_ERROR, _INFORMATION = 3, 6


@dataclass(frozen=True)
class Entry:
    """One line of the log; ``pri`` is syslog's priority."""

    uid: int
    time: int
    pri: int
    tag: str
    pid: int
    node: str
    user: str
    msg: str


class ClusterLog:
    """The last entries, of all members."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0
        self._entries: list[Entry] = []

    def note(self, node: str, pid: int, text: str, *, error: bool = False) -> None:
        """Add an entry of the program that runs now."""
        self._last += 1
        priority = _ERROR if error else _INFORMATION
        entry = Entry(
            self._last, int(self._now()), priority, PROGRAM.get(), pid, node, "root@pam", text
        )
        self._entries = [*self._entries[1 - _SHOWN :], entry]

    def newest(self) -> Sequence[Entry]:
        """Return the entries, newest first."""
        return self._entries[::-1]

    def text(self) -> str:
        """Return what the file shows."""
        rows = ",\n".join(json.dumps(asdict(entry)) for entry in self.newest())
        return f'{{\n"data": [\n{rows}\n]\n}}\n'

    def to_data(self) -> list[dict[str, Any]]:
        """Return the entries as JSON data."""
        return [asdict(entry) for entry in self._entries]

    def restore(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take over the entries from :meth:`to_data`."""
        self._entries = [Entry(**entry) for entry in data]
        self._last = max((entry.uid for entry in self._entries), default=0)
