"""Leftovers, and what is known of the runs that may have left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pvekit.inventory.model import Inventory
from pvekit.plan import Step
from pvekit.pve.local import Local
from pvekit.pve.stored import Stored
from pvekit.templates.decide import Wish

State = Literal["live", "dead", "finished", "unknown"]


@dataclass(frozen=True)
class Made:
    """What a run has decided about one vmid.

    ``begun``: it had begun to make it, after it had seen that nobody's disk lay there; ``kept``:
    what it made is whole, or said to be kept; ``volumes`` are those of a VM that it was to delete.
    """

    begun: bool = False
    kept: bool = False
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run that this machine's journals tell of; ``last`` is the time of its last word."""

    run: str
    state: State
    last: float = 0.0
    made: Mapping[int, Made] = field(default_factory=dict)
    jobs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    templates: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """All that a judgement needs: the site, and who was at work on it.

    ``stored`` are disk images with the alias of the node that sees them; ``gone`` are machines on
    which no pvekit runs any more, as the user says; ``wishes`` are the configured templates.
    """

    inventory: Inventory
    local: Mapping[str, Local]
    stored: Sequence[tuple[str, Stored]]
    runs: Mapping[str, Run]
    gone: frozenset[str] = frozenset()
    wishes: Sequence[Wish] = ()
    image_dir: str = ""

    @property
    def now(self) -> float:
        """The time, in seconds since the epoch, as the nodes tell it."""
        return max((each.time for each in self.local.values()), default=0.0)

    def is_read(self, domain: str) -> bool:
        """Whether every node of a domain told what lies on it."""
        nodes = [node for node in self.inventory.nodes if node.domain == domain]
        return all(node.alias in self.local for node in nodes if node.configured)


@dataclass(frozen=True)
class Leftover:
    """One thing that is ours and unused, why so, and the steps that remove it."""

    subject: str
    kind: str
    what: str
    node: str
    ours: str
    unused: str
    size_bytes: int = 0
    steps: tuple[Step, ...] = ()
    run: str = ""


@dataclass(frozen=True)
class LeftAlone:
    """One thing that may be left over, why it is not touched, and how to look at it."""

    what: str
    node: str
    why: str
    look: str
    run: str = ""


@dataclass(frozen=True)
class Found:
    """What was found, and the runs of which something is left in any case."""

    leftovers: tuple[Leftover, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
