"""What VMs that run have used until now: by their processes, and by what their guests count."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvekit.errors import UnreadableAnswer
from pvekit.pve import printed
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Query

PATIENCE = 90.0
"""The guests of a node have 40 seconds in all; then there is what has begun, and Perl's start."""

TICKS = 100
"""Clock ticks per second, as /proc counts them: the same on all Linux for x86 and ARM."""

_KB = 1024
"""KiB of a MiB."""

_MOST = 10**15


@dataclass(frozen=True)
class GuestMemory:
    """What a guest's kernel counts: MiB in use without page cache and in all.

    ``some_ms`` and ``full_ms`` are how long some and all of its tasks have waited for memory since
    it booted; None where its kernel does not count that.
    """

    used_mb: int
    total_mb: int
    some_ms: int | None = None
    full_ms: int | None = None


@dataclass(frozen=True)
class Counters:
    """The counters of one VM that runs, at one moment.

    ``at`` is the node's time in seconds since the epoch, ``process`` when the VM's process began,
    in ticks since the node's boot, ``cpu_seconds`` what it has used since. ``memory`` is None where
    the guest does not tell.
    """

    at: int
    process: int
    cpu_seconds: float
    memory: GuestMemory | None = None


Counting = Query[Mapping[int, Counters]]


def query(vmids: Sequence[int], mute: Sequence[int] = ()) -> Counting:
    """Return the question for VMs of a node; those of ``mute`` have no guest agent."""
    words: tuple[str | int, ...] = (*vmids, "-", *mute) if mute else tuple(vmids)
    return Query(script("sample", *words, timeout=PATIENCE), parse)


def parse(text: str) -> Mapping[int, Counters]:
    """Read the script's answer; a VM that does not run is left out.

    Raises :class:`UnreadableAnswer` where the answer is not whole.
    """
    lines = text.split("\n")
    if "end" not in lines:
        raise UnreadableAnswer("The counters of the VMs did not come to their end.")
    found: dict[int, Counters] = {}
    said: dict[int, GuestMemory | None] = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        word, _, data = rest.partition(" ")
        vmid = whole(word)
        if vmid is None:
            continue
        if kind == "guest":
            said[vmid] = _memory(data)
        elif kind == "cpu" and (counters := _counters(data)) is not None:
            found[vmid] = counters
    return {
        vmid: Counters(each.at, each.process, each.cpu_seconds, said.get(vmid))
        for vmid, each in found.items()
    }


def _counters(text: str) -> Counters | None:
    numbers = [whole(word) for word in text.split(" ")]
    known = [each for each in numbers if each is not None and each < _MOST]
    if len(known) != len(numbers) or len(known) != 3:
        return None
    return Counters(known[0], known[1], known[2] / TICKS)


def _memory(data: str) -> GuestMemory | None:
    """Read what a guest printed: it may be hostile, so only sensible numbers count."""
    text = printed.text(data)
    known = printed.meminfo(text)
    if known is None or known.total_kb < _KB:
        return None
    total, available = known.total_kb // _KB, known.available_kb // _KB
    return GuestMemory(total - available, total, _waited(text, "some"), _waited(text, "full"))


def _waited(text: str, whom: str) -> int | None:
    """Return the milliseconds of a line of ``/proc/pressure/memory``, which counts in µs."""
    found = re.search(rf"^{whom} [a-z0-9=. ]{{0,100}}\btotal=([0-9]{{1,18}})$", text, re.MULTILINE)
    return int(found[1]) // 1000 if found else None
