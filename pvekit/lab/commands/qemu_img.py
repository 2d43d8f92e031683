"""``qemu-img`` and ``qemu-io`` on image files."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping

from pvekit.lab.commands import qemu_info
from pvekit.lab.commands.qemu_contents import byte_at, first_difference, with_pattern
from pvekit.lab.commands.qemu_files import (
    FORMATS,
    Opened,
    QemuFailure,
    Words,
    describe,
    exists,
    open_image,
    parse_bytes,
    properties,
    read_words,
    warn_guess,
    write,
)
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import Image, shape_of
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.storages.qemutools import described

_TRY = "Try 'qemu-img --help' for more information"
_LATER = frozenset(
    {"amend", "bench", "bitmap", "commit", "dd", "map", "measure", "rebase", "snapshot"}
)
_NO_CHECKS = 63
_LOSS = (
    "qemu-img: warning: Shrinking an image will delete all data beyond the shrunken image's end. "
    "Before performing such an operation, make sure there is no important data there."
)

Tool = Callable[[Process, list[str]], Awaitable[None]]


async def qemu_img(process: Process) -> int:
    """Run qemu-img; what it does not know of here is refused aloud."""
    words = list(process.argv[1:])
    try:
        if not words:
            raise QemuFailure(f"qemu-img: Not enough arguments\n{_TRY}")
        if words[0] not in _COMMANDS:
            if words[0] in _LATER or words[0].startswith("-"):
                raise NotSimulated(words[0])
            raise QemuFailure(f"qemu-img: Command not found: {words[0]}\n{_TRY}")
        await _COMMANDS[words[0]](process, words[1:])
    except QemuFailure as failure:
        await process.complain(f"{failure}\n" if str(failure) else "")
        return failure.status
    return 0


async def _info(process: Process, words: list[str]) -> None:
    found = read_words(words, "--output -f", "-U --force-share --backing-chain")
    if found.has("--backing-chain"):
        raise NotSimulated("--backing-chain")
    if len(found.rest) != 1:
        raise QemuFailure(f"qemu-img: Expecting one image file name\n{_TRY}")
    opened = open_image(process, found.rest[0], found.get("-f"))
    as_json = found.get("--output") == "json"
    await process.say(qemu_info.json_text(opened) if as_json else qemu_info.text(opened))


async def _create(process: Process, words: list[str]) -> None:
    found = read_words(words, "-f -o -b -F", "-q -u")
    if not 1 <= len(found.rest) <= 2:
        raise QemuFailure(f"qemu-img: Expecting image file name\n{_TRY}")
    if found.has("-b"):
        raise NotSimulated("create -b")
    name, image_format = found.rest[0], found.get("-f") or "raw"
    if image_format not in FORMATS:
        raise QemuFailure(f"qemu-img: {name}: Unknown file format '{image_format}'")
    options = properties(found.get("-o"))
    sizes = found.rest[1:] or tuple(v for k, v in options.items() if k == "size")
    if not sizes:
        raise QemuFailure(f"qemu-img: {name}: Image creation needs a size parameter")
    size = -(-parse_bytes(sizes[0]) // 512) * 512
    wanted = options.get("preallocation", "")
    if not found.has("-q"):
        await process.say(f"Formatting '{name}', {described(image_format, size, wanted)}\n")
    _write_new(process, name, image_format, Disk(size), options)


def _write_new(
    process: Process, name: str, image_format: str, disk: Disk, options: Mapping[str, str]
) -> None:
    shape = shape_of(
        disk,
        image_format,
        subformat=options.get("subformat", ""),
        metadata=options.get("preallocation", "off") != "off",
    )
    path = posixpath.join(process.cwd, name)
    try:
        write(process, path, Image(disk, shape))
    except QemuFailure as failure:
        raise QemuFailure(str(failure).replace(path, name)) from failure


async def _resize(process: Process, words: list[str]) -> None:
    found = read_words(words, "-f --preallocation", "-q --shrink")
    if len(found.rest) != 2 or not re.fullmatch(r"[+-]?\d+(\.\d+)?[kKmMgGtT]?", found.rest[1]):
        raise QemuFailure(f"qemu-img: Expecting image file name and size\n{_TRY}")
    opened = open_image(process, found.rest[0], found.get("-f"))
    await warn_guess(opened, found.get("-f"))
    old, text = opened.image.disk.size_bytes, found.rest[1]
    size = parse_bytes(text.lstrip("+-"))
    new = old + size if text[0] == "+" else old - size if text[0] == "-" else size
    if new < old and not found.has("--shrink"):
        raise QemuFailure(
            f"qemu-img: Use the --shrink option to perform a shrink operation.\n{_LOSS}"
        )
    disk = opened.image.disk.copy(new)
    disk.patterns = tuple((at, min(n, new - at), b) for at, n, b in disk.patterns if at < new)
    disk.raw = disk.raw[:new]
    opened.save(disk)
    if not found.has("-q"):
        await process.say("Image resized.\n")


async def _convert(process: Process, words: list[str]) -> None:
    found = read_words(words, "-f -O -o -t -T -m -S -r", "-p -n -q -c -W -U")
    if len(found.rest) < 2:
        raise QemuFailure(f"qemu-img: Must specify image file name\n{_TRY}")
    if len(found.rest) > 2:
        raise NotSimulated("convert of several images")
    source = open_image(process, found.rest[0], found.get("-f"))
    wanted = found.get("-O") or "raw"
    if wanted not in FORMATS:
        raise QemuFailure(f"qemu-img: Unknown file format '{wanted}'")
    disk, target = source.image.disk.copy(), found.rest[1]
    if found.has("-n"):
        _fill(open_image(process, target, wanted), disk)
    else:
        _write_new(process, target, wanted, disk, properties(found.get("-o")))
    if found.has("-p") and not found.has("-q"):
        await process.say("    (0.00/100%)\r    (100.00/100%)\r\n")


def _fill(target: Opened, disk: Disk) -> None:
    size = target.image.disk.size_bytes
    if size < disk.size_bytes:
        raise QemuFailure("qemu-img: error while writing at byte 0: Input/output error")
    disk.size_bytes = size
    target.save(disk)


async def _compare(process: Process, words: list[str]) -> None:
    found = read_words(words, "-f -F -T", "-p -q -s -U")
    if len(found.rest) != 2:
        raise QemuFailure(f"qemu-img: Expecting two image file names\n{_TRY}", 2)
    pairs = zip(found.rest, (found.get("-f"), found.get("-F")), strict=True)
    try:
        one, other = (open_image(process, name, form).image.disk for name, form in pairs)
    except QemuFailure as failure:
        raise QemuFailure(str(failure), 2) from failure
    await _tell_comparison(process, found, one, other)


async def _tell_comparison(process: Process, found: Words, one: Disk, other: Disk) -> None:
    say = _silent if found.has("-q") else process.say
    if one.size_bytes != other.size_bytes:
        if found.has("-s"):
            await say("Strict mode: Image size mismatch!\n")
            raise QemuFailure("")
        await say("Warning: Image size mismatch!\n")
    place = first_difference(one, other)
    if place is not None:
        await say(f"Content mismatch at offset {place}!\n")
        raise QemuFailure("")
    await say("Images are identical.\n")


async def _silent(_: str) -> None:
    """Say nothing."""


async def _check(process: Process, words: list[str]) -> None:
    found = read_words(words, "-f", "-q -U")
    if len(found.rest) != 1:
        raise QemuFailure(f"qemu-img: Expecting one image file name\n{_TRY}")
    opened = open_image(process, found.rest[0], found.get("-f"))
    if opened.image.shape.format == "raw":
        raise QemuFailure("qemu-img: This image format does not support checks", _NO_CHECKS)
    if not found.has("-q"):
        await process.say("No errors were found on the image.\n")


_COMMANDS: Mapping[str, Tool] = {
    "check": _check,
    "compare": _compare,
    "convert": _convert,
    "create": _create,
    "info": _info,
    "resize": _resize,
}


async def qemu_io(process: Process) -> int:
    """Run ``qemu-io -c COMMAND FILE``: patterns are written and read back."""
    found = read_words(process.argv[1:], "-f -c", "-r -U")
    if len(found.rest) != 1 or not found.has("-c"):
        raise NotSimulated("qemu-io without a command and a file")
    if not exists(process, found.rest[0]):
        await process.complain(
            f"qemu-io: can't open device {found.rest[0]}: Could not open '{found.rest[0]}': "
            "No such file or directory\n"
        )
        return 1
    opened = open_image(process, found.rest[0], found.get("-f"))
    await warn_guess(opened, found.get("-f"))
    words = shlex.split(found.get("-c"))
    given = read_words(words[1:], "-P", "-z -q")
    if words[0] not in {"read", "write"} or len(given.rest) != 2:
        raise NotSimulated(f"qemu-io -c '{found.get('-c')}'")
    offset, length = map(parse_bytes, given.rest)
    return await _transfer(opened, words[0], given, offset, length)


async def _transfer(opened: Opened, verb: str, given: Words, offset: int, length: int) -> int:
    disk, say = opened.image.disk, opened.process.say
    if offset + length > disk.size_bytes:
        await say(f"{verb} failed: Input/output error\n")
        return 1
    byte = 0 if given.has("-z") else int(given.get("-P") or "205", 0)
    if verb == "write":
        opened.save(with_pattern(disk, offset, length, byte))
    elif given.has("-P") and (place := _first_other(disk, offset, length, byte)) is not None:
        await say(f"Pattern verification failed at offset {place}, {length} bytes\n")
        return 1
    if not given.has("-q"):
        done = "wrote" if verb == "write" else "read"
        await say(f"{done} {length}/{length} bytes at offset {offset}\n")
        await say(f"{describe(length)}, 1 ops; 00.01 sec (800 MiB/sec and 100.0000 ops/sec)\n")
    return 0


def _first_other(disk: Disk, offset: int, length: int, byte: int) -> int | None:
    """Return where the first byte in a range is another, or nothing."""
    end = offset + length
    edges = {offset}
    for at, size, _ in disk.patterns:
        edges |= {place for place in (at, at + size) if offset <= place < end}
    if offset <= len(disk.raw) < end:
        edges.add(len(disk.raw))
    return next((place for place in sorted(edges) if byte_at(disk, place) != byte), None)
