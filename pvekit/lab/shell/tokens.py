"""The tokens of a script one after the other, and how one that nobody expects is refused."""

from __future__ import annotations

from pvekit.lab.shell.lexer import Lexer, ShellSyntaxError, Token

CLOSING = frozenset(("}", "do", "done", "elif", "else", "esac", "fi", "then"))
RESERVED = CLOSING | {"!", "{", "case", "for", "if", "in", "until", "while"}


class Tokens:
    """Reads with one token of look-ahead."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self.token = lexer.next()

    def _advance(self) -> Token:
        token, self.token = self.token, self._lexer.next()
        return token

    def _is(self, *texts: str) -> bool:
        return self.token.kind in {"operator", "word"} and self.token.text in texts

    def _unexpected(self, expected: str = "") -> ShellSyntaxError:
        if self._lexer.bash:
            return self._unexpected_in_bash(expected)
        wanted = f' (expecting "{expected}")' if expected else ""
        if self.token.kind == "word" and self.token.text not in RESERVED:
            return ShellSyntaxError(f"word unexpected{wanted}")
        shown = {"end": "end of file", "newline": "newline"}.get(
            self.token.kind, f'"{self.token.text}"'
        )
        return ShellSyntaxError(f"{shown} unexpected{wanted}")

    def _unexpected_in_bash(self, expected: str) -> ShellSyntaxError:
        if self.token.kind == "end" and expected == ")":
            return ShellSyntaxError("unexpected EOF while looking for matching `)'")
        if self.token.kind == "end":
            return ShellSyntaxError("syntax error: unexpected end of file")
        shown = "newline" if self.token.kind == "newline" else self.token.text
        return ShellSyntaxError(f"syntax error near unexpected token `{shown}'")

    def require(self, text: str) -> None:
        """Refuse any other present token, without reading past it."""
        if not self._is(text):
            raise self._unexpected(text)

    def _expect(self, text: str) -> None:
        self.require(text)
        self._advance()

    def _newlines(self) -> None:
        while self.token.kind == "newline":
            self._advance()
