"""The command lines of the real programs as data, and how those programs read words.

They read options with Perl's Getopt::Long: any order, one dash or two, upper or lower case,
unique abbreviations, ``--x=v`` and ``--x v``; the last of two wins; ``--`` ends them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

_TRUE = {"", "1", "on", "yes", "true"}
_FALSE = {"0", "off", "no", "false"}


class Refused(Exception):
    """The words are refused; ``args[0]`` is the whole text for stderr, without the line end."""


@dataclass(frozen=True)
class Spec:
    """What an option's value, or one property of it, must be like."""

    type: str = "string"
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    format: str = ""
    requires: str = ""
    required: bool = False
    default_key: bool = False
    alias: str = ""
    key_alias: str = ""
    numbers: int = 0
    properties: Mapping[str, Spec] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Spec:
        """Read one entry of the tables."""
        known = dict(data)
        for key in ("minimum", "maximum"):
            if key in known:
                known[key] = float(known[key])
        known["enum"] = tuple(map(str, known.get("enum", ())))
        known["default_key"] = bool(known.get("default_key"))
        known["properties"] = {
            name: cls.from_data(entry) for name, entry in known.get("properties", {}).items()
        }
        return cls(**known)


@dataclass(frozen=True)
class Arguments:
    """The words of one call, read: values by option name, and the words after all arguments."""

    values: Mapping[str, str]
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """One command of a program, such as ``qm disk import``."""

    program: str
    name: str
    args: tuple[str, ...]
    options: Mapping[str, Spec]

    @functools.cached_property
    def names(self) -> Mapping[str, Spec]:
        """All options by name, numbered ones counted out."""
        counted: dict[str, Spec] = {}
        for name, spec in self.options.items():
            stem = name.removesuffix("[n]")
            numbered = [f"{stem}{number}" for number in range(spec.numbers)]
            counted.update(dict.fromkeys(numbered or [name], spec))
        return counted

    def usage(self) -> str:
        """Return the one line that shows how the command is called."""
        words = [f"{self.program} {self.name}"]
        args = [f"<{arg}>" if self._required(arg) else f"[<{arg}>]" for arg in self.args]
        others = {name: spec for name, spec in self.names.items() if name not in self.args}
        needed = [f"--{name} <{s.type}>" for name, s in sorted(others.items()) if s.required]
        words.append(" ".join(args + needed))
        if len(needed) < len(others.keys() - {"output-format", *_FORMAT_OPTIONS}):
            words.append("[OPTIONS]")
        if "output-format" in others:
            words.append("[FORMAT_OPTIONS]")
        return " ".join(words)

    def _required(self, arg: str) -> bool:
        return self.options[arg].required if arg in self.options else True

    def read(self, words: Sequence[str]) -> Arguments:
        """Read the words after the command's name; raises :class:`Refused`."""
        given, rest = _Getopt(self).read(words)
        for arg in self.args:
            if arg == "extra-args":
                return Arguments(given, tuple(rest))
            if rest:
                given[arg] = rest.pop(0)
            elif self._required(arg):
                raise Refused(f"400 not enough arguments\n{self.usage()}")
        if rest:
            raise Refused(f"400 too many arguments\n{self.usage()}")
        return Arguments(given)


_FORMAT_OPTIONS = ("human-readable", "noborder", "noheader", "quiet")


class _Getopt:
    """One run over the words."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._options = {n: s for n, s in command.names.items() if n not in command.args}

    def read(self, words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        given: dict[str, str] = {}
        rest: list[str] = []
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--":
                return given, rest + left
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            name, equals, value = word.lstrip("-").partition("=")
            option = self._find(name)
            value = self._value(option, left) if not equals else value
            given[option] = self._combined(option, given.get(option), value)
        return given, rest

    def _find(self, name: str) -> str:
        folded = name.lower()
        found = [option for option in self._options if option.lower() == folded]
        found = found or sorted(o for o in self._options if o.lower().startswith(folded))
        if len(found) == 1 and folded:
            return found[0]
        if found and folded:
            raise self._refused(f"Option {folded} is ambiguous ({', '.join(found)})")
        raise self._refused(f"Unknown option: {folded}")

    def _value(self, option: str, left: list[str]) -> str:
        if self._options[option].type == "boolean":
            return left.pop(0) if left and not left[0].startswith("-") else ""
        if not left:
            raise self._refused(f"Option {option} requires an argument")
        return left.pop(0)

    def _combined(self, option: str, before: str | None, value: str) -> str:
        spec = self._options[option]
        if spec.type == "boolean":
            return self._boolean(value)
        if before is not None and re.search(r"-a?list$", spec.format):
            return f"{before},{value}"
        return value

    def _boolean(self, value: str) -> str:
        if value.lower() in _TRUE:
            return "1"
        if value.lower() in _FALSE:
            return "0"
        usage = self._command.usage()
        raise Refused(f"400 unable to parse boolean option\n{usage}")

    def _refused(self, why: str) -> Refused:
        return Refused(f"{why}\n400 unable to parse option\n{self._command.usage()}")


@dataclass(frozen=True)
class Table:
    """All commands of one program."""

    program: str
    aliases: Mapping[str, str]
    commands: Mapping[str, Command]
    groups: Sequence[Sequence[str]]

    def find(self, words: Sequence[str]) -> tuple[Command, Sequence[str]]:
        """Return the command that the words begin with, and the other words."""
        for count in (2, 1):
            name = " ".join(words[:count])
            command = self.commands.get(self.aliases.get(name, name))
            if command and len(words) >= count:
                return command, words[count:]
        raise Refused(self._unknown(words))

    def _unknown(self, words: Sequence[str]) -> str:
        why = "no command specified"
        if words:
            why = f"unknown command '{self.program} {words[0]}'"
        return f"ERROR: {why}\n{self.usage()}"

    def usage(self) -> str:
        """Return the text that lists all commands."""
        groups = [[self.commands[name].usage() for name in group] for group in self.groups]
        groups.append([f"{self.program} help [<extra-args>] [OPTIONS]"])
        head = f"USAGE: {self.program} <COMMAND> [ARGS] [OPTIONS]\n\n"
        return head + "\n\n".join("\n".join(f"       {u}" for u in g) for g in groups)


@functools.cache
def table(program: str) -> Table:
    """Load the table of ``qm``, ``pvesh`` or ``pvesm``."""
    text = resources.files("pvekit.lab.data").joinpath(f"{program}.json").read_text()
    data = json.loads(text)
    commands = {
        name: Command(
            program,
            name,
            tuple(entry["args"]),
            {option: Spec.from_data(spec) for option, spec in entry["options"].items()},
        )
        for name, entry in data["commands"].items()
    }
    return Table(program, data["aliases"], commands, data["usage"])
