"""Redirections: opening what a command reads from and writes to."""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Sequence

from pvekit.lab.shell import expansion
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.state import Shell
from pvekit.lab.shell.syntax import Redirect
from pvekit.lab.streams import BytesReader, FileWriter, Stream, descriptor_of


class RedirectionError(ShellError):
    """A file could not be opened; ends the shell only for a special builtin of dash."""


class Redirection:
    """Redirections in force, as a context for one command.

    With ``last`` the shell's process ends with that command: what the redirections replace is let
    go at once, so that a background process does not keep its session's streams.
    """

    def __init__(self, shell: Shell, redirects: Sequence[Redirect], *, last: bool = False) -> None:
        self._shell = shell
        self._redirects = redirects
        self._last = last
        self._before: dict[int, Stream] = {}
        self._opened: list[Stream] = []

    async def __aenter__(self) -> None:
        if self._redirects:
            await self.apply()
            if self._last:
                self.keep()

    async def __aexit__(self, *_: object) -> None:
        if self._redirects and not self._last:
            self._undo()

    async def apply(self) -> None:
        """Open everything, or nothing: raises :class:`RedirectionError`."""
        self._before = self._shell.streams
        self._shell.streams = dict(self._before)
        try:
            for item in self._redirects:
                await self._change(item)
        except ShellError:
            self._undo()
            raise

    async def _change(self, item: Redirect) -> None:
        stream = await _open(self._shell, item)
        if stream is None:
            self._shell.streams.pop(item.number, None)
        else:
            self._shell.streams[item.number] = stream
            self._opened.append(stream)

    def _undo(self) -> None:
        self._shell.streams = self._before
        for stream in self._opened:
            stream.close()

    def keep(self) -> None:
        """Make the shell hold the new files in place of the old."""
        now = list(self._shell.streams.values())
        for stream in [*self._before.values(), *self._opened]:
            if stream in now:
                now.remove(stream)
            else:
                stream.close()


async def _open(shell: Shell, item: Redirect) -> Stream | None:
    target = await expansion.text(shell, item.target)
    if item.operator == "<<<":
        return Stream(reader=BytesReader(f"{target}\n".encode(errors="surrogateescape")))
    if item.operator == "<<":
        return Stream(reader=BytesReader(target.encode(errors="surrogateescape")))
    if item.operator in {"<&", ">&"}:
        return _duplicate(shell, target)
    number = descriptor_of(target) if target != "-" else None
    if number is not None:
        return _duplicate(shell, str(number))
    path = posixpath.join(shell.cwd, target)
    return (
        _open_input(shell, path, target)
        if item.operator == "<"
        else _open_output(shell, path, target, item.operator)
    )


def _duplicate(shell: Shell, target: str) -> Stream | None:
    if target == "-":
        return None
    if not target.isdigit():
        raise ShellError("Syntax error: Bad fd number")
    stream = shell.streams.get(int(target))
    if stream is None:
        raise RedirectionError(f"{target}: Bad file descriptor")
    return stream.share()


def _open_input(shell: Shell, path: str, target: str) -> Stream:
    files = shell.machine.files
    try:
        content = b"" if files.is_dir(path) else files.read(path)
    except OSError as error:
        raise RedirectionError(f"cannot open {target}: {_reason(error, 'No such file')}") from None
    return Stream(reader=BytesReader(content), path=path)


def _open_output(shell: Shell, path: str, target: str, operator: str) -> Stream:
    files = shell.machine.files
    keep = operator == ">" and "C" in shell.options and not _is_device(shell, path)
    try:
        if operator == "<>":
            content = files.read(path) if files.exists(path) else b""
            add = files.open(path, append=True, mode=0o666 & ~shell.umask)
            return Stream(reader=BytesReader(content), writer=FileWriter(add), path=path)
        add = files.open(path, append=operator == ">>", exclusive=keep, mode=0o666 & ~shell.umask)
    except OSError as error:
        reason = _reason(error, "Directory nonexistent")
        raise RedirectionError(f"cannot create {target}: {reason}") from None
    return Stream(writer=FileWriter(add), path=path)


def _is_device(shell: Shell, path: str) -> bool:
    files = shell.machine.files
    return files.exists(path) and files.stat(path).kind == "device"


def _reason(error: OSError, missing: str) -> str:
    """Return dash's words for an error."""
    if error.errno == errno.ENOENT:
        return missing
    return os.strerror(error.errno or errno.EIO)
