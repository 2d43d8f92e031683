"""A script's text -> its commands, or the mistake in it."""

from __future__ import annotations

from functools import lru_cache

from pvekit.lab.shell.grammar import Parser
from pvekit.lab.shell.lexer import Lexer, ShellSyntaxError
from pvekit.lab.shell.syntax import Command, Invalid, Script


@lru_cache(maxsize=512)
def parse(text: str, *, bash: bool = False) -> Script:
    """Return a script's commands; after a syntax error comes :class:`Invalid` as the last one."""
    lexer = Lexer(text, _parse_substitution, bash)
    commands: list[Command] = []
    try:
        parser = Parser(lexer)
        while parser.token.kind != "end":
            commands.extend(parser.line())
    except ShellSyntaxError as error:
        commands.append(_invalid(str(error), lexer))
    return tuple(commands)


def _invalid(message: str, lexer: Lexer) -> Invalid:
    """Return a mistake; bash shows the line where it is, unless the text just ended."""
    if not lexer.bash:
        return Invalid(f"Syntax error: {message}", lexer.line)
    lines = lexer.text.split("\n")
    if message.endswith("unexpected end of file"):
        return Invalid(f"Syntax error: {message}", len(lines) + (lines[-1] != ""))
    if message.startswith("syntax error near"):
        message += f"\n`{lines[min(lexer.line, len(lines)) - 1]}'"
    return Invalid(f"Syntax error: {message}", lexer.line)


def _parse_substitution(lexer: Lexer) -> Script:
    parser = Parser(lexer)
    script = parser.script()
    parser.require(")")
    return script
