"""``sed``: substitution, printing, deleting and quitting by address; all else is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import content
from pvekit.lab.programs.options import options
from pvekit.lab.programs.regex import compiled
from pvekit.lab.streams import absolute

_ADDRESS = re.compile(r"(\d+)|(\$)|/((?:[^/\\]|\\.)*)/")


@dataclass(frozen=True)
class _Address:
    line: int | None = None
    pattern: re.Pattern[bytes] | None = None  # neither: the last line

    def matches(self, number: int, line: bytes, *, last: bool) -> bool:
        if self.pattern is not None:
            return self.pattern.search(line) is not None
        return last if self.line is None else number == self.line


@dataclass
class _Command:
    addresses: tuple[_Address, ...]
    negated: bool
    verb: str
    pattern: re.Pattern[bytes] | None = None
    template: bytes = b""
    flags: str = ""
    inside: bool = False  # between the two addresses of a range

    def selects(self, number: int, line: bytes, *, last: bool) -> bool:
        return self._matches(number, line, last=last) != self.negated

    def _matches(self, number: int, line: bytes, *, last: bool) -> bool:
        if not self.addresses:
            return True
        if len(self.addresses) == 1:
            return self.addresses[0].matches(number, line, last=last)
        first, second = self.addresses
        if self.inside:
            self.inside = not second.matches(number, line, last=last)
            return True
        if not first.matches(number, line, last=last):
            return False
        self.inside = second.line is None or second.line > number
        return True


async def sed(process: Process) -> int:
    """Edit text line by line."""
    given = options(process.argv[1:], "n i E r quiet s in-place", "e expression")
    scripts = given.repeated.get("e", []) + given.repeated.get("expression", [])
    paths = list(given.operands)
    if not scripts:
        if not paths:
            return await fail(process, "no script specified", 1)
        scripts = [paths.pop(0)]
    extended = given.has("E", "r")
    in_place = given.has("i", "in-place")
    quiet = given.has("n", "quiet")
    status = 0
    for path in paths or ["-"]:
        try:
            data = await content(process, path)
        except OSError as error:
            status = await fail(process, f"can't read {path}: {reason(error)}", 2)
            continue
        commands = [item for text in scripts for item in _parse(text, extended=extended)]
        output = _edit(data, commands, quiet=quiet)
        if in_place:
            process.machine.files.write(absolute(process, path), output)
        else:
            await process.stdout.write(output)
    return status


def _parse(text: str, *, extended: bool) -> list[_Command]:
    commands: list[_Command] = []
    rest = text.strip(" ;\n")
    while rest:
        command, rest = _command(rest, extended=extended)
        commands.append(command)
        rest = rest.lstrip(" ")
        if rest and rest[0] not in ";\n":
            raise NotSimulated(f"script {text!r}")
        rest = rest.strip(" ;\n")
    return commands


def _command(text: str, *, extended: bool) -> tuple[_Command, str]:
    addresses: list[_Address] = []
    rest = text
    while match := _ADDRESS.match(rest):
        pattern = None
        if match[3] is not None:
            pattern = compiled(match[3].replace("\\/", "/"), extended=extended)
        addresses.append(_Address(int(match[1]) if match[1] else None, pattern))
        rest = rest[match.end() :].lstrip()
        if not rest.startswith(",") or len(addresses) == 2:
            break
        rest = rest[1:].lstrip()
    negated = rest.startswith("!")
    rest = rest[1:].lstrip() if negated else rest
    verb = rest[:1]
    if verb == "s":
        return _substitution(tuple(addresses), rest[1:], negated=negated, extended=extended)
    if verb not in {"p", "d", "q"}:
        raise NotSimulated(f"command {text!r}")
    return _Command(tuple(addresses), negated, verb), rest[1:]


def _substitution(
    addresses: tuple[_Address, ...], rest: str, *, negated: bool, extended: bool
) -> tuple[_Command, str]:
    mark = re.escape(rest[:1])
    body = rf"((?:[^{mark}\\]|\\.)*)"
    match = re.match(rf"{mark}{body}{mark}{body}{mark}([gpiI0-9]*)", rest, re.DOTALL)
    if match is None or not rest:
        raise NotSimulated(f"command s{rest}")
    delimiter = rest[0]
    pattern = (
        match[1].replace(f"\\{delimiter}", delimiter) if delimiter not in "|+?(){}" else match[1]
    )
    expression = compiled(pattern, extended=extended, ignore_case="i" in match[3].lower())
    template = match[2].replace(f"\\{delimiter}", delimiter).encode(errors="surrogateescape")
    flags = match[3].lower()
    return _Command(addresses, negated, "s", expression, template, flags), rest[match.end() :]


def _expand(template: bytes, match: re.Match[bytes]) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        if found[0] == b"&":
            return match[0]
        if found[1].isdigit():
            return match[int(found[1])] or b""
        return {b"n": b"\n", b"t": b"\t"}.get(found[1], found[1])

    return re.sub(rb"\\(.)|&", one, template, flags=re.DOTALL)


def _substituted(command: _Command, line: bytes) -> tuple[bytes, bool]:
    assert command.pattern is not None  # noqa: S101
    wanted = int("".join(filter(str.isdigit, command.flags)) or 1)
    seen = 0

    def one(match: re.Match[bytes]) -> bytes:
        nonlocal seen
        seen += 1
        hit = seen >= wanted if "g" in command.flags else seen == wanted
        return _expand(command.template, match) if hit else match[0]

    result = command.pattern.sub(one, line)
    return result, seen >= wanted


class _Quit(Exception):
    """``q``: the present line is the last one."""


@dataclass
class _Editor:
    commands: list[_Command]
    quiet: bool
    output: list[bytes]

    def line(self, number: int, whole: bytes, *, last: bool) -> None:
        """Edit one line; raises :class:`_Quit` after the last one that counts."""
        line, end = whole.removesuffix(b"\n"), b"\n" if whole.endswith(b"\n") else b""
        for command in self.commands:
            if not command.selects(number, line, last=last):
                continue
            if command.verb == "d":
                return
            if command.verb == "q":
                self._print(line + end)
                raise _Quit
            shown = command.verb == "p"
            if command.verb == "s":
                line, changed = _substituted(command, line)
                shown = changed and "p" in command.flags
            if shown:
                self.output.append(line + end)
        self._print(line + end)

    def _print(self, line: bytes) -> None:
        if not self.quiet:
            self.output.append(line)


def _edit(data: bytes, commands: list[_Command], *, quiet: bool) -> bytes:
    editor = _Editor(commands, quiet, [])
    found = data.splitlines(keepends=True)
    try:
        for number, line in enumerate(found, 1):
            editor.line(number, line, last=number == len(found))
    except _Quit:
        pass
    return b"".join(editor.output)


SED: dict[str, Program] = {"sed": sed}
