"""Starting, stopping and deleting, as a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from pvekit.cli import previewing
from pvekit.cli.app import App
from pvekit.cli.output import shown
from pvekit.cli.progress import Progress
from pvekit.operations import changing
from pvekit.operations.carrying import Report
from pvekit.operations.changing import Order
from pvekit.run.apply import preview
from pvekit.vms.power import Target


def foresee(app: App, names: Sequence[str], order: Order) -> int:
    """Show what a change would send."""
    desk = app.desk()
    previewing.show(preview(order.plan(changing.targets(desk, names)), desk.site))
    return 0


def change(
    app: App,
    names: Sequence[str],
    order: Order,
    agreed: Callable[[Sequence[Target]], None] | None = None,
) -> int:
    """Change VMs that are ours, or go on with that, and say how it went.

    ``agreed`` asks before the change.
    """
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    journal = changing.unfinished(desk, order, names)
    if journal is not None:
        click.echo(f"resuming run {journal.run}", err=True)
    else:
        found = changing.targets(desk, names)
        if agreed is not None:
            agreed(found)
        journal = changing.begin(desk, order, names, found)
    targets, report = changing.carry_out(desk, journal)
    progress.close()
    ended(order.verb, targets, report)
    return report.status


def ended(verb: str, targets: Sequence[Target], report: Report) -> None:
    """Say what became of the VMs."""
    for target in targets:
        error = report.outcomes[target.subject].error
        done = f"{verb} {target.name} (VM {target.vmid} on {target.node}): done"
        click.echo(done if error is None else shown(error), err=error is not None)
