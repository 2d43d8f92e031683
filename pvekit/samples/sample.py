"""One sample of one VM, and its line in a file. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

_MOST_DIGITS = 15
_NONE = "-"


@dataclass(frozen=True)
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
_NEEDED = 3


def from_line(line: str, month: int) -> Sample | None:
    """Read a line of the file of a month; None for what is none."""
    words = line.split(" ")
    if len(words) != len(_NAMES) or not all(map(_is_number, words[:_NEEDED])):
        return None
    if not all(word == _NONE or _is_number(word) for word in words[_NEEDED:]):
        return None
    at, process, cpu = map(int, words[:_NEEDED])
    return Sample(month + at, process, cpu, *(_number(word) for word in words[_NEEDED:]))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS


def _number(word: str) -> int | None:
    return None if word == _NONE else int(word)
