"""Durations as people write them."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_AGE = re.compile(r"(\d{1,4})([hdw])")
_LONG = {"h": 3600.0, "d": 86400.0, "w": 604800.0}
_SECONDS = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """Return seconds for ``300``, ``90s`` or ``5m``, 0 for nothing; raises :class:`UsageError`."""
    from pvekit.errors import UsageError

    if not text:
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no duration: give seconds, or a number with s, m or h.")
    return float(match[1]) * _SECONDS[match[2]]


def age(text: str) -> float:
    """Return seconds for ``24h``, ``30d`` or ``4w``; raises :class:`UsageError` for others."""
    from pvekit.errors import UsageError

    match = _AGE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no age: give a number with h, d or w, such as 30d.")
    return int(match[1]) * _LONG[match[2]]
