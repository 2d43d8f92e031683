"""``pvekit ask``."""

from __future__ import annotations

from pathlib import Path

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.durations import duration
from pvekit.cli.examples import examples
from pvekit.cli.failing import OnFailure, on_failure_option
from pvekit.cli.options import fleet_options, yes_option
from pvekit.cli.output import Form, format_option


@click.command(
    epilog=examples(
        'pvekit ask "three web servers for 200 requests/s, a redis" --dry-run',
        'pvekit ask "two small redis" --name cache --yes',
        'pvekit ask "a postgres 200 GB, 300 qps" --dry-run --out fleet.yaml',
    )
)
@click.argument("words", nargs=-1, required=True, metavar="TEXT...")
@click.option("--name", default="", metavar="FLEET", help="The fleet's name; else its groups'.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the fleet file there, too.",
    shell_complete=known.files,
)
@click.option("--force", is_flag=True, help="Overwrite the file that --out names.")
@click.option(
    "--explain", is_flag=True, help="Show the figures behind sizes, and what a model got."
)
@fleet_options
@on_failure_option
@yes_option
@format_option
@pass_app
def ask(
    app: App,
    /,
    words: tuple[str, ...],
    name: str,
    out: Path | None,
    force: bool,
    explain: bool,
    dry_run: bool,
    detailed_exitcode: bool,
    allow_restart: bool,
    wait: bool,
    timeout: str,
    on_failure: OnFailure | None,
    yes: bool,
    form: Form,
) -> int:
    """Make the VMs that a text asks for: a fleet file with reasons, its plan, and after a yes.

    Read by the configured model and checked, else by words. Asked again, nothing is sent.
    """
    from pvekit.cli import drafting
    from pvekit.operations.applying import Order
    from pvekit.operations.asking import Request

    order = Order(wait=wait, ready=duration(timeout))
    request = Request(" ".join(words), name)
    asked = drafting.Asked(request, order, out, force=force, explain=explain)
    if dry_run:
        return drafting.foresee(app, asked, form, detailed=detailed_exitcode)
    manner = drafting.manner(form, yes=yes, allow_restart=allow_restart, on_failure=on_failure)
    return drafting.ask(app, asked, manner)
