"""``run rollback``, as a conversation: what was taken back, and what cannot be."""

from __future__ import annotations

from pvekit.cli import say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, why
from pvekit.operations import pinned, runs
from pvekit.run.apply import Outcome

TAKEN_BACK = View(
    kind="RolledBack",
    name="{subject}",
    columns=("subject", "state", "seconds"),
    wide=("error",),
    result=True,
)


def roll_back(app: App, run: str, form: Form) -> int:
    """Take back what a run has made, and say how it went."""
    desk = app.desk()
    journal = desk.store.open(run)
    report = runs.roll_back(desk, journal)
    lasting = list(pinned.lasting(pinned.plan(desk, journal), journal))
    rows = [_row(subject, outcome) for subject, outcome in report.outcomes.items()]
    emit(form, TAKEN_BACK, rows, run=report.run, lasting=lasting)
    for error in report.errors:
        say.fail(error)
    for line in lasting:
        say.note(f"Not taken back: {line}.")
    if not report.errors:
        say.note(f"Run {report.run} is taken back.")
    return app.told_ways(report)


def _row(subject: str, outcome: Outcome) -> dict[str, object]:
    return {
        "subject": subject,
        "state": "taken back" if outcome.error is None else outcome.state,
        "seconds": outcome.seconds,
        **why(outcome.error),
    }
