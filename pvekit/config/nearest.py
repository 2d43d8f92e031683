"""The known word that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like the given one, or None where none is like it."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?", or nothing where no known word is like the given one."""
    found = nearest(word, known)
    return f"did you mean {found!r}?" if found else ""
