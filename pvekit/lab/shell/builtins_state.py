"""Builtins about variables, input and the working directory."""

from __future__ import annotations

import posixpath

from pvekit.lab.shell.builtins_flow import quoted
from pvekit.lab.shell.control import ShellError
from pvekit.lab.shell.lexer import NAME
from pvekit.lab.shell.state import BLANKS, Builtin, Shell


async def change_directory(shell: Shell, words: list[str]) -> int:
    """``cd``."""
    rest = [word for word in words[1:] if word not in {"--", "-L", "-P"}]
    if len(rest) > 1 and shell.language.bash:
        await shell.complain("cd: too many arguments")
        return 1
    target = rest[0] if rest else shell.variables.get("HOME", "")
    if target == "-":
        target = shell.variables.get("OLDPWD", "")
        await shell.write(f"{target}\n")
    if not target:
        return 0
    path = posixpath.normpath(posixpath.join(shell.cwd, target))
    if not shell.machine.files.is_dir(path):
        file = shell.language.bash and shell.machine.files.exists(path)
        why = f"cd: {target}: Not a directory" if file else f"cd: can't cd to {target}"
        await shell.complain(why)
        return 1 if shell.language.bash else 2
    shell.variables["OLDPWD"], shell.cwd = shell.cwd, path
    shell.variables["PWD"] = path
    return 0


async def print_directory(shell: Shell, words: list[str]) -> int:
    """``pwd``."""
    path = shell.machine.files.resolve(shell.cwd) if "-P" in words else shell.cwd
    await shell.write(f"{path}\n")
    return 0


def _check_name(command: str, name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ShellError(f"{command}: {name}: bad variable name")


async def export(shell: Shell, words: list[str]) -> int:
    """``export`` and ``readonly``."""
    command = words[0]
    marked = shell.variables.exported if command == "export" else shell.variables.readonly
    rest = [word for word in words[1:] if word != "--"]
    if not rest or rest == ["-p"]:
        for name in sorted(marked & set(shell.variables)):
            await shell.write(f"{command} {name}={quoted(shell.variables[name])}\n")
        return 0
    for word in rest:
        name, sign, value = word.partition("=")
        _check_name(command, name)
        if sign:
            shell.assign(name, value)
        marked.add(name)
    return 0


async def unset(shell: Shell, words: list[str]) -> int:
    """``unset``."""
    functions = words[1:2] == ["-f"]
    for name in words[1:]:
        if name in {"-f", "-v"}:
            continue
        _check_name("unset", name)
        if functions:
            shell.functions.pop(name, None)
        else:
            shell.variables.pop(name, None)
    return 0


async def local(shell: Shell, words: list[str]) -> int:
    """``local``."""
    for word in words[1:]:
        name, sign, value = word.partition("=")
        _check_name("local", name)
        shell.variables.make_local(name)
        if sign:
            shell.variables[name] = value
    return 0


async def read(shell: Shell, words: list[str]) -> int:
    """``read``."""
    rest = words[1:]
    raw = False
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--":
            break
        if option != "-r":
            raise ShellError(f"read: Illegal option {option}")
        raw = True
    if not rest:
        raise ShellError("read: arg count")
    line, ended = await _logical_line(shell, raw=raw)
    values = split_line(line, len(rest), shell.variables.get("IFS", BLANKS))
    for name, value in zip(rest, values, strict=True):
        shell.assign(name, value)
    return 0 if ended else 1


async def _logical_line(shell: Shell, *, raw: bool) -> tuple[list[tuple[str, bool]], bool]:
    """Return a line's characters with whether each was escaped, and whether it had a line end."""
    chars: list[tuple[str, bool]] = []
    while True:
        data = await shell.streams[0].readline() if 0 in shell.streams else b""
        text = data.decode(errors="surrogateescape").replace("\0", "")
        ended = text.endswith("\n")
        text = text.removesuffix("\n")
        escaped = False
        for char in text:
            if escaped or raw or char != "\\":
                chars.append((char, escaped))
                escaped = False
            else:
                escaped = True
        if not (escaped and ended):
            return chars, ended


def split_line(chars: list[tuple[str, bool]], count: int, separators: str) -> list[str]:
    """Split a line's characters into so many values at ``IFS``; the last one takes the rest."""
    values: list[str] = []
    at = _skip_blanks(chars, 0, separators)
    while len(values) < count - 1 and at < len(chars):
        end = at
        while end < len(chars) and not _separates(chars[end], separators):
            end += 1
        values.append("".join(char for char, _ in chars[at:end]))
        at = _skip_blanks(chars, end, separators)
        if at < len(chars) and _separates(chars[at], separators):
            at = _skip_blanks(chars, at + 1, separators)
    values.append(_rest(chars[at:], separators))
    return [*values, *[""] * (count - len(values))]


def _separates(item: tuple[str, bool], separators: str) -> bool:
    char, escaped = item
    return not escaped and char in separators


def _skip_blanks(chars: list[tuple[str, bool]], at: int, separators: str) -> int:
    while at < len(chars) and _separates(chars[at], separators) and chars[at][0] in BLANKS:
        at += 1
    return at


def _rest(chars: list[tuple[str, bool]], separators: str) -> str:
    """Return the last value: without blank separators at its end, or one lone other separator."""
    blanks = "".join(char for char in separators if char in BLANKS)
    end = len(chars)
    while end and _separates(chars[end - 1], blanks):
        end -= 1
    if end and _separates(chars[end - 1], separators):
        inner = end - 1
        while inner and _separates(chars[inner - 1], blanks):
            inner -= 1
        if not any(_separates(item, separators) for item in chars[:inner]):
            end = inner
    return "".join(char for char, _ in chars[:end])


async def mask(shell: Shell, words: list[str]) -> int:
    """``umask``, in octal."""
    if len(words) < 2:
        await shell.write(f"{shell.umask:04o}\n")
        return 0
    try:
        shell.umask = int(words[1], 8) & 0o777
    except ValueError:
        raise ShellError(f"umask: Illegal mode: {words[1]}") from None
    return 0


async def next_option(shell: Shell, words: list[str]) -> int:
    """``getopts``."""
    if len(words) < 3:
        raise ShellError("Usage: getopts optstring var [arg]")
    letters, name, arguments = words[1], words[2], words[3:] or shell.arguments
    index = int(shell.variables.get("OPTIND", "1") or "1")
    offset = shell.option_offset if index > 1 or shell.option_offset else 0
    word = arguments[index - 1] if index <= len(arguments) else ""
    if not offset and (len(word) < 2 or word[0] != "-" or word == "--"):
        shell.assign("OPTIND", str(index + (word == "--")))
        shell.assign(name, "?")
        return 1
    at = offset or 1
    letter, rest = word[at], word[at + 1 :]
    shell.option_offset = at + 1 if rest else 0
    index += not rest
    found = letters.find(letter) if letter != ":" else -1
    shell.assign("OPTARG", "")
    if found >= 0 and letters[found + 1 : found + 2] == ":":
        return await _with_argument(shell, (letters, name, letter), rest, arguments, index)
    shell.assign("OPTIND", str(index))
    shell.assign(name, letter if found >= 0 else "?")
    if found < 0:
        await _bad_option(shell, letters, f"Illegal option -{letter}", letter)
    return 0


async def _with_argument(
    shell: Shell, option: tuple[str, str, str], rest: str, arguments: list[str], index: int
) -> int:
    letters, name, letter = option
    shell.option_offset = 0
    value: str | None = rest
    if rest:
        index += 1
    else:
        value = arguments[index - 1] if index <= len(arguments) else None
        index += 1
    shell.assign("OPTIND", str(index))
    if value is None:
        shell.assign(name, ":" if letters.startswith(":") else "?")
        await _bad_option(shell, letters, f"No arg for -{letter} option", letter)
        return 0
    shell.assign(name, letter)
    shell.assign("OPTARG", value)
    return 0


async def _bad_option(shell: Shell, letters: str, message: str, letter: str) -> None:
    if letters.startswith(":"):
        shell.assign("OPTARG", letter)
    else:
        await shell.complain(message)


STATE: dict[str, Builtin] = {
    "cd": change_directory,
    "pwd": print_directory,
    "export": export,
    "readonly": export,
    "unset": unset,
    "local": local,
    "read": read,
    "umask": mask,
    "getopts": next_option,
}
