"""The words after a program's name, split into options and operands as getopt_long does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pvekit.lab.process import NotSimulated


@dataclass(frozen=True)
class Words:
    """Options in order, under the names that the grammar gives them, and operands."""

    options: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return any(option == name for option, _ in self.options)

    def last(self, name: str, default: str = "") -> str:
        """Return an option's value; the last one counts."""
        return next((value for option, value in reversed(self.options) if option == name), default)

    def every(self, name: str) -> list[str]:
        """Return all values of an option that may be repeated."""
        return [value for option, value in self.options if option == name]


def split(
    words: Sequence[str], grammar: Mapping[str, str], *, one_dash: bool = False, stop: bool = False
) -> Words:
    """Split words by a grammar that maps options to their names; ``name=`` takes a value.

    ``one_dash`` reads ``-volid`` as one option (genisoimage), not as several letters; ``stop`` ends
    the options at the first operand. Raises :class:`NotSimulated` for an unknown option.
    """
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--" or (stop and operands):
            operands += [word, *rest] if word != "--" else rest
        elif word.startswith("--") or (one_dash and word.startswith("-") and word != "-"):
            options.append(_long(word, rest, grammar))
        elif word.startswith("-") and word != "-":
            options += _short(word, rest, grammar)
        else:
            operands.append(word)
    return Words(tuple(options), tuple(operands))


def _long(word: str, rest: Iterator[str], grammar: Mapping[str, str]) -> tuple[str, str]:
    option, mark, value = word.partition("=")
    name = _known(option, grammar)
    if not name.endswith("="):
        return name, value
    return name[:-1], value if mark else _value(option, rest)


def _short(word: str, rest: Iterator[str], grammar: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    letters = word[1:]
    for at, letter in enumerate(letters, 1):
        name = _known(f"-{letter}", grammar)
        if name.endswith("="):
            yield name[:-1], letters[at:] or _value(f"-{letter}", rest)
            return
        yield name, ""


def _known(option: str, grammar: Mapping[str, str]) -> str:
    if option not in grammar:
        raise NotSimulated(f"option {option}")
    return grammar[option]


def _value(option: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise NotSimulated(f"option {option} without its value")
    return value


def grammar(text: str) -> dict[str, str]:
    """Build a grammar from a text like ``-o --output=output= -q=quiet``: option=name pairs."""
    return dict(pair.split("=", 1) for pair in text.split())
