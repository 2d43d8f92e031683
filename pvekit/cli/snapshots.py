"""``vm snapshot``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import selecting
from pvekit.cli.examples import examples
from pvekit.cli.options import change_options
from pvekit.cli.output import Form, View, emit, format_option

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner
    from pvekit.operations.orders import AnyWork

SNAPSHOTS = View(
    kind="VmSnapshot",
    name="snapshot/{name}",
    columns=("name", "taken", "parent", "vmstate", "current", "description"),
    wide=("whole",),
    empty="It has no snapshots.",
)


@click.group()
def snapshot() -> None:
    """Take, list and delete snapshots of VMs, and go back to one."""


@snapshot.command(
    short_help="Take a snapshot of VMs.",
    epilog=examples(
        "pvekit vm snapshot create web-1 before-upgrade",
        "pvekit vm snapshot create web-1 --vmstate",
        "pvekit vm snapshot create --role worker before-upgrade",
    ),
)
@click.argument("words", nargs=-1, metavar="[VM] [SNAP]", shell_complete=known.vm_and_snapshot)
@selecting
@click.option("--vmstate", is_flag=True, help="Save the memory of a running VM, too.")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@change_options()
@pass_app
def create(
    app: App,
    words: tuple[str, ...],
    role: str,
    selectors: tuple[str, ...],
    every: bool,
    vmstate: bool,
    description: str,
    manner: Manner,
) -> int:
    """Take a snapshot SNAP (default: at-DATE-TIME) of VM, or of all that are selected.

    With --role, --selector or --all only SNAP is given.
    """
    from pvekit.cli.changing import change
    from pvekit.errors import UsageError
    from pvekit.operations.selecting import selected
    from pvekit.operations.snapshots import Take

    selects = bool(role or selectors or every)
    if len(words) > (1 if selects else 2):
        given = "SNAP beside a selection" if selects else "NAME and SNAP"
        raise UsageError(f"Give {given}, not {' '.join(words)!r}.")
    names, snap = ((), words) if selects else (words[:1], words[1:])
    chosen = selected(names, role=role, selectors=selectors, every=every)
    order = Take("".join(snap), vmstate, description)
    return change(app, chosen, order, manner)


@snapshot.command(name="list")
@click.argument("name", metavar="VM", shell_complete=known.all_vms)
@format_option
@pass_app
def list_snapshots(app: App, name: str, form: Form) -> None:
    """List the snapshots of a VM, oldest first."""
    from pvekit.operations.snapshots import listed

    emit(form, SNAPSHOTS, [asdict(each) for each in listed(app.desk(), name)])


@snapshot.command()
@click.argument("name", metavar="VM", shell_complete=known.our_vms)
@click.argument("snap", metavar="SNAP", shell_complete=known.snapshots)
@change_options(several=False, asks=True)
@pass_app
def delete(app: App, name: str, snap: str, manner: Manner) -> int:
    """Delete the snapshot SNAP of VM."""
    from pvekit.cli.changing import change
    from pvekit.operations.snapshots import Remove

    def question(works: Sequence[AnyWork]) -> str:
        return f"Delete the snapshot {snap} of {works[0].vm.told}?"

    return change(app, (name,), Remove(snap), manner, question)


@snapshot.command()
@click.argument("name", metavar="VM", shell_complete=known.our_vms)
@click.argument("snap", metavar="SNAP", shell_complete=known.snapshots)
@click.option("--start/--no-start", default=None, help="Run it then (default: if it runs now).")
@change_options(several=False, asks=True)
@pass_app
def rollback(app: App, name: str, snap: str, start: bool | None, manner: Manner) -> int:
    """Bring VM back to the snapshot SNAP. What has changed since is lost."""
    from pvekit.cli.changing import change
    from pvekit.operations.snapshots import RollBack

    def question(works: Sequence[AnyWork]) -> str:
        vm = works[0].vm
        return f"Bring {vm.told} back to {snap}? What has changed since is lost, its power is cut."

    return change(app, (name,), RollBack(snap, start), manner, question)
