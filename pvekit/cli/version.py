"""``pvekit version`` and ``pvekit schema``."""

from __future__ import annotations

import click

from pvekit import __version__
from pvekit.cli.app import App, pass_app
from pvekit.cli.output import Form, View, emit_one, format_option
from pvekit.cli.rendering import table

VERSION = View(
    kind="Version",
    name="pvekit/{version}",
    columns=("version", "python", "system"),
    wide=("nodes",),
)


@click.command()
@click.option("--nodes", is_flag=True, help="Also the Proxmox VE of each node.")
@format_option
@pass_app
def version(app: App, nodes: bool, form: Form) -> None:
    """Tell the version of pvekit, of Python and, with --nodes, of Proxmox VE on each node."""
    import platform

    found = _nodes(app) if nodes else []
    data = {
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "nodes": found,
    }

    def tell() -> None:
        click.echo(f"pvekit {__version__}, Python {data['python']}, {data['system']}")
        if found:
            click.echo(table(found, ("node", "pve_version", "status"), headers=form.headers))

    emit_one(form, VERSION, data, text=tell)


def _nodes(app: App) -> list[dict[str, object]]:
    from pvekit.operations.nodes import rows

    return [
        {"node": row.node, "pve_version": row.pve_version, "status": row.status}
        for row in rows(app.desk())
    ]


@click.command()
def schema() -> None:
    """Print the JSON Schema of all documents that `-o json` prints."""
    from pvekit.schemas import text

    click.echo(text(), nl=False)
