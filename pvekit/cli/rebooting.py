"""``vm reboot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing
from pvekit.cli.durations import duration
from pvekit.cli.options import change_options, shutdown_timeout_option, timeout_option

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner
    from pvekit.operations.selecting import Selection


@click.command()
@choosing
@shutdown_timeout_option
@click.option("--force", is_flag=True, help="Then cut the power of one that does not shut down.")
@click.option("--wait/--no-wait", default=True, help="Wait until it is ready again (default).")
@timeout_option
@change_options()
@pass_app
def reboot(
    app: App,
    chosen: Selection,
    shutdown_timeout: int,
    force: bool,
    wait: bool,
    timeout: str,
    manner: Manner,
) -> int:
    """Shut VMs down gracefully, start them again and wait until they are ready.

    A guest that does not shut down in time is left running, unless --force resets it.
    """
    from pvekit.cli.changing import change
    from pvekit.operations.rebooting import Reboot

    order = Reboot(shutdown_timeout, force, wait, duration(timeout))
    return change(app, chosen, order, manner)
