"""``$((...))``: C's integer expressions over shell variables, 64 bits wide."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping

from pvekit.lab.shell.control import ShellError

_TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|<<=|>>=|&&|\|\||<<|>>|[<>=!]=|[-+*/%&|^]=|[-+*/%&|^<>!~?:=()])"
)
_BASH_TOKEN = re.compile(rf"\s*(\+\+|--|\*\*|\d+#\w+|{_TOKEN.pattern[4:-1]})")
_ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "%": lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1),
}


def evaluate(text: str, variables: MutableMapping[str, str], *, bash: bool = False) -> int:
    """Return an expression's value; assignments change ``variables``."""
    if not text.strip():
        return 0
    expression = _Expression(text, variables, _BASH_TOKEN if bash else _TOKEN)
    value = expression.ternary(live=True)
    while bash and expression.ahead == ",":
        expression.next()
        value = expression.ternary(live=True)
    if expression.ahead:
        raise expression.error("expecting EOF")
    return value


class _Expression:
    """One expression; with ``live`` False a branch is parsed but has no effect."""

    def __init__(
        self, text: str, variables: MutableMapping[str, str], token: re.Pattern[str]
    ) -> None:
        self._token = token
        self._text = text
        self._variables = variables
        self._at = 0
        self.ahead = ""
        self.next()

    def error(self, message: str) -> ShellError:
        return ShellError(f'arithmetic expression: {message}: "{self._text}"')

    def next(self) -> str:
        """Return the present token and read the next one."""
        word = self.ahead
        match = self._token.match(self._text, self._at)
        if match is None and self._text[self._at :].strip():
            raise self.error("expecting primary" if not word else "expecting EOF")
        self.ahead = match[1] if match else ""
        self._at = match.end() if match else len(self._text)
        return word

    def ternary(self, *, live: bool) -> int:
        value = self._binary(0, live=live)
        if self.ahead != "?":
            return value
        self.next()
        first = self.ternary(live=live and bool(value))
        if self.next() != ":":
            raise self.error("expecting ':'")
        second = self.ternary(live=live and not value)
        return first if value else second

    def _binary(self, level: int, *, live: bool) -> int:
        if level == len(_LEVELS):
            return self._power(live=live)
        value = self._binary(level + 1, live=live)
        while self.ahead in _LEVELS[level]:
            operator = self.next()
            if operator in {"&&", "||"}:
                needed = bool(value) == (operator == "&&")
                other = self._binary(level + 1, live=live and needed)
                value = int(bool(other)) if needed else int(bool(value))
            else:
                other = self._binary(level + 1, live=live)
                value = self._apply(operator, value, other) if live else 0
        return value

    def _apply(self, operator: str, left: int, right: int) -> int:
        if operator in {"/", "%"} and right == 0:
            raise self.error("division by zero")
        return _wrapped(_OPERATIONS[operator](left, right))

    def _power(self, *, live: bool) -> int:
        value = self._unary(live=live)
        if self.ahead != "**":
            return value
        self.next()
        exponent = self._power(live=live)
        if exponent < 0:
            raise self.error("exponent less than 0")
        return _wrapped(value**exponent) if live else 0

    def _step(self, name: str, by: int, *, live: bool) -> int:
        value = _wrapped(self._value_of(name) + by)
        if live:
            self._variables[name] = str(value)
        return value

    def _unary(self, *, live: bool) -> int:
        word = self.next()
        if word in {"++", "--"}:
            return self._step(self.next(), 1 if word == "++" else -1, live=live)
        if word == "(":
            value = self.ternary(live=live)
            if self.next() != ")":
                raise self.error("expecting ')'")
            return value
        if word in {"-", "+", "!", "~"}:
            value = self._unary(live=live)
            return {"-": _wrapped(-value), "+": value, "!": int(not value), "~": ~value}[word]
        if word[:1].isdigit():
            return self._number(word)
        if not word or not (word[0].isalpha() or word[0] == "_"):
            raise self.error("expecting primary")
        return self._variable(word, live=live)

    def _variable(self, name: str, *, live: bool) -> int:
        if self.ahead in {"++", "--"}:
            by = 1 if self.next() == "++" else -1
            return self._step(name, by, live=live) - by
        if self.ahead not in _ASSIGNMENTS:
            return self._value_of(name) if live else 0
        operator = self.next()
        value = self.ternary(live=live)
        if live:
            if operator != "=":
                value = self._apply(operator[:-1], self._value_of(name), value)
            self._variables[name] = str(value)
        return value

    def _value_of(self, name: str) -> int:
        text = self._variables.get(name, "").strip()
        if not text:
            return 0
        sign = -1 if text.startswith("-") else 1
        digits = text.lstrip("+-")
        if re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", digits) is None:
            raise ShellError(f"Illegal number: {text}")
        return sign * self._number(digits)

    def _number(self, text: str) -> int:
        base, mark, digits = text.partition("#")
        if mark:
            return _wrapped(int(digits, int(base)))
        if text.lower().startswith("0x"):
            return _wrapped(int(text, 16))
        try:
            return _wrapped(int(text, 8 if text.startswith("0") else 10))
        except ValueError:
            raise self.error("expecting EOF") from None


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
