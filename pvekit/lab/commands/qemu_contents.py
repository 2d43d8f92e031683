"""What a disk holds at each place, for those who compare or write it byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.lab.guests.disk import Disk

Pattern = tuple[int, int, int]


def with_pattern(disk: Disk, offset: int, length: int, byte: int) -> Disk:
    """Return a disk with one byte written over a range; zeros leave nothing."""
    end = offset + length
    kept: list[Pattern] = []
    for at, size, value in disk.patterns:
        if at < offset:
            kept.append((at, min(size, offset - at), value))
        if at + size > end:
            start = max(at, end)
            kept.append((start, at + size - start, value))
    if byte or offset < len(disk.raw) or disk.files:
        kept.append((offset, length, byte))
    changed = disk.copy()
    changed.patterns = tuple(_joined(sorted(entry for entry in kept if entry[1] > 0)))
    return changed


def _joined(patterns: list[Pattern]) -> Iterator[Pattern]:
    last: Pattern | None = None
    for entry in patterns:
        if last and last[0] + last[1] == entry[0] and last[2] == entry[2]:
            last = (last[0], last[1] + entry[1], last[2])
            continue
        if last:
            yield last
        last = entry
    if last:
        yield last


def byte_at(disk: Disk, offset: int) -> int:
    """Return the byte at a place; a file system is not told apart here."""
    for at, length, value in disk.patterns:
        if at <= offset < at + length:
            return value
    return disk.raw[offset] if offset < len(disk.raw) else 0


def first_difference(one: Disk, other: Disk) -> int | None:
    """Return the place of the first byte that differs, or nothing if all are alike."""
    systems = [(d.files, d.os, d.modes, d.owners, d.links, d.iso) for d in (one, other)]
    if systems[0] != systems[1]:
        return 0
    edges = {0, len(one.raw), len(other.raw)}
    for disk in (one, other):
        for at, length, _ in disk.patterns:
            edges |= {at, at + length}
    raw_difference = _first_raw(one.raw, other.raw)
    if raw_difference is not None:
        edges.add(raw_difference)
    different = (edge for edge in sorted(edges) if byte_at(one, edge) != byte_at(other, edge))
    return next(different, None)


def _first_raw(one: bytes, other: bytes) -> int | None:
    if one == other:
        return None
    size = max(len(one), len(other))
    left, right = one.ljust(size, b"\0"), other.ljust(size, b"\0")
    pairs = zip(left, right, strict=True)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), None)
