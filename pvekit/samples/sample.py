"""One sample of one VM, and its line in a file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

_NONE = "-"


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted at one moment. Counters only grow while the VM's process lives.

    ``at`` is in seconds since the epoch, by the node's clock. ``process`` is when the VM's process
    began, in ticks since its node's boot: it tells one process from the next. ``cpu_ds`` are tenths
    of seconds that it has used its processors. The others come from the guest, and are None where
    it does not tell: MiB in use without page cache and in all, and how many milliseconds some and
    all of its tasks have waited for memory since it booted.
    """

    at: int
    process: int
    cpu_ds: int
    used_mb: int | None = None
    total_mb: int | None = None
    some_ms: int | None = None
    full_ms: int | None = None

    def to_line(self, month: int) -> str:
        """Return its line in the file of a month, which began at ``month``, without line end."""
        numbers = [getattr(self, name) for name in _NAMES]
        numbers[0] = self.at - month
        return " ".join(_NONE if each is None else str(each) for each in numbers)


_NAMES = tuple(field.name for field in fields(Sample))
_COUNT, _OPEN = r"([0-9]{1,15})", r"([0-9]{1,15}|-)"
_LINE = re.compile(" ".join([_COUNT] * 3 + [_OPEN] * 4), re.ASCII)


def from_line(line: str, month: int) -> Sample | None:
    """Read a line of the file of a month; None for what is none."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    at, process, cpu, *guest = found.groups()
    told = (None if word == _NONE else int(word) for word in guest)
    return Sample(month + int(at), int(process), int(cpu), *told)
