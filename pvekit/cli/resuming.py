"""``run resume``, as a conversation: what is gone on with, and how it ended."""

from __future__ import annotations

from typing import Any

import click

from pvekit.cli import building, changing, creating, previewing
from pvekit.cli.app import App
from pvekit.cli.output import emit
from pvekit.cli.progress import Progress
from pvekit.operations import resuming
from pvekit.operations.carrying import Report
from pvekit.operations.resuming import Resumed
from pvekit.operations.runs import made


def foresee(app: App, run: str, form: str) -> int:
    """Show what going on would send."""
    if _is_finished(app, run):
        return 0
    desk = app.desk()
    previewing.show(resuming.foresee(desk, desk.store.open(run)), form)
    return 0


def resume(app: App, run: str, form: str) -> int:
    """Go on with a run; one that went well has nothing to go on with."""
    if _is_finished(app, run):
        return 0
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    journal = desk.store.open(run)
    names = ", ".join(subject.partition("/")[2] for subject in journal.decisions())
    click.echo(f"resuming run {journal.run}: {names or 'nothing decided yet'}", err=True)
    resumed = resuming.resume(desk, journal)
    progress.close()
    _ended(resumed, form)
    return app.told_ways(resumed.report)


def _is_finished(app: App, run: str) -> bool:
    account = app.store.look(run).account
    if account.standing != "finished" or account.status != 0:
        return False
    what = ", ".join(made(account))
    told = f"It made {what}." if what else "There is nothing to go on with."
    click.echo(f"Run {account.run} ({account.kind}) is finished. {told}", err=True)
    return True


def _ended(resumed: Resumed, form: str) -> None:
    report = resumed.report
    if resumed.machines is not None:
        creating.results(resumed.machines, report, form)
    elif form != "table":
        emit({"run": report.run, "results": _data(report)}, form, ())
    elif resumed.copies is not None:
        building.ended(resumed.copies, report)
    else:
        changing.ended(resumed.verb, resumed.targets, report)


def _data(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "subject": subject,
            "state": "failed" if outcome.error else "done",
            "error": outcome.error.brief if outcome.error else None,
            "error_id": outcome.error.id if outcome.error else None,
        }
        for subject, outcome in report.outcomes.items()
    ]
