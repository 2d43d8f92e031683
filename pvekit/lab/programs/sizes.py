"""Sizes as programs print them for people."""

from __future__ import annotations

_UNITS = "KMGTPE"


def human(size: int) -> str:
    """Return a size in powers of 1024 as ``ls -h`` and ``df -h`` show it: always rounded up."""
    if size < 1024:
        return str(size)
    power = 0
    unit = 1
    while size >= unit * 1024 and power < len(_UNITS):
        unit *= 1024
        power += 1
    tenths = -(-size * 10 // unit)
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10}{_UNITS[power - 1]}"
    whole = -(-size // unit)
    if whole >= 1024 and power < len(_UNITS):
        return f"1.0{_UNITS[power]}"
    return f"{whole}{_UNITS[power - 1]}"
