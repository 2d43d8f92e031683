"""Programs about space in use: ``df`` and ``du``."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pvekit.lab.files import FileSystem, Usage
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import Options, options
from pvekit.lab.programs.sizes import human
from pvekit.lab.programs.space import size_of
from pvekit.lab.streams import absolute


@dataclass(frozen=True)
class _Form:
    """How figures are shown: in a unit of bytes, or for people."""

    unit: int
    people: bool
    portable: bool
    chosen: bool

    def show(self, size: int, *, down: bool = False) -> str:
        if self.people:
            return human(size)
        return str(size // self.unit if down else -(-size // self.unit))

    def blocks(self) -> str:
        if self.people:
            return "Size"
        shown = {1: "1B", 1024: "1024" if self.portable else "1K", 1 << 20: "1M", 1 << 30: "1G"}
        return f"{shown.get(self.unit, str(self.unit))}-blocks"


def _type(usage: Usage) -> str:
    known = {"/dev/fuse": "fuse", "tmpfs": "tmpfs", "udev": "devtmpfs"}
    return known.get(usage.device, "ext4")


def _share(usage: Usage) -> str:
    return f"{-(-usage.used * 100 // max(usage.total, 1))}%"


_Row = tuple[Usage, str, _Form]
# name -> (title, smallest width; negative: to the left, text)
_COLUMNS: dict[str, tuple[Callable[[_Form], str], int, Callable[[_Row], str]]] = {
    "source": (lambda _: "Filesystem", -14, lambda row: row[0].device),
    "fstype": (lambda _: "Type", -4, lambda row: _type(row[0])),
    "size": (_Form.blocks, 5, lambda row: row[2].show(row[0].total)),
    "used": (lambda _: "Used", 5, lambda row: row[2].show(row[0].used)),
    "avail": (
        lambda form: "Avail" if form.people or form.chosen else "Available",
        5,
        lambda row: row[2].show(row[0].total - row[0].used, down=True),
    ),
    "pcent": (
        lambda form: "Capacity" if form.portable else "Use%",
        4,
        lambda row: _share(row[0]),
    ),
    "target": (lambda _: "Mounted on", -1, lambda row: row[1]),
}


async def df(process: Process) -> int:
    """Show file systems' space."""
    given = options(process.argv[1:], "P k h portability human-readable T", "B block-size output")
    form = _form(given)
    kind = "fstype," if given.has("T") else ""
    wanted = (given.value("output") or f"source,{kind}size,used,avail,pcent,target").split(",")
    if not set(wanted) <= set(_COLUMNS):
        raise NotSimulated(f"columns {wanted}")
    files = process.machine.files
    rows = [[_COLUMNS[column][0](form) for column in wanted]]
    status = 0
    for name in given.operands or files.usages:
        path = absolute(process, name)
        if not files.exists(path):
            status = await fail(process, f"{name}: No such file or directory")
            continue
        place, usage = files.usage(path)
        rows.append([_COLUMNS[column][2]((usage, place, form)) for column in wanted])
    if len(rows) > 1:
        await process.say(_table(wanted, rows))
    return status


def _form(given: Options) -> _Form:
    text = given.value("B", "block-size") or "1K"
    unit = size_of(text if text[0].isdigit() else f"1{text}")
    if unit is None:
        raise NotSimulated(f"blocks of {text}")
    people = given.has("h", "human-readable")
    chosen = given.value("output") is not None
    return _Form(unit, people, given.has("P", "portability"), chosen)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows; names stand to the left, numbers to the right."""
    least = [_COLUMNS[column][1] for column in columns]
    widths = [
        max(abs(size), *map(len, cells))
        for size, cells in zip(least, zip(*rows, strict=True), strict=True)
    ]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if size < 0 else cell.rjust(width)
            for cell, width, size in zip(row, widths, least, strict=True)
        ]
        lines.append(" ".join(cells).rstrip() + "\n")
    return "".join(lines)


async def du(process: Process) -> int:
    """Add up the space of files."""
    flags = "a b c h k s m apparent-size bytes summarize human-readable total"
    given = options(process.argv[1:], flags, "B d max-depth")
    if given.has("a"):
        raise NotSimulated("option -a")
    files = process.machine.files
    status, total = 0, 0
    for name in given.operands or (".",):
        path = absolute(process, name)
        if not files.exists(path):
            status = await fail(process, f"cannot access '{name}': No such file or directory")
            continue
        depth = 0 if given.has("s", "summarize") else given.number("d", "max-depth", default=99)
        lines: list[str] = []
        total += _add_up(files, path, name, depth, given, lines)
        await process.say("".join(lines))
    if given.has("c", "total"):
        await process.say(f"{_shown(total, given)}\ttotal\n")
    return status


def _add_up(
    files: FileSystem, path: str, name: str, depth: int, given: Options, lines: list[str]
) -> int:
    """Return the space of a tree, and add a line for each directory down to a depth."""
    facts = files.stat(path, follow=False)
    exact = given.has("b", "bytes", "apparent-size")
    own = -(-facts.size // 4096) * 4096 if facts.blocks < 0 else facts.blocks * 512
    size = facts.size if exact else own
    if facts.kind == "directory":
        for child in files.names(path):
            place = posixpath.join(path, child)
            inner = posixpath.join(name, child)
            is_dir = files.stat(place, follow=False).kind == "directory"
            size += _add_up(files, place, inner, depth - 1 if is_dir else -1, given, lines)
    if depth >= 0:
        lines.append(f"{_shown(size, given)}\t{name}\n")
    return size


def _shown(size: int, given: Options) -> str:
    if given.has("h", "human-readable"):
        return human(size)
    unit = 1 if given.has("b", "bytes") else 1 << 20 if given.has("m") else 1024
    block = given.value("B")
    unit = (size_of(block) or unit) if block else unit
    return str(-(-size // unit))


USAGE: dict[str, Program] = {"df": df, "du": du}
