"""Programs that read text and print some of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import ENDLESS, Inputs, decoded
from pvekit.lab.programs.options import Options, options
from pvekit.lab.programs.space import size_of
from pvekit.lab.streams import write_file


async def cat(process: Process) -> int:
    """Print files one after the other."""
    given = options(process.argv[1:], "u")
    inputs = Inputs(process, given.operands)
    async for _, data in inputs:
        await process.stdout.write(data)
    return inputs.status


async def tee(process: Process) -> int:
    """Copy stdin to files and stdout."""
    given = options(process.argv[1:], "a i append")
    append = given.has("a", "append")
    status = 0
    open_names = []
    for name in given.operands:
        try:
            await write_file(process, name, b"", append=append)
            open_names.append(name)
        except OSError as error:
            status = await fail(process, f"{name}: {reason(error)}")
    while line := await process.stdin.readline():
        for name in open_names:
            await write_file(process, name, line, append=True)
        await process.stdout.write(line)
    return status


def _count(words: Sequence[str]) -> list[str]:
    """Rewrite the old form ``-5`` to ``-n5``."""
    return [f"-n{word[1:]}" if re.fullmatch(r"-\d+", word) else word for word in words]


class _Titles:
    """The lines that ``head`` and ``tail`` put before each of several files."""

    def __init__(self, process: Process, given: Options) -> None:
        self._process = process
        self._wanted = len(given.operands) > 1 and not given.has("q")
        self._before = ""

    async def show(self, path: str) -> None:
        if self._wanted:
            await self._process.say(f"{self._before}==> {path} <==\n")
            self._before = "\n"


async def head(process: Process) -> int:
    """Print the first lines or bytes."""
    given = options(_count(process.argv[1:]), "q", "n c lines bytes")
    size = given.value("c", "bytes")
    count = given.number("n", "lines", default=10)
    if size is None and count >= 0 and not given.operands:
        for _ in range(count):
            line = await process.stdin.readline()
            if not line:
                break
            await process.stdout.write(line)
        return 0
    if size is not None and given.operands in ENDLESS:
        await process.stdout.write(ENDLESS[given.operands](size_of(size) or 0))
        return 0
    inputs = Inputs(process, given.operands, "cannot open '{path}' for reading: {why}")
    titles = _Titles(process, given)
    async for path, data in inputs:
        await titles.show(path)
        if size is not None:
            await process.stdout.write(data[: size_of(size)])
        else:
            await process.stdout.write(b"".join(data.splitlines(keepends=True)[:count]))
    return inputs.status


async def tail(process: Process) -> int:
    """Print the last lines or bytes; following a file is not simulated."""
    if any(word in {"-f", "-F", "--follow"} for word in process.argv[1:]):
        raise NotSimulated("following a file")
    given = options(_count(process.argv[1:]), "q", "n c lines bytes")
    size = given.value("c", "bytes")
    given.number("n", "lines", default=10)
    given.number("c", "bytes", default=0)
    wanted = given.value("n", "lines") or "10"
    inputs = Inputs(process, given.operands, "cannot open '{path}' for reading: {why}")
    titles = _Titles(process, given)
    async for path, data in inputs:
        await titles.show(path)
        parts = (
            [data[at : at + 1] for at in range(len(data))]
            if size
            else data.splitlines(keepends=True)
        )
        number = size or wanted
        start = (
            int(number[1:]) - 1
            if number[0] == "+"
            else max(len(parts) - int(number.lstrip("-")), 0)
        )
        await process.stdout.write(b"".join(parts[max(start, 0) :]))
    return inputs.status


async def wc(process: Process) -> int:
    """Count lines, words and bytes."""
    given = options(process.argv[1:], "l w c m")
    wanted = [key for key in "lwmc" if key in given.flags] or ["l", "w", "c"]
    rows: list[tuple[list[int], str]] = []
    total = 0
    inputs = Inputs(process, given.operands)
    async for path, data in inputs:
        total += len(data)
        counts = {
            "l": data.count(b"\n"),
            "w": len(data.split()),
            "c": len(data),
            "m": len(decoded(data)),
        }
        rows.append(([counts[key] for key in wanted], path if given.operands else ""))
    if len(given.operands) > 1:
        rows.append(
            ([sum(column) for column in zip(*(row for row, _ in rows), strict=True)], "total")
        )
    single = len(wanted) == 1 and len(given.operands) <= 1
    # The columns are as wide as the size of all files; a pipe's is not known beforehand.
    width = 1 if single else len(str(total)) if given.operands else 7
    for numbers, name in rows:
        text = " ".join(f"{number:>{width}}" for number in numbers)
        await process.say(f"{text} {name}".rstrip() + "\n")
    return inputs.status


TEXT: dict[str, Program] = {"cat": cat, "head": head, "tail": tail, "tee": tee, "wc": wc}
