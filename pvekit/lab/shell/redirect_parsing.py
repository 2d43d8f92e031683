"""Redirections as they are written: ``2>file``, ``&>file``, ``<<END``."""

from __future__ import annotations

from pvekit.lab.shell.syntax import Literal, Redirect
from pvekit.lab.shell.tokens import Tokens

OPERATORS = frozenset(("<", ">", ">|", ">>", "<<", "<<-", "<&", ">&", "<>", "<<<", "&>", "&>>"))


class Redirections(Tokens):
    """Reads redirections."""

    def _redirects(self) -> tuple[Redirect, ...]:
        redirects: list[Redirect] = []
        while self.token.kind == "number" or self._is(*OPERATORS):
            redirects.extend(self._redirect())
        return tuple(redirects)

    def _redirect(self) -> list[Redirect]:
        number = int(self._advance().text) if self.token.kind == "number" else None
        operator = self._advance().text
        if self.token.kind != "word":
            raise self._unexpected()
        if operator in {"&>", "&>>"} or (self._lexer.bash and operator == ">&" and number is None):
            return self._both(operator)
        if number is None:
            number = 0 if operator.startswith("<") else 1
        if operator in {"<<", "<<-"}:
            # Announced before the line end is read as a token: its text begins there.
            body = self._lexer.expect_document(self.token, strip=operator == "<<-")
            self._advance()
            return [Redirect(number, "<<", body)]
        return [Redirect(number, operator, self._advance().parts)]

    def _both(self, operator: str) -> list[Redirect]:
        """Return the redirections of ``&>file``; ``>&2`` is an ordinary one."""
        token = self._advance()
        if operator == ">&" and (token.text.isdigit() or token.text == "-" or "$" in token.text):
            return [Redirect(1, ">&", token.parts)]
        first = Redirect(1, ">>" if operator == "&>>" else ">", token.parts)
        return [first, Redirect(2, ">&", (Literal("1", quoted=False),))]
