"""POSIX regular expressions -> Python's."""

from __future__ import annotations

import re
from functools import lru_cache

from pvekit.lab.process import NotSimulated

_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_BRACKET = re.compile(rb"\[(\^?)(\]?(?:\[:\w+:\]|[^\]])*)\]")


@lru_cache(maxsize=512)
def compiled(
    pattern: str, *, extended: bool = False, ignore_case: bool = False
) -> re.Pattern[bytes]:
    """Return a basic or extended regular expression as Python's, over bytes."""
    raw = pattern.encode(errors="surrogateescape")
    translated = _translate(raw, extended=extended)
    try:
        return re.compile(translated, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise NotSimulated(f"regular expression {pattern!r}: {error}") from None


def _translate(raw: bytes, *, extended: bool) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < len(raw):
        char = raw[at : at + 1]
        if char == b"[":
            match = _BRACKET.match(raw, at)
            if match is None:
                raise NotSimulated(f"regular expression {raw!r}: unmatched [")
            parts.append(_bracket(match))
            at = match.end()
        elif char == b"\\" and at + 1 < len(raw):
            parts.append(_escaped(raw[at + 1 : at + 2], extended=extended))
            at += 2
        else:
            parts.append(
                _plain(char, extended=extended, first=_is_first(parts), rest=raw[at + 1 :])
            )
            at += 1
    return b"".join(parts)


def _is_first(parts: list[bytes]) -> bool:
    return not parts or parts[-1] in {b"(", b"|", b"^"}


def _plain(char: bytes, *, extended: bool, first: bool, rest: bytes) -> bytes:
    """Translate a character that stands for itself in one of the two grammars."""
    if extended:
        return re.escape(char) if char not in b".*+?()|{}^$" else char
    if char == b"*":
        return rb"\*" if first else b"*"
    if char == b"^":
        return b"^" if first else rb"\^"
    if char == b"$":
        return b"$" if not rest or rest.startswith((rb"\)", rb"\|")) else rb"\$"
    return char if char == b"." else re.escape(char)


def _escaped(char: bytes, *, extended: bool) -> bytes:
    if char in b"<>":
        return rb"\b"
    if char in b"wWsSbB" or char.isdigit():
        return b"\\" + char
    if not extended and char in b"(){}|+?":
        return char
    return re.escape(char)


def _bracket(match: re.Match[bytes]) -> bytes:
    inside = match[2].replace(b"\\", rb"\\")
    inside = re.sub(
        rb"\[:(\w+):\]",
        lambda found: _CLASSES[found[1].decode()].encode().replace(b"\\", b"\0"),
        inside,
    )
    inside = inside.replace(b"[", rb"\[").replace(b"\0", b"\\")
    inside = rb"\]" + inside[1:] if inside.startswith(b"]") else inside
    return b"[" + match[1] + inside.replace(rb"\\[", rb"\[") + b"]"
