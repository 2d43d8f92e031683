"""``ls``: what is in directories, in the forms that GNU's has where nobody looks on."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pvekit.lab.files import FileSystem, Stat
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.modes import shown
from pvekit.lab.programs.options import Options, options
from pvekit.lab.programs.sizes import human
from pvekit.lab.streams import absolute

_RECENT = 365.2425 * 86400 / 2  # seconds; older times are shown with their year
_FLAGS = (
    "1 a A l d h n t S r R i p F g o U s color all almost-all directory reverse recursive "
    "human-readable inode size classify"
)

_NAMES_ONLY = frozenset({"1", "a", "A", "r", "reverse", "all", "almost-all", "color", "U"})
_UNKNOWN = Stat("file", 0, 0, 0.0)


@dataclass(frozen=True)
class _Entry:
    """A file as it is listed: under which name, where it is, and what is known of it."""

    name: str
    path: str
    facts: Stat


async def ls(process: Process) -> int:
    """List files."""
    given = options(process.argv[1:], _FLAGS, "color time-style")
    if given.value("time-style"):
        raise NotSimulated("option --time-style")
    listing = _Listing(process, given)
    for name in given.operands or (".",):
        await listing.add(name)
    await process.say(listing.text())
    return listing.status


class _Listing:
    """What was asked for, sorted into plain files and directories to look into."""

    def __init__(self, process: Process, given: Options) -> None:
        self._process = process
        self._files: FileSystem = process.machine.files
        self._given = given
        self._plain: list[_Entry] = []
        self._directories: list[_Entry] = []
        self.status = 0

    async def add(self, name: str) -> None:
        path = absolute(self._process, name)
        whole = self._given.has("d", "directory")
        try:
            facts = self._files.stat(path, follow=not (whole or self._given.has("l")))
            if facts.kind == "link" and not whole and self._files.is_dir(path) and name[-1] == "/":
                facts = self._files.stat(path)
        except OSError as error:
            self.status = await fail(self._process, f"cannot access '{name}': {reason(error)}", 2)
            return
        looked_into = facts.kind == "directory" and not whole
        if looked_into and not self._readable(path):
            why = f"cannot open directory '{name}': Permission denied"
            self.status = await fail(self._process, why, 2)
            return
        (self._directories if looked_into else self._plain).append(_Entry(name, path, facts))

    def _readable(self, path: str) -> bool:
        try:
            self._files.names(path)
        except PermissionError:
            return False
        return True

    def text(self) -> str:
        """Return the whole listing."""
        blocks = [self._rows(self._sorted(self._plain))] if self._plain else []
        titled = len(self._given.operands) > 1 or self._given.has("R", "recursive")
        for entry in self._sorted(self._directories):
            blocks.extend(self._block(entry.name, entry.path, titled=titled))
        return "\n".join(blocks)

    def _block(self, name: str, path: str, *, titled: bool) -> list[str]:
        entries = self._sorted(self._inside(path))
        total = ""
        if self._given.has("l", "s", "n", "g", "o", "size"):
            used = sum(_blocks(entry.facts) for entry in entries)
            text = human(used * 512) if self._human else str(-(-used // 2))
            total = f"total {text}\n"
        title = f"{name}:\n" if titled else ""
        blocks = [f"{title}{total}{self._rows(entries)}"]
        if self._given.has("R", "recursive"):
            for entry in entries:
                if entry.facts.kind == "directory" and entry.name not in {".", ".."}:
                    below = posixpath.join(name, entry.name)
                    blocks.extend(self._block(below, entry.path, titled=True))
        return blocks

    def _inside(self, path: str) -> list[_Entry]:
        names = self._files.names(path)
        if self._given.has("a", "all"):
            names = [".", "..", *names]
        elif not self._given.has("A", "almost-all"):
            names = [name for name in names if not name.startswith(".")]
        places = ((name, posixpath.normpath(posixpath.join(path, name))) for name in names)
        if not self._looks:
            return [_Entry(name, place, _UNKNOWN) for name, place in places]
        return [
            _Entry(name, place, self._files.stat(place, follow=name in {".", ".."}))
            for name, place in places
        ]

    @property
    def _looks(self) -> bool:
        """Whether more than the names is to be shown or sorted by."""
        return not self._given.flags <= _NAMES_ONLY

    def _sorted(self, entries: Sequence[_Entry]) -> list[_Entry]:
        found = sorted(entries, key=lambda entry: entry.name)
        if self._given.has("t"):
            found.sort(key=lambda entry: -entry.facts.mtime)
        if self._given.has("S"):
            found.sort(key=lambda entry: -entry.facts.size)
        return found[::-1] if self._given.has("r", "reverse") else found

    @property
    def _human(self) -> bool:
        return self._given.has("h", "human-readable")

    def _rows(self, entries: Sequence[_Entry]) -> str:
        if not self._given.has("l", "n", "g", "o"):
            return "".join(
                f"{self._before(entry)}{entry.name}{self._mark(entry)}\n" for entry in entries
            )
        rows = [self._columns(entry) for entry in entries]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        return "".join(_line(row, widths) for row in rows)

    def _before(self, entry: _Entry) -> str:
        inode = f"{entry.facts.inode} " if self._given.has("i", "inode") else ""
        size = f"{_blocks(entry.facts) // 2} " if self._given.has("s", "size") else ""
        return inode + size

    def _mark(self, entry: _Entry) -> str:
        slash = self._given.has("p", "F", "classify") and entry.facts.kind == "directory"
        if slash or not self._given.has("F", "classify"):
            return "/" * slash
        runs = entry.facts.kind == "file" and entry.facts.mode & 0o111
        return "@" if entry.facts.kind == "link" else "*" if runs else ""

    def _columns(self, entry: _Entry) -> list[str]:
        facts = entry.facts
        arrow = f" -> {self._files.readlink(entry.path)}" if facts.kind == "link" else ""
        size = human(facts.size) if self._human else str(facts.size)
        return [
            f"{self._before(entry)}{shown(facts.mode, facts.kind)}",
            str(facts.links),
            "" if self._given.has("g") else self._person(facts.owner),
            "" if self._given.has("o") else self._person(facts.group),
            size,
            self._moment(facts.mtime),
            f"{entry.name}{arrow if arrow else self._mark(entry)}",
        ]

    def _person(self, name: str) -> str:
        account = self._process.machine.account(name)
        return str(account[0]) if self._given.has("n") and account else name

    def _moment(self, seconds: float) -> str:
        now = self._process.machine.clock.now()
        recent = now - _RECENT < seconds <= now
        form = "%b %e %H:%M" if recent else "%b %e  %Y"
        return datetime.fromtimestamp(seconds, UTC).strftime(form)


def _blocks(facts: Stat) -> int:
    """Return how many blocks of 512 bytes a file takes."""
    if facts.kind in {"link", "device"}:
        return 0
    return facts.blocks if facts.blocks >= 0 else -(-facts.size // 4096) * 8


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    mode, links, owner, group, size, moment, name = row
    people = " ".join(
        text.ljust(width) for text, width in ((owner, widths[2]), (group, widths[3])) if width
    )
    numbers = f"{mode.ljust(widths[0])} {links.rjust(widths[1])} {people}"
    return f"{numbers} {size.rjust(widths[4])} {moment} {name}\n"


LS: dict[str, Program] = {"ls": ls, "dir": ls}
