"""How answers of the API are printed: as a table with borders, as JSON or as YAML.

Columns, their order and titles come from what the method says it returns; every program that
prints such answers (``pvesh``, ``pveum``, ``pvenode``) prints them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvekit.lab.amounts import render_bytes
from pvekit.lab.api import serial
from pvekit.lab.api.table import Cell, Column, draw
from pvekit.lab.commands import perl
from pvekit.lab.dates import stamp
from pvekit.lab.schema.apitree import Returns

_PERIODS = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def columns_of(returns: Returns) -> tuple[str, ...]:
    """Return the properties in a table's order: needed ones first, each kind by name."""
    known = returns.properties
    return tuple(sorted(known, key=lambda name: (known[name].optional, name)))


@dataclass(frozen=True)
class Look:
    """How it is asked to be printed.

    Rows are sorted by ``sort_key``: "" is the first column, "0" leaves them as they are.
    """

    format: str = "text"
    human_readable: bool = True
    border: bool = True
    header: bool = True
    sort_key: str = ""
    utf8: bool = True

    @classmethod
    def of(
        cls, options: Mapping[str, str], env: Mapping[str, str] | None = None, *, bare: bool = False
    ) -> Look:
        """Read the standard output options; ``bare`` is without border and header by default."""
        default = "1" if bare else "0"
        return cls(
            format=options.get("output-format", "text"),
            human_readable=options.get("human-readable", "1") != "0",
            border=options.get("noborder", default) == "0",
            header=options.get("noheader", default) == "0",
            utf8=env is None or is_utf8(env),
        )


def is_utf8(env: Mapping[str, str]) -> bool:
    """Return whether the locale that Perl takes writes UTF-8."""
    return perl.decoder(env) is str


def render(
    data: Any,  # noqa: ANN401 - whatever a method answers
    shape: Returns | None = None,
    look: Look = Look(),
    columns: Sequence[str] | None = None,
) -> str:
    """Return what is printed for an answer; methods that return nothing print nothing."""
    shape = shape if shape and shape.type else _guess(data)
    if shape.type == "null" or (shape.optional and data is None):
        return ""
    if look.format == "yaml":
        return serial.yaml(data)
    if look.format == "json":
        return serial.json(data) + "\n"
    if look.format == "json-pretty":
        return serial.pretty(data)
    return _text(data, shape, look, columns)


def _guess(data: Any) -> Returns:  # noqa: ANN401
    if isinstance(data, Mapping):
        return Returns("object")
    return (
        Returns("array", items=Returns("object")) if isinstance(data, list) else Returns("string")
    )


def _text(data: Any, shape: Returns, look: Look, columns: Sequence[str] | None) -> str:  # noqa: ANN401
    if shape.type == "object" and isinstance(data, Mapping):
        return _object(data, shape, look, columns)
    if shape.type == "array" and isinstance(data, list):
        return _array(data, shape, look, columns)
    return f"{serial.scalar(data)}\n"


def _object(
    data: Mapping[str, Any], shape: Returns, look: Look, columns: Sequence[str] | None
) -> str:
    keys = (_keys(data, shape) if columns is None else columns) or sorted(data)
    rows = [
        {"key": key, "value": as_text(data[key], shape.properties.get(key), look)}
        for key in keys
        if data.get(key) is not None
    ]
    return _table(rows, Returns(), look, ("key", "value"))


def _keys(data: Mapping[str, Any], shape: Returns) -> Sequence[str]:
    """Return the properties to show, numbered ones counted out."""
    numbered = {name.removesuffix("[n]") for name in shape.properties if name.endswith("[n]")}
    counted = [key for key in data if key.rstrip("0123456789") in numbered]
    known = {name: shape.properties[name].optional for name in shape.properties}
    known |= dict.fromkeys(counted, True)
    return sorted(known, key=lambda name: (known[name], name))


def _array(data: list[Any], shape: Returns, look: Look, columns: Sequence[str] | None) -> str:
    if not data:
        return ""
    items = shape.items or Returns()
    if items.type not in {"", "object"}:
        one = Returns("object", properties={"value": items})
        bare = Look(look.format, look.human_readable, look.border, header=False, utf8=look.utf8)
        return _table([{"value": value} for value in data], one, bare, ("value",))
    columns = (columns_of(items) if columns is None else columns) or sorted(
        {k for e in data for k in e}
    )
    return _table(data, items, look, columns)


def _table(
    rows: Sequence[Mapping[str, Any]], shape: Returns, look: Look, columns: Sequence[str]
) -> str:
    rows = _sorted(rows, shape, look.sort_key or columns[0])
    shown = [_column(name, shape.properties.get(name, Returns())) for name in columns]
    known = [(name, shape.properties.get(name)) for name in columns]
    cells = [[_cell(row.get(name), column, look) for name, column in known] for row in rows]
    return draw(shown, cells, border=look.border, header=look.header, utf8=look.utf8)


def _cell(value: Any, shape: Returns | None, look: Look) -> Cell:  # noqa: ANN401
    if value is None:
        return ("",)  # most cells of long tables are empty
    return tuple(as_text(value, shape, look).rstrip("\n").split("\n"))


def _column(name: str, shape: Returns) -> Column:
    return Column(shape.title or name, shape.print_width, shape.type in {"integer", "number"})


def _sorted(
    rows: Sequence[Mapping[str, Any]], shape: Returns, key: str
) -> Sequence[Mapping[str, Any]]:
    if key == "0":
        return rows
    if shape.properties.get(key, Returns()).type in {"integer", "number"}:
        return sorted(rows, key=lambda row: float(row.get(key) or 0))
    return sorted(rows, key=lambda row: serial.scalar(row.get(key)))


def as_text(data: Any, shape: Returns | None, look: Look) -> str:  # noqa: ANN401
    """Return what a cell shows of a value."""
    if data is None:
        return ""
    if look.human_readable and shape is not None:
        if shape.type == "boolean":
            return "1" if data not in (0, "", "0", False) else "0"
        if shape.renderer in _RENDERERS:
            return _RENDERERS[shape.renderer](data)
        if shape.renderer == "yaml":
            return serial.yaml(data, marker=False).rstrip("\n")
    if isinstance(data, Mapping | list):
        return serial.json(data)
    return serial.scalar(data)


def render_duration(value: float) -> str:
    """Write seconds in weeks, days, hours, minutes and seconds, without what is 0."""
    rest, words = int(float(value)), []
    for name, length in _PERIODS:
        count, rest = divmod(rest, length)
        if count:
            words.append(f"{count}{name}")
    return " ".join(words)


def render_time(value: float) -> str:
    """Write seconds since the epoch as a date; the nodes' clocks are in UTC."""
    return stamp(float(value))


_RENDERERS = {
    "bytes": render_bytes,
    "duration": render_duration,
    "fraction_as_percentage": lambda value: f"{float(value) * 100:.2f}%",
    "timestamp": render_time,
    "timestamp_gmt": render_time,
}
