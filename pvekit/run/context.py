"""What every step of a run is carried out with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pvekit.errors import LockTimeout, Transient
from pvekit.journal import Journal
from pvekit.plan import Step
from pvekit.run.clock import Clock

State = Literal["started", "waiting", "held", "done", "failed"]


@dataclass(frozen=True)
class Passed:
    """A goal that holds: since before (``held``) or by our doing (``done``), and what was seen."""

    state: Literal["held", "done"]
    seen: str = ""


@dataclass(frozen=True)
class Event:
    """What happened to a step: for progress and for the report. ``seconds`` since it began."""

    step: Step
    state: State
    seconds: float = 0.0
    says: str = ""


def _unwatched(event: Event) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Policy:
    """How often a step is tried again after a transient failure, and how long apart (seconds).

    Three times as often where Proxmox VE waited in vain for a lock, for that passes by itself.
    """

    retries: int = 2
    shortest: float = 2.0
    longest: float = 30.0
    jitter: Callable[[], float] = random.random

    def gives_up(self, error: Transient, failures: int) -> bool:
        """Whether so many failures are enough."""
        return failures > self.retries * (3 if isinstance(error, LockTimeout) else 1)

    def pause(self, failures: int) -> float:
        """Return the pause after so many failures: exponential with full jitter."""
        return min(self.longest, self.shortest * 2.0 ** (failures - 1)) * self.jitter()


@dataclass(frozen=True)
class Context:
    """A run's journal, clock, policy and watcher, and when each shared patience began."""

    journal: Journal
    clock: Clock = field(default_factory=Clock)
    policy: Policy = field(default_factory=Policy)
    watch: Callable[[Event], None] = _unwatched
    budgets: dict[tuple[str, str], float] = field(default_factory=dict)

    def deadline(self, step: Step) -> float:
        """Return when the patience for a step ends."""
        now = self.clock.now()
        if not step.budget:
            return now + step.patience
        return self.budgets.setdefault((step.subject, step.budget), now) + step.patience
