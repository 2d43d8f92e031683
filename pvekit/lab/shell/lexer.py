"""Shell text -> tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal as Choice

from pvekit.lab.shell import ansi, substitution
from pvekit.lab.shell.syntax import Arithmetic, Literal, Parameter, Part, Script, Substitution

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL_PARAMETERS = "@*#?-$!"
_OPERATORS = re.compile(r"&&|\|\||;;|<<-|<<|>>|<&|>&|<>|>\||[|&;<>()]")
_BASH_OPERATORS = re.compile(r"&&|\|\||\|&|;;&|;&|;;|<<<|<<-|<<|&>>|&>|>>|<&|>&|<>|>\||[|&;<>()]")
_REGEX = re.compile(r"(?:[^\s\\\"'$]|\\.)+")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_NUMBER = re.compile(r"\d+(?=[<>])")
_DELIMITERS = frozenset(" \t\n|&;<>()")
_PLAIN = re.compile(r"[^ \t\n|&;<>()\"'$`\\]+")
_PLAIN_QUOTED = re.compile(r"[^\"$`\\}\n()']+")
_SIGNS = re.compile(r":?[-=+?]|%%?|##?|")
_BACKQUOTED = re.compile(r"((?:[^`\\]|\\.)*)`", re.DOTALL)

# What ends the text being read: a word's delimiter, or one of these.
End = Choice["word", '"', "}", "text", "))"]


class ShellSyntaxError(Exception):
    """The text is not a shell script; the message is dash's."""


@dataclass(frozen=True)
class Token:
    """A word (with its parts), an operator, an I/O number, a line end or the end."""

    kind: Choice["word", "operator", "number", "newline", "end"]
    text: str = ""
    parts: tuple[Part, ...] = ()


@dataclass
class Lexer:
    """Reads tokens from ``text``; ``parse`` reads the commands of a ``$(...)`` up to ``)``.

    ``bash`` is whether the text is bash's and not only dash's.
    """

    text: str
    parse: Callable[[Lexer], Script]
    bash: bool = False
    at: int = 0
    line: int = 1
    _documents: list[tuple[str, bool, bool, list[Part]]] = field(default_factory=list)

    def next(self) -> Token:
        """Return the next token."""
        blanks = _BLANKS.match(self.text, self.at)
        if blanks is not None:
            self._take(blanks[0])
        if self.at >= len(self.text):
            self._read_documents()
            return Token("end")
        if self.text[self.at] == "\n":
            self._take("\n")
            self._read_documents()
            return Token("newline", "\n")
        if number := _NUMBER.match(self.text, self.at):
            return Token("number", self._take(number[0]))
        operators = _BASH_OPERATORS if self.bash else _OPERATORS
        if operator := operators.match(self.text, self.at):
            return Token("operator", self._take(operator[0]))
        start = self.at
        parts = tuple(self._parts("word", quoted=False))
        return Token("word", self.text[start : self.at], parts)

    def regex(self) -> Token:
        """Return the word after ``=~``: brackets and bars belong to it."""
        blanks = _BLANKS.match(self.text, self.at)
        self._take(blanks[0] if blanks else "")
        start = self.at
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in " \t\n":
            if run := _REGEX.match(self.text, self.at):
                parts.append(Literal(self._take(run[0]), quoted=False))
            else:
                parts.extend(self._special(self._take(self.text[self.at]), "word", quoted=False))
        return Token("word", self.text[start : self.at], tuple(parts))

    def calculation(self) -> tuple[Part, ...] | None:
        """Read ``((expression))`` after its first bracket; None if it is two subshells."""
        start = self.at, self.line
        try:
            self._take("(")
            return tuple(self._parts("))", quoted=True))
        except ShellSyntaxError:
            self.at, self.line = start
            return None

    def expect_document(self, delimiter: Token, *, strip: bool) -> list[Part]:
        """Announce a here-document; the list returned is filled at the end of the line."""
        quoted = any(mark in delimiter.text for mark in "\\'\"")
        text = "".join(part.text for part in delimiter.parts if isinstance(part, Literal))
        body: list[Part] = []
        self._documents.append((text, quoted, strip, body))
        return body

    def _take(self, text: str) -> str:
        self.at += len(text)
        self.line += text.count("\n")
        return text

    def _read_documents(self) -> None:
        documents, self._documents = self._documents, []
        for delimiter, quoted, strip, body in documents:
            text = self._document(delimiter, strip=strip)
            if quoted:
                body.append(Literal(text, quoted=True))
            else:
                inner = Lexer(text, self.parse, self.bash, line=self.line)
                body.extend(inner._parts("text", quoted=True))

    def _document(self, delimiter: str, *, strip: bool) -> str:
        lines: list[str] = []
        while self.at < len(self.text):
            end = self.text.find("\n", self.at) + 1 or len(self.text)
            line = self._take(self.text[self.at : end])
            if strip:
                line = line.lstrip("\t")
            if line.rstrip("\n") == delimiter:
                break
            lines.append(line)
        return "".join(lines)

    def _parts(self, end: End, *, quoted: bool) -> list[Part]:
        """Read parts up to ``end``, which is consumed unless it delimits a word."""
        parts: list[Part] = []
        plain = _PLAIN_QUOTED if quoted else _PLAIN
        depth = 0
        while not self._at_end(end, depth):
            if (run := plain.match(self.text, self.at)) and (end != "}" or "}" not in run[0]):
                parts.append(Literal(self._take(run[0]), quoted))
                continue
            char = self._take(self.text[self.at])
            depth += {"(": 1, ")": -1}.get(char, 0)
            parts.extend(self._special(char, end, quoted=quoted))
        if end not in {"word", "text"}:
            self._take(end)
        return _joined(parts)

    def _at_end(self, end: End, depth: int) -> bool:
        if self.at >= len(self.text):
            if end in {"word", "text"}:
                return True
            raise self._unterminated(end)
        if end == "word":
            return self.text[self.at] in _DELIMITERS
        if end == "text" or (end == "))" and depth > 0):
            return False
        return self.text.startswith(end, self.at)

    def _unterminated(self, end: str) -> ShellSyntaxError:
        if self.bash:
            mark = ")" if end == "))" else end
            return ShellSyntaxError(f"unexpected EOF while looking for matching `{mark}'")
        texts = {"}": "Missing '}'", "))": "Missing '))'"}
        return ShellSyntaxError(texts.get(end, "Unterminated quoted string"))

    def _special(self, char: str, end: End, *, quoted: bool) -> list[Part]:
        """Read what a special character, already taken, begins."""
        if char == "$":
            return [self._dollar(quoted=quoted)]
        if char == "`":
            return [self._backquoted(quoted=quoted)]
        if char == "\\":
            return self._escaped(end, quoted=quoted)
        if char == "'" and not quoted:
            return [self._single_quoted()]
        if char == '"' and end in {"word", "}"}:
            inner = self._parts('"', quoted=True)
            return inner or [Literal("", quoted=True)]
        return [Literal(char, quoted)]

    def _single_quoted(self) -> Part:
        end = self.text.find("'", self.at)
        if end < 0:
            raise self._unterminated("'")
        text = self._take(self.text[self.at : end])
        self._take("'")
        return Literal(text, quoted=True)

    def _escaped(self, end: End, *, quoted: bool) -> list[Part]:
        if self.at >= len(self.text):
            return [Literal("\\", quoted=True)]
        char = self._take(self.text[self.at])
        if char == "\n":
            return []
        plain = {"text": "$`\\", '"': '$`\\"', "}": '$`\\"}', "))": '$`\\"'}.get(end, "")
        if quoted and char not in plain:
            return [Literal(f"\\{char}", quoted=True)]
        return [Literal(char, quoted=True)]

    def _dollar(self, *, quoted: bool) -> Part:
        text, at = self.text, self.at
        if text.startswith("((", at):
            arithmetic = self._arithmetic(quoted=quoted)
            if arithmetic is not None:
                return arithmetic
        if text.startswith("(", at):
            self._take("(")
            return Substitution(self.parse(self), quoted)
        if text.startswith("{", at):
            self._take("{")
            return self._braced(quoted=quoted)
        return self._plain_dollar(quoted=quoted)

    def _plain_dollar(self, *, quoted: bool) -> Part:
        """Read a name or a special parameter after ``$``, or bash's quotes."""
        text, at = self.text, self.at
        if self.bash and not quoted and text.startswith("'", at):
            return self._ansi_quoted()
        if self.bash and not quoted and text.startswith('"', at):
            return Literal("", quoted=True)
        if name := NAME.match(text, at):
            return Parameter(self._take(name[0]), quoted)
        if at < len(text) and (text[at].isdigit() or text[at] in _SPECIAL_PARAMETERS):
            return Parameter(self._take(text[at]), quoted)
        return Literal("$", quoted)

    def _ansi_quoted(self) -> Part:
        self._take("'")
        size = ansi.length(self.text, self.at)
        if not size:
            raise self._unterminated("'")
        return Literal(
            ansi.unescape(self._take(self.text[self.at : self.at + size])[:-1]), quoted=True
        )

    def _arithmetic(self, *, quoted: bool) -> Part | None:
        """Read ``((expression))``; None if it turns out to be a subshell in ``$( ... )``."""
        start = self.at, self.line
        self._take("((")
        try:
            return Arithmetic(tuple(self._parts("))", quoted=True)), quoted)
        except ShellSyntaxError:
            self.at, self.line = start
            return None

    def _backquoted(self, *, quoted: bool) -> Part:
        match = _BACKQUOTED.match(self.text, self.at)
        if match is None:
            raise ShellSyntaxError("EOF in backquote substitution")
        self._take(match[0])
        text = re.sub(r'\\([$`\\"])' if quoted else r"\\([$`\\])", r"\1", match[1])
        return Substitution(
            self.parse(Lexer(f"{text}\n)", self.parse, self.bash, line=self.line)), quoted
        )

    def _braced(self, *, quoted: bool) -> Part:
        """Read a parameter expansion after ``${``."""
        if self.text.startswith("#", self.at) and not self.text.startswith("#}", self.at):
            name = self._parameter_name(self.at + 1)
            if name and self.text.startswith(f"#{name}}}", self.at):
                self._take(f"#{name}}}")
                return Parameter(name, quoted, "length")
        indirect = self.bash and bool(re.compile(r"![A-Za-z_]").match(self.text, self.at))
        if indirect:
            self._take("!")
        name = self._take(self._parameter_name(self.at))
        operator = (substitution.OPERATORS if self.bash else _SIGNS).match(self.text, self.at)
        sign = self._take(operator[0]) if operator else ""
        if self.at >= len(self.text):
            raise self._unterminated("}")
        if not name or (not sign and not self.text.startswith("}", self.at)):
            raise ShellSyntaxError("Bad substitution")
        # Quotes keep their meaning in the patterns of % and #, even between double quotes.
        inner = self._parts("}", quoted=quoted and sign[0] not in "%#/" if sign else quoted)
        return Parameter(f"!{name}" if indirect else name, quoted, sign, tuple(inner))

    def _parameter_name(self, at: int) -> str:
        found = re.compile(rf"{NAME.pattern}|\d+|[{re.escape(_SPECIAL_PARAMETERS)}]").match(
            self.text, at
        )
        return found[0] if found else ""


def _joined(parts: list[Part]) -> list[Part]:
    """Join neighbouring literals that are quoted alike."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Literal) and isinstance(last, Literal) and part.quoted == last.quoted:
            joined[-1] = Literal(last.text + part.text, part.quoted)
        else:
            joined.append(part)
    return joined
