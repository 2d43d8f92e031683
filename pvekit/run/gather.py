"""Ask many places one question each, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pvekit.errors import PvekitError
from pvekit.plan import Ask, Asking, ask
from pvekit.run.scheduler import Scheduler
from pvekit.run.site import Site
from pvekit.shell import LinkLost

T = TypeVar("T")


def gather(site: Site, questions: Mapping[str, Ask[T]]) -> dict[str, T | PvekitError]:
    """Return each question's answer, or the error that came instead.

    A question whose link broke is asked once more: to be asked twice must do no harm.
    """
    answers: dict[str, T] = {}

    def one(name: str, question: Ask[T]) -> Asking[None]:
        try:
            answers[name] = yield from ask(question)
        except LinkLost:
            answers[name] = yield from ask(question)

    errors = Scheduler(site).run({name: one(name, each) for name, each in questions.items()})
    found: dict[str, T | PvekitError] = {}
    for name in questions:
        error = errors[name]
        found[name] = error if error is not None else answers[name]
    return found


def told(site: Site, questions: Mapping[str, Ask[T]]) -> dict[str, T]:
    """Ask several places at once and return all answers, or raise the first error among them."""
    found: dict[str, T] = {}
    for key, answer in gather(site, questions).items():
        if isinstance(answer, PvekitError):
            raise answer
        found[key] = answer
    return found
