"""Field splitting: what the pieces of an expanded word are as fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pvekit.lab import patterns
from pvekit.lab.shell.state import BLANKS


@dataclass(frozen=True)
class Fragment:
    """A piece of an expanded word; ``splits`` where field splitting applies to it."""

    text: str
    quoted: bool
    splits: bool = False


BREAK = Fragment("", quoted=False)  # between the fields of "$@"; known by identity


@dataclass
class Field:
    """A field as it grows; ``pattern`` is its text as a pattern, ``active`` whether it is one."""

    text: str = ""
    pattern: str = ""
    active: bool = field(default=False)

    def add(self, text: str, *, quoted: bool) -> None:
        """Add a text; what is quoted stands for itself."""
        self.text += text
        self.pattern += patterns.escape(text) if quoted else text
        self.active = self.active or (not quoted and not patterns.SPECIAL.isdisjoint(text))


class Splitter:
    """Joins fragments to fields, splitting those that came from expansions at ``IFS``."""

    def __init__(self, separators: str) -> None:
        self._separators = separators
        self._current: Field | None = None
        self._after_blank = False  # a blank ended the last field: the end may have one more mark
        self.found: list[Field] = []

    def add(self, fragment: Fragment) -> None:
        """Add the next piece of the word."""
        if fragment is BREAK:
            self.end()
            self._after_blank = False
        elif not fragment.splits:
            self._extend(fragment.text, quoted=fragment.quoted)
        else:
            for piece in _pieces(fragment.text, self._separators):
                if piece in self._separators:
                    self._separate(piece)
                else:
                    self._extend(piece, quoted=False)

    def _extend(self, piece: str, *, quoted: bool) -> None:
        if piece or quoted:
            self._current = self._current or Field()
            self._current.add(piece, quoted=quoted)
            self._after_blank = False

    def _separate(self, mark: str) -> None:
        if self._current is not None:
            self.end()
            self._after_blank = mark in BLANKS
        elif mark not in BLANKS:
            if not self._after_blank:
                self.found.append(Field())
            self._after_blank = False

    def end(self) -> None:
        """End the field that is open, if one is."""
        if self._current is not None:
            self.found.append(self._current)
        self._current = None


def _pieces(content: str, separators: str) -> list[str]:
    """Cut a text into runs without separators, blank runs (as one) and single separators."""
    if not separators:
        return [content] if content else []
    blank = re.escape("".join(char for char in separators if char in BLANKS))
    every = re.escape(separators)
    runs = rf"[^{every}]+" + (rf"|[{blank}]+" if blank else "") + rf"|[{every}]"
    return [run if run[0] not in separators else run[0] for run in re.findall(runs, content)]
