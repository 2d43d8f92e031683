"""Progress on stderr: one line per finished step; on a terminal also what each subject does now."""

from __future__ import annotations

import sys

import click

from pvekit.run.context import Event

WIDTH = 79


class Progress:
    """Tells the events of a run."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._now: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if self._quiet:
            return
        subject = event.step.subject.partition("/")[2]
        if event.state in ("done", "failed"):
            self._now.pop(subject, None)
            self._line(f"{subject}: {_told(event)}")
        elif event.state == "waiting":
            self._now[subject] = f"{event.step.verb} ({event.says})" if event.says else ""
        else:
            self._now[subject] = event.step.verb
        self._show()

    def close(self) -> None:
        """Remove the live line."""
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _line(self, text: str) -> None:
        self.close()
        click.echo(text, err=True)

    def _show(self) -> None:
        if self._live and self._now:
            told = ", ".join(f"{subject}: {what}" for subject, what in self._now.items() if what)
            click.echo(f"\r\x1b[K{told[:WIDTH]}", nl=False, err=True)


def _told(event: Event) -> str:
    if event.state == "failed":
        return f"{event.step.verb} failed"
    seen = f" ({event.says})" if event.step.verb in ("address", "cloud-init") and event.says else ""
    return f"{event.step.verb} done in {event.seconds:.1f} s{seen}"
