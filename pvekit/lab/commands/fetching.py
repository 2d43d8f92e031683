"""What fetches from the lab's internet, and how long that takes: for wget, curl and ``pvesh``."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pvekit.lab.clock import Clock
from pvekit.lab.guests.images import Internet, Redirect, ResolveError
from pvekit.lab.guests.words import Words
from pvekit.lab.line import internet_speed, weight
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.streams import absolute, descriptor_of, write_file


@dataclass(frozen=True)
class Client:
    """A machine's way to the internet."""

    internet: Internet
    online: Callable[[], bool]

    def fetch(self, url: str, via: list[str]) -> bytes:
        """Return what is at a URL; ``via`` is added the URLs that the servers sent on to."""
        if not self.online():
            raise ResolveError(urlsplit(url).hostname or url)
        try:
            return self.internet.fetch(url)
        except Redirect as sent_on:
            via.append(sent_on.url)
            return self.internet.fetch(sent_on.url)


@dataclass
class Delivery:
    """What a server sends: the data, and how much of it, in bytes as the site counts them, came."""

    process: Process
    internet: Internet
    url: str
    data: bytes
    size: int
    came: int = 0

    async def write(self, output: str, *, resume: bool = False, within: float = math.inf) -> None:
        """Write what comes within so many seconds.

        It is written in two parts, so that a download can be caught half-way.
        """
        rest = self.data[self._have(output) if resume else 0 :]
        half = len(rest) // 2
        await save(self.process, output, rest[:half], append=len(rest) < len(self.data))
        clock = self.process.machine.clock
        speed = internet_speed(clock.figures)
        self.came = await self.internet.line.carry(clock, self.size, speed, within)
        self.process.machine.log.add(
            "download", node=self.process.machine.hostname, url=self.url, bytes=self.came
        )
        if self.came == self.size:
            await save(self.process, output, rest[half:], append=True)

    def _have(self, output: str) -> int:
        if descriptor_of(output) is not None:
            return 0
        path, files = absolute(self.process, output), self.process.machine.files
        return files.stat(path).size if files.exists(path) else 0


async def pass_time(internet: Internet, data: bytes, clock: Clock) -> None:
    """Let the time pass that fetching something takes."""
    await first_byte(clock)
    await internet.line.carry(clock, weight(data, clock.figures), internet_speed(clock.figures))


async def first_byte(clock: Clock) -> None:
    """Let the time pass until a server begins to answer."""
    await clock.sleep(clock.figures.small_download)


async def save(process: Process, output: str, data: bytes, *, append: bool = False) -> None:
    """Write to a file, or to stdout for ``-``."""
    if output == "-":
        await process.stdout.write(data)
    else:
        await write_file(process, output, data, append=append)


async def discard(text: str) -> None:
    """Say nothing."""


def only_url(words: Words) -> str:
    """Return the one URL among the words."""
    if len(words.operands) != 1:
        raise NotSimulated(f"{len(words.operands)} URLs at once")
    return words.operands[0]


def name_of(url: str) -> str:
    """Return the file name that a URL ends in."""
    return posixpath.basename(urlsplit(url).path) or "index.html"
