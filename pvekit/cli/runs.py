"""``pvekit run``."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.examples import examples
from pvekit.cli.options import dry_run_option, yes_option
from pvekit.cli.output import Form, View, emit, format_option

RUNS = View(
    kind="Run",
    name="run/{run}",
    columns=("run", "age", "command", "state", "status", "about"),
    wide=("began", "subjects", "made", "context"),
    passing=("age", "about"),
    empty="No run has left a journal on this machine.",
)


@click.group(name="run")
def runs() -> None:
    """Look at runs, go on with unfinished ones, or take them back."""


@runs.command(name="list")
@click.option("--unfinished", is_flag=True, help="Only those that have not come to an end.")
@format_option
@pass_app
def list_runs(app: App, unfinished: bool, form: Form) -> None:
    """List the runs of this machine, newest first."""
    from pvekit.operations.runs import listed

    found = listed(app.store, unfinished=unfinished)
    rows = [{**asdict(each), "about": _about(each.subjects)} for each in found]
    view = replace(RUNS, empty="No run is unfinished.") if unfinished else RUNS
    if any(row["context"] for row in rows):  # a column of nothing would only take room
        view = replace(view, columns=(*view.columns, "context"), wide=view.wide[:-1])
    emit(form, view, rows)


def _about(subjects: str) -> str:
    """Return what a run is about in a few words: `-o wide` has all of it."""
    from pvekit.plan import name_of

    first, *others = map(name_of, subjects.split(", "))
    return f"{first} and {len(others)} more" if others else first


@runs.command(short_help="Show one run in full, and what its ways on would send.")
@click.argument("run", metavar="RUN", shell_complete=known.runs)
@format_option
@pass_app
def show(app: App, run: str, form: Form) -> None:
    """Show one run: request, decisions, steps, jobs, and what resuming or rolling back would do."""
    from pvekit.cli import run_showing

    run_showing.show(app, run, form)


@runs.command(epilog=examples("pvekit run resume 7f3a19c0 --dry-run", "pvekit run resume 7f3a19c0"))
@click.argument("run", metavar="RUN", shell_complete=known.unfinished_runs)
@format_option
@dry_run_option
@pass_app
def resume(app: App, run: str, form: Form, dry_run: bool) -> int:
    """Go on with an unfinished run from what it has decided.

    Refused if the site or the configuration has changed so that the decisions do not fit any more.
    """
    from pvekit.cli import resuming

    if dry_run:
        return resuming.foresee(app, run, form)
    return resuming.resume(app, run, form)


@runs.command()
@click.argument("run", metavar="RUN", shell_complete=known.unfinished_runs)
@yes_option
@dry_run_option
@format_option
@pass_app
def rollback(app: App, run: str, yes: bool, form: Form, dry_run: bool) -> int:
    """Remove what an unfinished run has made so far."""
    from pvekit.cli import rolling_back

    if dry_run:
        return rolling_back.foresee(app, run, form)
    return rolling_back.roll_back(app, run, form, yes=yes)


@runs.command(short_help="Check that the audit log is as it was written.", name="verify-log")
@format_option
@pass_app
def verify_log(app: App, form: Form) -> int:
    """Check that nothing in the audit log was changed, removed or moved; status 6 if so."""
    from pvekit.cli import verifying

    return verifying.verify_log(app, form)


@runs.command()
@click.option(
    "--older-than",
    default="30d",
    show_default=True,
    metavar="AGE",
    help="How long ago they ended: 12h, 30d, 4w.",
)
@click.option("--dry-run", is_flag=True, help="Say which would go and remove none.")
@format_option
@pass_app
def prune(app: App, older_than: str, dry_run: bool, form: Form) -> None:
    """Remove the journals of runs that ended long ago. Those of unfinished runs are kept."""
    from pvekit.cli import pruning

    pruning.prune(app, older_than, form, dry_run=dry_run)
