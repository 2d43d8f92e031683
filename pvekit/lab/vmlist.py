"""The list of all guests of a PVE cluster as its file system keeps it, in the order it tells it.

The real one is a hash table of GLib, and readers of ``.vmlist`` see that table's order; hence the
table here grows, probes and shrinks like GLib's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LEAST_SHIFT = 3
_MULTIPLIER = 11
_MODULI = (
    *(1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521),
    *(131071, 262139, 524287, 1048573),
)
_UNUSED, _GONE = 0, -1


class HashOrder:
    """Positive numbers in the order of a GLib hash table that has lived through their history."""

    def __init__(self) -> None:
        self._count = 0
        self._resize(())

    def __iter__(self) -> Iterator[int]:
        return (number for number in self._slots if number > 0)

    def _resize(self, numbers: tuple[int, ...]) -> None:
        shift = max(int(self._count * 1.333).bit_length(), _LEAST_SHIFT)
        self._modulus = _MODULI[shift]
        self._slots = [_UNUSED] * (1 << shift)
        self._occupied = self._count
        for number in numbers:
            self._slots[self._place(number)] = number

    def _place(self, number: int) -> int:
        """Return where a number is, or else where it belongs."""
        at = number * _MULTIPLIER % self._modulus
        step, gone = 0, -1
        while self._slots[at] not in {_UNUSED, number}:
            if self._slots[at] == _GONE and gone < 0:
                gone = at
            step += 1
            at = (at + step) & (len(self._slots) - 1)
        return at if self._slots[at] == number or gone < 0 else gone

    def add(self, number: int) -> None:
        """Add a number that is not there."""
        at = self._place(number)
        fresh = self._slots[at] == _UNUSED
        self._slots[at] = number
        self._count += 1
        if fresh:
            self._occupied += 1
            self._fit()

    def discard(self, number: int) -> None:
        """Remove a number that is there."""
        self._slots[self._place(number)] = _GONE
        self._count -= 1
        self._fit()

    def _fit(self) -> None:
        size = len(self._slots)
        sparse = size > self._count * 4 and size > 1 << _LEAST_SHIFT
        if sparse or size <= self._occupied + self._occupied // 16:
            self._resize(tuple(self))


@dataclass(frozen=True)
class Entry:
    """Where a guest is, its kind (``qemu`` or ``lxc``), and the count of changes at its last."""

    node: str
    kind: str
    version: int


class VmList:
    """All guests of a PVE cluster by vmid; ``version`` counts the changes."""

    def __init__(self) -> None:
        self.version = 1
        self._writes = 0
        self._entries: dict[int, Entry] = {}
        self._order = HashOrder()
        self._nodes: dict[tuple[str, str], set[int]] = {}
        self._text = ""
        self._owners: dict[int, tuple[str, str]] = {}
        self.changes: dict[str, int] = {}
        """How often the guests of a node changed, by the node's name."""

    def owner(self, vmid: int) -> tuple[str, str] | None:
        """Return (node, kind) of a guest, or None."""
        entry = self._entries.get(vmid)
        return (entry.node, entry.kind) if entry else None

    def owners(self) -> Mapping[int, tuple[str, str]]:
        """Return (node, kind) of all guests by vmid; later changes do not show in it."""
        if not self._owners:
            self._owners = {vmid: (entry.node, entry.kind) for vmid, entry in self._entries.items()}
        return self._owners

    def vmids(self, node: str, kind: str = "qemu") -> list[int]:
        """Return the ids of a node's guests of one kind, ascending."""
        return sorted(self._nodes.get((node, kind), ()))

    def put(self, vmid: int, node: str, kind: str) -> None:
        """Note that a guest's configuration was written."""
        old = self._entries.get(vmid)
        if old is None:
            self._order.add(vmid)
        else:
            self._nodes[old.node, old.kind].discard(vmid)
            self._count(old.node)
        self._count(node)
        self._nodes.setdefault((node, kind), set()).add(vmid)
        self._writes += 1
        self._entries[vmid] = Entry(node, kind, self._writes)
        self._changed()

    def remove(self, vmid: int) -> None:
        """Note that a guest's configuration is gone."""
        old = self._entries.pop(vmid, None)
        if old is not None:
            self._order.discard(vmid)
            self._nodes[old.node, old.kind].discard(vmid)
            self._count(old.node)
            self._changed()

    def _count(self, node: str) -> None:
        self.changes[node] = self.changes.get(node, 0) + 1

    def _changed(self) -> None:
        self.version += 1
        self._text, self._owners = "", {}

    def text(self) -> str:
        """Return the content of ``.vmlist``."""
        if not self._text:
            entries = ",\n".join(
                f'"{vmid}": {{ "node": "{entry.node}", "type": "{entry.kind}", '
                f'"version": {entry.version} }}'
                for vmid, entry in ((vmid, self._entries[vmid]) for vmid in self._order)
            )
            ids = f"\n{entries}" if entries else ""
            self._text = f'{{\n"version": {self.version},\n"ids": {{{ids}}}\n\n}}\n'
        return self._text

    def to_data(self) -> dict[str, Any]:
        """Return the counts as JSON data; which guests there are is known by their files."""
        versions = {str(vmid): entry.version for vmid, entry in self._entries.items()}
        return {"version": self.version, "writes": self._writes, "versions": versions}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over the counts from :meth:`to_data`, for the guests that were put in again."""
        for vmid, version in data["versions"].items():
            entry = self._entries.get(int(vmid))
            if entry is not None:
                self._entries[int(vmid)] = Entry(entry.node, entry.kind, version)
        self.version, self._writes = data["version"], data["writes"]
        self._text = ""
