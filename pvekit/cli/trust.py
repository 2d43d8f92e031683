"""``pvekit trust``: show the host keys of nodes and store them after a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.output import Form, View, emit, format_option

if TYPE_CHECKING:
    from pvekit.operations.trusting import Scanned

KEYS = View(
    kind="HostKey",
    name="node/{node}",
    columns=("node", "host", "type", "fingerprint", "state"),
    result=True,
)


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--yes", "-y", is_flag=True, help="Store without asking.")
@format_option
@pass_app
def trust(app: App, nodes: tuple[str, ...], yes: bool, form: Form) -> None:
    """Show the SHA256 fingerprints of nodes (all configured ones by default) and store the keys.

    Compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` at the node's console.
    """
    from pvekit.operations import trusting

    rows: list[dict[str, object]] = []
    for node in nodes or [entry.alias for entry in app.config.nodes]:
        found = trusting.scan(app.machines, node)
        for key in found.new:
            click.echo(f"{node} {found.endpoint.host} {key.type} {key.fingerprint}", err=True)
        if not found.new:
            click.echo(f"{node} is trusted already.", err=True)
        else:
            app.confirm(f"Trust these keys of {node}?", yes=yes)
            click.echo(f"Stored in {trusting.store(found)}.", err=True)
        rows += _rows(node, found)
    emit(form, KEYS, rows)


def _rows(node: str, found: Scanned) -> list[dict[str, object]]:
    return [
        {
            "node": node,
            "host": found.endpoint.host,
            "type": key.type,
            "fingerprint": key.fingerprint,
            "state": "stored" if key in found.new else "known",
        }
        for key in found.keys
    ]
