"""A size as PVE counts it, and the ways people write amounts of memory and disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.errors import UsageError

_AMOUNT = re.compile(
    r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(?:([KMGT])(?:i?B)?)?\s*", re.IGNORECASE | re.ASCII
)
_MIB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}

# What `qm` takes at least.
_MIN_MEMORY_MB = 16


@dataclass(frozen=True)
class Size:
    """What a guest gets: virtual CPUs, memory in MiB, disk in GiB."""

    cpus: int
    memory_mb: int
    disk_gb: int

    def __str__(self) -> str:
        return f"{self.cpus} vCPU, {self.memory_mb} MiB, {self.disk_gb} GiB"


def parse_need(text: str) -> Size | None:
    """Return the size of a mark, such as ``2c4096m40g``; None for what is none."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})c([1-9][0-9]{0,8})m([1-9][0-9]{0,6})g", text)
    return Size(int(found[1]), int(found[2]), int(found[3])) if found else None


def parse_memory(text: str) -> int:
    """Return MiB for ``4096``, ``4G``, ``4GiB`` or ``512M``; a bare number is MiB.

    Raises :class:`UsageError` for anything else.
    """
    memory_mb = _mib(text, "M", "memory, such as 4096 (MiB) or 4G")
    if memory_mb < _MIN_MEMORY_MB:
        raise UsageError(
            f"A guest needs at least {_MIN_MEMORY_MB} MiB of memory, not {text!r}.",
            id="SIZE-INVALID",
        )
    return memory_mb


def parse_disk(text: str) -> int:
    """Return GiB for ``40``, ``40G`` or ``1T``; a bare number is GiB.

    Raises :class:`UsageError` for anything else.
    """
    expected = "whole GiB of disk, such as 40 or 40G"
    disk_gb, rest = divmod(_mib(text, "G", expected), 1024)
    if rest or not disk_gb:
        raise UsageError(f"Expected {expected}, got {text!r}.", id="SIZE-INVALID")
    return disk_gb


def _mib(text: str, unit: str, expected: str) -> int:
    amount = _AMOUNT.fullmatch(text)
    mib = float(amount[1]) * _MIB[(amount[2] or unit).upper()] if amount else 0.0
    if not mib or not mib.is_integer():
        raise UsageError(f"Expected {expected}, got {text!r}.", id="SIZE-INVALID")
    return int(mib)
