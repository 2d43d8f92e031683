"""The formats in which data is printed, as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

Row = Mapping[str, Any]
COLOURS = {
    **dict.fromkeys(("running", "ready", "done", "built", "online", "finished", "ok"), "green"),
    **dict.fromkeys(("failed", "not ready", "offline", "unreadable", "error"), "red"),
    **dict.fromkeys(("unfinished", "interrupted", "rolling back", "warning"), "yellow"),
}


def as_json(document: Row) -> str:
    """Return a document as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_yaml(document: Row) -> str:
    """Return a document as YAML."""
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).rstrip("\n")


def csv(rows: Sequence[Row], keys: Sequence[str], *, headers: bool) -> str:
    """Return rows as comma-separated values (RFC 4180, but lines end with a line feed).

    Only what needs quotes has them; a list or mapping is JSON, nothing an empty value.
    """
    from csv import writer

    told = StringIO()
    lines = writer(told, lineterminator="\n")
    if headers:
        lines.writerow(keys)
    lines.writerows([_value(row.get(key)) for key in keys] for row in rows)
    return told.getvalue().rstrip("\n")


def table(
    rows: Sequence[Row], keys: Sequence[str], *, headers: bool = True, colours: bool = False
) -> str:
    """Return rows as aligned columns, the words that say how things stand in colours."""
    from tabulate import tabulate

    cells = [[_shown(row, key, colours=colours) for key in keys] for row in rows]
    head = [key.upper() for key in keys] if headers else ()
    return tabulate(cells, headers=head, tablefmt="plain", disable_numparse=True)


def _shown(row: Row, key: str, *, colours: bool) -> str:
    text = _cell(row.get(key))
    if colours and key in ("state", "status", "level"):
        import click

        return click.style(text, fg=COLOURS.get(text))
    return text


def flat(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all values of a row, those of mappings within it by names with dots."""
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(value: object) -> str:
    """Return a value so that a program reads it."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple, Mapping, bool)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _cell(value: object) -> str:
    """Return a value so that a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_cell(each)}" for key, each in value.items())
    return " ".join(str(value).splitlines())
