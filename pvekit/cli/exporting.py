"""``vm export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing

if TYPE_CHECKING:
    from pvekit.operations.selecting import Selection


@click.command()
@choosing
@click.option("--fleet", default="", metavar="FLEET", help="Only those of this fleet.")
@click.option(
    "--name",
    default="",
    metavar="FLEET",
    help="The fleet's name in the file, for VMs that have none.",
)
@pass_app
def export(app: App, /, chosen: Selection, fleet: str, name: str) -> None:
    """Write a fleet file that describes VMs that are there; `pvekit apply` of it sends nothing."""
    import yaml

    from pvekit.operations.exporting import exported

    found = exported(app.desk(), chosen, name, fleet=fleet)
    click.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), nl=False)
