"""What a simulated program sees of the machine it runs on, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pvekit.lab.machine import Machine
    from pvekit.lab.streams import Stream


class NotSimulated(Exception):
    """A program was asked for what the lab does not simulate; it then ends loudly, with 99."""


class Reader(Protocol):
    """Where a program reads from."""

    async def read(self) -> bytes:
        """Return all that is left up to the end of input."""
        ...

    async def readline(self) -> bytes:
        """Return one line with its line end, or nothing at the end of input."""
        ...


class Writer(Protocol):
    """Where a program writes to."""

    async def write(self, data: bytes) -> None:
        """Write; raises :class:`BrokenPipeError` once nobody reads any more (a lost link)."""
        ...


@dataclass
class Process:
    """One running program: its words (with its own name first), streams and surroundings."""

    machine: Machine
    argv: tuple[str, ...]
    stdin: Reader
    stdout: Writer
    stderr: Writer
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/root"
    user: str = "root"
    pid: int = 0
    umask: int = 0o022
    descriptors: Mapping[int, Stream] = field(default_factory=dict)

    async def say(self, text: str) -> None:
        """Write text to stdout."""
        await self.stdout.write(text.encode(errors="surrogateescape"))

    async def complain(self, text: str) -> None:
        """Write text to stderr."""
        await self.stderr.write(text.encode(errors="surrogateescape"))


Program = Callable[[Process], Awaitable[int]]
