"""``grep``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import content, lines
from pvekit.lab.programs.options import Options, options
from pvekit.lab.programs.regex import compiled
from pvekit.lab.streams import absolute

_FLAGS = "a H h s q F E G x v c o i n l L r R w fixed-strings extended-regexp quiet invert-match"


@dataclass(frozen=True)
class _Search:
    """What is looked for, and how a hit is shown."""

    pattern: re.Pattern[bytes]
    given: Options
    named: bool

    def hits(self, line: bytes) -> bool:
        return (self.pattern.search(line) is not None) != self.given.has("v", "invert-match")

    def shown(self, path: str, number: int, line: bytes) -> bytes:
        before = f"{path}:".encode(errors="surrogateescape") if self.named else b""
        if self.given.has("n"):
            before += b"%d:" % number
        if not self.given.has("o"):
            return before + line + b"\n"
        found = (match[0] for match in self.pattern.finditer(line) if match[0])
        return b"".join(before + text + b"\n" for text in found)


async def grep(process: Process) -> int:
    """Print the lines that match."""
    given = options(process.argv[1:], _FLAGS, "e m f A B C color")
    if given.values.keys() & {"f", "A", "B", "C"}:
        raise NotSimulated("options -f and context lines")
    patterns = list(given.repeated.get("e", []))
    paths = list(given.operands)
    if not patterns:
        if not paths:
            return await fail(process, "no pattern", 2)
        patterns = [paths.pop(0)]
    recursive = given.has("r", "R")
    several = len(paths) > 1 or recursive
    named = (several or given.has("H")) and not given.has("h")
    search = _Search(_compiled(process, given, patterns), given, named)
    outcome = _Outcome()
    async for path in _paths(
        process, paths or (["."] if recursive else ["-"]), recursive=recursive
    ):
        await _search(process, search, path, outcome)
        if outcome.found and given.has("q", "quiet"):
            return 0
    return 2 if outcome.failed else 0 if outcome.found else 1


@dataclass
class _Outcome:
    found: bool = False
    failed: bool = False


def _compiled(process: Process, given: Options, texts: list[str]) -> re.Pattern[bytes]:
    name = posixpath.basename(process.argv[0])
    fixed = given.has("F", "fixed-strings") or name == "fgrep"
    extended = given.has("E", "extended-regexp") or name == "egrep"
    ignore = given.has("i")
    parts = []
    for text in (line for item in texts for line in item.split("\n")):
        raw = text.encode(errors="surrogateescape")
        part = re.escape(raw) if fixed else compiled(text, extended=extended).pattern
        if given.has("x"):
            part = b"^(?:" + part + b")$"
        if given.has("w"):
            part = rb"(?<!\w)(?:" + part + rb")(?!\w)"
        parts.append(part)
    return _joined(tuple(parts), ignore=ignore)


def _joined(parts: tuple[bytes, ...], *, ignore: bool) -> re.Pattern[bytes]:
    whole = parts[0] if len(parts) == 1 else b"|".join(b"(?:" + part + b")" for part in parts)
    # A `$` must match at a line's very end only: lines hold no line end here.
    return re.compile(whole, re.IGNORECASE if ignore else 0)


async def _paths(process: Process, paths: list[str], *, recursive: bool) -> AsyncIterator[str]:
    files = process.machine.files
    for path in paths:
        if recursive and path != "-" and files.is_dir(absolute(process, path)):
            children = [posixpath.join(path, name) for name in files.names(absolute(process, path))]
            async for child in _paths(process, children, recursive=True):
                yield child
        else:
            yield path


async def _search(process: Process, search: _Search, path: str, outcome: _Outcome) -> None:
    given = search.given
    try:
        data = await content(process, path)
    except OSError as error:
        outcome.failed = True
        if not given.has("s"):
            await fail(process, f"{path}: {reason(error)}")
        return
    if b"\0" in data and not given.has("a", "c", "q", "l"):
        raise NotSimulated("binary input without -a")
    shown = "(standard input)" if path == "-" else path
    limit = given.number("m", default=1 << 60)
    hits = [(n, line) for n, line in enumerate(lines(data), 1) if search.hits(line)][:limit]
    outcome.found = outcome.found or bool(hits)
    await process.stdout.write(_report(search, shown, hits))


def _report(search: _Search, path: str, hits: list[tuple[int, bytes]]) -> bytes:
    given = search.given
    if given.has("q", "quiet"):
        return b""
    if given.has("l", "L"):
        return f"{path}\n".encode() if bool(hits) == given.has("l") else b""
    if given.has("c"):
        return f"{path}:{len(hits)}\n".encode() if search.named else b"%d\n" % len(hits)
    return b"".join(search.shown(path, number, line) for number, line in hits)


GREP: dict[str, Program] = {"egrep": grep, "fgrep": grep, "grep": grep}
