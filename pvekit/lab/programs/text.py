"""Programs that read text and print some of it."""

from __future__ import annotations

import base64 as base64_codec
import binascii
import re
from collections.abc import Sequence

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import ENDLESS, Inputs, content, decoded, encoded, lines
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


def _sort_key(line: str, kind: str) -> object:
    if kind == "n":
        match = re.match(r"\s*-?\d+(\.\d+)?", line)
        return (float(match[0]) if match else 0.0, line)
    if kind == "V":
        return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", line)]
    return encoded(line)


async def sort(process: Process) -> int:
    """Sort lines by their bytes, as numbers or as versions."""
    given = options(process.argv[1:], "n u r V s b", "k t o")
    kind = "n" if given.has("n") else "V" if given.has("V") else ""
    key = given.value("k")
    match = re.fullmatch(r"(\d+)([nrV]*)(?:,(\d+)([nrV]*))?", key or "1")
    if match is None:
        raise NotSimulated(f"key {key}")
    flags = match[2] + (match[4] or "")
    kind = flags.replace("r", "")[:1] or kind
    inputs = Inputs(process, given.operands, "cannot read: {path}: {why}")
    found: list[str] = []
    async for _, data in inputs:
        found += [decoded(line) for line in lines(data)]

    def key_of(line: str) -> object:
        if key is None:
            return _sort_key(line, kind)
        parts = line.split(given.value("t"))
        end = int(match[3]) if match[3] else len(parts)
        return _sort_key((given.value("t") or " ").join(parts[int(match[1]) - 1 : end]), kind)

    found.sort(key=encoded)
    found.sort(key=key_of, reverse=given.has("r") or "r" in flags)  # type: ignore[arg-type]
    if given.has("u"):
        found = list(
            {key_of(line) if kind == "n" and key else line: line for line in found}.values()
        )
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


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", part)
        if match is None or not (match[1] or match[3]):
            raise NotSimulated(f"list {text!r}")
        first = int(match[1] or 1)
        last = int(match[3] or 1 << 30) if match[2] else first
        found.append((first, last))
    return found


async def cut(process: Process) -> int:
    """Print parts of lines."""
    given = options(process.argv[1:], "s", "d f c b output-delimiter")
    fields, chars = given.value("f"), given.value("c", "b")
    if (fields is None) == (chars is None):
        return await fail(process, "you must specify a list of bytes, characters, or fields")
    ranges = _ranges(fields or chars or "")
    mark = given.value("d") if given.value("d") is not None else "\t"
    assert mark is not None  # noqa: S101
    inputs = Inputs(process, given.operands)
    async for _, data in inputs:
        for line in map(decoded, lines(data)):
            if fields is not None and mark not in line:
                await process.say("" if given.has("s") else f"{line}\n")
                continue
            parts = line.split(mark) if fields is not None else list(line)
            kept = [
                part
                for number, part in enumerate(parts, 1)
                if any(first <= number <= last for first, last in ranges)
            ]
            join = (given.value("output-delimiter") or mark) if fields is not None else ""
            await process.say(join.join(kept) + "\n")
    return inputs.status


_CLASSES = {
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:digit:]": "0123456789",
    "[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "[:alnum:]": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "[:space:]": " \t\n\r\v\f",
    "[:blank:]": " \t",
    "[:cntrl:]": "".join(map(chr, range(32))) + "\x7f",
    "[:punct:]": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}


def _set(text: str) -> str:
    """Return the characters of a ``tr`` set, in order."""
    for name, chars in _CLASSES.items():
        text = text.replace(name, chars)
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    text = re.sub(
        r"\\([0-7]{1,3}|.)",
        lambda match: (
            chr(int(match[1], 8)) if match[1][0] in "01234567" else escapes.get(match[1], match[1])
        ),
        text,
    )
    return re.sub(
        r"(.)-(.)",
        lambda match: "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1))),
        text,
        flags=re.DOTALL,
    )


async def tr(process: Process) -> int:
    """Replace, squeeze or delete characters."""
    given = options(process.argv[1:], "d s c C", permute=False, least=1)
    sets = [_set(text) for text in given.operands]
    text = decoded(await process.stdin.read())
    first = set(sets[0])
    chosen = first if not given.has("c", "C") else set(text) - first
    if given.has("d"):
        text = "".join(char for char in text if char not in chosen)
    elif len(sets) > 1:
        if given.has("c", "C"):
            table = dict.fromkeys(map(ord, chosen), sets[1][-1])
        else:
            padded = sets[1] + sets[1][-1:] * (len(sets[0]) - len(sets[1]))
            table = {ord(old): new for old, new in zip(sets[0], padded, strict=False)}
        text = text.translate(table)
        chosen = set(sets[1])
    if given.has("s") and chosen:
        text = re.sub(f"([{re.escape(''.join(chosen))}])\\1+", r"\1", text)
    await process.stdout.write(encoded(text))
    return 0


async def base64(process: Process) -> int:
    """Encode or decode base64."""
    given = options(process.argv[1:], "d decode i", "w wrap")
    data = await content(process, given.operands[0] if given.operands else "-")
    if given.has("d", "decode"):
        try:
            await process.stdout.write(
                base64_codec.b64decode(b"".join(data.split()), validate=True)
            )
        except binascii.Error:
            return await fail(process, "invalid input")
        return 0
    text = base64_codec.b64encode(data).decode()
    width = int(given.value("w", "wrap") or 76)
    if not width:
        await process.say(text)
        return 0
    await process.say("".join(f"{text[at : at + width]}\n" for at in range(0, len(text), width)))
    return 0


TEXT: dict[str, Program] = {
    "base64": base64,
    "cat": cat,
    "cut": cut,
    "head": head,
    "sort": sort,
    "tail": tail,
    "tee": tee,
    "tr": tr,
    "uniq": uniq,
    "wc": wc,
}
