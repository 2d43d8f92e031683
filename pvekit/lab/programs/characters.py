"""Programs that work on parts of lines and on single characters."""

from __future__ import annotations

import base64 as base64_codec
import binascii
import re

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.inputs import Inputs, content, decoded, encoded, lines
from pvekit.lab.programs.options import options


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


CHARACTERS: dict[str, Program] = {"base64": base64, "cut": cut, "tr": tr}
