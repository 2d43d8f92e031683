"""Starting and stopping, as a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, shown, why
from pvekit.cli.progress import Progress
from pvekit.operations import changing
from pvekit.operations.carrying import Report
from pvekit.operations.changing import Order
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


def change(app: App, names: Sequence[str], order: Order, form: Form) -> int:
    """Change VMs that are ours, or go on with that, and say how it went."""
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    journal = changing.unfinished(desk, order, names)
    if journal is not None:
        click.echo(f"resuming run {journal.run}", err=True)
    else:
        journal = changing.begin(desk, order, names, changing.targets(desk, names))
    targets, report = changing.carry_out(desk, journal)
    progress.close()
    ended(order.verb, targets, report, form)
    return app.told_ways(report)


def ended(verb: str, targets: Sequence[Target | Doomed], report: Report, form: Form) -> None:
    """Say what became of the VMs."""
    rows = [_row(verb, target, report.outcomes[target.subject]) for target in targets]
    emit(form, CHANGED, rows, run=report.run)
    for error in report.errors:
        click.echo(shown(error), err=True)


def _row(verb: str, target: Target | Doomed, outcome: Outcome) -> dict[str, object]:
    return {
        "name": target.name,
        "vmid": target.vmid,
        "node": target.node,
        "verb": verb,
        "state": outcome.state,
        "seconds": outcome.seconds,
        **why(outcome.error),
    }
