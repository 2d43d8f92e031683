"""Data on stdout, in the format that was asked for; errors as they are told on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from pvekit.errors import PvekitError

FORMATS = ("table", "json", "yaml")


def format_option(command: Any) -> Any:  # noqa: ANN401
    """Add ``-o table|json|yaml``."""
    return click.option(
        "--output", "-o", "form", type=click.Choice(FORMATS), default="table", show_default=True
    )(command)


def emit(data: Any, form: str, table: Sequence[Mapping[str, object]]) -> None:  # noqa: ANN401
    """Print data as JSON or YAML, or the rows as a table."""
    if form == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
    elif not table:
        click.echo("There are none.", err=True)
    else:
        from tabulate import tabulate

        rows = [list(map(str, row.values())) for row in table]
        headers = [name.upper() for name in table[0]]
        click.echo(tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True))


def shown(error: PvekitError) -> str:
    """Return an error as it is printed: what failed, why, what to do, where more stands."""
    parts = [f"Error: {error.brief}"]
    if error.details:
        parts.append("\n".join(f"  {line}" for line in error.details.splitlines()))
    if error.hint:
        parts.append(f"Hint: {error.hint}")
    parts.append(f"explain: pvekit explain {error.id}")
    return "\n".join(parts)
