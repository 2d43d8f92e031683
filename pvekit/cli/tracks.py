"""What each subject of a run is doing, as lines for a terminal of any size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvekit.plan import name_of
from pvekit.run.context import Event

BAR = 20
_COPIED = re.compile(r"transferred (\S+ ?\w*) of (\S+ ?\w*) \((\d+(?:\.\d+)?)%\)")


@dataclass
class Track:
    """One subject: where it stands, since when (seconds of some clock), and what was seen."""

    name: str
    standing: str = "planned"
    verb: str = ""
    since: float = 0.0
    says: str = ""
    percent: float | None = None

    def take(self, event: Event, now: float) -> None:
        """Take note of what happened."""
        if event.state == "planned":
            self.standing, self.verb, self.says, self.percent = "planned", "", "", None
        elif event.state in ("started", "waiting"):
            if event.step.verb != self.verb or self.standing == "planned":
                self.since, self.percent = now, None
            self.standing, self.verb = "active", event.step.verb
            self.says = event.says
            copied = _COPIED.search(event.says)
            if copied:
                self.percent = float(copied[3])
                self.says = f"{self.percent:.0f}%, {copied[1]} of {copied[2]}"
        elif event.state == "failed":
            self.standing = "failed"
        elif event.state == "ended":  # whoever has only claimed its number has yet to begin
            self.standing = "planned" if event.step.verb.startswith("claim@") else "done"


class Tracks:
    """All subjects of a run, in the order of its plan."""

    def __init__(self, began: float) -> None:
        self.began = began
        self._tracks: dict[str, Track] = {}

    def take(self, event: Event, now: float) -> None:
        """Take note of what happened to a subject."""
        subject = event.step.subject
        self._tracks.setdefault(subject, Track(name_of(subject))).take(event, now)

    def lines(self, columns: int, rows: int, now: float) -> list[str]:
        """Return a bar over all and the most telling lines, as many as there is room for.

        First are those of which anything was seen, and that have been at their stage for longest:
        the others wait for their turn.
        """
        tracks = list(self._tracks.values())
        active = [track for track in tracks if track.standing == "active"]
        room = max(1, rows - 3)
        shown = sorted(active, key=lambda track: (not track.says, track.since))[:room]
        told = [self._bar(tracks, columns, now)]
        told += _table(shown, now)
        rest = len([track for track in tracks if track.standing != "done"]) - len(shown)
        rest -= len([track for track in tracks if track.standing == "failed"])
        if rest > 0:
            told.append(f"and {rest} more{_waiting(tracks)}")
        return [line[: columns - 1] for line in told]

    def _bar(self, tracks: Sequence[Track], columns: int, now: float) -> str:
        done = sum(track.standing == "done" for track in tracks)
        failed = sum(track.standing == "failed" for track in tracks)
        width = min(BAR, max(4, columns // 4))
        full = width * (done + failed) // max(1, len(tracks))
        parts = [f"{done}/{len(tracks)} done", took(now - self.began)]
        if failed:
            parts.insert(1, f"{failed} failed")
        copying = [t.percent for t in tracks if t.standing == "active" and t.percent is not None]
        if copying:
            parts.append(f"copying {sum(copying) / len(copying):.0f}%")
        return f"[{'#' * full}{'-' * (width - full)}] {', '.join(parts)}"


def _waiting(tracks: Sequence[Track]) -> str:
    planned = sum(track.standing == "planned" for track in tracks)
    return f", {planned} of them not begun" if planned else ""


def _table(tracks: Sequence[Track], now: float) -> Iterator[str]:
    wide = max((len(track.name) for track in tracks), default=0)
    verbs = max((len(track.verb) for track in tracks), default=0)
    for track in tracks:
        seconds = took(now - track.since)
        says = " ".join(track.says.split())
        yield f"{track.name:<{wide}}  {track.verb:<{verbs}}  {seconds:>6}  {says}".rstrip()


def took(seconds: float) -> str:
    """Return how long something took, in whole seconds."""
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"
