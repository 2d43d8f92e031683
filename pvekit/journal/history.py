"""How each step of a run went, as its journal tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pvekit.journal.account import Account, kept_key


@dataclass(frozen=True)
class StepHistory:
    """What became of one step.

    ``state`` is empty, started, held, done or failed; ``attempts`` counts how often it was about to
    change something. ``began`` and ``ended`` are in seconds since the epoch, None where that is not
    known; ``seconds`` is how long its last attempt took, and ``error`` why that failed.
    """

    subject: str
    verb: str
    state: str = ""
    attempts: int = 0
    began: float | None = None
    ended: float | None = None
    seconds: float | None = None
    error: str = ""


def steps(account: Account) -> tuple[StepHistory, ...]:
    """Return how each step went, in the order in which they were first told of."""
    told: dict[str, StepHistory] = {}
    for event in account.events:
        key = event.get("key")
        if key is None:
            continue
        subject, _, verb = str(key).rpartition("/")
        if key == kept_key(subject):  # no step, but a note for who looks for what is left over
            continue
        told[key] = _after(told.get(key, StepHistory(subject, verb)), event)
    return tuple(told.values())


def _after(step: StepHistory, event: Mapping[str, Any]) -> StepHistory:
    kind, at = event["event"], event["time"]
    if kind == "started":
        attempts = step.attempts + 1
        return StepHistory(step.subject, step.verb, "started", attempts, began=at)
    if kind == "passed":
        return _passed(step, event)
    error = event["why"] if kind == "failed" else step.error
    return replace(step, state=kind, ended=at, error=error)


def _passed(step: StepHistory, event: Mapping[str, Any]) -> StepHistory:
    state, at, seconds = event["state"], event["time"], event["seconds"]
    # Done by this run before, and found to hold when it was gone on with: it stays done.
    again = state == "held" and step.state == "done"
    return replace(
        step,
        state=step.state if again else state,
        began=step.began or at - seconds,
        ended=at,
        seconds=seconds,
        error=event.get("says", "") if state == "failed" else "",
    )
