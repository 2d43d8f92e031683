"""What is told on stderr: notes, warnings, errors and what happens, as text or as JSON lines.

How much and how is said by options before the command; every text goes through the register of
secrets. Data is not told but printed: see :mod:`pvekit.cli.output`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TextIO

import click

from pvekit.errors import PvekitError
from pvekit.masking import masked

if TYPE_CHECKING:
    from pvekit.cli.region import Region

Level = Literal["debug", "info", "warning", "error"]
QUIET, NORMAL, STEPS, COMMANDS = -1, 0, 1, 2
COLOURS = {"Error:": "red", "Warning:": "yellow"}


@dataclass(frozen=True)
class Happened:
    """What an event is about, as far as it is about a run, a subject, a step, a node."""

    event: str = "note"
    run: str = ""
    subject: str = ""
    step: str = ""
    node: str = ""
    seconds: float | None = None
    error_id: str = ""


@dataclass
class Voice:
    """How things are told: ``verbosity`` from quiet (-1) to remote commands (2)."""

    verbosity: int = NORMAL
    as_json: bool = False
    colour: str = "auto"
    run: str = ""
    region: Region | None = None
    told: set[str] = field(default_factory=set)

    def tell(self, level: Level, text: str, about: Happened | None = None) -> None:
        """Tell something, whatever the verbosity."""
        text = masked(text)
        if self.as_json:
            self._write(self.line(level, text, about or Happened(level)))
        else:
            self._write(self._coloured(text))

    def line(self, level: Level, text: str, about: Happened) -> str:
        """Return an event as a line of JSON; what it is not about is null."""
        import json
        from datetime import UTC, datetime

        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "event": about.event,
            "run": about.run or self.run or None,
            "subject": about.subject or None,
            "step": about.step or None,
            "node": about.node or None,
            "seconds": None if about.seconds is None else round(about.seconds, 3),
            "message": text,
        }
        if about.error_id:
            entry["error_id"] = about.error_id
        return json.dumps(entry, ensure_ascii=False)

    def coloured(self, stream: TextIO) -> bool:
        """Whether what is written there may have colours."""
        if self.colour != "auto":
            return self.colour == "always"
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return not plain and stream.isatty()

    @property
    def is_live(self) -> bool:
        """Whether progress may be drawn in place."""
        told = self.verbosity >= NORMAL and not self.as_json
        return told and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def close(self) -> None:
        """Remove what is drawn in place."""
        region, self.region = self.region, None
        if region is not None:
            region.close()

    def _write(self, text: str) -> None:
        if self.region is not None:
            self.region.write(text)
        else:
            click.echo(text, err=True, color=True)

    def _coloured(self, text: str) -> str:
        if not self.coloured(sys.stderr):
            return text
        for label, colour in COLOURS.items():
            text = text.replace(label, click.style(label, fg=colour, bold=True), 1)
        return text


_voice = Voice()


def voice() -> Voice:
    """Return how things are told in this command line."""
    return _voice


def begin() -> Voice:
    """Begin a command line: nothing of the last one counts."""
    global _voice  # noqa: PLW0603 - one process tells one command line's story
    _voice = Voice()
    return _voice


def note(text: str, about: Happened | None = None) -> None:
    """Tell something that is good to know."""
    if _voice.verbosity >= NORMAL:
        _voice.tell("info", text, about or Happened("note"))


def warn(text: str, *, always: bool = False) -> None:
    """Warn of something, once; under ``-q`` only if what is printed or done is not all."""
    if (_voice.verbosity >= NORMAL or always) and text not in _voice.told:
        _voice.told.add(text)
        _voice.tell("warning", text if _voice.as_json else f"Warning: {text}", Happened("warning"))


def fail(error: PvekitError, *, name: str = "") -> None:
    """Tell an error, of the subject ``name`` if it is one of several."""
    told = str(error) if _voice.as_json else shown(error)
    if name and not _voice.as_json:
        told = f"{name}: {told}"
    _voice.tell("error", told, Happened("error", subject=name, error_id=error.id))


def shown(error: PvekitError) -> str:
    """Return an error as it is printed: what failed, why, what to do, where more stands."""
    parts = [f"Error: {error.brief}"]
    if error.details:
        parts.append("\n".join(f"  {line}" for line in error.details.splitlines()))
    if error.hint:
        parts.append(f"Hint: {error.hint}")
    parts.append(f"explain: pvekit explain {error.id}")
    return "\n".join(parts)


def present(text: str) -> None:
    """Tell what a question is about: whoever is to answer has to see it."""
    _voice.tell("info", text, Happened("question"))


def aftermath(text: str) -> None:
    """Tell what belongs to an error: what became of things, and how to go on."""
    _voice.tell("error", text, Happened("aftermath"))


def pass_on(text: str) -> None:
    """Write what a command inside a guest wrote on its stderr: it is data, passed on as it is."""
    click.echo(text, nl=False, err=True)


def urgent(text: str) -> None:
    """Write past all buffers, for it may be this very writing that a signal has interrupted.

    Raises :class:`OSError` where nobody can read it any more.
    """
    told = _voice.line("warning", text, Happened("interrupted")) if _voice.as_json else text
    if _voice.region is not None:
        _voice.region.write(told)
        if _voice.region.gone:
            raise OSError("the terminal is gone")
    else:
        os.write(2, f"{told}\n".encode())


def let_go() -> None:
    """Give the terminal back before the process is left at once."""
    if _voice.region is not None:
        os.write(2, b"\x1b[?25h")
