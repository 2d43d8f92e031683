"""``pvekit size review``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import selecting
from pvekit.cli.durations import age, duration
from pvekit.cli.examples import examples
from pvekit.cli.options import change_options, restart_options

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner


@click.command(
    epilog=examples(
        "pvekit size review",
        "pvekit size review --since 7d -l role=worker -o wide",
        "pvekit size review --apply --dry-run",
        "pvekit size review --apply --allow-restart --yes --parallel 1",
    )
)
@click.argument("names", nargs=-1, metavar="[VM]...", shell_complete=known.our_vms)
@selecting
@click.option(
    "--since", default="24h", show_default=True, metavar="AGE", help="How far back: 24h, 7d, 4w."
)
@click.option("--plot", default="", metavar="DIR", help="Write a chart of each VM there, as PNG.")
@click.option("--apply", "follow", is_flag=True, help="Give the VMs the recommended sizes.")
@restart_options
@change_options(asks=True)
@pass_app
def review(
    app: App,
    /,
    names: tuple[str, ...],
    role: str,
    selectors: tuple[str, ...],
    every: bool,
    since: str,
    plot: str,
    follow: bool,
    allow_restart: bool,
    wait: bool,
    timeout: str,
    shutdown_timeout: int,
    manner: Manner,
) -> int:
    """Say whether VMs have the sizes that they need: all of pvekit's that run, or those named.

    Tells what each used, out-of-memory kills, and the size that would fit; nothing is changed
    without --apply.
    """
    from pvekit.cli import size_following, size_reviewing
    from pvekit.operations.reviewing_due import since_seconds
    from pvekit.operations.reviewing_order import Follow
    from pvekit.operations.selecting import selected

    some = names or role or selectors
    chosen = selected(names, role=role, selectors=selectors, every=every or not some)
    seconds = since_seconds(age(since))
    look = size_reviewing.Look(chosen, seconds, Path(plot).expanduser() if plot else None)
    if not follow:
        return size_reviewing.review(app, look, manner)
    order = Follow(seconds, allow_restart, wait, shutdown_timeout, duration(timeout))
    return size_following.follow(app, look, order, manner)
