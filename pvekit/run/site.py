"""What a run needs of the site: a shell for every place."""

from __future__ import annotations

from typing import Protocol

from pvekit.plan import Guest, Place
from pvekit.shell import Shell


class Site(Protocol):
    """The machines of a site."""

    def shell(self, place: Place) -> Shell:
        """Return the shell of a node (by its alias) or of a guest."""
        ...

    def reach(self, guest: Guest) -> str:
        """Return the banner of a guest's SSH server, or raise :class:`Unreachable`."""
        ...

    def is_behind(self, node: str) -> bool:
        """Whether guests of a node were only reached through it so far."""
        ...
