"""Changing VMs that are there, as a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pvekit.cli import ending, previewing, say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, why
from pvekit.cli.progress import Progress
from pvekit.operations import changing
from pvekit.operations.carrying import Report
from pvekit.operations.orders import AnyOrder, AnyWork
from pvekit.operations.selecting import Wanted
from pvekit.run.apply import Outcome
from pvekit.vms.delete import Doomed
from pvekit.vms.power import Target

CHANGED = View(
    kind="VmChange",
    name="vm/{name}",
    columns=("name", "vmid", "node", "verb", "state", "seconds"),
    wide=("error",),
    result=True,
)


@dataclass(frozen=True)
class Manner:
    """How a change is carried out and told: ``parallel`` VMs at once (0: all)."""

    form: Form = field(default_factory=Form)
    dry_run: bool = False
    yes: bool = False
    parallel: int = 0


Question = Callable[[Sequence[AnyWork]], str]
"""Returns what is asked before a change, or nothing where it needs no question."""


def unasked(_: Sequence[AnyWork]) -> str:
    """Ask nothing."""
    return ""


def change(
    app: App,
    wanted: Wanted,
    order: AnyOrder[Any],
    manner: Manner,
    question: Question = unasked,
) -> int:
    """Change VMs that are ours, or go on with that, and say how it went."""
    if manner.dry_run:
        return _foresee(app, wanted, order, manner.form)
    progress = Progress()
    desk = replace(app.desk(progress), parallel=manner.parallel)
    journal = changing.unfinished(desk, order, wanted)
    if journal is not None:
        say.note(f"resuming run {journal.run}")
    else:
        found = changing.decided(desk, order, wanted)
        if asked := question(found):
            app.confirm(asked, yes=manner.yes)
        journal = changing.begin(desk, order, wanted, found)
    targets, report = changing.carry_out(desk, journal)
    progress.close()
    ended(order.verb, targets, report, manner.form)
    return app.told_ways(report)


def _foresee(app: App, wanted: Wanted, order: AnyOrder[Any], form: Form) -> int:
    """Show what a change would send."""
    run, _, preview = changing.foresee(app.desk(), order, wanted)
    if run:
        say.note(f"would go on with run {run}")
    previewing.show(preview, form)
    return 0


def ended(verb: str, targets: Sequence[Target | Doomed], report: Report, form: Form) -> None:
    """Say what became of the VMs."""
    rows = [row(verb, target, report.outcomes[target.subject]) for target in targets]
    emit(form, CHANGED, rows, run=report.run)
    for _, error in ending.merged(("", error) for error in report.errors):
        say.fail(error)


def row(verb: str, target: Target | Doomed, outcome: Outcome) -> dict[str, object]:
    """Return what became of one VM, as data."""
    return {
        "name": target.name,
        "vmid": target.vmid,
        "node": target.node,
        "verb": verb,
        "state": outcome.state,
        "seconds": outcome.seconds,
        **why(outcome.error),
    }
