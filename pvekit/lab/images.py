"""Files that hold disk images: the content, the format, and the sizes that such a file has.

The lab keeps an image's content small; the last line of such a file tells what its real size
would be, and that is what directories show of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pvekit.lab.guests.disk import IMAGE_MAGIC, Disk, image_bytes, read_image, read_iso

CLUSTER = 64 << 10
SYSTEM = 1 << 30  # bytes that a system takes on its disk
_BLOCK = 4096
_SHAPE = b"shape "
_EXTENTS = frozenset({"twoGbMaxExtentSparse", "twoGbMaxExtentFlat"})


@dataclass(frozen=True)
class Shape:
    """How a disk lies in a file: ``bytes`` is the file's size, ``used`` what it takes on disk.

    ``subformat`` is that of vmdk; ``backing`` names the base image of an overlay, as the overlay
    does, and ``backing_format`` its format.
    """

    format: str
    bytes: int
    used: int
    subformat: str = ""
    backing: str = ""
    backing_format: str = ""
    metadata: bool = False  # preallocated


@dataclass(frozen=True)
class Image:
    """A file as QEMU sees it."""

    disk: Disk
    shape: Shape


def shape_of(
    disk: Disk, image_format: str, *, subformat: str = "", metadata: bool = False
) -> Shape:
    """Return the shape of a new file that holds a disk."""
    virtual, written = disk.size_bytes, _filled(disk)
    if image_format == "raw":
        return Shape("raw", virtual, min(virtual, _up(written, _BLOCK)))
    if image_format == "qcow2":
        tables = _qcow2_tables(virtual, metadata=metadata)
        file = CLUSTER * 5 + virtual if metadata else tables + _up(written, CLUSTER)
        return Shape("qcow2", file, tables + _up(written, CLUSTER), metadata=metadata)
    if subformat in _EXTENTS:
        return Shape("vmdk", 512, _BLOCK, subformat)
    if subformat == "streamOptimized":
        file = 2 * CLUSTER + 512 * (max(1, _up(written, CLUSTER) // CLUSTER) - 1)
        return Shape("vmdk", file, max(_BLOCK, _up(file, _BLOCK) - 12 * _BLOCK), subformat)
    file = CLUSTER + _up(written, CLUSTER)
    return Shape("vmdk", file, file, subformat or "monolithicSparse")


def extent_bytes(disk: Disk) -> int:
    """Return the size of the one extent file of a split vmdk."""
    return CLUSTER + _up(_filled(disk), CLUSTER)


def written(disk: Disk | None) -> int:
    """Return the bytes of a disk that hold something; every system is taken for as large."""
    if disk is None:
        return 0
    return (SYSTEM if disk.files else 0) + disk.written


def _filled(disk: Disk) -> int:
    return min(disk.size_bytes, written(disk))


def _qcow2_tables(virtual: int, *, metadata: bool) -> int:
    entries = -(-virtual // (CLUSTER * CLUSTER // 8))  # one L2 table maps that much
    if metadata:
        return 3 * CLUSTER + _BLOCK + entries * CLUSTER
    return 3 * CLUSTER + 8 * entries


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def image_file(image: Image) -> bytes:
    """Return the content of a file that holds an image."""
    return image_bytes(image.disk) + _SHAPE + json.dumps(asdict(image.shape)).encode() + b"\n"


def read_image_file(data: bytes, name: str = "") -> Image:
    """Return what QEMU finds in a file; anything that is no image is a raw disk."""
    disk = read_image(data)
    if disk is None:
        found = Disk(_up(len(data), 512), iso=read_iso(data), raw=b"" if _empty(data) else data)
        return Image(found, Shape("raw", len(data), _up(len(data), _BLOCK)))
    shape = _shape(data)
    if shape is None:
        image_format = "raw" if name.endswith(".raw") else "qcow2"
        shape = Shape(image_format, len(data), _up(len(data), _BLOCK))
    return Image(disk, shape)


def _empty(data: bytes) -> bool:
    return not data.strip(b"\0")


def _shape(data: bytes) -> Shape | None:
    place = data.rfind(b"\n" + _SHAPE)
    if place < 0 or not data.endswith(b"\n"):
        return None
    try:
        return Shape(**json.loads(data[place + 1 + len(_SHAPE) :]))
    except (ValueError, TypeError):
        return None


def file_size(data: bytes) -> int:
    """Return the size that a file shows: an image's real one, or that of its bytes."""
    if not data.startswith(IMAGE_MAGIC):
        return len(data)
    shape = _shape(data)
    return len(data) if shape is None else shape.bytes
