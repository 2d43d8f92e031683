"""Reading a program's options the way getopt does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pvekit.lab.process import NotSimulated


@dataclass(frozen=True)
class Options:
    """What was given: flags by letter or long name, values of options, and the operands."""

    flags: frozenset[str]
    values: dict[str, str]
    operands: tuple[str, ...]
    repeated: dict[str, list[str]] = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Tell whether any of these flags was given."""
        return not self.flags.isdisjoint(names)

    def value(self, *names: str) -> str | None:
        """Return the value of the first of these options that was given."""
        return next((self.values[name] for name in names if name in self.values), None)

    def number(self, *names: str, default: int) -> int:
        """Return the whole number given for the first of these options."""
        text = self.value(*names)
        if text is not None and re.fullmatch(r"[-+]?\d+", text) is None:
            raise NotSimulated(f"option -{names[0]} {text!r}")
        return default if text is None else int(text)


def options(
    words: Sequence[str],
    flags: str = "",
    values: str = "",
    *,
    permute: bool = True,
    least: int = 0,
) -> Options:
    """Read options; names are separated by blanks, those of one letter stand after one dash.

    Others than the given ones, and fewer operands than the ``least`` number, raise
    :class:`NotSimulated`. Without ``permute`` the first operand
    ends the options, as for programs that run another.
    """
    reader = _Reader(frozenset(flags.split()), frozenset(values.split()))
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            reader.long(word[2:], left)
        elif word.startswith("-") and word != "-":
            reader.short(word[1:], left)
        else:
            reader.operands.append(word)
            if not permute:
                break
    operands = (*reader.operands, *left)
    if len(operands) < least:
        raise NotSimulated("without operands")
    last = {name: found[-1] for name, found in reader.found.items()}
    return Options(frozenset(reader.given), last, operands, reader.found)


class _Reader:
    def __init__(self, flags: frozenset[str], values: frozenset[str]) -> None:
        self._flags = flags
        self._values = values
        self.given: set[str] = set()
        self.found: dict[str, list[str]] = {}
        self.operands: list[str] = []

    def long(self, text: str, left: list[str]) -> None:
        name, sign, value = text.partition("=")
        if len(name) > 1 and name in self._values and (sign or left):
            self.found.setdefault(name, []).append(value if sign else left.pop(0))
        elif len(name) > 1 and name in self._flags and not sign:
            self.given.add(name)
        else:
            raise NotSimulated(f"option --{text}")

    def short(self, letters: str, left: list[str]) -> None:
        for at, letter in enumerate(letters):
            if letter in self._values:
                rest = letters[at + 1 :]
                if not rest and not left:
                    raise NotSimulated(f"option -{letter} without a value")
                self.found.setdefault(letter, []).append(rest or left.pop(0))
                return
            if letter not in self._flags:
                raise NotSimulated(f"option -{letters}")
            self.given.add(letter)
