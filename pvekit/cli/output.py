"""Data on stdout, in the format that was asked for: one mechanism for all commands.

A command declares by a :class:`View` what its data is called and which of its values a person
sees; :func:`emit` and :func:`emit_one` print it. The data itself is what ``-o json`` has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from pvekit.cli import say
from pvekit.errors import PvekitError

API_VERSION = "pvekit/v1"
"""The version of the shape of all JSON documents; another shape gets another version."""

FORMATS = ("table", "wide", "json", "yaml", "name", "csv")
TEXTS = ("table", "wide")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """How data is printed: the format, whether with headers, and whether -o was given.

    ``quiet`` is what was said before the command: nothing but errors and data.
    """

    name: str = "table"
    headers: bool = True
    asked: bool = False
    quiet: bool = False

    @property
    def is_text(self) -> bool:
        """Whether a person is to read it."""
        return self.name in TEXTS


@dataclass(frozen=True)
class View:
    """How one kind of thing is shown.

    ``kind`` is what its documents are called, ``name`` the pattern of its ``-o name``, ``columns``
    are the values of a table's row, ``wide`` further ones; a value is named by its key.
    ``passing`` are values that are only for people: they are no data. A ``result`` is what a
    command did: under ``-q`` it is only printed if a format was asked for. ``empty`` is told
    a person where there is nothing.
    """

    kind: str
    name: str
    columns: tuple[str, ...]
    wide: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    result: bool = False
    empty: str = "There are none."

    def keys(self, form: Form) -> tuple[str, ...]:
        """Return the values that a format shows."""
        if form.name == "table":
            return self.columns
        keys = self.columns + self.wide
        return keys if form.is_text else tuple(key for key in keys if key not in self.passing)

    def data(self, row: Row) -> dict[str, Any]:
        """Return a row without what is only for people."""
        return {key: value for key, value in row.items() if key not in self.passing}


def format_option(command: Any) -> Any:  # noqa: ANN401
    """Add ``-o`` and ``--no-headers``; the command gets a :class:`Form` as ``form``."""
    output = click.option(
        "--output",
        "-o",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        callback=_form,
        help="How data is printed.",
    )
    bare = click.option(
        "--no-headers",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_bare,
        help="No headers in table, wide and csv.",
    )
    return output(bare(command))


_BARE = "pvekit.no_headers"


def _bare(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    ctx.meta[_BARE] = value


def _form(ctx: click.Context, option: click.Parameter, value: str) -> Form:
    asked = ctx.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT
    quiet = bool(ctx.find_root().params.get("quiet"))
    return Form(value, headers=not ctx.meta.get(_BARE), asked=asked, quiet=quiet)


def emit(
    form: Form,
    view: View,
    rows: Sequence[Row],
    *,
    text: Callable[[], None] | None = None,
    **head: Any,  # noqa: ANN401
) -> None:
    """Print several things; ``head`` is what the document says of all of them.

    ``text`` prints them for people where a table does not serve.
    """
    if view.result and form.quiet and not form.asked:
        return
    if form.is_text and text is not None:
        text()
    elif form.is_text and not rows:
        say.note(view.empty)
    else:
        document = _document(
            f"{view.kind}List", {**head, "items": [view.data(row) for row in rows]}
        )
        _print(form, view, rows, document)


def emit_one(form: Form, view: View, row: Row, *, text: Callable[[], None] | None = None) -> None:
    """Print one thing: for people a line for each of its values, or what ``text`` prints."""
    if view.result and form.quiet and not form.asked:
        return
    if form.is_text and text is not None:
        text()
    elif form.is_text:
        from pvekit.cli import rendering

        lines = [{"key": key, "value": value} for key, value in rendering.flat(row)]
        told = rendering.table(lines, ("key", "value"), headers=form.headers)
        click.echo(told)
    else:
        _print(form, view, [row], _document(view.kind, view.data(row)))


def _document(kind: str, data: Row) -> dict[str, Any]:
    if taken := {"apiVersion", "kind"} & data.keys():
        raise ValueError(f"The data of {kind} has a key of the document: {taken}.")
    return {"apiVersion": API_VERSION, "kind": kind, **data}


def _print(form: Form, view: View, rows: Sequence[Row], document: Row) -> None:
    from pvekit.cli import rendering

    match form.name:
        case "json":
            told = rendering.as_json(document)
        case "yaml":
            told = rendering.as_yaml(document)
        case "name":
            told = "\n".join(view.name.format(**row) for row in rows)
        case "csv":
            told = rendering.csv(rows, view.keys(form), headers=form.headers)
        case _:
            colours = say.voice().coloured(sys.stdout)
            told = rendering.table(rows, view.keys(form), headers=form.headers, colours=colours)
    if told:
        click.echo(told, color=say.voice().coloured(sys.stdout))


def why(error: PvekitError | None) -> dict[str, str | None]:
    """Return why something failed, as data of its row; nothing if it did not."""
    return {"error": error.brief if error else None, "error_id": error.id if error else None}
