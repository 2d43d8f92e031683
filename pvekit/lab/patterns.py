"""Shell patterns: ``*``, ``?`` and ``[...]``, where a backslash makes the next character plain."""

from __future__ import annotations

import re
from functools import lru_cache

SPECIAL = frozenset("*?[")
_ESCAPED = frozenset("*?[]\\!^-")


def has_pattern(text: str) -> bool:
    """Tell whether a text holds an active pattern character."""
    if SPECIAL.isdisjoint(text):
        return False
    plain = re.sub(r"\\.", "", text, flags=re.DOTALL)
    return not SPECIAL.isdisjoint(plain)


def escape(text: str) -> str:
    """Return a pattern that matches exactly this text."""
    return text if _ESCAPED.isdisjoint(text) else re.sub(r"([*?\[\]\\!^-])", r"\\\1", text)


def unescape(pattern: str) -> str:
    """Return the text that a pattern without active characters stands for."""
    return re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL) if "\\" in pattern else pattern


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a regular expression for a whole text that matches the pattern."""
    try:
        return re.compile(translate(pattern), re.DOTALL)
    except re.error:  # such as the range z-a, which matches nothing
        return re.compile(re.escape(unescape(pattern)))


def translate(pattern: str) -> str:
    """Return the regular expression of a pattern."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append(".*")
        elif char == "?":
            parts.append(".")
        elif char == "[":
            text, at = _bracket(pattern, at)
            parts.append(text)
        elif char == "\\" and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append(re.escape(char))
    return "".join(parts)


_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": r"\ \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """Translate a bracket expression whose inside starts at ``at``; a lone ``[`` is plain."""
    match = re.compile(r"([!^]?)(\]?+(?:\\.|\[:\w+:\]|[^\]\\])*)\]", re.DOTALL).match(pattern, at)
    if match is None:
        return r"\[", at
    inside = re.sub(
        r"\[:(\w+):\]|\\(.)|([\[\]&~|^])",
        lambda found: _CLASSES.get(found[1], "") if found[1] else re.escape(found[2] or found[3]),
        match[2],
        flags=re.DOTALL,
    )
    return f"[{'^' if match[1] else ''}{inside}]", match.end()
