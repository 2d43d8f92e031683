"""Several sources as one document: mappings merge by key, everything else is replaced whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from pvekit.config import schema
from pvekit.config.document import Document, Mark, Value
from pvekit.config.faults import Place
from pvekit.config.keys import is_key
from pvekit.config.model import beside


def merged(layers: Sequence[Document], main: Path | None, cwd: Path) -> Document:
    """Return what the sources say together, the most important one last.

    Relative paths stay as written in ``main``, the file beside which they are looked for; those of
    other files are made absolute, and those of variables and options are from ``cwd``.
    """
    return reduce(_over, (_placed(layer, main, cwd) for layer in layers))


def _over(lower: Document, upper: Document) -> Document:
    marks = dict(lower.marks)
    value = _value(lower.value, upper.value, (), marks, upper.marks)
    source = upper.source if isinstance(upper.source, Path) else lower.source
    return Document(source, value, marks, (*lower.faults, *upper.faults))


def _value(
    lower: Value, upper: Value, place: Place, marks: dict[Place, Mark], new: Mapping[Place, Mark]
) -> Value:
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        for each in [each for each in marks if each[: len(place)] == place]:
            del marks[each]
        marks |= {each: mark for each, mark in new.items() if each[: len(place)] == place}
        return upper
    if place in new and isinstance(new[place].origin.source, Path):
        marks[place] = new[place]  # a key that is missing is missing in a file, not in a variable
    both = dict(lower)
    for key, value in upper.items():
        both[key] = _value(lower.get(key), value, (*place, key), marks, new)
    return both


def _placed(layer: Document, main: Path | None, cwd: Path) -> Document:
    if main is not None and layer.source == main:
        return layer
    source = layer.source if isinstance(layer.source, Path) else cwd / "-"
    value = layer.value
    for place, mark in layer.marks.items():
        if mark.written and schema.is_local_path(place, mark.written) and not is_key(mark.written):
            value = _replaced(value, place, _whole(source, mark.written))
    return Document(layer.source, value, layer.marks, layer.faults)


def _whole(source: Path, written: str) -> str:
    return written if written.startswith("~") else str(beside(source, written))


def _replaced(value: Value, place: Place, new: str) -> Value:
    if not place:
        return new
    key, rest = place[0], place[1:]
    if isinstance(value, dict) and isinstance(key, str):
        return {**value, key: _replaced(value[key], rest, new)}
    if isinstance(value, list) and isinstance(key, int):
        return [*value[:key], _replaced(value[key], rest, new), *value[key + 1 :]]
    return value
