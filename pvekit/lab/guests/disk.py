"""What is on a disk or on a CD, and the small files that stand for images of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

IMAGE_MAGIC = b"pvekit-lab disk image 1\n"
ISO_MAGIC = b"pvekit-lab iso 1\n"

# EL 9 is built for x86-64-v2; its kernel panics on the oldest CPU types.
_TOO_OLD_FOR_EL = frozenset({"kvm64", "kvm32", "qemu64", "qemu32"})


@dataclass
class Disk:
    """A disk's content: one root file system, or nothing (``os`` is then ``blank``).

    All paths are absolute. ``modes`` and ``owners`` name only what differs from 0644 (files), 0755
    (directories) and root; ``directories`` are those that must exist although they may be empty.
    ``root_bytes`` is the size of the root file system, which grows to ``size_bytes`` at boot.
    ``iso`` is what an ISO image holds that was copied to the disk as it is. ``raw`` are the first
    bytes of a disk without a file system; ``patterns`` are what was written over it, as (offset,
    length, byte).
    """

    size_bytes: int
    files: dict[str, bytes] = field(default_factory=dict)
    os: str = "blank"
    modes: dict[str, int] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    root_bytes: int = 0
    iso: Iso | None = None
    raw: bytes = b""
    patterns: tuple[tuple[int, int, int], ...] = ()

    def boots_on(self, cpu: str) -> bool:
        """Tell whether there is a system on it that boots on this type of CPU."""
        enterprise = self.os.startswith(("rocky", "alma", "centos", "rhel"))
        return self.os != "blank" and not (enterprise and cpu in _TOO_OLD_FOR_EL)

    @property
    def written(self) -> int:
        """The bytes that hold something besides the file system."""
        return len(self.raw) + sum(length for _, length, _ in self.patterns)

    def copy(self, size_bytes: int | None = None) -> Disk:
        """Return an independent disk with the same content, larger if a size is given."""
        return replace(
            self,
            size_bytes=self.size_bytes if size_bytes is None else size_bytes,
            files=dict(self.files),
            modes=dict(self.modes),
            owners=dict(self.owners),
            directories=set(self.directories),
            links=dict(self.links),
        )

    def to_data(self) -> dict[str, Any]:
        """Return the disk as data for JSON."""
        return {
            "size_bytes": self.size_bytes,
            "os": self.os,
            "root_bytes": self.root_bytes,
            "files": _encoded(self.files),
            "modes": dict(sorted(self.modes.items())),
            "owners": dict(sorted(self.owners.items())),
            "directories": sorted(self.directories),
            "links": dict(sorted(self.links.items())),
            "iso": self.iso and self.iso.to_data(),
            **({"raw": base64.b64encode(self.raw).decode()} if self.raw else {}),
            **({"patterns": [list(entry) for entry in self.patterns]} if self.patterns else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Disk:
        """Return the disk that :meth:`to_data` described."""
        return cls(
            size_bytes=data["size_bytes"],
            files=_decoded(data["files"]),
            os=data["os"],
            modes=dict(data["modes"]),
            owners=dict(data["owners"]),
            directories=set(data["directories"]),
            links=dict(data["links"]),
            root_bytes=data["root_bytes"],
            iso=Iso.from_data(data["iso"]) if data.get("iso") else None,
            raw=base64.b64decode(data.get("raw", "")),
            patterns=tuple((at, length, byte) for at, length, byte in data.get("patterns", ())),
        )


@dataclass(frozen=True)
class Iso:
    """A CD's content: its volume id and its files by their paths without a leading slash."""

    volume_id: str
    files: Mapping[str, bytes]

    def to_data(self) -> dict[str, Any]:
        """Return the CD as data for JSON."""
        return {"volume_id": self.volume_id, "files": _encoded(self.files)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Iso:
        """Return the CD that :meth:`to_data` described."""
        return cls(data["volume_id"], _decoded(data["files"]))


def image_bytes(disk: Disk) -> bytes:
    """Return the image file of a disk."""
    return _packed(IMAGE_MAGIC, disk.to_data())


def read_image(data: bytes) -> Disk | None:
    """Return the disk in an image file, or nothing if the file is no image or a damaged one."""
    content = _unpacked(IMAGE_MAGIC, data)
    return None if content is None else Disk.from_data(content)


def iso_bytes(iso: Iso) -> bytes:
    """Return the ISO file of a CD."""
    return _packed(ISO_MAGIC, iso.to_data())


def read_iso(data: bytes) -> Iso | None:
    """Return the CD in an ISO file, or nothing if the file is none."""
    content = _unpacked(ISO_MAGIC, data)
    return None if content is None else Iso.from_data(content)


def _packed(magic: bytes, data: Mapping[str, Any]) -> bytes:
    return magic + json.dumps(data, sort_keys=True).encode() + b"\n"


def _unpacked(magic: bytes, data: bytes) -> dict[str, Any] | None:
    if not data.startswith(magic):
        return None
    try:
        content: dict[str, Any] = json.loads(data[len(magic) :].partition(b"\n")[0])
    except ValueError:
        return None
    return content


def _encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: base64.b64encode(data).decode() for path, data in sorted(files.items())}


def _decoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: base64.b64decode(text) for path, text in files.items()}
