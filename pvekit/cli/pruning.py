"""``run prune``: which journals went, and which stay for what reason."""

from __future__ import annotations

import re
import time

import click

from pvekit.cli.app import App
from pvekit.errors import UsageError
from pvekit.operations import runs

_AGE = re.compile(r"(\d+)([hdw])")
_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 604800.0}


def prune(app: App, older_than: str, *, dry_run: bool) -> None:
    """Remove old journals and say so."""
    match = _AGE.fullmatch(older_than)
    if match is None:
        raise UsageError(f"{older_than!r} is no age: give a number with h, d or w, such as 30d.")
    seconds = int(match[1]) * _SECONDS[match[2]]
    pruned = runs.prune(app.store, seconds, now=time.time(), dry_run=dry_run)
    for run in pruned.removed:
        done = "would remove" if dry_run else "removed"
        click.echo(f"{done} {run.run} ({run.kind}, {run.state}, {run.age} old)")
    for run, why in pruned.kept:
        click.echo(f"kept {run.run}: {why}", err=True)
    if not pruned.removed:
        click.echo(f"No run that has ended is older than {older_than}.")
