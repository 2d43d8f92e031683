"""Questions to a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from pvekit.cli import say
from pvekit.errors import UsageError

T = TypeVar("T")


def may_ask() -> bool:
    """Whether there is somebody to answer: a terminal, and no ``--non-interactive``."""
    context = click.get_current_context(silent=True)
    told = context.find_root().params.get("non_interactive") if context else False
    return sys.stdin.isatty() and not told


def confirmed(question: str) -> bool:
    """Return whether the answer to a question is yes; the end of the answers is a no.

    Not by ``input``, which takes no notice of an exception that a signal's handler raises while the
    question is being written: a Ctrl-C in that moment would be lost.
    """
    while True:
        click.echo(f"{question} [y/N]: ", nl=False, err=True)
        answer = sys.stdin.readline()
        if not answer:
            click.echo(err=True)
            return False
        word = answer.strip().lower()
        if word in ("y", "yes"):
            return True
        if word in ("", "n", "no"):
            return False
        click.echo("Answer y or n.", err=True)


def answered(question: str, default: str = "") -> str:
    """Return the answer to a question, which is asked again until there is one or the default.

    Raises :class:`click.Abort` where the answers end. Not by ``input``, as above.
    """
    while True:
        click.echo(f"{question} [{default}]: " if default else f"{question}: ", nl=False, err=True)
        answer = sys.stdin.readline()
        if not answer:
            click.echo(err=True)
            raise click.Abort
        if word := answer.strip() or default:
            return word


def taken(question: str, take: Callable[[str], T], default: str = "") -> T:
    """Ask until an answer can be taken, telling why another cannot: a slip loses no answers.

    ``take`` raises :class:`UsageError` for an answer that makes no sense.
    """
    while True:
        try:
            return take(answered(question, default))
        except UsageError as error:
            say.fail(error)
