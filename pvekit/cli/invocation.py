"""One command line, and what asks it to end."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvekit.run.stop import Stop


@dataclass(frozen=True)
class Invocation:
    """The words that were given, and whether a signal asked for the end.

    ``lock_wait`` is how many seconds to wait for another command of this kind on the site, None
    where it does not matter whether there is one.
    """

    words: tuple[str, ...] = ()
    stop: Stop = field(default_factory=Stop)
    lock_wait: float | None = None
