"""A YAML file as plain values that remember their lines.

Only what a configuration needs is taken: mappings, lists, text, numbers, yes and no. Anchors,
aliases and tags are refused, which rules out endless and exploding documents. A number that YAML
1.1 would read in an unexpected way (octal, base 60, infinite) stays the text that was written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from pvekit import private
from pvekit.config.faults import ConfigFaults, Fault, Origin, Place

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 16
_WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9_]{0,17})")


@dataclass(frozen=True)
class Mark:
    """Where a value begins and, for a scalar, how it was written."""

    origin: Origin
    written: str = ""


@dataclass(frozen=True)
class Document:
    """The values of a source or of several, their marks, and the faults of the YAML itself.

    ``source`` is what a fault names that is about the whole.
    """

    source: Path | str
    value: Value
    marks: Mapping[Place, Mark]
    faults: tuple[Fault, ...]

    def get(self, place: Place) -> Value:
        """Return the value at a place, or None where nothing is."""
        value = self.value
        for step in place:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def mapping(self, place: Place) -> Mapping[str, Value]:
        """Return the mapping at a place; anything else counts as an empty one."""
        value = self.get(place)
        return value if isinstance(value, dict) else {}

    def sequence(self, place: Place) -> list[Value]:
        """Return the list at a place; anything else counts as an empty one."""
        value = self.get(place)
        return value if isinstance(value, list) else []

    def origin(self, place: Place) -> Origin:
        """Return where a place is or, where it is absent, what it should be in."""
        inner = (place[:end] for end in range(len(place), -1, -1))
        marks = (self.marks[step] for step in inner if step in self.marks)
        return next((mark.origin for mark in marks), Origin(self.source))

    def written(self, place: Place) -> str:
        """Return the text of the scalar at a place as it stands in the file."""
        mark = self.marks.get(place)
        return mark.written if mark else ""

    def fault(self, place: Place, expected: str, found: str, hint: str = "") -> Fault:
        """Return a fault at a place of this document."""
        return Fault(self.origin(place), place, expected, found, hint)


def read(file: Path) -> Document:
    """Read a file; raises ConfigFaults if it is not one plain YAML document.

    UsageError where others than its owner could have written it.
    """
    return parse(_content(file), file)


def parse(content: bytes, source: Path | str) -> Document:
    """Read the YAML of a file or of a variable; raises ConfigFaults if it is not plain."""
    text = decoded(content, source)
    try:
        _refuse_unusual(source, text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ConfigFaults((_syntax_fault(source, text, error),)) from error
    if root is None:
        empty = "an empty file" if isinstance(source, Path) else "nothing"
        raise ConfigFaults((Fault(Origin(source), (), "a mapping of settings", empty),))
    walk = _Walk(source)
    value = walk.value(root, (), _line(root))
    return Document(source, value, walk.marks, tuple(walk.faults))


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            private.check_unwritable(stream.fileno(), file, "The configuration")
            content = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        found = f"the error '{reason}'"
        raise ConfigFaults((Fault(Origin(file), (), "a readable file", found),)) from error
    if len(content) > _MAX_BYTES:
        raise ConfigFaults((Fault(Origin(file), (), "at most 1 MB", "a larger file"),))
    return content


def decoded(content: bytes, source: Path | str) -> str:
    """Return the text of a source; raises ConfigFaults where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _at(source, content.count(b"\n", 0, error.start) + 1)
        found = f"the byte 0x{content[error.start]:02x}"
        raise ConfigFaults((Fault(where, (), "text in UTF-8", found),)) from error


def _at(source: Path | str, line: int) -> Origin:
    """Return a place in a source; a variable or option has no lines worth naming."""
    return Origin(source, line if isinstance(source, Path) else None)


def _refuse_unusual(source: Path | str, text: str) -> None:
    """Look at the parser's events first: composing nested nodes could exhaust the C stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        found = "values nested too deeply" if depth > _MAX_DEPTH else _unusual(event)
        if found:
            expected = "plain values, written out where they are used"
            raise ConfigFaults((Fault(_at(source, _line(event)), (), expected, found),))


def _unusual(event: yaml.Event) -> str | None:
    if isinstance(event, yaml.AliasEvent):
        return f"the alias *{event.anchor}"
    if isinstance(event, yaml.NodeEvent) and event.anchor:
        return f"the anchor &{event.anchor}"
    tag = getattr(event, "tag", None)
    return f"the tag {tag}" if tag else None


def _syntax_fault(source: Path | str, text: str, error: yaml.YAMLError) -> Fault:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        offset = getattr(error, "position", 0)
        line = text.count("\n", 0, offset) + 1
        return Fault(_at(source, line), (), "plain text", "a control character")
    line = error.problem_mark.line + 1
    where = _at(source, line)
    if _is_indented_by_tab(text, line):
        return Fault(where, (), "blanks for indentation", "a tab")
    return Fault(where, (), "valid YAML", *_syntax_hint(error.problem or "something else"))


def _syntax_hint(problem: str) -> tuple[str, str]:
    hints = {
        "mapping values": "a text with ': ' in it needs quotes, keys beside each other one indent",
        "cannot start any token": "a text that begins with @, ` or % needs quotes",
        "another document": "take out the line '---'",
    }
    hint = next((text for part, text in hints.items() if part in problem), "")
    return f"a fault of syntax: {problem}", hint


def _is_indented_by_tab(text: str, line: int) -> bool:
    written = text.splitlines()[line - 1 : line]
    return any("\t" in row[: len(row) - len(row.lstrip())] for row in written)


class _Walk:
    """Turns composed nodes into values and keeps what they do not say themselves."""

    def __init__(self, source: Path | str) -> None:
        self.source = source
        self.marks: dict[Place, Mark] = {}
        self.faults: list[Fault] = []

    def value(self, node: yaml.Node, place: Place, line: int) -> Value:
        written = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.marks[place] = Mark(_at(self.source, line), written)
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, place))
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.value(item, (*place, at), _line(item)) for at, item in items]
        return _scalar(node)

    def _entries(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Value]]:
        for key, value in node.value:
            inner = (*place, key.value if isinstance(key, yaml.ScalarNode) else "?")
            if not isinstance(key, yaml.ScalarNode):
                self._fault(key, inner, "a word as key", "a list or a mapping")
            elif inner in self.marks:
                first = self.marks[inner].origin.line
                self._fault(key, inner, "each key once", f"it again (first on line {first})")
            else:
                yield key.value, self.value(value, inner, _line(key))

    def _fault(self, node: yaml.Node, place: Place, expected: str, found: str) -> None:
        self.faults.append(Fault(_at(self.source, _line(node)), place, expected, found))


def _line(node: yaml.Node | yaml.Event) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _scalar(node: yaml.Node) -> bool | int | float | str | None:
    kind = node.tag.rpartition(":")[2]
    written: str = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return written.lower() in {"yes", "true", "on"}
    if kind == "int" and _WHOLE_NUMBER.fullmatch(written):
        return int(written)
    if kind == "float":
        return _fraction(written)
    return written


def _fraction(written: str) -> float | str:
    try:
        number = float(written)
    except ValueError:
        return written
    return number if math.isfinite(number) else written
