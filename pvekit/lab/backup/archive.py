"""The content of a backup: small files that stand for compressed archives of disks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.files import FileSystem
from pvekit.lab.guests.disk import Disk

MAGIC = b"pvekit-lab vma archive 1\n"
_NAME = re.compile(r".*\.vma(?:\.(?P<compression>gz|lzo|zst))?")
_READERS = {"gz": "zcat", "lzo": "lzop -d -c", "zst": "zstd -q -d -c"}


@dataclass(frozen=True)
class Image:
    """One disk in a backup: where it was, on which storage and in which format."""

    slot: str
    storage: str
    format: str
    disk: Disk

    def to_data(self) -> dict[str, Any]:
        """Return the disk as JSON data."""
        return {**vars(self), "disk": self.disk.to_data()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Image:
        """Return the disk that :meth:`to_data` described."""
        return cls(**{**data, "disk": Disk.from_data(data["disk"])})


@dataclass(frozen=True)
class Archive:
    """A backup: the VM's configuration with hints for the restore, and its disks."""

    config: str
    created: int
    images: tuple[Image, ...] = field(default=())

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        data = {
            "config": self.config,
            "created": self.created,
            "images": [image.to_data() for image in self.images],
        }
        return MAGIC + json.dumps(data, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, files: FileSystem, path: str) -> Archive | None:
        """Return the backup in a file, or nothing if the file is none or a damaged one."""
        content = files.read(path)
        if not content.startswith(MAGIC):
            return None
        try:
            data = json.loads(content[len(MAGIC) :])
        except ValueError:
            return None
        images = tuple(map(Image.from_data, data["images"]))
        return cls(data["config"], data["created"], images)


def is_archive_name(path: str) -> bool:
    """Return whether a file's name is that of a VM's backup."""
    return _NAME.fullmatch(path) is not None


def reading_command(path: str, limit: int, pid: int) -> str:
    """Return the command that takes an archive apart."""
    found = _NAME.fullmatch(path)
    compression = found["compression"] if found else None
    place = f"/var/tmp/vzdumptmp{pid}"  # noqa: S108 - as the real one names it
    parts = [f"{_READERS[compression]} {path}"] if compression else []
    if limit:
        stream = f"cstream -t {limit << 10}"
        parts.append(stream if parts else f"{stream} {path}")
    extract = f"vma extract -v -r {place}.fifo {'-' if parts else path} {place}"
    return " | ".join([*parts, extract])
