"""``template build``, as a conversation: what is there, what is done, how it ended."""

from __future__ import annotations

import click

from pvekit.cli import ending, previewing
from pvekit.cli.app import App
from pvekit.cli.output import shown
from pvekit.cli.progress import Progress
from pvekit.config.model import OnFailure
from pvekit.operations import templates
from pvekit.operations.carrying import Report
from pvekit.operations.templates import Decided, Request


def foresee(app: App, request: Request, *, detailed: bool) -> int:
    """Show what building would do."""
    found, preview = templates.foresee(app.desk(), request)
    if found.run:
        click.echo(f"would go on with run {found.run}", err=True)
    _tell(found)
    previewing.show(preview)
    return previewing.status(preview, detailed=detailed)


def build(app: App, request: Request, *, new: bool, on_failure: OnFailure | None = None) -> int:
    """Build what is missing, or go on with an unfinished build of the same request."""
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress, on_failure)
    journal = None if new else templates.unfinished(desk, request)
    if journal is not None:
        click.echo(f"resuming run {journal.run}", err=True)
        found = templates.go_on(desk, journal)
    else:
        found = templates.decided(desk, request)
        _tell(found, quiet=app.quiet)
        if not found.works:
            click.echo("Nothing to do.")
            return 0
        found, journal = templates.begin(desk, request, found)
    built, report = templates.carry_out(desk, found, journal)
    progress.close()
    ended(built, report)
    return app.told_ways(report)


def _tell(found: Decided, *, quiet: bool = False) -> None:
    for line in found.there:
        click.echo(line)
    for work in found.works if not quiet else ():
        click.echo(
            f"building {work.spec.name} on {work.at.node} as VM {work.at.vmid}, customised by "
            f"{work.spec.way}: {work.why}",
            err=True,
        )


def ended(found: Decided, report: Report) -> None:
    """Say what became of the copies."""
    for work in found.works:
        outcome = report.outcomes[work.subject]
        if outcome.error is None:
            seconds = sum(stage.seconds for stage in outcome.stages)
            told = f"template {work.spec.name} is VM {work.at.vmid} on {work.at.node}"
            click.echo(f"{told} ({seconds:.1f} s)")
        else:
            click.echo(shown(outcome.error), err=True)
            ending.tell_undone(f"template {work.spec.name} on {work.at.node}", outcome)
    ending.tell_sum(report)
