"""``vm console-log``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.durations import duration

if TYPE_CHECKING:
    from pvekit.operations.consoles import Source


@click.command(name="console-log")
@click.argument("name", metavar="VM", shell_complete=known.all_vms)
@click.option(
    "--lines",
    default=100,
    show_default=True,
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="How many lines at most.",
)
@click.option(
    "--source",
    type=click.Choice(["auto", "guest", "console"]),
    default="auto",
    show_default=True,
    help="The guest's own log, or what the console says now; auto: the log, else the console.",
)
@click.option(
    "--for",
    "listening",
    default="10s",
    show_default=True,
    metavar="DUR",
    help="How long to listen.",
)
@pass_app
def console_log(app: App, name: str, lines: int, source: Source, listening: str) -> None:
    """Show the last lines of what a VM has logged in this boot, or listen to its console.

    Of what a serial console said before nothing is kept; it tells what it says from now on.
    """
    from pvekit.operations import consoles

    seconds = max(1, int(duration(listening)))
    found = consoles.log(app.desk(), name, lines, source, seconds)
    if found.source == "console":
        because = f" ({found.why.rstrip('.')})" if found.why else ""
        say.note(f"what the serial console said in {seconds} s{because}:")
    else:
        say.note("the guest's own log of this boot:")
    click.echo(found.text, nl=False)
    if not found.text:
        say.note("nothing: a guest that is idle, or hangs, says nothing on its console")
