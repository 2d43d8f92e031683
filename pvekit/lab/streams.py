"""Open files: what programs read from and write to, shared and counted like Linux's own."""

from __future__ import annotations

import asyncio
import posixpath
from collections import deque
from collections.abc import Callable, Mapping

from pvekit.lab.locks import Handle
from pvekit.lab.process import Process, Reader, Writer

PIPE_SIZE = 65536


class BytesReader:
    """Reads from bytes that are there already."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._at = 0

    async def read(self) -> bytes:
        """Return all that is left."""
        data, self._at = self._data[self._at :], len(self._data)
        return data

    async def readline(self) -> bytes:
        """Return one line with its line end, or nothing at the end."""
        end = self._data.find(b"\n", self._at) + 1 or len(self._data)
        line, self._at = self._data[self._at : end], end
        return line


class BytesWriter:
    """Collects what is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    async def write(self, data: bytes) -> None:
        """Keep the data."""
        self._parts.append(data)

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(self._parts)


class FileWriter:
    """Appends to an open file."""

    def __init__(self, append: Callable[[bytes], None]) -> None:
        self._append = append

    async def write(self, data: bytes) -> None:
        """Append the data."""
        if data:
            self._append(data)


class Pipe:
    """A pipe: writing waits for the reader, reading for the writers, until either has gone."""

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._abandoned = False
        self._changed = asyncio.Event()

    def end(self) -> None:
        """Tell the reader that nobody writes any more."""
        self._ended = True
        self._changed.set()

    def abandon(self) -> None:
        """Tell the writers that nobody reads any more."""
        self._abandoned = True
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def write(self, data: bytes) -> None:
        """Write; raises :class:`BrokenPipeError` once nobody reads."""
        while self._size >= PIPE_SIZE and not self._abandoned:
            await self._change()
        if self._abandoned:
            raise BrokenPipeError
        if data:
            self._parts.append(data)
            self._size += len(data)
            self._changed.set()

    async def read(self) -> bytes:
        """Return all up to the end of input."""
        parts: list[bytes] = []
        while True:
            parts.extend(self._parts)
            self._parts.clear()
            self._size = 0
            if self._ended:
                return b"".join(parts)
            self._changed.set()
            await asyncio.sleep(0)
            if not self._parts and not self._ended:
                await self._change()

    async def readline(self) -> bytes:
        """Return one line with its line end, or what is left at the end of input."""
        parts: list[bytes] = []
        while True:
            while self._parts:
                part = self._parts.popleft()
                line, mark, rest = part.partition(b"\n")
                if rest:
                    self._parts.appendleft(rest)
                self._size -= len(line) + len(mark)
                parts.append(line + mark)
                if mark:
                    self._changed.set()
                    return b"".join(parts)
            if self._ended:
                return b"".join(parts)
            self._changed.set()
            await asyncio.sleep(0)
            if not self._parts and not self._ended:
                await self._change()


class Stream:
    """An open file that several processes hold; released when the last of them lets go."""

    def __init__(
        self,
        *,
        reader: Reader | None = None,
        writer: Writer | None = None,
        path: str = "",
        release: Callable[[], None] | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.path = path
        self.lock: Handle | None = None
        self._release = release
        self._holders = 1

    def share(self) -> Stream:
        """Count one more holder."""
        self._holders += 1
        return self

    def close(self) -> None:
        """Count one holder less; the last one releases the file and a lock on it."""
        self._holders -= 1
        if self._holders:
            return
        if self.lock is not None:
            self.lock.release()
        if self._release is not None:
            self._release()

    @property
    def readable(self) -> bool:
        """Whether it was opened for reading."""
        return self._reader is not None

    async def read(self) -> bytes:
        """Return all that is left up to the end of input."""
        return await self._for_reading().read()

    async def readline(self) -> bytes:
        """Return one line with its line end, or nothing at the end of input."""
        return await self._for_reading().readline()

    async def write(self, data: bytes) -> None:
        """Write; raises :class:`OSError` where it is not open for writing."""
        if self._writer is None:
            raise OSError(9, "Bad file descriptor")
        await self._writer.write(data)

    def _for_reading(self) -> Reader:
        if self._reader is None:
            raise OSError(9, "Bad file descriptor")
        return self._reader


Descriptors = Mapping[int, Stream]


def pipe() -> tuple[Stream, Stream]:
    """Return the reading and the writing end of a new pipe."""
    between = Pipe()
    return (
        Stream(reader=between, release=between.abandon),
        Stream(writer=between, release=between.end),
    )


_STANDARD = {"-": 0, "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def descriptor_of(path: str) -> int | None:
    """Return the descriptor number that a path like ``/dev/stdin`` or ``/dev/fd/3`` stands for."""
    if path in _STANDARD:
        return _STANDARD[path]
    head, _, number = path.rpartition("/")
    return int(number) if head in {"/dev/fd", "/proc/self/fd"} and number.isdigit() else None


def absolute(process: Process, path: str) -> str:
    """Return a path as seen from the process's working directory."""
    return posixpath.join(process.cwd, path) if path else path


async def read_file(process: Process, path: str) -> bytes:
    """Return the content of a file that a program was given by name; ``-`` is its stdin."""
    number = descriptor_of(path)
    if number == 0:
        return await process.stdin.read()
    if number is not None and number in process.descriptors:
        return await process.descriptors[number].read()
    return process.machine.files.read(absolute(process, path))


async def write_file(process: Process, path: str, data: bytes, *, append: bool = False) -> None:
    """Write a file that a program was given by name, after the process's umask."""
    number = descriptor_of(path)
    if number in {1, 2}:
        await (process.stdout if number == 1 else process.stderr).write(data)
        return
    mode = 0o666 & ~process.umask
    process.machine.files.write(absolute(process, path), data, append=append, mode=mode)
