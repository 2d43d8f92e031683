"""The grammar: tokens -> commands. What dash refuses is refused with dash's words."""

from __future__ import annotations

import re
from collections.abc import Callable

from pvekit.lab.process import NotSimulated
from pvekit.lab.shell.lexer import NAME, ShellSyntaxError, Token
from pvekit.lab.shell.redirect_parsing import OPERATORS, Redirections
from pvekit.lab.shell.syntax import (
    AndOr,
    Assignment,
    Background,
    Bracket,
    Calculation,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Operand,
    Pipeline,
    Redirect,
    Redirected,
    Script,
    Simple,
    Subshell,
    Word,
)
from pvekit.lab.shell.tokens import CLOSING, RESERVED

_ASSIGNMENT = re.compile(rf"({NAME.pattern})=")


class Parser(Redirections):
    """Recursive descent with one token of look-ahead; ``)`` is never read past."""

    def line(self) -> list[Command]:
        """Return the commands up to the end of a line."""
        commands: list[Command] = []
        separated = True
        while separated and self.token.kind not in {"newline", "end"}:
            command, separated = self._item()
            commands.append(command)
        if self.token.kind not in {"newline", "end"}:
            raise self._unexpected()
        if self.token.kind == "newline":
            self._advance()
        return commands

    def script(self, *ends: str) -> Script:
        """Return commands up to a closing word or operator; ``ends`` demands at least one."""
        commands: list[Command] = []
        separated = True
        self._newlines()
        while separated and not (self.token.kind == "end" or self._is(")", ";;", *CLOSING)):
            command, separated = self._item()
            commands.append(command)
            self._newlines()
        if ends and (not commands or not self._is(*ends)):
            raise self._unexpected(ends[0] if commands and len(ends) == 1 else "")
        return tuple(commands)

    def _item(self) -> tuple[Command, bool]:
        """Return a command and whether something separates it from a next one."""
        command = self._and_or()
        if self._is("&"):
            self._advance()
            return Background(command), True
        if self._is(";"):
            self._advance()
            return command, True
        return command, self.token.kind == "newline"

    def _and_or(self) -> Command:
        first = self._pipeline()
        rest: list[tuple[str, Command]] = []
        while self._is("&&", "||"):
            operator = self._advance().text
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Command:
        negated = False
        while self._is("!"):
            self._advance()
            negated = not negated
        commands = [self._command()]
        while self._is("|", "|&"):
            if self._advance().text == "|&":
                both = Redirect(2, ">&", (Literal("1", quoted=False),))
                commands[-1] = Redirected(commands[-1], (both,), self._lexer.line)
            self._newlines()
            commands.append(self._command())
        if len(commands) == 1 and not negated:
            return commands[0]
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:
        line = self._lexer.line
        if self._lexer.bash and (command := self._of_bash(line)) is not None:
            redirects = self._redirects()
            return Redirected(command, redirects, line) if redirects else command
        compound = self._COMPOUNDS.get(self.token.text) if self.token.kind != "newline" else None
        if compound is None:
            return self._simple(line)
        self._advance()
        command = compound(self)
        redirects = self._redirects()
        return Redirected(command, redirects, line) if redirects else command

    def _of_bash(self, line: int) -> Command | None:
        """Return a compound command that only bash knows, or None."""
        if self._is("[["):
            return self._bracket(line)
        if self._is("select", "coproc"):
            raise NotSimulated(self.token.text)
        if self._is("function"):
            self._advance()
            name = self._advance()
            if self._is("("):
                return self._function(name)
            self._newlines()
            return Function(name.text, self._command())
        if self._is("(") and self._lexer.text.startswith("(", self._lexer.at):
            expression = self._lexer.calculation()
            if expression is not None:
                self._advance()
                return Calculation(expression, line)
        return None

    def _bracket(self, line: int) -> Command:
        operands: list[Operand] = []
        self._advance()
        while not self._is("]]"):
            if self.token.kind in {"end", "newline"}:
                raise ShellSyntaxError(
                    "unexpected token `newline', conditional binary operator expected"
                )
            token = self.token
            operands.append(Operand(token.text, token.parts))
            if token.kind == "word" and token.text == "=~":
                self.token = self._lexer.regex()
                operands.append(Operand(self.token.text, self.token.parts))
            self._advance()
        self._advance()
        return Bracket(tuple(operands), line)

    def _simple(self, line: int) -> Command:
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        if self.token.kind == "word" and self.token.text in RESERVED - {"in"}:
            raise self._unexpected()
        while self.token.kind in {"word", "number"} or self._is(*OPERATORS):
            if self.token.kind != "word":
                redirects.extend(self._redirect())
            elif not words and (found := _ASSIGNMENT.match(self.token.text)):
                assignments.append(Assignment(found[1], _value(self._advance().parts)))
                if self._lexer.bash and self._is("("):
                    raise NotSimulated("arrays")
            else:
                token = self._advance()
                words.append(token.parts)
                if len(words) == 1 and self._is("(") and not redirects:
                    return self._function(token)
        if not (assignments or words or redirects):
            raise self._unexpected()
        return Simple(line, tuple(assignments), tuple(words), tuple(redirects))

    def _function(self, name: Token) -> Command:
        self._advance()
        self._expect(")")
        if NAME.fullmatch(name.text) is None and not self._lexer.bash:
            raise ShellSyntaxError("Bad function name")
        self._newlines()
        return Function(name.text, self._command())

    def _if(self) -> Command:
        branches: list[tuple[Script, Script]] = []
        while True:
            condition = self.script("then")
            self._expect("then")
            branches.append((condition, self.script("fi", "elif", "else")))
            if not self._is("elif"):
                break
            self._advance()
        otherwise: Script = ()
        if self._is("else"):
            self._advance()
            otherwise = self.script("fi")
        self._expect("fi")
        return If(tuple(branches), otherwise)

    def _body(self) -> Script:
        self._expect("do")
        body = self.script("done")
        self._expect("done")
        return body

    def _while(self) -> Command:
        condition = self.script("do")
        return Loop(condition, self._body(), negated=False)

    def _until(self) -> Command:
        condition = self.script("do")
        return Loop(condition, self._body(), negated=True)

    def _for(self) -> Command:
        if NAME.fullmatch(self.token.text) is None:
            raise ShellSyntaxError("Bad for loop variable")
        name = self._advance().text
        self._newlines()
        words: list[Word] | None = None
        if self._is("in"):
            self._advance()
            words = []
            while self.token.kind == "word":
                words.append(self._advance().parts)
        if self._is(";"):
            self._advance()
        self._newlines()
        return For(name, None if words is None else tuple(words), self._body())

    def _case(self) -> Command:
        if self.token.kind != "word":
            raise self._unexpected()
        word = self._advance().parts
        self._newlines()
        self._expect("in")
        self._newlines()
        branches: list[tuple[tuple[Word, ...], Script]] = []
        while not self._is("esac"):
            branches.append(self._branch())
            self._newlines()
        self._advance()
        return Case(word, tuple(branches))

    def _branch(self) -> tuple[tuple[Word, ...], Script]:
        if self._is("("):
            self._advance()
        patterns: list[Word] = []
        while True:
            if self.token.kind not in {"word", "number"}:
                raise self._unexpected(")" if patterns else "")
            patterns.append(self._advance().parts)
            if not self._is("|"):
                break
            self._advance()
        self._expect(")")
        body = self.script()
        if self._is(";;"):
            self._advance()
        elif not self._is("esac"):
            raise self._unexpected(";;")
        return tuple(patterns), body

    def _group(self) -> Command:
        body = self.script("}")
        self._expect("}")
        return Group(body)

    def _subshell(self) -> Command:
        body = self.script(")")
        self._expect(")")
        return Subshell(body)

    _COMPOUNDS: dict[str, Callable[[Parser], Command]] = {  # noqa: RUF012
        "if": _if,
        "while": _while,
        "until": _until,
        "for": _for,
        "case": _case,
        "{": _group,
        "(": _subshell,
    }


def _value(parts: Word) -> Word:
    """Return the parts of ``name=value`` after the equals sign."""
    first, *rest = parts
    assert isinstance(first, Literal)  # noqa: S101
    text = first.text.partition("=")[2]
    return (Literal(text, first.quoted), *rest) if text else tuple(rest)
