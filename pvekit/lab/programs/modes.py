"""Permission bits as ``chmod`` reads and ``ls`` shows them."""

from __future__ import annotations

import re

_BITS = {"r": 4, "w": 2, "x": 1}
_WHO = {"u": 6, "g": 3, "o": 0}


def new_mode(text: str | None, before: int, *, directory: bool = False) -> int | None:
    """Return the mode that a text such as ``600`` or ``u+x,go=`` asks for, or None."""
    if text is None:
        return before
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    mode = before
    for clause in text.split(","):
        match = re.fullmatch(r"([ugoa]*)([-+=])([rwxXst]*)", clause)
        if match is None:
            return None
        mode = _changed(mode, *match.groups(), directory=directory)
    return mode


def _changed(mode: int, who: str, sign: str, what: str, *, directory: bool) -> int:
    bits = sum(_BITS[letter] for letter in set(what) & set(_BITS))
    if "X" in what and (directory or mode & 0o111):
        bits |= 1
    groups = "ugo" if not who or "a" in who else who
    for group in groups:
        shift = _WHO[group]
        if sign == "=":
            mode &= ~(7 << shift)
        mode = mode & ~(bits << shift) if sign == "-" else mode | bits << shift
    sticky = 0o1000 if "t" in what else 0
    return mode & ~sticky if sign == "-" else mode | sticky


def shown(mode: int, kind: str) -> str:
    """Return the ten letters that ``ls -l`` shows."""
    first = {"directory": "d", "link": "l", "device": "c"}.get(kind, "-")
    triples = "".join(
        letter if mode >> shift & bit else "-"
        for shift in (6, 3, 0)
        for letter, bit in _BITS.items()
    )
    if mode & 0o1000:
        triples = triples[:-1] + ("t" if mode & 1 else "T")
    return first + triples
