"""The options before every command for what nobody watches: cron, timers, CI."""

from __future__ import annotations

from typing import Any

import click


def unattended_options(command: Any) -> Any:  # noqa: ANN401
    """Add --non-interactive and --lock-wait."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--non-interactive",
        is_flag=True,
        envvar="PVEKIT_NON_INTERACTIVE",
        help="Never ask: fail, and name the option that answers. The default without a terminal.",
    ),
    click.option(
        "--lock-wait",
        metavar="TIME",
        default=None,
        envvar="PVEKIT_LOCK_WAIT",
        help="One command of a kind at a time on a site; wait so long for another: 0, 90s, 10m.",
    ),
)
