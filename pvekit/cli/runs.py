"""``pvekit run``."""

from __future__ import annotations

from dataclasses import asdict

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.output import emit, format_option, shown


@click.group(name="run")
def runs() -> None:
    """Look at runs, and take unfinished ones back. The same command again goes on with one."""


@runs.command(name="list")
@format_option
@pass_app
def list_runs(app: App, form: str) -> None:
    """List the runs of this machine, newest first."""
    from pvekit.operations.runs import listed

    rows = [asdict(each) for each in listed(app.store)]
    emit(rows, form, rows)


@runs.command()
@click.argument("run")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_app
def rollback(app: App, run: str, yes: bool) -> int:
    """Remove what an unfinished run has made so far."""
    from pvekit.operations.runs import roll_back

    app.confirm(f"Remove what run {run} has made?", yes=yes)
    report = roll_back(app.desk(), app.store.open(run))
    for error in report.errors:
        click.echo(shown(error), err=True)
    if not report.errors:
        click.echo(f"Run {report.run} is taken back.")
    return report.status
