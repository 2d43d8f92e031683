"""The syntax tree of a shell script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """Text as it stands; ``quoted`` text is never a pattern and never vanishes."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Parameter:
    """``$name`` or ``${name OPERATOR word}``; the operator ``length`` is ``${#name}``."""

    name: str
    quoted: bool
    operator: str = ""
    word: Word = ()


@dataclass(frozen=True)
class Substitution:
    """``$(script)``."""

    script: Script
    quoted: bool


@dataclass(frozen=True)
class Arithmetic:
    """``$((expression))``."""

    expression: Word
    quoted: bool


Part = Literal | Parameter | Substitution | Arithmetic
Word = Sequence[Part]


@dataclass(frozen=True)
class Redirect:
    """``number OPERATOR target``; the target of ``<<`` is the here-document's text."""

    number: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Assignment:
    """``name=value``."""

    name: str
    value: Word


@dataclass(frozen=True)
class Simple:
    """A simple command."""

    line: int
    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by ``|``, perhaps after ``!``."""

    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """Pipelines joined by ``&&`` and ``||``: each of the rest with the operator before it."""

    first: Command
    rest: tuple[tuple[str, Command], ...]


@dataclass(frozen=True)
class Background:
    """A command followed by ``&``."""

    command: Command


@dataclass(frozen=True)
class If:
    """``if``: (condition, body) pairs in order, and the ``else`` part."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script


@dataclass(frozen=True)
class Loop:
    """``while``, or ``until`` when it is negated."""

    condition: Script
    body: Script
    negated: bool


@dataclass(frozen=True)
class For:
    """``for``; without ``in`` (words None) over the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Script


@dataclass(frozen=True)
class Case:
    """``case``: (patterns, body) pairs in order."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Script], ...]


@dataclass(frozen=True)
class Group:
    """``{ ...; }``."""

    body: Script


@dataclass(frozen=True)
class Subshell:
    """``( ... )``."""

    body: Script


@dataclass(frozen=True)
class Operand:
    """An operator (by its text) or a word between bash's ``[[`` and ``]]``."""

    text: str
    word: Word = ()


@dataclass(frozen=True)
class Bracket:
    """Bash's ``[[ ... ]]``."""

    operands: tuple[Operand, ...]
    line: int


@dataclass(frozen=True)
class Calculation:
    """Bash's ``((expression))`` as a command."""

    expression: Word
    line: int


@dataclass(frozen=True)
class Redirected:
    """A compound command with redirections."""

    command: Command
    redirects: tuple[Redirect, ...]
    line: int


@dataclass(frozen=True)
class Function:
    """A function definition."""

    name: str
    body: Command


@dataclass(frozen=True)
class Invalid:
    """The place where the script stops to be one; what stands before it still runs."""

    message: str
    line: int


Command = (
    Simple
    | Pipeline
    | AndOr
    | Background
    | If
    | Loop
    | For
    | Case
    | Group
    | Subshell
    | Redirected
    | Function
    | Bracket
    | Calculation
    | Invalid
)
Script = tuple[Command, ...]
