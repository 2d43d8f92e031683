"""``pvekit config``: check the configuration."""

from __future__ import annotations

import click

from pvekit.cli.app import App, pass_app


@click.group()
def config() -> None:
    """Check the configuration."""


@config.command()
@pass_app
def validate(app: App) -> None:
    """Say everything that is wrong with the configuration, or that nothing is."""
    from pvekit.config.faults import ConfigFaults
    from pvekit.config.load import validate

    if faults := validate(app.path):
        raise ConfigFaults(faults)
    click.echo(f"{app.path} is valid.")
