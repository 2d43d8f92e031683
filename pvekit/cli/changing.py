"""Starting, stopping and deleting, as a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from pvekit.cli import previewing
from pvekit.cli.app import App
from pvekit.cli.output import shown
from pvekit.cli.progress import Progress
from pvekit.operations import changing
from pvekit.operations.changing import Planner
from pvekit.run.apply import preview
from pvekit.vms.power import Target


def foresee(app: App, names: Sequence[str], planner: Planner) -> int:
    """Show what a change would send."""
    desk = app.desk()
    previewing.show(preview(changing.plan_for(desk, names, planner)[1], desk.site))
    return 0


def change(
    app: App,
    verb: str,
    names: Sequence[str],
    planner: Planner,
    agreed: Callable[[Sequence[Target]], None] | None = None,
) -> int:
    """Change VMs that are ours, and say how it went; ``agreed`` asks before the change."""
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    targets, plan = changing.plan_for(desk, names, planner)
    if agreed is not None:
        agreed(targets)
    report = changing.carry_out(desk, verb, targets, plan)
    progress.close()
    for target in targets:
        error = report.outcomes[target.subject].error
        done = f"{verb} {target.name} (VM {target.vmid} on {target.node}): done"
        click.echo(done if error is None else shown(error), err=error is not None)
    return app.told_ways(report)
