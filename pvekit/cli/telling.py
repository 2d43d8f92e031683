"""The options before every command that say how much is told, and how."""

from __future__ import annotations

from typing import Any

import click

from pvekit.cli import say


def telling_options(command: Any) -> Any:  # noqa: ANN401
    """Add -v, -q, --color and --log-format; they count from the moment they are read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _verbose(_ctx: click.Context, _option: click.Parameter, value: int) -> int:
    if value:
        say.voice().verbosity = min(value, say.COMMANDS)
    return value


def _quiet(ctx: click.Context, _option: click.Parameter, value: bool) -> bool:
    if value and say.voice().verbosity > say.NORMAL:
        raise click.UsageError("-q and -v contradict each other.", ctx)
    if value:
        say.voice().verbosity = say.QUIET
    return value


def _colour(_ctx: click.Context, _option: click.Parameter, value: str) -> None:
    say.voice().colour = value


def _log_format(_ctx: click.Context, _option: click.Parameter, value: str) -> None:
    say.voice().as_json = value == "json"


_OPTIONS = (
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        envvar="PVEKIT_LOG_FORMAT",
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=_log_format,
        help="What is told on stderr: text, or a JSON object per line.",
    ),
    click.option(
        "--verbose",
        "-v",
        count=True,
        is_eager=True,
        callback=_verbose,
        help="Tell each step and why; -vv also each remote command.",
    ),
    click.option(
        "--quiet",
        "-q",
        is_flag=True,
        callback=_quiet,
        help="Print nothing but errors and data that was asked for.",
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        envvar="PVEKIT_COLOR",
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=_colour,
        help="Colours: on a terminal and without NO_COLOR, always, or never.",
    ),
)
