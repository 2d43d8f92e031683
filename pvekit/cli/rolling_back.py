"""``run rollback``, as a conversation: what is taken back, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.cli import ending, previewing, say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, why
from pvekit.cli.prompts import may_ask
from pvekit.journal import Account, Journal
from pvekit.operations import pinned, runs
from pvekit.operations.carrying import letting_go
from pvekit.operations.desk import Desk
from pvekit.plan import name_of
from pvekit.run.apply import Outcome, Preview

TAKEN_BACK = View(
    kind="RolledBack",
    name="{subject}",
    columns=("subject", "state", "seconds"),
    wide=("error",),
    result=True,
)


def foresee(app: App, run: str, form: Form) -> int:
    """Show what taking a run back would send."""
    desk = app.desk()
    account = app.store.look(run).account
    previewing.show(runs.foresee_back(desk, account), form)
    _tell_lasting(desk, account)
    return 0


def roll_back(app: App, run: str, form: Form, *, yes: bool) -> int:
    """Take back what a run has made, after a question that names it, and say how it went."""
    desk = app.desk()
    journal = desk.store.open(run)
    with letting_go(journal):
        if not yes:
            _ask(app, desk, journal)
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


def _ask(app: App, desk: Desk, journal: Journal) -> None:
    """Ask, with what would go before the eyes of who is to answer."""
    found = runs.foresee_back(desk, journal)
    if may_ask():
        for line in _doomed(found, journal):
            say.present(line)
        _tell_lasting(desk, journal)
    app.confirm(f"Remove what run {journal.run} has made?", yes=False)


def _doomed(found: Preview, account: Account) -> Iterator[str]:
    """Yield what is left of a run, by subject: what is destroyed with its disks, or undone."""
    made = runs.made_of(account)
    steps = {step.subject: step for step in found.pending}
    if not steps:
        yield "Nothing of it is left."
    for subject in account.decisions():
        if subject in steps and subject in made:
            yield f"  {made[subject]}: destroyed with all disks"
        elif subject in steps:
            verbs = (each.verb for each in found.pending if each.subject == subject)
            yield f"  {name_of(subject)}: {ending.in_words(verbs)}"


def _tell_lasting(desk: Desk, account: Account) -> None:
    for line in pinned.lasting(pinned.plan(desk, account), account):
        say.note(f"Cannot be taken back: {line}.")


def _row(subject: str, outcome: Outcome) -> dict[str, object]:
    return {
        "subject": subject,
        "state": "taken back" if outcome.error is None else outcome.state,
        "seconds": outcome.seconds,
        **why(outcome.error),
    }
