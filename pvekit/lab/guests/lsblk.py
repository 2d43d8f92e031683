"""``lsblk`` in a guest: its disks, and the root file system on the first partition of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pvekit.lab.guests.devices import Block, Devices
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import NotSimulated, Process

_OPTIONS = "-b=bytes --bytes=bytes -d=disks --nodeps=disks -n=bare --noheadings=bare -o=columns="
_COLUMNS = ("NAME", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE", "MOUNTPOINTS")
_LEFT = frozenset({"NAME", "TYPE", "MOUNTPOINTS", "MOUNTPOINT"})
_WIDTHS = {"SIZE": 5}  # at least
Row = Mapping[str, str]


async def lsblk(devices: Devices, process: Process) -> int:
    """Run ``lsblk [-b] [-d] [-n] [-o COLUMNS]``."""
    words = split(process.argv[1:], grammar(f"{_OPTIONS} --output=columns="))
    if words.operands:
        raise NotSimulated("lsblk of one device")
    columns = tuple(words.last("columns", ",".join(_COLUMNS)).upper().split(","))
    if set(columns) - {*_COLUMNS, "MOUNTPOINT"}:
        raise NotSimulated(f"columns {','.join(columns)}")
    raw = words.has("bytes")
    rows = list(_rows(devices, raw=raw, disks_only=words.has("disks")))
    shown = [[row[column] for column in columns] for row in rows]
    lines = shown if words.has("bare") else [list(columns), *shown]
    await process.say("".join(_line(line, lines, columns) for line in lines))
    return 0


def _rows(devices: Devices, *, raw: bool, disks_only: bool) -> Iterator[Row]:
    for place, block in enumerate(devices.blocks()):
        number = 16 * place
        whole = _size(block.disk.size_bytes, raw=raw)
        yield _row(block.name, f"  8:{number:<3}", whole, "disk")
        if block.slot == devices.root and not disks_only:
            size = _size(_root_bytes(block), raw=raw)
            yield _row(f"└─{block.name}1", f"  8:{number + 1:<3}", size, "part", "/")


def _root_bytes(block: Block) -> int:
    return block.disk.root_bytes or block.disk.size_bytes


def _row(name: str, number: str, size: str, kind: str, place: str = "") -> Row:
    return {
        "NAME": name,
        "MAJ:MIN": number,
        "RM": "0",
        "SIZE": size,
        "RO": "0",
        "TYPE": kind,
        "MOUNTPOINTS": place,
        "MOUNTPOINT": place,
    }


def _size(size: int, *, raw: bool) -> str:
    if raw:
        return str(size)
    value, units = float(size), iter("BKMGT")
    unit = next(units)
    while value >= 1024:
        value, unit = value / 1024, next(units)
    return f"{value:.1f}".removesuffix(".0") + unit


def _line(line: list[str], lines: list[list[str]], columns: tuple[str, ...]) -> str:
    cells = []
    for place, text in enumerate(line):
        width = max(*(len(other[place]) for other in lines), _WIDTHS.get(columns[place], 0))
        left = columns[place] in _LEFT
        cells.append(text.ljust(width) if left else text.rjust(width))
    return " ".join(cells).rstrip() + "\n"
