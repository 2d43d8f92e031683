"""The options that several commands have: each is worded once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import click

from pvekit.cli import names as known
from pvekit.cli.output import Form, format_option

AT_ONCE = 10

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def options(several: Sequence[Decorator]) -> Decorator:
    """Return what adds options to a command, in the order in which its help lists them."""

    def decorate(command: Command) -> Command:
        for option in reversed(several):
            command = option(command)
        return command

    return decorate


dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show every command and change nothing."
)
detailed_option = click.option(
    "--detailed-exitcode", is_flag=True, help="With --dry-run: 10 if changes are due."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
new_option = click.option(
    "--new", is_flag=True, help="Do not resume an unfinished run of the same request."
)
explain_option = click.option(
    "--explain", is_flag=True, help="Say why that size, and why each node or why not."
)
timeout_option = click.option(
    "--timeout", default="", metavar="DUR", help="How long to wait: 300, 90s, 5m."
)
shutdown_timeout_option = click.option(
    "--shutdown-timeout",
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long a shutdown may take.",
)
parallel_option = click.option(
    "--parallel",
    type=click.IntRange(1, 1000),
    default=AT_ONCE,
    show_default=True,
    metavar="N",
    help="How many VMs at once.",
)
cpus_option = click.option("--cpus", type=click.IntRange(1, 512), metavar="N", help="Virtual CPUs.")
memory_option = click.option(
    "--memory", default="", metavar="MIB|4G", help="Memory in MiB, or with a unit."
)
count_option = click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="N",
    help="How many VMs.",
)
template_option = click.option(
    "--template",
    default="",
    metavar="NAME",
    help="Another template than the role's.",
    shell_complete=known.configured_templates,
)
storage_option = click.option(
    "--storage", default="", metavar="NAME", help="Another storage than the template's."
)
bridge_option = click.option(
    "--bridge", default="", metavar="NAME", help="Another bridge than the template's."
)
guest_host_key_option = click.option(
    "--guest-host-key",
    type=click.Choice(["pinned", "accept-new"]),
    default="pinned",
    show_default=True,
    help="Read the guest's key through its agent, or accept it as it comes.",
)

restart_options = options(
    (
        click.option(
            "--allow-restart", is_flag=True, help="Restart a VM where it cannot be done live."
        ),
        click.option(
            "--wait/--no-wait", default=True, help="Wait after a restart until it is ready."
        ),
        timeout_option,
        shutdown_timeout_option,
    )
)
"""Whether VMs may be restarted, and how long is waited for what then happens."""

fleet_options = options(
    (
        dry_run_option,
        detailed_option,
        click.option(
            "--allow-restart", is_flag=True, help="Restart VMs where it cannot be done live."
        ),
        click.option("--wait/--no-wait", default=True, help="Wait until VMs are ready (default)."),
        timeout_option,
    )
)
"""How a fleet is applied: only shown, with restarts, waited for."""


def change_options(*, several: bool = True, asks: bool = False) -> Decorator:
    """Return what adds how a change is carried out and told; the command gets a ``manner``.

    ``several``: of several VMs at once, with ``--parallel``. ``asks``: after a question that
    ``--yes`` answers.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def told(
            *args: Any,  # noqa: ANN401 - whatever the command takes
            form: Form,
            dry_run: bool,
            yes: bool = False,
            parallel: int = 0,
            **more: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            from pvekit.cli.changing import Manner

            return command(*args, manner=Manner(form, dry_run, yes, parallel), **more)

        first = (parallel_option,) if several else ()
        last = (yes_option,) if asks else ()
        return options((*first, format_option, dry_run_option, *last))(told)

    return decorate
