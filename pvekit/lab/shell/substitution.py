"""Bash's further parameter expansions: replacing, cutting out, upper and lower case."""

from __future__ import annotations

import re

from pvekit.lab import patterns
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.syntax import Literal, Part, Word

OPERATORS = re.compile(r":?[-=+?]|%%?|##?|//|/#|/%|/|\^\^?|,,?|:|")


def split(word: Word) -> tuple[Word, Word]:
    """Split the word of ``${name/pattern/text}`` at its first slash."""
    before: list[Part] = []
    for number, part in enumerate(word):
        if isinstance(part, Literal) and not part.quoted and "/" in part.text:
            head, _, tail = part.text.partition("/")
            after = [Literal(tail, quoted=False), *word[number + 1 :]]
            return [*before, Literal(head, quoted=False)], after
        before.append(part)
    return before, ()


def replace(value: str, operator: str, wanted: str, text: str) -> str:
    """Replace the first match of a pattern, all (``//``), or one at the start or end."""
    if not wanted:
        return value
    matches = patterns.compiled(wanted).fullmatch
    ends = range(len(value), -1, -1)
    if operator == "/#":
        found = next((end for end in ends if matches(value, 0, end)), None)
        return value if found is None else text + value[found:]
    if operator == "/%":
        starts = range(len(value) + 1)
        found = next((start for start in starts if matches(value, start)), None)
        return value if found is None else value[:found] + text
    parts: list[str] = []
    at = 0
    while at < len(value):
        end = next((end for end in ends if end > at and matches(value, at, end)), None)
        parts.append(value[at] if end is None else text)
        at = at + 1 if end is None else end
        if end is not None and operator == "/":
            break
    return "".join(parts) + value[at:]


def cut(value: str, start: int, length: int | None) -> str:
    """Return ``${name:start:length}``; negative numbers count from the end."""
    begin = start if start >= 0 else max(len(value) + start, 0)
    if start < -len(value):
        return ""
    if length is None:
        return value[begin:]
    end = begin + length if length >= 0 else len(value) + length
    if end < begin:
        raise ShellError(f"{length}: substring expression < 0", 1)
    return value[begin:end]


def cased(value: str, operator: str) -> str:
    """Return ``${name^}``, ``${name^^}``, ``${name,}`` or ``${name,,}``."""
    change = str.upper if operator[0] == "^" else str.lower
    return change(value) if len(operator) == 2 else change(value[:1]) + value[1:]
