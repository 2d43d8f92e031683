"""One command line, and what asks it to end."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvekit.run.stop import Stop


@dataclass(frozen=True)
class Invocation:
    """The words that were given, and whether a signal asked for the end."""

    words: tuple[str, ...] = ()
    stop: Stop = field(default_factory=Stop)
