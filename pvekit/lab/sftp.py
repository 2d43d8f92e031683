"""SFTP on the lab's machines: OpenSSH's `sftp` and `scp` copy files to and from them."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import AsyncIterator, Callable

import asyncssh

from pvekit.lab.sftpanswers import Conditions, answering, status_of
from pvekit.lab.sftpfiles import UMASK, Describer, OpenFile, as_root
from pvekit.lab.tree import fault

_BLOCK = 4096


class Server(asyncssh.SFTPServer):
    """Answers a client from the machine's files, with the permissions of its user."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel[bytes],
        user: str,
        conditions: Conditions,
        end: Callable[[], None],
    ) -> None:
        super().__init__(channel)
        self.conditions = conditions
        self._user = user
        self._end = end
        self._files = conditions.machine.files
        self._describe = Describer(conditions.machine)
        home = conditions.machine.home(user)
        self._cwd = home if self._files.is_dir(home) else "/"

    def _path(self, path: bytes) -> str:
        return posixpath.join(self._cwd, path.decode(errors="surrogateescape"))

    def exit(self) -> None:
        """Tell the client that all went well, and end."""
        self.channel.exit(0)
        self._end()

    # Open files

    @answering
    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file, or create it."""
        place = self._path(path)
        if self._files.is_dir(place):
            raise fault(errno.EISDIR, place)
        if not pflags & asyncssh.FXF_WRITE:
            return OpenFile(self._files, place, self._files.read(place))
        return self._open_to_write(place, pflags, attrs)

    def _open_to_write(self, path: str, pflags: int, attrs: asyncssh.SFTPAttrs) -> OpenFile:
        if not pflags & asyncssh.FXF_CREAT:
            self._files.stat(path)
        readable = bool(pflags & asyncssh.FXF_READ)
        if readable and self._files.exists(path):
            self._files.read(path)
        kept = not pflags & asyncssh.FXF_TRUNC
        exclusive = bool(pflags & asyncssh.FXF_CREAT and pflags & asyncssh.FXF_EXCL)
        given = 0o666 if attrs.permissions is None else attrs.permissions
        mode = given & 0o7777 & ~UMASK
        append = self._files.open(path, append=kept, exclusive=exclusive, mode=mode)
        with as_root():
            size = len(self._files.read(path)) if kept else 0
        only = bool(pflags & asyncssh.FXF_APPEND)
        return OpenFile(self._files, path, None, append, only, readable, size)

    def close(self, file_obj: object) -> None:
        """Close a file."""
        self._flush(file_obj)
        self.conditions.reached("after")

    def _flush(self, file_obj: object) -> None:
        if self.conditions.running:
            try:
                _opened(file_obj).flush()
            except OSError as error:
                raise status_of(error) from error

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Return a piece of a file."""
        data = self._read(file_obj, offset, size)
        await self.conditions.pass_through(len(data))
        self.conditions.reached("during")
        return data

    @answering
    def _read(self, file_obj: object, offset: int, size: int) -> bytes:
        return _opened(file_obj).read(offset, size)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write a piece of a file."""
        await self.conditions.pass_through(len(data))
        size = self._write(file_obj, offset, data)
        self.conditions.reached("during")
        if self.conditions.link.cut:
            self._flush(file_obj)
        return size

    @answering
    def _write(self, file_obj: object, offset: int, data: bytes) -> int:
        return _opened(file_obj).write(offset, data)

    @answering
    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """Describe an open file."""
        _opened(file_obj).flush()
        with as_root():
            return self._describe.attributes(_opened(file_obj).path)

    @answering
    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Change what is known of an open file."""
        file = _opened(file_obj)
        if attrs.size is not None:
            file.truncate(attrs.size)
        self._change(file.path, attrs)

    # Names

    @answering
    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Describe what is at a path."""
        return self._describe.attributes(self._path(path))

    @answering
    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Describe what is at a path, itself if it is a link."""
        return self._describe.attributes(self._path(path), follow=False)

    @answering
    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Change size, mode, times or owner."""
        place = self._path(path)
        if attrs.size is not None:
            self._open_to_write(place, asyncssh.FXF_WRITE, attrs).truncate(attrs.size)
        self._change(place, attrs)

    def _change(self, path: str, attrs: asyncssh.SFTPAttrs) -> None:
        if attrs.permissions is not None:
            self._files.chmod(path, attrs.permissions & 0o7777)
        if attrs.mtime is not None:
            self._files.stat(path)
            self._files.touch(path, attrs.mtime)
        if attrs.uid is not None and attrs.gid is not None:
            self._own(path, attrs.uid, attrs.gid)

    def _own(self, path: str, uid: int, gid: int) -> None:
        now = self._describe.attributes(path)
        if (now.uid, now.gid) == (uid, gid):
            return
        if self._user != "root":
            raise fault(errno.EPERM, path)
        self._files.chown(path, self._name(uid, 2), self._name(gid, 3))

    def _name(self, number: int, column: int) -> str:
        """Return whose number it is; a file's owner has a name here."""
        with as_root():
            lines = self._files.read("/etc/passwd").decode().splitlines()
        for line in lines:
            words = line.split(":")
            if words[column : column + 1] == [str(number)]:
                return words[0]
        raise fault(errno.EOPNOTSUPP, str(number))

    @answering
    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """Return a directory's entries."""
        place = self._path(path)
        names = [".", "..", *self._files.names(place)]
        return _each([self._describe.entry(place, name) for name in names])

    @answering
    def realpath(self, path: bytes) -> bytes:
        """Return a path without links; its last name need not be there."""
        place = self._files.resolve(self._path(path))
        parent = posixpath.dirname(place)
        if not self._files.exists(place):
            self._files.stat(parent)
        return place.encode(errors="surrogateescape")

    @answering
    def readlink(self, path: bytes) -> bytes:
        """Return a link's target."""
        return self._files.readlink(self._path(path)).encode(errors="surrogateescape")

    # Changes

    @answering
    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Create a directory."""
        mode = 0o777 if attrs.permissions is None else attrs.permissions & 0o7777
        self._files.mkdir(self._path(path), mode=mode & ~UMASK)

    @answering
    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        self._files.rmdir(self._path(path))

    @answering
    def remove(self, path: bytes) -> None:
        """Remove a file or link."""
        self._files.unlink(self._path(path))

    @answering
    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move where nothing is in the way."""
        target = self._path(newpath)
        self._files.stat(self._path(oldpath), follow=False)
        if self._is_taken(target):
            raise fault(errno.EEXIST, target)
        self._files.rename(self._path(oldpath), target)

    def _is_taken(self, path: str) -> bool:
        try:
            self._files.stat(path, follow=False)
        except FileNotFoundError:
            return False
        return True

    @answering
    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move, and replace what is in the way."""
        self._files.rename(self._path(oldpath), self._path(newpath))

    @answering
    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Create a symbolic link."""
        self._files.symlink(oldpath.decode(errors="surrogateescape"), self._path(newpath))

    @answering
    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Give a file one more name."""
        self._files.link(self._path(oldpath), self._path(newpath))

    # File systems

    @answering
    def statvfs(self, path: bytes) -> asyncssh.SFTPVFSAttrs:
        """Tell how full a file system is."""
        self._files.stat(self._path(path))
        _, usage = self._files.usage(self._path(path))
        free = (usage.total - usage.used) // 4096
        return asyncssh.SFTPVFSAttrs(
            bsize=4096,
            frsize=4096,
            blocks=usage.total // 4096,
            bfree=free,
            bavail=free,
            namemax=255,
        )

    @answering
    def fsync(self, file_obj: object) -> None:
        """Write what is held back."""
        _opened(file_obj).flush()


def _opened(file_obj: object) -> OpenFile:
    if not isinstance(file_obj, OpenFile):
        raise TypeError(f"not a file of this server: {file_obj!r}")
    return file_obj


async def _each(entries: list[asyncssh.SFTPName]) -> AsyncIterator[asyncssh.SFTPName]:
    for entry in entries:
        yield entry
