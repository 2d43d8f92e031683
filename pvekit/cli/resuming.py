"""``run resume``, as a conversation: what is gone on with, and how it ended."""

from __future__ import annotations

from dataclasses import asdict

from pvekit.cli import building, changing, creating, ending, fleets, previewing, say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit_one
from pvekit.cli.progress import Progress
from pvekit.operations import resuming
from pvekit.operations.resuming import Resumed
from pvekit.operations.runs import made, row

FINISHED = View(
    kind="FinishedRun",
    name="run/{run}",
    columns=("run", "began", "command", "state", "status", "subjects", "made"),
    passing=("age",),
    result=True,
)


def foresee(app: App, run: str, form: Form) -> int:
    """Show what going on would send."""
    if _is_finished(app, run, form):
        return 0
    desk = app.desk()
    previewing.show(resuming.foresee(desk, desk.store.open(run)), form)
    return 0


def resume(app: App, run: str, form: Form) -> int:
    """Go on with a run; one that went well has nothing to go on with."""
    if _is_finished(app, run, form):
        return 0
    progress = Progress()
    desk = app.desk(progress)
    journal = desk.store.open(run)
    ending.tell_resumed(journal)
    resumed = resuming.resume(desk, journal)
    progress.close()
    _ended(resumed, form)
    return app.told_ways(resumed.report)


def _is_finished(app: App, run: str, form: Form) -> bool:
    found = app.store.look(run)
    account = found.account
    if account.standing != "finished" or account.status != 0:
        return False
    what = ", ".join(made(account))
    told = f"It made {what}." if what else "There is nothing to go on with."
    say.note(f"Run {account.run} ({account.kind}) is finished. {told}")
    emit_one(form, FINISHED, asdict(row(found)), text=lambda: None)
    return True


def _ended(resumed: Resumed, form: Form) -> None:
    report = resumed.report
    if resumed.made is not None:
        creating.results(resumed.made, report, form)
    elif resumed.copies is not None:
        building.ended(resumed.copies, report, form)
    elif resumed.applied is not None:
        fleets.ended(resumed.applied, form)
    else:
        changing.ended(resumed.verb, resumed.targets, report, form)
