"""Reading the files that a program was given, or its stdin."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence

from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.streams import read_file

ENDLESS: dict[tuple[str, ...], Callable[[int], bytes]] = {
    ("/dev/zero",): bytes,
    ("/dev/urandom",): secrets.token_bytes,
    ("/dev/random",): secrets.token_bytes,
}
"""Operands that never end, with what gives so many bytes of them."""


async def content(process: Process, path: str) -> bytes:
    """Return a file's content; a directory raises EISDIR, as reading it does."""
    if (path,) in ENDLESS:
        raise NotSimulated(f"all of {path}")
    return await read_file(process, path)


class Inputs:
    """The inputs of a program that goes on after one it cannot read; then ``status`` is 1."""

    def __init__(self, process: Process, paths: Sequence[str], form: str = "{path}: {why}") -> None:
        self._process = process
        self._paths = paths or ("-",)
        self._form = form
        self.status = 0

    async def __aiter__(self) -> AsyncIterator[tuple[str, bytes]]:
        for path in self._paths:
            try:
                data = await content(self._process, path)
            except OSError as error:
                why = reason(error)
                await fail(self._process, self._form.format(path=path, why=why))
                self.status = 1
            else:
                yield path, data


def lines(data: bytes) -> list[bytes]:
    """Return lines without their line ends."""
    parts = data.split(b"\n")
    return parts[:-1] if not parts[-1] else parts


def decoded(data: bytes) -> str:
    """Return bytes as text; what is no UTF-8 survives :func:`encoded`."""
    return data.decode(errors="surrogateescape")


def encoded(text: str) -> bytes:
    """Return text as bytes again."""
    return text.encode(errors="surrogateescape")
