"""The configuration as it is shown: every value with where it stands, secrets hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pvekit.config import schema, secrets
from pvekit.config.document import Document, Value
from pvekit.config.faults import Place, dotted
from pvekit.sizing import presets

DEFAULT = "default"


@dataclass(frozen=True)
class Shown:
    """One value, and where it comes from: ``file:line``, a variable, ``--set`` or the default."""

    place: Place
    value: Value
    origin: str

    @property
    def key(self) -> str:
        """The key as people write it."""
        return dotted(self.place)


def values(document: Document) -> list[Shown]:
    """Return all values, in the schema's order: what is set, and the defaults of what is not."""
    return list(_values(document, ()))


def tree(shown: list[Shown]) -> dict[str, Any]:
    """Return values as they could stand in a file."""
    whole: dict[str, Any] = {}
    for each in shown:
        inner = whole
        for step in each.place[:-1]:
            inner = inner.setdefault(str(step), {})
        inner[str(each.place[-1])] = each.value
    return whole


def _values(document: Document, place: Place) -> Iterator[Shown]:
    part = schema.at(place)
    given = document.get(place)
    if part.get("type") == "object":
        yield from _entries(document, place, given if isinstance(given, dict) else {})
    elif given is not None:
        yield Shown(place, hidden(given, place), str(document.origin(place)))
    elif "default" in part:
        yield Shown(place, part["default"], DEFAULT)


def _entries(document: Document, place: Place, given: dict[str, Value]) -> Iterator[Shown]:
    """Yield what is in a mapping; of the entries that come with pvekit those that nobody set."""
    keys = [*schema.at(place).get("properties", {})]
    if place == ("vm_sizes",):
        for name, size in presets().items():
            if name not in given:
                yield Shown((*place, name), asdict(size), DEFAULT)
    defaults = not place or place[0] != "templates"  # what one leaves out is as in vm_template
    for key in dict.fromkeys([*keys, *given]):
        if key in given or defaults:
            yield from _values(document, (*place, key))


def hidden(value: Value, place: Place) -> Value:
    """Return a value without its secrets; a reference to one is none."""
    if schema.is_secret(place):
        named = isinstance(value, str) and secrets.is_reference(value)
        return value if named else secrets.HIDDEN
    if isinstance(value, dict):
        return {key: hidden(inner, (*place, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [hidden(inner, (*place, at)) for at, inner in enumerate(value)]
    return secrets.HIDDEN if isinstance(value, str) and "PRIVATE KEY" in value else value
