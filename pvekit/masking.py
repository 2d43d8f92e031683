"""The one register of secret values: whatever is told, noted or raised goes through it."""

from __future__ import annotations

import re
from functools import lru_cache

HIDDEN = "***"
SHORTEST = 4
"""What is shorter is no secret: it would be found in half of all lines."""
SHORTEST_ANYWHERE = 6
"""A shorter value is only masked where it stands alone: it would be found in ordinary words."""

_values: set[str] = set()


def register(value: str) -> None:
    """Have a value masked from now on, as it is and as shells, JSON and URLs write it.

    Of a value with several lines, such as a private key, each longer line counts by itself.
    """
    lines = (line.strip() for line in value.splitlines())
    parts = {value.strip(), *(line for line in lines if len(line) >= SHORTEST_ANYWHERE)}
    known = {form for part in parts if len(part) >= SHORTEST for form in _forms(part)}
    if not known <= _values:
        _values.update(known)
        _pattern.cache_clear()


def masked(text: str) -> str:
    """Return a text with every registered value masked."""
    pattern = _pattern()
    return pattern.sub(HIDDEN, text) if pattern is not None else text


def _forms(value: str) -> set[str]:
    import json
    from urllib.parse import quote

    return {
        value,
        value.replace("'", "'\"'\"'"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
    }


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str] | None:
    longest_first = sorted(_values, key=len, reverse=True)
    return re.compile("|".join(map(_matching, longest_first))) if longest_first else None


def _matching(value: str) -> str:
    found = re.escape(value)
    return found if len(value) >= SHORTEST_ANYWHERE else rf"(?<!\w){found}(?!\w)"
