r"""Bash's ``$'...'``: text with backslash escapes."""

from __future__ import annotations

import re

_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_BODY = re.compile(r"((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|c(.)|(.))",
    re.DOTALL,
)


def length(text: str, at: int) -> int:
    """Return how long the quoted text from a place on is, its closing quote included; 0: open."""
    found = _BODY.match(text, at)
    return len(found[0]) if found else 0


def unescape(body: str) -> str:
    """Return what stands between the quotes with its escapes replaced."""
    data = b""
    at = 0
    for match in _ESCAPE.finditer(body):
        data += body[at : match.start()].encode(errors="surrogateescape") + _one(match)
        at = match.end()
    data += body[at:].encode(errors="surrogateescape")
    return data.partition(b"\0")[0].decode(errors="surrogateescape")


def _one(match: re.Match[str]) -> bytes:
    octal, byte, short, long, control, other = match.groups()
    if octal or byte:
        return bytes([int(octal, 8) & 255 if octal else int(byte, 16)])
    if short or long:
        return chr(int(short or long, 16)).encode(errors="surrogateescape")
    if control:
        return bytes([ord(control.upper()) & 31])
    return _SIMPLE.get(other, other if other in "\\'\"?" else match[0]).encode()
