"""Ask many places one question each, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pvekit.errors import PvekitError
from pvekit.plan import Ask, Asking, ask
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.scheduler import Scheduler
from pvekit.run.site import Site
from pvekit.run.stop import Stop
from pvekit.run.wants import Pause
from pvekit.shell import LinkLost

T = TypeVar("T")

SOON = 30.0
"""A link that breaks within so many seconds may be tried more than twice."""

LATE = 120.0
"""One that breaks later than that is not tried again: it was no short disturbance."""


def gather(
    site: Site,
    questions: Mapping[str, Ask[T]],
    clock: Clock | None = None,
    policy: Policy | None = None,
    *,
    once: bool = False,
) -> dict[str, T | PvekitError]:
    """Return each question's answer, or the error that came instead.

    A question whose link broke is asked again, but for ``once``: to be asked twice must do no
    harm.
    """
    clock, policy = clock or Clock(), policy or Policy()
    answers: dict[str, T] = {}

    def one(name: str, question: Ask[T]) -> Asking[None]:
        if once:
            answers[name] = yield from ask(question)
        else:
            answers[name] = yield from persistently(lambda: ask(question), clock, policy)

    errors = Scheduler(site, clock).run({name: one(name, each) for name, each in questions.items()})
    found: dict[str, T | PvekitError] = {}
    for name in questions:
        error = errors[name]
        found[name] = error if error is not None else answers[name]
    return found


def answered(
    site: Site, task: Asking[T], clock: Clock | None = None, stop: Stop | None = None
) -> T:
    """Return what one task comes to, or raise what ended it."""
    answers: list[T] = []

    def one() -> Asking[None]:
        answers.append((yield from task))

    error = Scheduler(site, clock or Clock(), stop=stop).run({"one": one()})["one"]
    if error is not None:
        raise error
    return answers[0]


def told(
    site: Site,
    questions: Mapping[str, Ask[T]],
    clock: Clock | None = None,
    policy: Policy | None = None,
) -> dict[str, T]:
    """Ask several places at once and return all answers, or raise the first error among them."""
    found: dict[str, T] = {}
    for key, answer in gather(site, questions, clock, policy).items():
        if isinstance(answer, PvekitError):
            raise answer
        found[key] = answer
    return found


def persistently(look: Callable[[], Asking[T]], clock: Clock, policy: Policy) -> Asking[T]:
    """Ask again where the link broke: once if it took its time, else as often as the policy says.

    A node that says nothing at all is not waited for longer than two questions may take.
    """
    began, failures = clock.now(), 0
    while True:
        try:
            return (yield from look())
        except LinkLost:
            failures += 1
            seconds = clock.now() - began
            if seconds > LATE or (failures > 1 and (seconds > SOON or failures > policy.retries)):
                raise
            yield Pause(policy.pause(failures))
