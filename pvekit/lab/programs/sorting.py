"""Programs that put lines in order, and drop those that are alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.inputs import Inputs, content, decoded, encoded, lines
from pvekit.lab.programs.options import Options, options
from pvekit.lab.streams import write_file


@dataclass(frozen=True)
class _Key:
    """By what lines are compared: ``kind`` n (numbers), V (versions) or nothing (bytes).

    ``first`` and ``last`` are fields, parted by ``mark``; without ``first`` it is the whole line.
    """

    kind: str
    reverse: bool
    mark: str | None = None
    first: int | None = None
    last: int | None = None

    @classmethod
    def read(cls, given: Options) -> _Key:
        kind = "n" if given.has("n") else "V" if given.has("V") else ""
        key = given.value("k")
        if key is None:
            return cls(kind, given.has("r"))
        match = re.fullmatch(r"(\d+)([nrV]*)(?:,(\d+)([nrV]*))?", key)
        if match is None:
            raise NotSimulated(f"key {key}")
        flags = match[2] + (match[4] or "")
        last = int(match[3]) if match[3] else None
        reverse = given.has("r") or "r" in flags
        kind = flags.replace("r", "")[:1] or kind
        return cls(kind, reverse, given.value("t"), int(match[1]), last)

    def of(self, line: str) -> object:
        """Return what a line is compared by."""
        if self.first is None:
            return _compared(line, self.kind)
        fields = line.split(self.mark)[self.first - 1 : self.last]
        return _compared((self.mark or " ").join(fields), self.kind)


def _compared(text: str, kind: str) -> object:
    if kind == "n":
        match = re.match(r"\s*-?\d+(\.\d+)?", text)
        return (float(match[0]) if match else 0.0, text)
    if kind == "V":
        return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", text)]
    return encoded(text)


async def sort(process: Process) -> int:
    """Sort lines by their bytes, as numbers or as versions."""
    given = options(process.argv[1:], "n u r V s b", "k t o")
    key = _Key.read(given)
    inputs = Inputs(process, given.operands, "cannot read: {path}: {why}")
    found: list[str] = []
    async for _, data in inputs:
        found += [decoded(line) for line in lines(data)]
    found.sort(key=encoded)
    found.sort(key=key.of, reverse=key.reverse)  # type: ignore[arg-type]
    if given.has("u"):
        by_key = key.kind == "n" and key.first is not None
        alike: Callable[[str], object] = key.of if by_key else str
        found = list({alike(line): line for line in found}.values())
    text = "".join(f"{line}\n" for line in found)
    await write_file(process, given.value("o") or "/dev/stdout", encoded(text))
    return 2 if inputs.status else 0


async def uniq(process: Process) -> int:
    """Print lines that differ from the one before."""
    given = options(process.argv[1:], "c d u")
    data = await content(process, given.operands[0] if given.operands else "-")
    groups: list[tuple[str, int]] = []
    for line in map(decoded, lines(data)):
        if groups and groups[-1][0] == line:
            groups[-1] = (line, groups[-1][1] + 1)
        else:
            groups.append((line, 1))
    for line, count in groups:
        if (given.has("d") and count == 1) or (given.has("u") and count > 1):
            continue
        await process.say(f"{count:>7} {line}\n" if given.has("c") else f"{line}\n")
    return 0


SORTING: dict[str, Program] = {"sort": sort, "uniq": uniq}
