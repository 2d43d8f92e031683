"""All commands of one program: how words find a command, and the program's own usage text."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from pvekit.lab.schema.command import Command
from pvekit.lab.schema.data import Specs, load
from pvekit.lab.schema.spec import Refused, Spec

HELP = "help"
_INDENT = " " * 7
Group = dict[str, Union["Group", Command, str]]
"""Commands and groups by name; a text is the alias for other words."""


@dataclass(frozen=True)
class Found:
    """What words lead to: a command, a group, or nothing; ``name`` is how the program says it."""

    target: Group | Command | None
    name: str
    rest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """All commands of one program by name; of a program that is one command, under no name."""

    program: str
    version: str
    commands: Mapping[str, Command]
    aliases: Mapping[str, str]

    @functools.cached_property
    def _root(self) -> Group:
        root: Group = {}
        for name, command in self.commands.items():
            _insert(root, name.split(), command)
        for name, target in self.aliases.items():
            words = name.split()
            _insert(root, words, target.split(" ", len(words) - 1)[-1])
        return root

    @property
    def simple(self) -> Command | None:
        """The command that the whole program is, or None."""
        return self.commands.get("")

    def find(self, words: Sequence[str]) -> tuple[Command, Sequence[str]]:
        """Return the command that the words begin with, and the other words."""
        if self.simple:
            return self.simple, words
        found = self.resolve(words)
        if isinstance(found.target, Command):
            return found.target, found.rest
        if not words:
            raise self.abort("no command specified")
        if found.target is None:
            raise self.abort(f"unknown command '{found.name}'")
        raise self.abort(f"incomplete command '{found.name}'", words)

    def resolve(self, words: Sequence[str], *, is_alias: bool = False) -> Found:
        """Follow the words through the groups; unique beginnings of names count as names."""
        at: Group = self._root
        said = self.program
        for place, word in enumerate(words):
            name = _expanded(at, word)
            said += f" {name}"
            target = at.get(name)
            if target is None:
                begun = any(n.startswith(name) for n, t in at.items() if not isinstance(t, str))
                return Found(at if begun else None, said)
            if isinstance(target, str):
                if is_alias:
                    raise Refused(f"alias loop detected for '{name}'")
                whole = [*words[:place], *target.split(), *words[place + 1 :]]
                return self.resolve(whole, is_alias=True)
            if isinstance(target, Command):
                return Found(target, said, tuple(words[place + 1 :]))
            at = target
        return Found(at, said)

    def abort(self, why: str, words: Sequence[str] = ()) -> Refused:
        """Return the refusal that shows how the program, or a group of it, is called."""
        head = f"ERROR: {why}\nUSAGE: {self.program} <COMMAND> [ARGS] [OPTIONS]\n\n"
        found = self.resolve(words)
        if isinstance(found.target, Command):
            return Refused(f"{head}{_INDENT}{found.target.usage()}")
        lines = _lines(found.target or self._root, found.name, apart=not words, by_class=True)
        return Refused(head + "".join(lines).removesuffix("\n"))

    def short_help(self, words: Sequence[str]) -> str:
        """Return the usage lines of a command, of a group or of all; the program may refuse."""
        found = self.resolve(words)
        if found.target is None:
            raise self.abort(f"unknown command '{words[0]}'")
        if isinstance(found.target, Command):
            return f"USAGE: {found.target.usage()}\n\n"
        lines = "".join(_lines(found.target, found.name, apart=False, by_class=False))
        return f"USAGE: {lines.lstrip()}\n"


def _insert(root: Group, words: Sequence[str], target: Command | str) -> None:
    at = root
    for word in words[:-1]:
        below = at.setdefault(word, {})
        if isinstance(below, dict):
            at = below
    if words:
        at[words[-1]] = target


def _expanded(group: Group, word: str) -> str:
    if word in group:
        return word
    found = [n for n, t in group.items() if n.startswith(word) and not isinstance(t, str)]
    return found[0] if len(found) == 1 else word


def _lines(group: Group, said: str, *, apart: bool, by_class: bool) -> Iterator[str]:
    """Yield the usage lines of a group; ``apart`` sets classes and groups apart by a blank line."""
    before = ""
    for name in _sorted(group) if by_class else sorted(group):
        target = group[name]
        if isinstance(target, Command):
            if apart and before and before != target.of:
                yield "\n"
            before = target.of
            shown = target.usage().removeprefix(f"{target.program} {target.name}")
            yield f"{_INDENT}{said} {name}{shown}\n"
        elif isinstance(target, dict):
            yield from _lines(target, f"{said} {name}", apart=False, by_class=by_class)
            if apart:
                yield "\n"


def _sorted(group: Group) -> list[str]:
    """Return the names: groups first, then the commands by their class."""

    def key(name: str) -> tuple[bool, str, str]:
        target = group[name]
        return isinstance(target, Command), target.of if isinstance(target, Command) else "", name

    return sorted(group, key=key)


_HELP_OPTIONS: Mapping[str, Spec] = {
    "extra-args": Spec(type="array"),
    "verbose": Spec(type="boolean"),
}


@functools.cache
def table(program: str, version: str = "8.4") -> Table:
    """Return the tables of one of the programs."""
    content = load(program, version)
    specs = Specs(content["specs"])
    commands = {
        name: _command(program, name, entry, specs) for name, entry in content["commands"].items()
    }
    if "" not in commands:
        of = "PVE::CLIHandler"
        commands[HELP] = Command(program, HELP, ("extra-args",), _HELP_OPTIONS, of)
    return Table(program, version, commands, content["aliases"])


def _command(program: str, name: str, entry: Mapping[str, Any], specs: Specs) -> Command:
    args = entry["args"]
    listed = args if isinstance(args, str) else ""
    places = () if listed else tuple(args)
    options = dict(specs.named(entry["options"]))
    return Command(program, name, places, options, entry["of"], listed)
