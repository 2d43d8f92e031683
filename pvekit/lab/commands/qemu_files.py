"""Image files as QEMU's tools open, read and write them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import (
    CLUSTER,
    Image,
    Shape,
    extent_bytes,
    image_file,
    read_image_file,
    shape_of,
)
from pvekit.lab.process import NotSimulated, Process

FORMATS = frozenset({"raw", "qcow2", "vmdk"})
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([bkmgtpBKMGTP]?)")
_BAD_SIZE = (
    "qemu-img: Invalid image size specified. You may use k, M, G, T, P or E suffixes for \n"
    "qemu-img: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes."
)
_GUESSED = (
    "WARNING: Image format was not specified for '{}' and probing guessed raw.\n"
    "         Automatically detecting the format is dangerous for raw images, write operations on "
    "block 0 will be restricted.\n"
    "         Specify the 'raw' format explicitly to remove the restrictions.\n"
)


class QemuFailure(Exception):
    """A tool gives up: ``args[0]`` is what goes to stderr."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Words:
    """The words of one call: options with their values, and the rest."""

    given: dict[str, str] = field(default_factory=dict)
    rest: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """Return an option's value."""
        return self.given.get(name, "")

    def has(self, name: str) -> bool:
        """Return whether an option is given."""
        return name in self.given


def read_words(words: Sequence[str], valued: str, flags: str) -> Words:
    """Read options; what is unknown here is refused aloud."""
    given: dict[str, str] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if name in valued.split():
            given[name] = value if equals else left.pop(0) if left else ""
        elif word in flags.split():
            given[word] = ""
        elif word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            raise NotSimulated(word)
        else:
            rest.append(word)
    return Words(given, tuple(rest))


def parse_bytes(text: str) -> int:
    """Read a size such as ``48M``; the tool gives up if it is none."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise QemuFailure(_BAD_SIZE)
    return int(float(found[1]) * _UNITS[found[2].lower() or "b"])


def properties(text: str) -> dict[str, str]:
    """Read ``-o`` options."""
    parts = (part.partition("=") for part in text.split(",") if part)
    return {name: value for name, _, value in parts}


def describe(size: int) -> str:
    """Write a size with three digits: ``48 MiB``."""
    value, unit = float(size), 0
    while value >= 1000 and unit < 5:
        value, unit = value / 1024, unit + 1
    return f"{value:.3g} {('', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi')[unit]}B"


@dataclass(frozen=True)
class Opened:
    """An image file that a tool opened; ``name`` is what it was called."""

    process: Process
    name: str
    image: Image

    @property
    def path(self) -> str:
        """Where it lies."""
        return posixpath.join(self.process.cwd, self.name)

    def save(self, disk: Disk) -> None:
        """Write the file again with other content."""
        old = self.image.shape
        shape = shape_of(disk, old.format, subformat=old.subformat, metadata=old.metadata)
        shape = replace(shape, backing=old.backing, backing_format=old.backing_format)
        write(self.process, self.path, Image(disk, shape))


def exists(process: Process, name: str) -> bool:
    """Return whether a file is there."""
    return process.machine.files.is_file(posixpath.join(process.cwd, name))


def open_image(process: Process, name: str, image_format: str = "") -> Opened:
    """Open an image, in a format or in the one that it seems to have."""
    if image_format and image_format not in FORMATS:
        raise QemuFailure(f"qemu-img: Could not open '{name}': Unknown driver '{image_format}'")
    path = posixpath.join(process.cwd, name)
    if re.match(r"(rbd|nbd|https?|ssh|json):", name):
        raise NotSimulated(f"image {name}")
    if not process.machine.files.is_file(path):
        why = "No such file or directory"
        if process.machine.files.is_dir(path):
            why = "'file' driver requires '" + name + "' to be a regular file"
            raise QemuFailure(f"qemu-img: Could not open '{name}': {why}")
        raise QemuFailure(f"qemu-img: Could not open '{name}': Could not open '{name}': {why}")
    data = process.machine.files.read(path)
    image = read_image_file(data, path)
    if image_format == "raw" and image.shape.format != "raw":
        whole = Image(Disk(image.shape.bytes, raw=data), Shape("raw", image.shape.bytes, len(data)))
        return Opened(process, name, whole)
    if image_format and image.shape.format != image_format:
        what = "VMDK" if image_format == "vmdk" else f"{image_format}"
        raise QemuFailure(f"qemu-img: Could not open '{name}': Image is not in {what} format")
    return Opened(process, name, image)


async def warn_guess(opened: Opened, image_format: str) -> None:
    """Complain when a format that will be written to was only guessed to be raw."""
    if not image_format and opened.image.shape.format == "raw":
        await opened.process.complain(_GUESSED.format(opened.name))


def write(process: Process, path: str, image: Image) -> None:
    """Write an image file, and the extent of a split one."""
    files = process.machine.files
    try:
        files.write(path, image_file(image))
        if image.shape.subformat.startswith("twoGbMaxExtent"):
            size = extent_bytes(image.disk)
            extent = Image(Disk(CLUSTER), Shape("raw", size, size))
            files.write(f"{path.removesuffix('.vmdk')}-s001.vmdk", image_file(extent))
    except OSError as error:
        raise QemuFailure(
            f"qemu-img: {path}: Could not create '{path}': {error.strerror}"
        ) from error
