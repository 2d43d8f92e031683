"""What SFTP tells of a machine's files, and the files that its clients hold open."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from stat import S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG

import asyncssh

from pvekit.lab.credentials import ACTING, ROOT
from pvekit.lab.files import FileSystem
from pvekit.lab.machine import Machine
from pvekit.lab.programs.modes import shown
from pvekit.lab.tree import Stat, fault

UMASK = 0o022
_NOBODY = 65534
_HALF_YEAR = 365 * 24 * 60 * 60 // 2
_LARGEST_GAP = 1 << 30
_WRITTEN_AT_ONCE = 2 << 20
_TYPES = {"file": S_IFREG, "directory": S_IFDIR, "link": S_IFLNK, "device": S_IFCHR}


@contextmanager
def as_root() -> Iterator[None]:
    """Touch files whatever the user's permissions are, as for a file that was opened before."""
    acting = ACTING.set(ROOT)
    try:
        yield
    finally:
        ACTING.reset(acting)


@dataclass
class OpenFile:
    """A file as one client has it open; permissions counted when it was opened.

    ``content`` is what a reader sees; one who writes too sees the file as it is now.
    """

    files: FileSystem
    path: str
    content: bytes | None = None
    append: Callable[[bytes], None] | None = None
    appends_only: bool = False
    readable: bool = True
    size: int = 0
    _held: bytearray | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Return a piece, nothing at the end."""
        if not self.readable:
            raise fault(errno.EBADF, self.path)
        self.flush()
        return self._now()[offset : offset + size]

    def _now(self) -> bytes:
        if self.content is not None:
            return self.content
        with as_root():
            return self.files.read(self.path)

    def write(self, offset: int, data: bytes) -> int:
        """Put data at a place, and return how much."""
        if self.append is None:
            raise fault(errno.EBADF, self.path)
        if self.appends_only or (self._held is None and offset == self.size):
            with as_root():
                self.append(data)
            self.size += len(data)
        else:
            self._patch(offset, data)
        return len(data)

    def _patch(self, offset: int, data: bytes) -> None:
        held = bytearray(self._now()) if self._held is None else self._held
        _fill(held, offset, self.path)
        held[offset : offset + len(data)] = data
        self._held, self.size = held, len(held)
        if self.size <= _WRITTEN_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is held back: a large file is not made anew for each of its pieces."""
        if self._held is None:
            return
        data, self._held = bytes(self._held), None
        with as_root():
            self.files.write(self.path, data)

    def truncate(self, size: int) -> None:
        """Cut the file, or fill it up with zeros."""
        if self.append is None:
            raise fault(errno.EINVAL, self.path)
        if size != self.size:
            held = bytearray(self._now()) if self._held is None else self._held
            del held[size:]
            _fill(held, size, self.path)
            self._held, self.size = held, size
        self.flush()


def _fill(data: bytearray, size: int, path: str) -> None:
    """Fill data up with zeros; memory does not hold gaps of any size."""
    if size - len(data) > _LARGEST_GAP:
        raise fault(errno.EFBIG, path)
    data.extend(bytes(max(0, size - len(data))))


@dataclass(frozen=True)
class Describer:
    """Describes a machine's files as SFTP does."""

    machine: Machine

    def attributes(self, path: str, *, follow: bool = True) -> asyncssh.SFTPAttrs:
        """Return what is known of a file."""
        return self._attributes(self.machine.files.stat(path, follow=follow), path)

    def entry(self, directory: str, name: str) -> asyncssh.SFTPName:
        """Return a directory's entry, with the line that `ls -l` of a client shows."""
        path = posixpath.join(directory, name)
        with as_root():
            stat = self.machine.files.stat(path, follow=False)
        line = self._line(stat, name).encode(errors="surrogateescape")
        attributes = self._attributes(stat, path)
        return asyncssh.SFTPName(name.encode(errors="surrogateescape"), line, attributes)

    def _attributes(self, stat: Stat, path: str) -> asyncssh.SFTPAttrs:
        return asyncssh.SFTPAttrs(
            size=self._length(stat, path),
            uid=self._number(stat.owner, 0),
            gid=self._number(stat.group, 1),
            permissions=_TYPES[stat.kind] | stat.mode,
            atime=int(stat.mtime),
            mtime=int(stat.mtime),
        )

    def _length(self, stat: Stat, path: str) -> int:
        """Return how many bytes a client gets: an image is shown larger than its content here."""
        if stat.kind != "file" or not stat.size:
            return stat.size
        with as_root():
            return len(self.machine.files.read(path))

    def _number(self, name: str, which: int) -> int:
        account = self.machine.account(name)
        return int(account[which]) if account else _NOBODY

    def _line(self, stat: Stat, name: str) -> str:
        now = self.machine.clock.now()
        recent = now - _HALF_YEAR < stat.mtime <= now
        moment = datetime.fromtimestamp(stat.mtime, UTC)
        told = moment.strftime("%b %e %H:%M" if recent else "%b %e  %Y")
        people = f"{stat.owner:8} {stat.group:8}"
        return f"{shown(stat.mode, stat.kind)}  {stat.links:3} {people} {stat.size:8} {told} {name}"
