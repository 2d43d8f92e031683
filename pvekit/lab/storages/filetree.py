"""The directory for images of a storage of files, in which every volume is a file."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import replace

from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import Image, Shape, image_file, read_image_file, shape_of
from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.storages.naming import file_format, parent_of
from pvekit.lab.storages.volume import Volume, VolumeTable
from pvekit.lab.tree import Stat, fault

_IMAGE = re.compile(r"(?P<vmid>\d+)/[^/]+")


class ImageTree:
    """A tree to be mounted: ``100/vm-100-disk-0.raw`` is the volume of that name.

    What programs write lies in a tree of its own until it is asked for as a volume.
    """

    def __init__(self, now: Callable[[], float], volumes: VolumeTable) -> None:
        self._now = now
        self._volumes = volumes
        self._other = MemoryTree(now, 1 << 62)
        self._written: set[str] = set()

    def adopt(self) -> None:
        """Make volumes of the files that were written since the last time."""
        for path in sorted(self._written):
            self._written.discard(path)
            try:
                image_format = file_format(path.rpartition("/")[2])
                data = self._other.read(path)
            except (Failure, OSError):
                continue
            image = read_image_file(data, path)
            self._other.unlink(path)
            self._take_over(path, image_format, image.disk)

    def _take_over(self, path: str, image_format: str, disk: Disk) -> None:
        volume = self._volumes.at(path)
        if volume is None:
            volume = Volume(path, int(path.partition("/")[0]), 0, image_format)
            self._volumes[path] = volume
        volume.size, volume.disk, volume.created = disk.size_bytes, disk, self._now()

    def _volume(self, path: str) -> Volume | None:
        return None if path in self._written else self._volumes.at(path)

    def _directory(self, path: str) -> bool:
        return path.isdecimal() and bool(self._volumes.owned(int(path)))

    def first_link(self, path: str, *, last: bool) -> tuple[str, str, str] | None:  # noqa: ARG002
        """Return nothing: there are no links here."""
        return None

    def stat(self, path: str) -> Stat:
        """Describe a volume's file, or another one."""
        volume = self._volume(path)
        if volume is not None:
            mode = 0o444 if volume.file.rpartition("/")[2].startswith("base-") else 0o640
            return Stat("file", shape(volume).bytes, mode, volume.created)
        if self._directory(path):
            self._ensure(path)
        return self._other.stat(path)

    def _ensure(self, path: str) -> None:
        if path not in self._other.names(""):
            self._other.mkdir(path)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        volume = self._volume(path)
        if volume is None:
            return self._other.read(path)
        return image_file(Image(disk_of(volume), shape(volume)))

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        if self._directory(path):
            self._ensure(path)
        found = set(self._other.names(path))
        if not path:
            found |= {str(vmid) for vmid in self._volumes.owners()}
        elif path.isdecimal():
            found |= set(self._volumes.directory(int(path)))
        return sorted(found)

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,
    ) -> None:
        """Create or change a file; a volume's content is replaced."""
        if exclusive and self._volume(path) is not None:
            raise fault(errno.EEXIST, path)
        parent = path.rpartition("/")[0]
        if self._directory(parent):
            self._ensure(parent)
        if append and self._volume(path) is not None:
            self._other.write(path, self.read(path))
        self._other.write(path, data, append=append, exclusive=exclusive, mode=mode)
        if _IMAGE.fullmatch(path):
            self._written.add(path)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a directory."""
        if self._directory(path):
            self._ensure(path)
        self._other.mkdir(path, mode)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        if self._directory(path):
            raise fault(errno.ENOTEMPTY, path)
        self._other.rmdir(path)

    def unlink(self, path: str) -> None:
        """Remove a file; the volume goes with it."""
        volume = self._volume(path)
        if volume is not None:
            del self._volumes[volume.name]
            self._ensure(path.rpartition("/")[0])
            return
        self._other.unlink(path)
        self._written.discard(path)

    def rename(self, source: str, target: str) -> None:
        """Move a file; what is in the way is replaced."""
        volume = self._volume(source)
        if volume is None and self._directory(source):
            raise fault(errno.EBUSY, source)
        if (there := self._volume(target)) is not None:
            del self._volumes[there.name]
        if volume is None:
            self._other.rename(source, target)
        else:
            self.write(target, self.read(source))
            self.unlink(source)
        self._written.discard(source)
        if _IMAGE.fullmatch(target):
            self._written.add(target)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits; those of a volume are always the same."""
        if self._volume(path) is None:
            self._other.chmod(path, mode)

    def touch(self, path: str, when: float) -> None:
        """Set the time of an existing file or directory."""
        volume = self._volume(path)
        if volume is None:
            self._other.touch(path, when)
        else:
            volume.created = when


def disk_of(volume: Volume) -> Disk:
    """Return a volume's content; that of a cloud-init drive is blank until it is made."""
    return Disk(volume.size) if volume.disk is None else volume.disk


def shape(volume: Volume) -> Shape:
    """Return how a volume lies in its file; a linked clone names its base image."""
    base = parent_of(volume.name)
    found = shape_of(disk_of(volume), volume.format, metadata=not base)
    if not base:
        return found
    return replace(found, backing=f"../{base}", backing_format=base.rpartition(".")[2])
