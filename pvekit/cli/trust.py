"""``pvekit trust``: show the host keys of nodes and store them after a yes."""

from __future__ import annotations

import click

from pvekit.cli.app import App, pass_app


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--yes", "-y", is_flag=True, help="Store without asking.")
@pass_app
def trust(app: App, nodes: tuple[str, ...], yes: bool) -> None:
    """Show the SHA256 fingerprints of nodes (all configured ones by default) and store the keys.

    Compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` at the node's console.
    """
    from pvekit.operations import trusting

    for node in nodes or [entry.alias for entry in app.config.nodes]:
        found = trusting.scan(app.machines, node)
        for key in found.new:
            click.echo(f"{node} {found.endpoint.host} {key.type} {key.fingerprint}")
        if not found.new:
            click.echo(f"{node} is trusted already.")
            continue
        app.confirm(f"Trust these keys of {node}?", yes=yes)
        click.echo(f"Stored in {trusting.store(found)}.", err=True)
