"""How Perl's Getopt::Long reads words, in the way Proxmox VE's programs set it up.

Any order, one dash or two, upper or lower case, unique abbreviations, ``--x=v`` and ``--x v``;
``--`` ends the options. Every fault is told, not only the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pvekit.lab.schema.spec import Spec


@dataclass
class Getopt:
    """One run over the words: ``given`` are the values of each option in their order.

    ``faults`` are the lines that go to stderr; with one of them nothing else counts.
    """

    options: Mapping[str, Spec]
    given: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def read(self, words: Sequence[str]) -> list[str]:
        """Read the words and return those that belong to no option."""
        self._names = {name.lower(): name for name in self.options}
        rest: list[str] = []
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--":
                return rest + left
            if not word.startswith("-") or word == "-":
                rest.append(word)
            else:
                self._take(word, left)
        return rest

    def _take(self, word: str, left: list[str]) -> None:
        text = word[2:] if word.startswith("--") else word[1:]
        place = text.find("=", 1)
        name, attached = (text[:place], text[place + 1 :]) if place > 0 else (text, None)
        option = self._find(name.lower())
        if option is None:
            return
        value = self._value(option, attached, left)
        if value is not None:
            self.given.setdefault(option, []).append(value)

    def _find(self, name: str) -> str | None:
        if name in self._names:
            return self._names[name]
        found = sorted(known for known in self._names if known.startswith(name))
        if len(found) == 1:
            return self._names[found[0]]
        if found:
            self.faults.append(f"Option {name} is ambiguous ({', '.join(found)})")
        else:
            self.faults.append(f"Unknown option: {name}")
        return None

    def _value(self, option: str, attached: str | None, left: list[str]) -> str | None:
        spec = self.options[option]
        optional = spec.type == "boolean" or spec.asked > 0
        if attached or (attached is None and left):
            return attached or self._next(left, optional=optional)
        if optional:
            return ""
        self.faults.append(f"Option {option.lower()} requires an argument")
        return None

    @staticmethod
    def _next(left: list[str], *, optional: bool) -> str:
        """Take the value; one that is needed may look like an option."""
        if optional and left[0].startswith("-") and left[0] != "-":
            return ""
        return left.pop(0)
