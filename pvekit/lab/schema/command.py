"""One command of a program, or one method of the API as ``pvesh`` calls it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvekit.lab.schema.getopt import Getopt
from pvekit.lab.schema.spec import Arguments, Refused, Spec

OUTPUT = frozenset({"human-readable", "noborder", "noheader", "output-format", "quiet"})
"""The options by which a program's output is formed: usage lines do not name them."""
_TRUE = {"1", "on", "yes", "true"}
_FALSE = {"0", "off", "no", "false"}


def boolean(text: str) -> str | None:
    """Return 1 or 0 for what Proxmox VE takes for true or false."""
    folded = text.lower()
    return "1" if folded in _TRUE else "0" if folded in _FALSE else None


@dataclass(frozen=True)
class Command:
    """One command of a program, such as ``qm disk import``.

    ``args`` are the options given by place; ``listed`` is the one that takes all words instead.
    ``of`` is the class that the command belongs to, by which usage texts are sorted.
    """

    program: str
    name: str
    args: tuple[str, ...]
    options: Mapping[str, Spec]
    of: str = ""
    listed: str = ""

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
        formatted = "output-format" in self.options
        places = (self.listed,) if self.listed else self.args
        shown = {
            name: spec
            for name, spec in sorted(self.options.items())
            if not (formatted and name in OUTPUT)
        }
        args = [self._placed(arg, shown[arg]) for arg in places if arg in shown]
        others = {
            name: spec
            for name, spec in shown.items()
            if name not in places and not (name == "password" and spec.asked and spec.required)
        }
        needed = [f"--{name} <{s.type}>" for name, s in others.items() if s.required]
        words = [f"{self.program} {self.name}".rstrip(), " ".join(args + needed)]
        words += ["[OPTIONS]"] if others else []
        words += ["[FORMAT_OPTIONS]"] if formatted else []
        return " ".join(words)

    @staticmethod
    def _placed(arg: str, spec: Spec) -> str:
        if spec.is_list:
            return f"{{<{arg}>}}"
        return f"<{arg}>" if spec.required else f"[<{arg}>]"

    def read(self, words: Sequence[str]) -> Arguments:
        """Read the words after the command's name; raises :class:`Refused`."""
        options = {name: spec for name, spec in self.names.items() if name != self.listed}
        getopt = Getopt(options)
        rest = getopt.read(words)
        if getopt.faults:
            raise self._refused("unable to parse option", *getopt.faults)
        extra = self._place(getopt.given, rest)
        lists = {n: tuple(v) for n, v in getopt.given.items() if self.names[n].type == "array"}
        values = {name: self._joined(name, given) for name, given in getopt.given.items()}
        return Arguments(values, extra, lists)

    def _place(self, given: dict[str, list[str]], rest: list[str]) -> tuple[str, ...]:
        """Give the words to the arguments by their place; return those that are left over."""
        if self.listed:
            if rest:
                given[self.listed] = rest
            return ()
        for arg in self.args:
            if arg == "extra-args":
                return tuple(rest)
            if rest:
                given[arg] = [rest.pop(0)]
            elif self._required(arg):
                raise self._refused("not enough arguments")
        if rest:
            raise self._refused("too many arguments")
        return ()

    def _required(self, arg: str) -> bool:
        return arg not in self.options or self.options[arg].required

    def _joined(self, name: str, given: list[str]) -> str:
        spec = self.names[name]
        if spec.type == "boolean":
            value = boolean(given[-1] or "1")
            if value is None:
                raise self._refused("unable to parse boolean option")
            return value
        return ",".join(given) if spec.is_list or spec.type == "array" else given[-1]

    def _refused(self, why: str, *before: str) -> Refused:
        return Refused("\n".join([*before, f"400 {why}", self.usage()]))
