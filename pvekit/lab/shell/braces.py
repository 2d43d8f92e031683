"""Bash's brace expansion: ``{a,b}`` and ``{1..9}`` in words, before anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from pvekit.lab.shell.syntax import Literal, Part, Word

_RANGE = re.compile(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.(-?\d+))?")


def expand(word: Word) -> list[Word]:
    """Return the words that a word stands for; quoted braces stand for themselves."""
    if not any(isinstance(p, Literal) and not p.quoted and "{" in p.text for p in word):
        return [word]
    return [_joined(items) for items in _expanded(_items(word))]


def _items(word: Word) -> list[Part]:
    """Return the word with its unquoted text cut into characters."""
    items: list[Part] = []
    for part in word:
        if isinstance(part, Literal) and not part.quoted:
            items.extend(Literal(char, quoted=False) for char in part.text)
        else:
            items.append(part)
    return items


def _char(item: Part) -> str:
    return item.text if isinstance(item, Literal) and not item.quoted else ""


def _expanded(items: Sequence[Part]) -> list[list[Part]]:
    for start, item in enumerate(items):
        if _char(item) != "{":
            continue
        found = _group(items, start)
        if found is not None:
            choices, end = found
            tails = _expanded(items[end:])
            return [[*items[:start], *choice, *tail] for choice in choices for tail in tails]
    return [list(items)]


def _group(items: Sequence[Part], start: int) -> tuple[list[list[Part]], int] | None:
    """Return the alternatives of the braces that open at a place, and where they end."""
    depth, cuts = 0, [start]
    for at in range(start, len(items)):
        char = _char(items[at])
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 1:
            cuts.append(at)
        if depth == 0:
            cuts.append(at)
            return _choices(items, cuts, at + 1)
    return None


def _choices(
    items: Sequence[Part], cuts: Sequence[int], end: int
) -> tuple[list[list[Part]], int] | None:
    if len(cuts) == 2:
        texts = _sequence("".join(map(_char, items[cuts[0] + 1 : cuts[1]])))
        return ([[Literal(text, quoted=False)] for text in texts], end) if texts else None
    pieces = [items[a + 1 : b] for a, b in pairwise(cuts)]
    return [choice for piece in pieces for choice in _expanded(piece)], end


def _sequence(text: str) -> list[str]:
    found = _RANGE.fullmatch(text)
    if found is None or found[1].isalpha() != found[2].isalpha():
        return []
    step = abs(int(found[3] or 1)) or 1
    if found[1].isalpha():
        return [chr(n) for n in _numbers(ord(found[1]), ord(found[2]), step)]
    padded = any(re.match(r"-?0\d", end) for end in (found[1], found[2]))
    width = max(len(found[1]), len(found[2])) if padded else 0
    return [f"{n:0{width}d}" for n in _numbers(int(found[1]), int(found[2]), step)]


def _numbers(first: int, last: int, step: int) -> range:
    return range(first, last + 1, step) if first <= last else range(first, last - 1, -step)


def _joined(items: Sequence[Part]) -> Word:
    joined: list[Part] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, Literal) and isinstance(last, Literal) and item.quoted == last.quoted:
            joined[-1] = Literal(last.text + item.text, item.quoted)
        else:
            joined.append(item)
    return joined
