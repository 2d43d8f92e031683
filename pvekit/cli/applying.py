"""``pvekit apply`` and ``pvekit diff``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.durations import duration
from pvekit.cli.examples import examples
from pvekit.cli.failing import OnFailure, on_failure_option
from pvekit.cli.options import fleet_options, shutdown_timeout_option, yes_option
from pvekit.cli.output import Form, format_option

if TYPE_CHECKING:
    from pvekit.fleet.model import Fleet

_FILE = click.option(
    "-f",
    "file",
    required=True,
    metavar="FILE|-",
    help="The fleet file; - is standard input.",
    shell_complete=known.files,
)
_PRUNE = click.option("--prune", is_flag=True, help="Remove the fleet's VMs that left the file.")


@click.command(
    epilog=examples(
        "pvekit apply -f fleet.yaml --dry-run",
        "pvekit apply -f fleet.yaml --yes",
        "pvekit apply -f fleet.yaml --prune",
    )
)
@_FILE
@_PRUNE
@fleet_options
@shutdown_timeout_option
@on_failure_option
@yes_option
@format_option
@pass_app
def apply(
    app: App,
    /,
    file: str,
    prune: bool,
    dry_run: bool,
    detailed_exitcode: bool,
    allow_restart: bool,
    wait: bool,
    timeout: str,
    shutdown_timeout: int,
    on_failure: OnFailure | None,
    yes: bool,
    form: Form,
) -> int:
    """Make the site what a fleet file says: create, change, and with --prune remove VMs.

    The plan is shown first. Applied again, nothing is sent. The same command goes on with a run
    that was broken off.
    """
    from pvekit.cli import fleets
    from pvekit.operations.applying import Order

    order = Order(prune, wait, shutdown_timeout, duration(timeout))
    fleet = _read(app, file)
    if dry_run:
        return fleets.foresee(app, fleet, order, form, detailed=detailed_exitcode)
    manner = fleets.Manner(form, yes=yes, allow_restart=allow_restart, on_failure=on_failure)
    return fleets.apply(app, fleet, order, manner)


@click.command()
@_FILE
@_PRUNE
@format_option
@pass_app
def diff(app: App, /, file: str, prune: bool, form: Form) -> int:
    """Say how far the site is from a fleet file: 0 if it is so already, 10 if changes are due."""
    from pvekit.cli import fleets

    return fleets.diff(app, _read(app, file), form, prune=prune)


def _read(app: App, file: str) -> Fleet:
    from pvekit.operations import fleet_reading

    if file == "-":
        data, source = sys.stdin.buffer.read(), Path(fleet_reading.STDIN)
    else:
        source = Path(file)
        data = fleet_reading.content(source)
    return fleet_reading.fleet(app.config, data, source)
