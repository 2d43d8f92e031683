"""Progress on stderr: in place on a terminal, else a line or an event per finished step."""

from __future__ import annotations

import time
from collections.abc import Callable

from pvekit.cli import say
from pvekit.cli.region import Region
from pvekit.cli.tracks import Tracks
from pvekit.plan import name_of
from pvekit.run.context import Event

QUIET = ("claim@", "unclaim@", "release@", "tidy", "vacant")
SPEAKING = ("address", "cloud-init")
"""Stages of which not only the time is told, but also what was seen."""
LEVELS: dict[str, say.Level] = {"failed": "error", "done": "info", "held": "info"}


class Progress:
    """Tells the events of a run, which all come from one thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._tracks: Tracks | None = None
        self._said: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        voice = say.voice()
        voice.run = event.run or voice.run
        if voice.is_live:
            self._draw(event, voice)
        if event.state == "failed" or voice.verbosity >= say.STEPS or voice.as_json:
            self._tell(event, voice)
        elif voice.verbosity >= say.NORMAL and not voice.is_live and _is_telling(event):
            voice.tell("info", _line(event), _about(event))

    @staticmethod
    def close() -> None:
        """Remove the live lines."""
        say.voice().close()

    def _draw(self, event: Event, voice: say.Voice) -> None:
        tracks = self._tracks = self._tracks or Tracks(self._now())
        tracks.take(event, self._now())
        if voice.region is None:
            voice.region = Region(lambda columns, rows: tracks.lines(columns, rows, self._now()))
            voice.region.begin()
        elif event.state != "waiting":
            voice.region.draw()

    def _tell(self, event: Event, voice: say.Voice) -> None:
        """Tell an event to a log, or to somebody who wants to see the steps and why."""
        if voice.verbosity < say.NORMAL and event.state != "failed":
            return
        if voice.verbosity < say.STEPS and event.state != "failed" and not _is_telling(event):
            return
        if event.state in ("planned", "ended") or self._is_old(event):
            return
        about, level = _about(event), LEVELS.get(event.state, "debug")
        if voice.verbosity < say.STEPS or voice.as_json:
            voice.tell(level, _line(event), about)
        else:
            voice.tell(level, _reasoned(event), about)

    def _is_old(self, event: Event) -> bool:
        """Whether a wait says what it said before."""
        says = f"{event.state} {event.says}"
        old = event.state in ("waiting", "started") and self._said.get(event.step.key) == says
        self._said[event.step.key] = says
        return old


def _is_telling(event: Event) -> bool:
    """Whether a step's end is worth a line: done, or a stage of readiness even if it held."""
    if event.step.verb.startswith(QUIET):
        return False
    return event.state == "done" or (event.state == "held" and bool(event.step.budget))


def _about(event: Event) -> say.Happened:
    step = event.step
    seconds = event.seconds if event.state in LEVELS else None
    return say.Happened(
        f"step-{event.state}", event.run, step.subject, step.verb, step.node, seconds
    )


def _line(event: Event) -> str:
    name, verb = name_of(event.step.subject), event.step.verb
    if event.state == "failed":
        return f"{name}: {verb} failed"
    if event.state in ("started", "waiting"):
        return f"{name}: {verb} {event.state}" + (f": {event.says}" if event.says else "")
    says = f": {event.says}" if verb in SPEAKING and event.says else ""
    return f"{name}: {verb} ({event.seconds:.1f} s){says}"


def _reasoned(event: Event) -> str:
    """Return an event with what the step is for, and what was seen."""
    step = event.step
    name = f"{step.subject.partition('/')[2]}: {step.verb} on {step.node}"
    seen = f" ({event.says})" if event.says else ""
    match event.state:
        case "started":
            return f"{name}: so that {step.goal.says}"
        case "waiting":
            return f"{name}: waiting until {step.goal.says}{seen}"
        case "held":
            return f"{name}: nothing to do, {step.goal.says}{seen}"
        case "done":
            return f"{name}: done in {event.seconds:.1f} s, {step.goal.says}{seen}"
    return f"{name}: failed after {event.seconds:.1f} s{seen}"
