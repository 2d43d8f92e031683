"""``pvekit gc``."""

from __future__ import annotations

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.output import emit, format_option, shown
from pvekit.cli.progress import Progress
from pvekit.operations import collecting
from pvekit.operations.carrying import Report
from pvekit.operations.collecting import Sight


@click.command()
@click.option("--dry-run", is_flag=True, help="Show every command and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--gone", multiple=True, metavar="HOST", help="A machine where no pvekit runs now.")
@format_option
@pass_app
def gc(app: App, dry_run: bool, yes: bool, gone: tuple[str, ...], form: str) -> int:
    """Remove what is pvekit's and unfinished or unused, on all nodes.

    What a run at work has made is never touched, nor anything that is not provably pvekit's.
    """
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    with collecting.looked(desk, frozenset(gone)) as sight:
        count = len(sight.found.leftovers)
        _tell(sight, quiet=form != "table")
        report = None
        if count and not dry_run:
            app.confirm(f"Remove {count} thing{'s' * (count > 1)}?", yes=yes)
            report = collecting.remove(desk, sight)
            progress.close()
        _ended(sight, report, form)
        return sight.status(report)


def _tell(sight: Sight, *, quiet: bool) -> None:
    for each in sight.found.leftovers if not quiet else ():
        size = f", {each.size_bytes / (1 << 30):.1f} GiB" if each.size_bytes >= 1 << 26 else ""
        click.echo(f"{each.what} on {each.node}{size}")
        click.echo(f"  ours: {each.ours}\n  unused: {each.unused}")
        for step in each.steps:
            for line in (line for change in step.changes for line in str(change).splitlines()):
                click.echo(f"  {step.node}: {line}")
    for alone in sight.found.left_alone if not quiet else ():
        click.echo(f"left alone: {alone.what} on {alone.node}: {alone.why}", err=True)
        click.echo(f"  look at it there: {alone.look}", err=True)
    for where, why in sight.unseen.items():
        click.echo(f"Warning: not looked at: {where}: {why}", err=True)


def _ended(sight: Sight, report: Report | None, form: str) -> None:
    if form != "table":
        data = {
            "run": report.run if report else None,
            "leftovers": [collecting.result(each, report) for each in sight.found.leftovers],
            "left_alone": [
                {"what": each.what, "node": each.node, "why": each.why, "look": each.look}
                for each in sight.found.left_alone
            ],
            "not_looked_at": [{"where": k, "why": why} for k, why in sight.unseen.items()],
        }
        emit(data, form, ())
    elif not sight.found.leftovers:
        click.echo("Nothing is left over.")
    elif report is not None:
        errors = {subject for subject, each in report.outcomes.items() if each.error}
        removed = [each for each in sight.found.leftovers if each.subject not in errors]
        click.echo(f"Removed {len(removed)} of {len(sight.found.leftovers)}.")
    for error in report.errors if report else ():
        click.echo(shown(error), err=True)
