"""``vm wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing
from pvekit.cli.durations import duration
from pvekit.cli.output import Form, emit, format_option

if TYPE_CHECKING:
    from pvekit.operations.selecting import Selection
    from pvekit.operations.waiting import For


@click.command()
@choosing
@click.option(
    "--for",
    "until",
    type=click.Choice(["ready", "agent", "ssh", "running", "stopped", "deleted"]),
    default="ready",
    show_default=True,
    help="What is waited for.",
)
@click.option("--timeout", default="5m", show_default=True, metavar="DUR", help="How long.")
@format_option
@pass_app
def wait(app: App, chosen: Selection, until: For, timeout: str, form: Form) -> int:
    """Wait until VMs are ready (agent, address, SSH, cloud-init), or as --for says.

    Changes nothing. What is not there counts as deleted.
    """
    from pvekit.cli.changing import CHANGED, row
    from pvekit.cli.progress import Progress
    from pvekit.operations import waiting

    progress = Progress()
    found = waiting.wait(app.desk(progress), chosen, until, duration(timeout))
    progress.close()
    for name in found.gone:
        say.note(f"There is no VM {name!r}.")
    rows = [row(f"wait {until}", vm, found.outcomes[vm.subject]) for vm in found.targets]
    if rows or form.asked:
        emit(form, CHANGED, rows)
    for outcome in found.outcomes.values():
        if outcome.error is not None:
            say.fail(outcome.error)
    return found.status
