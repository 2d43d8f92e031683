"""``vm delete``, as a conversation."""

from __future__ import annotations

from dataclasses import replace

from pvekit.cli import changing, previewing, say
from pvekit.cli.app import App
from pvekit.cli.changing import Manner
from pvekit.cli.output import Form
from pvekit.cli.progress import Progress
from pvekit.operations import deleting
from pvekit.operations.selecting import Wanted


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
    told = ", ".join(f"VM {vm.vmid} ({vm.name} on {vm.node})" for vm in found.doomed)
    app.confirm(f"Delete {told} with all disks?", yes=manner.yes)
    report = deleting.carry_out(desk, found)
    progress.close()
    changing.ended("delete", found.doomed, report, manner.form)
    return app.told_ways(report)


def _foresee(app: App, wanted: Wanted, seconds: int, form: Form) -> int:
    desk = app.desk()
    found = deleting.decided(desk, wanted, seconds)
    if found.run:
        say.note(f"would go on with run {found.run}")
    for taken in found.taken:
        say.note(f"would take over {taken}")
    previewing.show(deleting.foresee(desk, found), form)
    return 0
