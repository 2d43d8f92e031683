"""The words by which commands are told which VMs are meant, and how many of them at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from pvekit.cli import names as known

AT_ONCE = 10


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``VM...`` and the options that select instead; the command gets a ``chosen``."""

    @functools.wraps(command)
    def told(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        names: tuple[str, ...],
        role: str,
        selectors: tuple[str, ...],
        every: bool,
        **more: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        from pvekit.operations.selecting import selected

        chosen = selected(names, role=role, selectors=selectors, every=every)
        return command(*args, chosen=chosen, **more)

    return click.argument("names", nargs=-1, metavar="[VM]...", shell_complete=known.our_vms)(
        selecting(told)
    )


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select VMs: ``role``, ``selectors`` and ``every``."""
    options = (
        click.option(
            "--role",
            default="",
            metavar="ROLE",
            help="All of pvekit's VMs of this role.",
            shell_complete=known.roles,
        ),
        click.option(
            "--selector",
            "-l",
            "selectors",
            multiple=True,
            metavar="KEY=VALUE,...",
            help="Those of pvekit's VMs: tag=web, tag!=old, role=, node=, status=, name=web-*.",
        ),
        click.option("--all", "every", is_flag=True, help="All of pvekit's VMs."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def shutdown_timeout_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--shutdown-timeout SECONDS``."""
    return click.option(
        "--shutdown-timeout",
        default=120,
        show_default=True,
        metavar="SECONDS",
        help="How long a shutdown may take.",
    )(command)


def restart_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add whether VMs may be restarted, and how long is waited for what then happens."""
    options = (
        click.option(
            "--allow-restart", is_flag=True, help="Restart a VM where it cannot be done live."
        ),
        click.option(
            "--wait/--no-wait", default=True, help="Wait after a restart until it is ready."
        ),
        click.option(
            "--timeout", default="", metavar="DUR", help="How long to wait: 300, 90s, 5m."
        ),
        shutdown_timeout_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def parallel_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--parallel N``."""
    return click.option(
        "--parallel",
        type=click.IntRange(1, 1000),
        default=AT_ONCE,
        show_default=True,
        metavar="N",
        help="How many VMs at once.",
    )(command)


def dry_run_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Show every command and change nothing.")(
        command
    )


def yes_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--yes``."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)
