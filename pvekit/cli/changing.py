"""Starting and stopping, as a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pvekit.cli.app import App
from pvekit.cli.output import shown
from pvekit.cli.progress import Progress
from pvekit.operations import changing
from pvekit.operations.carrying import Report
from pvekit.operations.changing import Order
from pvekit.vms.delete import Doomed
from pvekit.vms.power import Target


def change(app: App, names: Sequence[str], order: Order) -> int:
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
    ended(order.verb, targets, report)
    return app.told_ways(report)


def ended(verb: str, targets: Sequence[Target | Doomed], report: Report) -> None:
    """Say what became of the VMs."""
    for target in targets:
        error = report.outcomes[target.subject].error
        done = f"{verb} {target.name} (VM {target.vmid} on {target.node}): done"
        click.echo(done if error is None else shown(error), err=error is not None)
