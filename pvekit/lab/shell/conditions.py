"""``test`` and ``[``."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from pvekit.lab.machine import Machine

_NUMERIC: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_FILE_PAIRS = frozenset(("-nt", "-ot", "-ef"))
BINARY = frozenset((*_NUMERIC, *_TEXTUAL, *_FILE_PAIRS))
"""The operators between two operands."""
UNARY = frozenset(("-z", "-n", *(f"-{kind}" for kind in "bcdefghLprSstuwxkOG")))
"""The operators before one."""


class ConditionError(Exception):
    """The words are no condition; ``test`` then ends with 2 and this message."""


class Condition:
    """Evaluates the words of a condition on a machine, as seen from a working directory."""

    def __init__(self, machine: Machine, cwd: str, user: str, words: Sequence[str]) -> None:
        self._machine = machine
        self._cwd = cwd
        self._user = user
        self._words = list(words)

    def holds(self) -> bool:
        """Tell whether the condition holds; raises :class:`ConditionError`."""
        words = self._words
        if not words:
            return False
        # POSIX decides by the number of words, so that odd operands are safe.
        if len(words) == 1:
            return words[0] != ""
        if len(words) == 2 and words[0] == "!":
            return words[1] == ""
        if len(words) == 3 and words[1] in BINARY:
            return self._compare(*words)
        if len(words) == 4 and words[0] == "!" and words[2] in BINARY:
            return not self._compare(*words[1:])
        self._words = list(reversed(words))
        value = self._or()
        if self._words:
            raise ConditionError(f"{self._words[-1]}: unexpected operator")
        return value

    def _next(self) -> str:
        if not self._words:
            raise ConditionError("argument expected")
        return self._words.pop()

    def _follows(self, word: str) -> bool:
        return bool(self._words) and self._words[-1] == word

    def _or(self) -> bool:
        value = self._and()
        while self._follows("-o"):
            self._next()
            other = self._and()
            value = value or other
        return value

    def _and(self) -> bool:
        value = self._not()
        while self._follows("-a"):
            self._next()
            other = self._not()
            value = value and other
        return value

    def _not(self) -> bool:
        if self._follows("!") and len(self._words) > 1:
            self._next()
            return not self._not()
        return self._primary()

    def _primary(self) -> bool:
        word = self._next()
        if self._words and self._words[-1] in BINARY and len(self._words) > 1:
            return self._compare(word, self._next(), self._next())
        if word == "(":
            value = self._or()
            if not self._words or self._next() != ")":
                raise ConditionError("closing paren expected")
            return value
        if word in UNARY and self._words:
            return self._unary(word, self._next())
        return word != ""

    def _compare(self, left: str, operator: str, right: str) -> bool:
        if operator in _NUMERIC:
            return _NUMERIC[operator](_integer(left), _integer(right))
        if operator in _TEXTUAL:
            return _TEXTUAL[operator](left, right)
        return self._compare_files(left, operator, right)

    def _compare_files(self, left: str, operator: str, right: str) -> bool:
        files = self._machine.files
        first, second = self._path(left), self._path(right)
        if operator == "-ef":
            return files.exists(first) and files.resolve(first) == files.resolve(second)
        if operator == "-ot":
            first, second = second, first
        if not files.exists(first):
            return False
        return not files.exists(second) or files.stat(first).mtime > files.stat(second).mtime

    def _path(self, path: str) -> str:
        return posixpath.join(self._cwd, path) if path else ""

    def _unary(self, operator: str, operand: str) -> bool:
        if operator == "-z":
            return operand == ""
        if operator == "-n":
            return operand != ""
        if operator == "-t":
            return False
        return self._about_file(operator, self._path(operand))

    def _about_file(self, operator: str, path: str) -> bool:
        files = self._machine.files
        if operator in {"-h", "-L"}:
            return _kind(self._machine, path, follow=False) == "link"
        kind = _kind(self._machine, path)
        if not kind and operator in {"-e", "-f", "-x", "-r", "-s"}:
            return self._machine.locate(path) is not None
        if not kind or operator in {"-b", "-p", "-S", "-g", "-u", "-k"}:
            return False
        wanted = {"-d": "directory", "-f": "file", "-c": "device"}.get(operator)
        if wanted is not None:
            return kind == wanted
        if operator == "-s":
            return files.stat(path).size > 0
        return self._permitted(operator, path)

    def _permitted(self, operator: str, path: str) -> bool:
        stat = self._machine.files.stat(path)
        if operator in {"-O", "-G"}:
            return stat.owner == self._user
        bit = {"-r": 4, "-w": 2, "-x": 1}.get(operator, 0)
        if self._user == "root":
            return operator != "-x" or stat.kind == "directory" or bool(stat.mode & 0o111)
        return not bit or bool(stat.mode & (bit << 6 if stat.owner == self._user else bit))


def _kind(machine: Machine, path: str, *, follow: bool = True) -> str:
    try:
        return machine.files.stat(path, follow=follow).kind
    except OSError:
        return ""


def _integer(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise ConditionError(f"Illegal number: {text}") from None
