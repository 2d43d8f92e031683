"""``vm delete``, as a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pvekit.cli import changing, previewing, say
from pvekit.cli.app import App
from pvekit.cli.changing import Manner
from pvekit.cli.output import Form
from pvekit.cli.progress import Progress
from pvekit.cli.prompts import may_ask
from pvekit.operations import deleting
from pvekit.operations.selecting import Wanted
from pvekit.vms.delete import Doomed

FEW = 3
"""So many are named in the question itself."""


def delete(app: App, wanted: Wanted, seconds: int, manner: Manner) -> int:
    """Delete VMs after a question, and say how it went."""
    if manner.dry_run:
        return _foresee(app, wanted, seconds, manner.form)
    progress = Progress()
    desk = replace(app.desk(progress), parallel=manner.parallel)
    found = deleting.decided(desk, wanted, seconds)
    if found.run:
        say.note(f"resuming run {found.run}")
    for taken in found.taken:
        say.note(f"taking over {taken}")
    app.confirm(_question(found.doomed, yes=manner.yes), yes=manner.yes)
    report = deleting.carry_out(desk, found)
    progress.close()
    changing.ended("delete", found.doomed, report, manner.form)
    return app.told_ways(report)


def _question(doomed: Sequence[Doomed], *, yes: bool) -> str:
    """Return the question that names what goes; many are told beforehand, a line each."""
    names = [f"VM {vm.vmid} ({vm.name} on {vm.node})" for vm in doomed]
    if len(names) <= FEW:
        return f"Delete {', '.join(names)} with all disks?"
    for name in names if may_ask() and not yes else ():
        say.present(f"  {name}")
    return f"Delete these {len(names)} VMs with all disks?"


def _foresee(app: App, wanted: Wanted, seconds: int, form: Form) -> int:
    desk = app.desk()
    found = deleting.decided(desk, wanted, seconds)
    if found.run:
        say.note(f"would go on with run {found.run}")
    for taken in found.taken:
        say.note(f"would take over {taken}")
    previewing.show(deleting.foresee(desk, found), form)
    return 0
