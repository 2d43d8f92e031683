"""How the flow of a script is left: errors that end a shell, and jumps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ShellError(Exception):
    """What ends a shell that is not interactive: dash's message without its name and line."""

    message: str
    status: int = 2


@dataclass
class Jump(Exception):
    """``break`` or, with ``again``, ``continue`` out of so many loops."""

    levels: int
    again: bool


@dataclass
class Return(Exception):
    """``return`` from a function or a sourced file."""

    status: int


@dataclass
class Exit(Exception):
    """``exit``, or an error under ``set -e``."""

    status: int
