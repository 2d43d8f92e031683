"""Programs about bytes and whole trees: ``find`` and ``dd``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from pvekit.lab import patterns
from pvekit.lab.files import FileSystem, Stat
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import content
from pvekit.lab.streams import absolute, write_file

_SUFFIXES = {
    "": 1,
    "c": 1,
    "w": 2,
    "b": 512,
    "k": 1024,
    "K": 1024,
    "M": 1 << 20,
    "G": 1 << 30,
    "T": 1 << 40,
}


def size_of(text: str) -> int | None:
    """Return the bytes that a text such as ``4M`` stands for, or None."""
    match = re.fullmatch(r"(\d+)([cwbkKMGT]?)(?:iB|B)?", text)
    return None if match is None else int(match[1]) * _SUFFIXES[match[2]]


def walk(files: FileSystem, path: str, name: str, depth: int) -> Iterator[tuple[str, Stat, int]]:
    """Give (name, facts, depth) of everything below a path, itself first."""
    facts = files.stat(path, follow=False)
    yield name, facts, depth
    if facts.kind == "directory":
        for child in files.names(path):
            yield from walk(
                files, posixpath.join(path, child), posixpath.join(name, child), depth + 1
            )


Test = Callable[[str, Stat], bool]


async def find(process: Process) -> int:
    """Find files by a few tests, and print or delete them."""
    words = list(process.argv[1:])
    starts: list[str] = []
    while words and words[0][:1] not in {"-", "(", "!"}:
        starts.append(words.pop(0))
    limits = {"-maxdepth": 1 << 30, "-mindepth": 0}
    tests: list[Test] = []
    action = "-print"
    while words:
        word = words.pop(0)
        if word in limits and words and words[0].isdigit():
            limits[word] = int(words.pop(0))
        elif word in {"-print", "-print0", "-delete"}:
            action = word
        else:
            tests.append(_test(process, word, words))
    return await _found(process, starts or ["."], tests, limits, action)


def _test(process: Process, word: str, words: list[str]) -> Test:
    if word == "!" and words:
        inner = _test(process, words.pop(0), words)
        return lambda name, facts: not inner(name, facts)
    if word == "-empty":
        return lambda _, facts: facts.kind == "file" and facts.size == 0
    if not words:
        raise NotSimulated(word)
    value = words.pop(0)
    if word == "-name":
        matches = patterns.compiled(value).fullmatch
        return lambda name, _: matches(posixpath.basename(name.rstrip("/"))) is not None
    if word == "-type" and value in {"f", "d", "l"}:
        kind = {"f": "file", "d": "directory", "l": "link"}[value]
        return lambda _, facts: facts.kind == kind
    if word in {"-mtime", "-mmin"}:
        return _age_test(process, value, 86400 if word == "-mtime" else 60)
    if word == "-newer":
        other = process.machine.files.stat(absolute(process, value)).mtime
        return lambda _, facts: facts.mtime > other
    raise NotSimulated(f"{word} {value}")


def _age_test(process: Process, value: str, unit: int) -> Test:
    if re.fullmatch(r"[-+]?\d+", value) is None:
        raise NotSimulated(f"age {value!r}")
    now = process.machine.clock.now()
    number = int(value.lstrip("+-"))

    def test(_: str, facts: Stat) -> bool:
        age = int((now - facts.mtime) // unit)
        if value[0] == "+":
            return age > number
        return age < number if value[0] == "-" else age == number

    return test


async def _found(
    process: Process, starts: list[str], tests: list[Test], limits: dict[str, int], action: str
) -> int:
    files = process.machine.files
    status = 0
    for start in starts:
        path = absolute(process, start)
        if not files.exists(path):
            status = await fail(process, f"'{start}': No such file or directory")
            continue
        names = [
            name
            for name, facts, depth in walk(files, path, start, 0)
            if limits["-mindepth"] <= depth <= limits["-maxdepth"]
            and all(test(name, facts) for test in tests)
        ]
        if action == "-delete":
            status = max(status, await _delete(process, names))
        else:
            end = "\0" if action == "-print0" else "\n"
            await process.say("".join(name + end for name in names))
    return status


async def _delete(process: Process, names: list[str]) -> int:
    files = process.machine.files
    for name in reversed(names):
        path = absolute(process, name)
        try:
            (files.rmdir if files.is_dir(path) else files.unlink)(path)
        except OSError as error:
            return await fail(process, f"cannot delete '{name}': {reason(error)}")
    return 0


async def dd(process: Process) -> int:
    """Copy bytes."""
    given = dict(word.partition("=")[::2] for word in process.argv[1:])
    unknown = set(given) - {"if", "of", "bs", "count", "skip", "status", "conv", "iflag", "oflag"}
    if unknown or given.get("iflag") or given.get("oflag"):
        raise NotSimulated(" ".join(process.argv[1:]))
    block = size_of(given.get("bs", "512"))
    count = size_of(given["count"]) if "count" in given else None
    skip = size_of(given.get("skip", "0"))
    if block is None or skip is None:
        return await fail(process, f"invalid number: '{given.get('bs')}'")
    source = given.get("if", "-")
    try:
        if source == "/dev/zero":
            data = bytes((count or 0) * block)
        else:
            data = (await content(process, source))[skip * block :]
        data = data if count is None else data[: count * block]
        await write_file(process, given.get("of", "/dev/stdout"), data)
    except OSError as error:
        return await fail(process, f"failed to open '{error.filename}': {reason(error)}")
    if given.get("status") != "none":
        whole, part = divmod(len(data), block)
        records = f"{whole}+{int(part > 0)} records"
        await process.complain(f"{records} in\n{records} out\n{len(data)} bytes copied\n")
    return 0


SPACE: dict[str, Program] = {"dd": dd, "find": find}
