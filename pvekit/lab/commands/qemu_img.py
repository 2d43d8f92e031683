"""``qemu-img info``, ``resize`` and ``convert`` on image files."""

from __future__ import annotations

import json
import posixpath
import re

from pvekit.lab.guests.disk import Disk, image_bytes, read_image
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.vmconfig import parse_size


class _Failed(Exception):
    """``args[0]`` is what goes to stderr."""


async def qemu_img(process: Process) -> int:
    """Run qemu-img; what it does not know of here is refused aloud."""
    commands = {"info": _info, "resize": _resize, "convert": _convert}
    words = list(process.argv[1:])
    if not words or words[0] not in commands:
        raise NotSimulated(" ".join(words[:1]) or "no command")
    try:
        await commands[words[0]](process, words[1:])
    except _Failed as failed:
        await process.complain(f"{failed}\n")
        return 1
    return 0


def _options(words: list[str], valued: str, flags: str) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name in valued.split():
            given[name] = value if equals else left.pop(0)
        elif word in flags.split():
            given[word] = ""
        elif word.startswith("-"):
            raise NotSimulated(word)
        else:
            rest.append(word)
    return given, rest


def _place(process: Process, path: str) -> str:
    full = posixpath.join(process.cwd, path)
    if not process.machine.files.is_file(full):
        raise _Failed(f"qemu-img: Could not open '{path}': Could not open '{path}': "
                      "No such file or directory")  # fmt: skip
    return full


def _read(process: Process, path: str) -> tuple[Disk, bool]:
    """Return the content and whether the file is an image rather than raw bytes."""
    data = process.machine.files.read(_place(process, path))
    disk = read_image(data)
    return (disk, True) if disk else (Disk(len(data)), False)


def _format(path: str, *, image: bool) -> str:
    return "qcow2" if image and not path.endswith(".raw") else "raw"


async def _info(process: Process, words: list[str]) -> None:
    given, rest = _options(words, "--output -f", "-U --force-share")
    if len(rest) != 1:
        raise _Failed("qemu-img: Expecting one image file name")
    disk, image = _read(process, rest[0])
    form = _format(rest[0], image=image)
    actual = process.machine.files.stat(_place(process, rest[0])).size
    if given.get("--output") == "json":
        facts = {
            "virtual-size": disk.size_bytes,
            "filename": rest[0],
            "format": form,
            "actual-size": actual,
            "dirty-flag": False,
        }
        await process.say(f"{json.dumps(facts, indent=4)}\n")
        return
    gigabytes = disk.size_bytes / (1 << 30)
    await process.say(
        f"image: {rest[0]}\nfile format: {form}\nvirtual size: {gigabytes:.3g} GiB "
        f"({disk.size_bytes} bytes)\ndisk size: {actual / (1 << 20):.3g} MiB\n"
    )


async def _resize(process: Process, words: list[str]) -> None:
    given, rest = _options(words, "-f", "-q --shrink")
    if len(rest) != 2 or not re.fullmatch(r"\+?\d+(\.\d+)?[KMGT]?", rest[1]):
        raise _Failed("qemu-img: Expecting image file name and size")
    disk, image = _read(process, rest[0])
    if not image:
        raise NotSimulated("resize of a raw file")
    size = parse_size(rest[1].removeprefix("+"))
    disk.size_bytes = disk.size_bytes + size if rest[1].startswith("+") else size
    process.machine.files.write(_place(process, rest[0]), image_bytes(disk))
    if "-q" not in given:
        await process.say("Image resized.\n")


async def _convert(process: Process, words: list[str]) -> None:
    _, rest = _options(words, "-f -O -o", "-p -n -q -c")
    if len(rest) != 2:
        raise _Failed("qemu-img: Expecting source and target file names")
    disk, _ = _read(process, rest[0])
    target = posixpath.join(process.cwd, rest[1])
    process.machine.files.write(target, image_bytes(disk))
