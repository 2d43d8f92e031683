"""``vm delete``, as a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pvekit.cli import changing, previewing
from pvekit.cli.app import App
from pvekit.cli.output import Form
from pvekit.cli.progress import Progress
from pvekit.operations import deleting


def foresee(app: App, names: Sequence[str], seconds: int, form: Form) -> int:
    """Show what deleting would send."""
    desk = app.desk()
    found = deleting.decided(desk, names, seconds)
    if found.run:
        click.echo(f"would go on with run {found.run}", err=True)
    previewing.show(deleting.foresee(desk, found), form)
    return 0


def delete(app: App, names: Sequence[str], seconds: int, form: Form, *, yes: bool) -> int:
    """Delete VMs after a question, and say how it went."""
    progress = Progress(quiet=app.quiet)
    desk = app.desk(progress)
    found = deleting.decided(desk, names, seconds)
    if found.run:
        click.echo(f"resuming run {found.run}", err=True)
    told = ", ".join(f"VM {vm.vmid} ({vm.name} on {vm.node})" for vm in found.doomed)
    app.confirm(f"Delete {told} with all disks?", yes=yes)
    report = deleting.carry_out(desk, found)
    progress.close()
    changing.ended("delete", found.doomed, report, form)
    return app.told_ways(report)
