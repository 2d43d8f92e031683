"""What comes between two attempts of a step: a pause, or standing still until there is quorum."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pvekit.errors import LockTimeout, PvekitError, QuorumLost, QuorumTimeout, Transient
from pvekit.plan import Ask, Asking, Step, ask
from pvekit.run.context import Context
from pvekit.run.wants import Pause
from pvekit.shell import Command, LinkLost, Query, Unreachable

T = TypeVar("T")

LOOK = 5.0
"""How often it is looked whether there is quorum again, in seconds."""

MOST = 30
"""After so many failures of a step no other row of them begins."""

# Without quorum the cluster file system takes the write bits away (and `test -w` lies to root).
_WRITABLE = Query(
    Command(("stat", "-c", "%a", "/etc/pve/local/"), timeout=15.0),
    lambda out: bool(re.fullmatch(r"\s*[0-7]{0,4}[2367][0-7][0-7]\s*", out)),
)


@dataclass
class Row:
    """The transient failures of a step in a row: how many, and when the first and the last were.

    ``excused`` are the seconds since the first in which it waited for others of this run.
    ``alike`` are those that were locks, or that were none, as the last one: a link that breaks once
    while a lock is waited for is not the last straw. ``over``: there is to be no further attempt.
    ``handed``: the attempt under way has handed its place over.
    """

    count: int = 0
    total: int = 0
    first: float = 0.0
    last: float = -math.inf
    excused: float = 0.0
    alike: int = 0
    locks: int = 0
    over: bool = False
    handed: bool = False

    def add(self, error: Transient, now: float, quiet: float) -> None:
        """Count one more.

        A link that broke after so many quiet seconds begins another row: what is waited for may
        take hours, and a link may break more often in them than a step is tried again.
        """
        broke = isinstance(error, LinkLost | Unreachable) and self.total < MOST
        if not self.total or (broke and now - self.last > quiet):
            self.count, self.first, self.excused, self.locks = 0, now, 0.0, 0
        self.count += 1
        locked = isinstance(error, LockTimeout)
        self.locks += locked
        self.alike = self.locks if locked else self.count - self.locks
        self.total += 1
        self.last = now


def pause(error: Transient, row: Row, step: Step, context: Context) -> Asking[None]:
    """Let pass what must pass until the next attempt, or raise the error if there is to be none."""
    if row.over:
        raise error
    if isinstance(error, QuorumLost):
        context.frozen.setdefault(step.node, context.clock.now())
    _count(error, row, step, context)
    yield from thawed(step, context)
    yield from _rest(row, context)


def surely(look: Callable[[], Asking[T]], row: Row, step: Step, context: Context) -> Asking[T]:
    """Look how far something is that goes on by itself; a question that gets lost is asked again.

    That is no failure of the step, unless it gets lost as often as a step may fail: then nothing
    else is tried in the step's ``row``.
    """
    lost = Row()
    while True:
        try:
            return (yield from look())
        except (LinkLost, Unreachable) as error:
            try:
                _count(error, lost, step, context)
            except Transient:
                row.over = True
                raise
            yield from _rest(lost, context)


def _count(error: Transient, row: Row, step: Step, context: Context) -> None:
    """Count a failure, or raise it if it is one too many."""
    now = context.clock.now()
    row.add(error, now, quiet=context.policy.deadline)
    seconds = now - row.first - row.excused
    if context.policy.gives_up(error, row.alike, seconds):
        if row.count > 1:
            said = f"{step.key} on {step.node}: {row.count} attempts in {seconds:.0f} s."
            error.details = "\n".join(filter(None, (error.details, said)))
        raise error
    context.tell(step, "waiting", seconds, error.brief)


def _rest(row: Row, context: Context) -> Asking[None]:
    yield Pause(context.policy.pause(row.count))
    row.last = context.clock.now()


def thawed(step: Step, context: Context) -> Asking[None]:
    """Wait while a PVE cluster of this run has no quorum: all changes stand still meanwhile.

    Raises :class:`QuorumTimeout` where that takes longer than the policy allows.
    """
    while context.frozen:
        node, since = next(iter(context.frozen.items()))
        if (yield from _has_quorum(node)):
            context.frozen.pop(node, None)
            continue
        waited = context.clock.now() - since
        if waited >= context.policy.quorum:
            raise QuorumTimeout(
                f"{step.key}: the PVE cluster of {node} has had no quorum for {waited:.0f} s, "
                "so nothing is changed.",
                hint=f"`pvecm status` on {node} tells which members are missing. "
                "The same command goes on once there is quorum.",
            )
        says = f"no quorum on {node}: all changes of this run stand still"
        context.tell(step, "waiting", waited, says)
        yield Pause(min(LOOK, context.policy.quorum - waited))


def _has_quorum(node: str) -> Asking[bool]:
    try:
        return (yield from ask(Ask(node, _WRITABLE)))
    except PvekitError:
        return False  # a node that does not answer cannot be changed either
