"""``pvekit config``: make, show and check the configuration, and choose between sites."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.output import Form, View, emit, format_option

FILES = View(kind="ConfigFile", name="{path}", columns=("path", "role", "state"))
CONTEXTS = View(
    kind="Context",
    name="context/{name}",
    columns=("name", "current", "path"),
    empty="There are none: `pvekit config init --context NAME` makes one.",
)


@click.group()
def config() -> None:
    """Make, show and check the configuration; choose the site."""


@config.command(short_help="Say all that is wrong with the configuration.")
@pass_app
def validate(app: App) -> None:
    """Say everything that is wrong with the configuration, or that nothing is."""
    from pvekit.config.faults import ConfigFaults
    from pvekit.config.load import validate
    from pvekit.operations.model_prices import unpriced

    if faults := validate(app.sources):
        raise ConfigFaults(faults)
    if doubt := unpriced(app.config):
        say.warn(doubt)
    click.echo(f"{app.sources} is valid.")


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@format_option
@pass_app
def view(app: App, origin: bool, form: Form) -> None:
    """Show every value, defaults included; secrets are hidden."""
    from pvekit.cli import config_showing

    config_showing.view(app, form, origin=origin)


@config.command(short_help="Print which files are read, and in which order.")
@format_option
@pass_app
def path(app: App, form: Form) -> None:
    """Print the files that are read, the most important first, and those looked for."""
    emit(form, FILES, [{**asdict(each), "path": str(each.path)} for each in app.sources.looked])


@config.command()
@format_option
@pass_app
def contexts(app: App, form: Form) -> None:
    """List the contexts: the files in ~/.config/pvekit/contexts."""
    current, known = app.own.current(), app.own.contexts()
    rows = [
        {"name": name, "current": name == current, "path": str(path)}
        for name, path in known.items()
    ]
    emit(form, CONTEXTS, rows)


@config.command(short_help="Make a context the current one.")
@click.argument("name", default="", metavar="[CONTEXT]", shell_complete=known.contexts)
@click.option("--none", is_flag=True, help="Have no current context.")
@pass_app
def use(app: App, name: str, none: bool) -> None:
    """Make a context the current one, for directories without a configuration of their own."""
    from pvekit.errors import UsageError

    if bool(name) is none:
        raise UsageError("Give the name of a context, or --none.", hint="See `config contexts`.")
    app.own.choose(name)
    click.echo(f"The current context is {name}." if name else "There is no current context.")


@config.command(short_help="Ask, look at one node, and write a configuration.")
@click.option("--node", default="", metavar="HOST", help="A Proxmox VE host: name or address.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="The port of its SSH server."
)
@click.option(
    "--user",
    default="",
    metavar="USER",
    help="Who logs in (else as ~/.ssh/config says, else root).",
)
@click.option(
    "--key",
    default="",
    metavar="FILE",
    help="The private key for the nodes.",
    shell_complete=known.files,
)
@click.option("--storage", default="", metavar="NAME", help="The storage for disks.")
@click.option("--bridge", default="", metavar="NAME", help="The bridge of the VMs.")
@click.option(
    "--template", default="", metavar="NAME", help="One of ubuntu-24.04, ubuntu-22.04, debian-12."
)
@click.option("--image-url", default="", metavar="URL", help="Another cloud image.")
@click.option("--checksum-url", default="", metavar="URL", help="The file with its sum.")
@click.option("--public-key", default="", metavar="KEY", help="Who may log in on the VMs.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="The file to write."
)
@click.option("--context", default="", metavar="NAME", help="Write the file of this context.")
@click.option("--yes", "-y", is_flag=True, help="Take the proposals; ask nothing.")
@pass_app
def init(app: App, /, **given: Any) -> None:  # noqa: ANN401 - the options, one by one
    """Ask for what is needed, look at one node, and write a first configuration."""
    from pvekit.cli import config_init

    config_init.init(app, config_init.Answers(**given))
