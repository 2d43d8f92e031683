"""What every step of a run is carried out with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pvekit.errors import LockTimeout, QuorumLost, Transient
from pvekit.journal import Journal
from pvekit.plan import Step
from pvekit.run.clock import Clock
from pvekit.run.foresight import Spans
from pvekit.run.slots import Slots
from pvekit.run.stop import Stop

State = Literal["planned", "started", "waiting", "held", "done", "failed", "ended"]


@dataclass(frozen=True)
class Passed:
    """A goal that holds: since before (``held``) or by our doing (``done``), and what was seen."""

    state: Literal["held", "done"]
    seen: str = ""


@dataclass(frozen=True)
class Event:
    """What happened to a step: for progress and for the report. ``seconds`` since it began.

    Of a subject's first step it is told when it is planned, of its last one when all have ended
    well. ``run`` is the run that it belongs to.
    """

    step: Step
    state: State
    seconds: float = 0.0
    says: str = ""
    run: str = ""


def _unwatched(event: Event) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Policy:
    """How often a step is tried again after a transient failure, and how long apart (seconds).

    Three times as often where Proxmox VE waited in vain for a lock, for that passes by itself.
    ``deadline`` is how long after the first of several failures in a row a step is still tried
    again, ``quorum`` how long a lost quorum is waited for.
    """

    retries: int = 4
    shortest: float = 2.0
    longest: float = 30.0
    jitter: Callable[[], float] = random.random
    deadline: float = 300.0
    quorum: float = 300.0

    def gives_up(self, error: Transient, failures: int, seconds: float) -> bool:
        """Whether so many failures in so many seconds are enough."""
        if isinstance(error, QuorumLost):
            return seconds > self.quorum
        often = self.retries * (3 if isinstance(error, LockTimeout) else 1)
        return failures > often or seconds > self.deadline

    def pause(self, failures: int) -> float:
        """Return the pause after so many failures: exponential with full jitter."""
        return min(self.longest, self.shortest * 2.0 ** (failures - 1)) * self.jitter()


@dataclass(frozen=True)
class Context:
    """A run's journal, clock, policy and watcher, and what its steps share.

    That is when each shared patience began, how crowded each slot was, whether the run is to stop,
    since when there is no quorum (by a node of each PVE cluster that has none), and how long things
    took.
    """

    journal: Journal
    clock: Clock = field(default_factory=Clock)
    policy: Policy = field(default_factory=Policy)
    watch: Callable[[Event], None] = _unwatched
    budgets: dict[tuple[str, str], float] = field(default_factory=dict)
    slots: dict[str, Slots] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    frozen: dict[str, float] = field(default_factory=dict)
    spans: Spans = field(default_factory=Spans)

    def tell(self, step: Step, state: State, seconds: float = 0.0, says: str = "") -> None:
        """Tell the watcher what happened to a step."""
        self.watch(Event(step, state, seconds, says, self.journal.run))

    def ends(self, job: str, seconds: float) -> float:
        """Return until when a job is waited for, counted from when it was first waited for."""
        return self.budgets.setdefault(("job", job), self.clock.now()) + seconds

    def deadline(self, step: Step) -> float:
        """Return when the patience for a step ends."""
        now = self.clock.now()
        if not step.budget:
            return now + step.patience
        return self.budgets.setdefault((step.subject, step.budget), now) + step.patience
