"""The secrets that this process has come to know, and texts without them."""

from __future__ import annotations

HIDDEN = "***"
SHORTEST = 4
"""A shorter secret is not looked for: it stands in half of all texts by chance."""

_known: set[str] = set()


def register(value: str) -> None:
    """Remember a secret: from now on :func:`masked` hides it, and each line of it."""
    for part in (value, *value.splitlines()):
        if len(part.strip()) >= SHORTEST:
            _known.add(part.strip())


def masked(text: str) -> str:
    """Return a text with every known secret replaced."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text
