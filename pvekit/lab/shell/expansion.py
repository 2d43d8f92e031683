"""Words -> text and fields: parameters, substitutions, field splitting and file names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Iterable, Iterator

from pvekit.lab import patterns
from pvekit.lab.shell import arithmetic, braces, substitution
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.splitting import BREAK, Field, Fragment, Splitter
from pvekit.lab.shell.state import BLANKS, Shell
from pvekit.lab.shell.subshells import substitute
from pvekit.lab.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Substitution,
    Word,
)


async def fields(shell: Shell, words: Iterable[Word]) -> list[str]:
    """Return the fields that words expand to."""
    result: list[str] = []
    if shell.language.bash:
        words = [one for word in words for one in braces.expand(word)]
    for word in words:
        if len(word) == 1 and isinstance(word[0], Literal) and _is_plain(word[0]):
            result.append(word[0].text)
            continue
        splitter = Splitter(shell.variables.get("IFS", BLANKS))
        async for fragment in _fragments(shell, word, tilde=True):
            splitter.add(fragment)
        splitter.end()
        for found in splitter.found:
            result.extend(_file_names(shell, found))
    return result


def _is_plain(part: Literal) -> bool:
    return part.quoted or (
        patterns.SPECIAL.isdisjoint(part.text) and "\\" not in part.text and "~" not in part.text
    )


async def text(shell: Shell, word: Word, *, assignment: bool = False) -> str:
    """Return the text that a word expands to where it is not split into fields."""
    if len(word) == 1 and isinstance(word[0], Literal) and _is_plain(word[0]):
        return word[0].text
    fragments = [
        fragment async for fragment in _fragments(shell, word, tilde=True, colons=assignment)
    ]
    return "".join(" " if item is BREAK else item.text for item in fragments)


async def pattern(shell: Shell, word: Word) -> str:
    """Return the pattern that a word expands to: its quoted parts stand for themselves."""
    fragments = [fragment async for fragment in _fragments(shell, word, tilde=True)]
    return "".join(
        patterns.escape(item.text) if item.quoted else " " if item is BREAK else item.text
        for item in fragments
    )


async def regex(shell: Shell, word: Word) -> str:
    """Return the regular expression that a word expands to: quoted parts stand for themselves."""
    fragments = [fragment async for fragment in _fragments(shell, word)]
    return "".join(re.escape(item.text) if item.quoted else item.text for item in fragments)


async def _fragments(
    shell: Shell, word: Word, *, tilde: bool = False, colons: bool = False
) -> AsyncIterator[Fragment]:
    for number, part in enumerate(word):
        if isinstance(part, Literal):
            whole = tilde and number == 0 and not part.quoted
            content = _tilde(shell, part.text, colons=colons) if whole else part.text
            yield Fragment(content, part.quoted)
        elif isinstance(part, Parameter):
            async for fragment in _parameter(shell, part):
                yield fragment
        else:
            yield Fragment(await _computed(shell, part), part.quoted, splits=not part.quoted)


async def _computed(shell: Shell, part: Substitution | Arithmetic) -> str:
    if isinstance(part, Substitution):
        return await substitute(shell, part.script)
    expression = await text(shell, part.expression)
    return str(arithmetic.evaluate(expression, shell.variables, bash=shell.language.bash))


def _tilde(shell: Shell, content: str, *, colons: bool) -> str:
    if "~" not in content:
        return content
    parts = content.split(":") if colons else [content]
    return ":".join(_home(shell, part) if part.startswith("~") else part for part in parts)


def _home(shell: Shell, content: str) -> str:
    user, slash, rest = content[1:].partition("/")
    if not user:
        return shell.variables.get("HOME", "~") + slash + rest
    account = shell.machine.account(user)
    return account[2] + slash + rest if account else content


async def _parameter(shell: Shell, part: Parameter) -> AsyncIterator[Fragment]:
    operator = part.operator
    if operator and operator[-1] in "-+=?" and _takes_word(shell, part):
        async for fragment in _with_word(shell, part):
            yield fragment
        return
    if operator == "length" and part.name in {"@", "*"}:
        yield Fragment(str(len(shell.arguments)), part.quoted, splits=not part.quoted)
        return
    if part.name == "@" or (part.name == "*" and not part.quoted):
        if operator not in {"+", ":+"}:
            for fragment in _arguments(shell, quoted=part.quoted):
                yield fragment
        return
    if part.name.startswith("!") and len(part.name) > 1:
        named = shell.parameter(part.name[1:]) or ""
        part = Parameter(named, part.quoted, operator, part.word)
    yield Fragment(await _value(shell, part), part.quoted, splits=not part.quoted)


def _arguments(shell: Shell, *, quoted: bool) -> Iterator[Fragment]:
    for number, argument in enumerate(shell.arguments):
        if number:
            yield BREAK
        yield Fragment(argument, quoted, splits=not quoted)


def _takes_word(shell: Shell, part: Parameter) -> bool:
    """Tell whether the word of ``- = + ?`` is what counts, and not the parameter's value."""
    value = shell.parameter(part.name)
    present = value is not None and not (part.operator[0] == ":" and value == "")
    return present == (part.operator[-1] == "+")


async def _with_word(shell: Shell, part: Parameter) -> AsyncIterator[Fragment]:
    sign = part.operator[-1]
    if sign == "?":
        default = "parameter not set" if part.operator == "?" else "parameter not set or null"
        status = 127 if shell.language.bash else 2
        given = await text(shell, part.word)
        if shell.language.bash and part.operator == ":?":
            default = "parameter null or not set"
        raise ShellError(f"{part.name}: {given or default}", status)
    if sign == "=":
        value = await text(shell, part.word)
        shell.assign(part.name, value)
        yield Fragment(value, part.quoted, splits=not part.quoted)
        return
    async for fragment in _fragments(shell, part.word, tilde=not part.quoted):
        if part.quoted or fragment is BREAK or fragment.quoted:
            yield fragment
        else:
            yield Fragment(fragment.text, quoted=False, splits=True)
    if part.quoted and not part.word:
        yield Fragment("", quoted=True)


async def _value(shell: Shell, part: Parameter) -> str:
    value = shell.parameter(part.name)
    if value is None:
        if "u" in shell.options and part.operator not in {"+", ":+"}:
            if shell.language.bash:
                dollar = "$" if part.name.isdigit() else ""
                raise ShellError(f"{dollar}{part.name}: unbound variable", 127)
            raise ShellError(f"{part.name}: parameter not set")
        value = ""
    if part.operator == "length":
        return str(len(value.encode(errors="surrogateescape")))
    if part.operator in {"%", "%%", "#", "##"}:
        return _trimmed(value, part.operator, await pattern(shell, part.word))
    if part.operator and part.operator[0] in "/^,:" and part.operator[-1] not in "-+=?":
        return await _of_bash(shell, value, part)
    return "" if part.operator in {"+", ":+"} else value


async def _of_bash(shell: Shell, value: str, part: Parameter) -> str:
    if part.operator[0] in "^,":
        return substitution.cased(value, part.operator)
    if part.operator[0] == "/":
        wanted, replacement = substitution.split(part.word)
        found = await pattern(shell, wanted)
        return substitution.replace(value, part.operator, found, await text(shell, replacement))
    start, colon, length = (await text(shell, part.word)).partition(":")
    numbers = [
        arithmetic.evaluate(item or "0", shell.variables, bash=True) for item in (start, length)
    ]
    return substitution.cut(value, numbers[0], numbers[1] if colon else None)


def _trimmed(value: str, operator: str, wanted: str) -> str:
    matches = patterns.compiled(wanted).fullmatch
    ends = range(len(value) + 1)
    if operator in {"#", "##"}:
        for end in ends if operator == "#" else reversed(ends):
            if matches(value, 0, end):
                return value[end:]
        return value
    for start in reversed(ends) if operator == "%" else ends:
        if matches(value, start):
            return value[:start]
    return value


def _file_names(shell: Shell, found: Field) -> list[str]:
    if not found.active or "f" in shell.options or not patterns.has_pattern(found.pattern):
        return [found.text]
    if found.pattern.startswith("/"):
        return shell.machine.files.glob(found.pattern) or [found.text]
    base = posixpath.normpath(shell.cwd)
    full = posixpath.join(patterns.escape(base), found.pattern)
    start = len(base.rstrip("/")) + 1
    return [path[start:] for path in shell.machine.files.glob(full)] or [found.text]


def absolute(shell: Shell, path: str) -> str:
    """Return a path as seen from the shell's working directory."""
    return posixpath.join(shell.cwd, path) if path else path
