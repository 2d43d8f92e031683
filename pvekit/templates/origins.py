"""Where each copy of a template gets its image from: from the internet, or from another node.

N nodes that download at once share the site's way to the internet; one that downloads and hands
the image on has it for itself. Which is faster is not known beforehand: it is measured, by small
pieces, and compared here.
"""

from __future__ import annotations

from dataclasses import dataclass

GAIN = 0.9
"""Copying has to take at most this part of the time of downloading: measured rates vary."""

LITTLE = 10.0
"""Downloads that take fewer seconds than that are left as they are: there is little to gain."""

_MB = 1e6


@dataclass(frozen=True)
class Origin:
    """Where an image comes from: the node ``source`` (its alias; empty: it is downloaded), and why.

    ``pve_node`` is what the PVE cluster calls the source. It is downloaded, too, where the source
    turns out not to give it.
    """

    source: str = ""
    pve_node: str = ""
    why: str = ""


@dataclass(frozen=True)
class Rates:
    """What was measured, in bytes per second; ``size`` is the image's, in bytes.

    ``together`` is what the slowest of ``nodes`` nodes downloads while all do, ``alone`` what the
    source downloads by itself (None: it has the image), ``between`` what the slowest of ``asked``
    nodes gets from the source while all of these do.
    """

    size: int
    nodes: int
    together: float
    alone: float | None
    between: float
    asked: int

    @property
    def copies(self) -> int:
        """How many nodes would copy."""
        return self.nodes if self.alone is None else self.nodes - 1

    @property
    def downloading(self) -> float:
        """How many seconds it takes if every node downloads."""
        return self.size / self.together

    @property
    def copying(self) -> float:
        """How many seconds it takes if only the source downloads.

        The copies share the source's link: more than were measured take as much longer.
        """
        first = 0.0 if self.alone is None else self.size / self.alone
        return first + self.size / self.between * max(1.0, self.copies / self.asked)

    @property
    def worth(self) -> bool:
        """Whether copying is faster."""
        return self.copying <= GAIN * self.downloading

    def why(self, source: str) -> str:
        """Return in words what was compared."""
        alone = f", {_rate(self.alone)} alone" if self.alone is not None else ""
        times = (
            f"{self.downloading:.0f} s if {_nodes(self.nodes)}",
            f"{self.copying:.0f} s if {source} hands it on",
        )
        fast, slow = reversed(times) if self.worth else times
        return (
            f"measured: {fast}, {slow} ({_rate(self.together)} {_each(self.nodes)}{alone}, "
            f"{_rate(self.between)} from {source})"
        )


def quick(size: int, together: float, nodes: int) -> str:
    """Return why downloads need no comparing, or nothing if they do; ``together`` as in Rates."""
    seconds = size / together
    if seconds >= LITTLE:
        return ""
    return f"measured: {seconds:.0f} s if {_nodes(nodes)}, there is little to gain"


def _nodes(count: int) -> str:
    return f"all {count} nodes download" if count > 1 else "it is downloaded"


def _each(nodes: int) -> str:
    return "each at once" if nodes > 1 else "from the internet"


def _rate(rate: float) -> str:
    return f"{rate / _MB:.3g} MB/s"
