"""Bash's ``[[ ... ]]``: conditions whose words are neither split nor expanded to file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvekit.lab import patterns
from pvekit.lab.shell import arithmetic, expansion
from pvekit.lab.shell.conditions import BINARY, UNARY, Condition, ConditionError
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.state import Shell
from pvekit.lab.shell.syntax import Bracket, Operand

_PATTERNS = frozenset(("=", "==", "!="))
_NUMERIC = frozenset(("-eq", "-ne", "-lt", "-le", "-gt", "-ge"))


async def bracket(shell: Shell, command: Bracket) -> int:
    """Return 0 where the condition holds, 1 where it does not, 2 where it is none."""
    shell.line = command.line
    try:
        return shell.check(0 if await _Evaluation(shell, command.operands).holds() else 1)
    except ConditionError as error:
        await shell.complain(f"[[: {error}")
        return 2


class _Evaluation:
    """Recursive descent; an operand that does not count any more is skipped, not expanded."""

    def __init__(self, shell: Shell, operands: Sequence[Operand]) -> None:
        self._shell = shell
        self._left = list(reversed(operands))

    async def holds(self) -> bool:
        value = await self._or(counts=True)
        if self._left:
            raise ConditionError(f"syntax error near `{self._left[-1].text}'")
        return value

    def _is(self, text: str) -> bool:
        return bool(self._left) and self._left[-1].text == text

    async def _or(self, *, counts: bool) -> bool:
        value = await self._and(counts=counts)
        while self._is("||"):
            self._left.pop()
            other = await self._and(counts=counts and not value)
            value = value or other
        return value

    async def _and(self, *, counts: bool) -> bool:
        value = await self._not(counts=counts)
        while self._is("&&"):
            self._left.pop()
            other = await self._not(counts=counts and value)
            value = value and other
        return value

    async def _not(self, *, counts: bool) -> bool:
        if self._is("!"):
            self._left.pop()
            return not await self._not(counts=counts)
        if self._is("("):
            self._left.pop()
            value = await self._or(counts=counts)
            if not self._is(")"):
                raise ConditionError("expected `)'")
            self._left.pop()
            return value
        return await self._primary(counts=counts)

    async def _primary(self, *, counts: bool) -> bool:
        if not self._left:
            raise ConditionError("syntax error near `]]'")
        first = self._left.pop()
        operator = self._left[-1].text if self._left else ""
        if operator in BINARY or operator in {"==", "=~"}:
            self._left.pop()
            if not self._left:
                raise ConditionError("unexpected argument to conditional binary operator")
            right = self._left.pop()
            return await self._compare(first, operator, right) if counts else False
        if first.text in UNARY | {"-v"} and self._left and operator not in {"&&", "||", ")"}:
            operand = self._left.pop()
            return await self._unary(first.text, operand) if counts else False
        return counts and await self._text(first) != ""

    async def _text(self, operand: Operand) -> str:
        return await expansion.text(self._shell, operand.word)

    async def _unary(self, operator: str, operand: Operand) -> bool:
        text = await self._text(operand)
        if operator == "-v":
            return self._shell.parameter(text) is not None
        return self._condition(operator, text)

    async def _compare(self, left: Operand, operator: str, right: Operand) -> bool:
        text = await self._text(left)
        if operator in _PATTERNS:
            pattern = await expansion.pattern(self._shell, right.word)
            return bool(patterns.compiled(pattern).fullmatch(text)) == (operator != "!=")
        if operator == "=~":
            return await self._matches(text, right)
        other = await self._text(right)
        if operator in _NUMERIC:
            numbers = (
                str(arithmetic.evaluate(t, self._shell.variables, bash=True)) for t in (text, other)
            )
            first, second = numbers
            return self._condition(first, operator, second)
        return self._condition(text, operator, other)

    async def _matches(self, text: str, right: Operand) -> bool:
        pattern = await expansion.regex(self._shell, right.word)
        try:
            return re.search(pattern, text) is not None
        except re.error as error:
            raise ShellError(f"[[: invalid regular expression `{pattern}'", 2) from error

    def _condition(self, *words: str) -> bool:
        shell = self._shell
        return Condition(shell.machine, shell.cwd, shell.process.user, words).holds()
