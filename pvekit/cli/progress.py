"""Progress on stderr: a line per finished step; on a terminal also what each subject does now."""

from __future__ import annotations

import shutil
import sys
import time

import click

from pvekit.run.context import Event

LINES = 12
QUIET = ("claim@", "unclaim@", "release@", "tidy", "vacant")
SPEAKING = ("address", "cloud-init")
"""Stages of which not only the time is told, but also what was seen."""


class Progress:
    """Tells the events of a run, which all come from one thread."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._now: dict[str, tuple[str, float]] = {}
        self._drawn = 0

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if self._quiet:
            return
        subject = event.step.subject.partition("/")[2]
        if event.state in ("started", "waiting"):
            self._began(subject, event)
        else:
            self._now.pop(subject, None)
        self._clear()
        if event.state in ("done", "failed") or _is_stage(event):
            self._finished(subject, event)
        self._draw()

    def close(self) -> None:
        """Remove the live lines."""
        self._clear()

    def _began(self, subject: str, event: Event) -> None:
        told, since = self._now.get(subject, ("", time.monotonic()))
        if not told.startswith(event.step.verb):
            since = time.monotonic()
        says = f" ({event.says})" if event.says else ""
        self._now[subject] = (f"{event.step.verb}{says}", since)

    @staticmethod
    def _finished(subject: str, event: Event) -> None:
        verb = event.step.verb
        if event.state == "failed":
            click.echo(f"{subject}: {verb} failed", err=True)
        elif not verb.startswith(QUIET):
            says = f": {event.says}" if verb in SPEAKING and event.says else ""
            click.echo(f"{subject}: {verb} ({event.seconds:.1f} s){says}", err=True)

    def _clear(self) -> None:
        click.echo("\x1b[F\x1b[2K" * self._drawn, nl=False, err=True, color=True)
        self._drawn = 0

    def _draw(self) -> None:
        if not self._live:
            return
        width = shutil.get_terminal_size().columns - 1
        for subject, (told, since) in list(self._now.items())[:LINES]:
            line = f"{subject}: {told} {time.monotonic() - since:.0f} s"
            click.echo(line[:width], err=True)
            self._drawn += 1


def _is_stage(event: Event) -> bool:
    """Whether it is a stage of readiness, which is worth a line even if it held at once."""
    return event.state == "held" and bool(event.step.budget)
