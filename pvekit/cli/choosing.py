"""The words by which commands are told which VMs are meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from pvekit.cli import names as known
from pvekit.cli.options import options

selecting = options(
    (
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
)
"""Adds the options that select VMs: ``role``, ``selectors`` and ``every``."""


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
