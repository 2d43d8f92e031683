"""Configuration files in sections: a line ``type: id``, and indented properties below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pvekit.lab.failure import Failure
from pvekit.lab.vmconfig import digest

_HEAD = re.compile(r"(?P<type>[^\s:]+):\s*(?P<id>\S+)\s*")


@dataclass(frozen=True)
class Layout:
    """What sections of one type may hold; required ones are written before the others."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()

    def check(self, given: Iterable[str], *, new: bool) -> None:
        """Die if a property is unknown, or may not change, or is missing in a new section."""
        given = set(given)
        for name in sorted(given):
            if name not in self.required | self.optional:
                raise Failure(f"unexpected property '{name}'")
            if not new and name in self.fixed:
                raise Failure(f"can't change value of fixed parameter '{name}'")
        for name in sorted(self.required - given):
            if new:
                raise Failure(f"missing value for required option '{name}'")

    def check_deletion(self, names: Iterable[str], given: Iterable[str] = ()) -> None:
        """Die if a property cannot be deleted."""
        for name in names:
            if name not in self.required | self.optional:
                raise Failure(f"no such option '{name}'")
            if name in self.required:
                raise Failure(f"unable to delete required option '{name}'")
            if name in self.fixed:
                raise Failure(f"unable to delete fixed option '{name}'")
            if name in given:
                raise Failure(f"cannot set and delete property '{name}' at the same time!")


@dataclass
class Section:
    """One section: its type and its properties; the values of a list are lines."""

    type: str
    values: dict[str, str] = field(default_factory=dict)

    def change(
        self, layout: Layout, wanted: Mapping[str, str], gone: list[str], *, disjoint: bool = False
    ) -> None:
        """Set and delete properties; what is in both goes, or with ``disjoint`` is refused."""
        layout.check(wanted, new=False)
        layout.check_deletion(gone, wanted if disjoint else ())
        self.values.update(wanted)
        for name in gone:
            self.values.pop(name, None)


@dataclass
class Sections:
    """A whole file, in its order."""

    ids: dict[str, Section] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Sections:
        """Read a file's text."""
        found: dict[str, Section] = {}
        values: dict[str, str] = {}
        for line in text.splitlines():
            if head := _HEAD.fullmatch(line):
                section = found[head["id"]] = Section(head["type"])
                values = section.values
            elif line[:1].isspace() and (words := line.split(None, 1)):
                value = words[1].strip() if len(words) > 1 else "1"
                before = values.get(words[0])
                values[words[0]] = value if before is None else f"{before}\n{value}"
        return cls(found, digest(text))

    def text(self, layouts: Mapping[str, Layout]) -> str:
        """Return the text to write."""
        return "".join(
            f"{section.type}: {name}\n{_body(section, layouts)}\n"
            for name, section in self.ids.items()
        )

    def check_digest(self, wanted: str) -> None:
        """Die if somebody changed the file meanwhile."""
        if wanted and wanted != self.digest:
            raise Failure(
                "detected modified configuration - file changed by other user? Try again."
            )


def _body(section: Section, layouts: Mapping[str, Layout]) -> str:
    layout = layouts.get(section.type, Layout())
    first = [name for name in ("comment", "disable") if name in section.values]
    required = sorted(layout.required & section.values.keys() - set(first))
    rest = sorted(section.values.keys() - {*first, *required})
    names = [*first, *required, *rest]
    return "".join(
        "\tdisable\n" if name == "disable" else f"\t{name} {value}\n"
        for name in names
        for value in section.values[name].split("\n")
        if value and (name != "disable" or value != "0")
    )
