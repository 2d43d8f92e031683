"""``vm migrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.options import change_options

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner


@click.command()
@click.argument("name", metavar="VM", shell_complete=known.our_vms)
@click.option(
    "--to",
    required=True,
    metavar="NODE",
    help="The node of its PVE cluster.",
    shell_complete=known.nodes,
)
@click.option(
    "--online/--offline", default=None, help="While it runs (default), or only if it is off."
)
@click.option("--with-local-disks", is_flag=True, help="Copy disks on storage that is not shared.")
@change_options(several=False)
@pass_app
def migrate(
    app: App,
    name: str,
    to: str,
    online: bool | None,
    with_local_disks: bool,
    manner: Manner,
) -> int:
    """Move VM to another node of its PVE cluster, and see that it runs there."""
    from pvekit.cli.changing import change
    from pvekit.operations.migrating import Migrate

    return change(app, (name,), Migrate(to, online, with_local_disks), manner)
