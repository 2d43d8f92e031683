"""Numbers as programs on a node print them; what is none of a sensible length is not read."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,19})?")


def whole(text: str) -> int | None:
    """Return a number without sign, or None for anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def decimal(text: str) -> float | None:
    """Return a number with or without a fraction, or None for anything else."""
    return float(text) if _DECIMAL.fullmatch(text) else None
