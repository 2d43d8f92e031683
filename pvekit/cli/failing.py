"""The option that says what becomes of what fails."""

from __future__ import annotations

from typing import Any, Literal

import click

OnFailure = Literal["keep", "rollback"]


def on_failure_option(command: Any) -> Any:  # noqa: ANN401
    """Add ``--on-failure keep|rollback``."""
    return click.option(
        "--on-failure",
        type=click.Choice(["keep", "rollback"]),
        envvar="PVEKIT_ON_FAILURE",
        help="Keep what failed, to be gone on with, or take it back (default: as configured).",
    )(command)
