"""What a task may want of the scheduler besides asking (:class:`~pvekit.plan.Ask`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from pvekit.errors import PvekitError
from pvekit.plan import Asking, Place
from pvekit.run.slots import Ending
from pvekit.shell import Command, Purpose, Result

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Run a command; the answer is its :class:`Result`, whatever its status."""

    place: Place
    command: Command


@dataclass(frozen=True)
class Pause:
    """Let seconds pass; tasks that pause alike wake together, so that their questions merge."""

    seconds: float


@dataclass(frozen=True)
class Enter:
    """Wait for one of the places of a slot, then hold it."""

    slot: str


@dataclass(frozen=True)
class HandOver:
    """Let the next one into a slot, because what holds the place is all but done with it."""

    slot: str


@dataclass(frozen=True)
class Leave:
    """Give a slot's place back, unless it was handed over (``handed``) before.

    ``crowded`` says that there were too many at once.
    """

    slot: str
    how: Ending = "well"
    handed: bool = False


def send(place: Place, command: Command, purpose: Purpose) -> Asking[Result]:
    """Run a command that may change something; the typed form of ``yield``."""
    result: Result = yield Send(place, replace(command, purpose=purpose))
    return result


def in_turn(slot: str, task: Asking[T]) -> Asking[T]:
    """Begin a task once there is room for one more in a slot, and give its place back."""
    yield Enter(slot)
    try:
        answer = yield from task
    except PvekitError:
        yield Leave(slot)
        raise
    yield Leave(slot)
    return answer
