"""How a backup's data flows: the time that takes, and what is said meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pvekit.lab.amounts import render_bytes
from pvekit.lab.backup.archive import Image
from pvekit.lab.clock import Clock
from pvekit.lab.images import written

_STEP = 3.0  # seconds between two lines
Info = Callable[[str], Awaitable[None]]


def compressor(options: Mapping[str, str]) -> str:
    """Return where the data of a template is piped."""
    kind, threads = options["compress"], options["zstd"]
    commands = {"gzip": "gzip --rsyncable", "lzo": "lzop", "1": "lzop"}
    commands["zstd"] = f"zstd --rsyncable --threads={threads}"
    return f"exec:{commands.get(kind, 'cat')}"


async def wait(clock: Clock, size: int, limit: int) -> float:
    """Let the time pass that so many bytes take; returns the seconds."""
    seconds = size / _pace(clock, limit)
    await clock.sleep(seconds)
    return seconds


async def run(clock: Clock, images: Sequence[Image], limit: int, info: Info) -> None:
    """Transfer the disks, with a line every three seconds."""
    total = sum(image.disk.size_bytes for image in images)
    data = sum(min(written(image.disk), image.disk.size_bytes) for image in images)
    pace = _pace(clock, limit)
    done, seconds = 0, 0.0
    while done < total:
        step = min(total - done, int(pace * _STEP))
        await clock.sleep(step / pace)
        done += step
        seconds += step / pace
        percent = done * 100 // total
        rates = f"read: {render_bytes(pace, 1)}/s, write: {render_bytes(pace * data / total, 1)}/s"
        share = f"{percent:3}% ({render_bytes(done, 1)} of {render_bytes(total, 1)})"
        await info(f"{share} in {seconds:.0f}s, {rates}")
    zero = total - data
    if zero:
        empty = f"{render_bytes(zero)} ({zero * 100 // total}%)"
        await info(f"backup is sparse: {empty} total zero data")
    if whole := round(seconds):
        rate = render_bytes(total / whole, 1)
        await info(f"transferred {render_bytes(total)} in {whole} seconds ({rate}/s)")
    else:
        await info(f"transferred {render_bytes(total)} in <1 seconds")


def _pace(clock: Clock, limit: int) -> float:
    """Return bytes per second; a limit of 0 is none."""
    most = clock.figures.backup * (1 << 20)
    return min(most, limit or most)
