"""What is said of a run that did not go well: what became of what, and how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pvekit.cli import say
from pvekit.errors import PvekitError, Stopped
from pvekit.plan import name_of

if TYPE_CHECKING:
    from pvekit.journal import Account
    from pvekit.operations.carrying import Report
    from pvekit.run.apply import Outcome

_TAKEN_BACK = {
    "undo-stop": "stopped",
    "undo-destroy": "destroyed with its disks",
    "undo-files": "working files removed",
    "unclaim": "claims given up",
}


def tell(words: Sequence[str], run: str) -> None:
    """Say on stderr by which commands a run is gone on with, and taken back."""
    again = shlex.join(["pvekit", *(word for word in words if word != "--new")])
    say.aftermath(f"Run {run} is unfinished.")
    say.aftermath(f"  go on:     {again}")
    if not {"run", "rollback"} <= set(words):
        say.aftermath(f"  take back: pvekit run rollback {run}")


def tell_resumed(account: Account) -> None:
    """Say which run is gone on with, and for what."""
    names = ", ".join(map(name_of, account.decisions()))
    say.note(f"resuming run {account.run}: {names or 'nothing decided yet'}")


def tell_rest(words: Sequence[str]) -> None:
    """Say by which command what is left over is found again, and removed."""
    say.aftermath("What is still left over is found again.")
    say.aftermath(f"  go on:     {shlex.join(['pvekit', *words])}")


def merged(errors: Iterable[tuple[str, PvekitError]]) -> list[tuple[str, PvekitError]]:
    """Return errors by subject, those of an interruption as one: all have the same cause."""
    told = list(errors)
    stopped = [(name, error) for name, error in told if isinstance(error, Stopped)]
    if len(stopped) < 2:
        return told
    one = Stopped(
        f"{len(stopped)} steps were interrupted.",
        stopped[0][1].exit_status - 128,
        hint="Jobs that they had begun go on on their nodes; the same command joins them.",
    )
    one.details = ", ".join(error.brief.partition(" ")[0] for _, error in stopped)
    return [each for each in told if not isinstance(each[1], Stopped)] + [("", one)]


def tell_failed(failed: Mapping[str, Outcome], *, named: bool = True) -> None:
    """Say why subjects failed, each by its name, and what of them was taken back.

    Without ``named`` their errors say themselves what they are about.
    """
    errors = ((name, each.error) for name, each in failed.items() if each.error is not None)
    for name, error in merged(errors):
        say.fail(error, name=name if named else "")
        if name:
            _tell_undone(name, failed[name])


def _tell_undone(name: str, outcome: Outcome) -> None:
    """Say what was taken back of a subject that failed, if the policy was so."""
    if outcome.undone is None:
        return
    done = (stage.verb for stage in outcome.undone if stage.state == "done")
    say.aftermath(f"{name}: taken back: {in_words(done) or 'nothing of it was there'}")


def in_words(undone: Iterable[str]) -> str:
    """Say what steps of a roll-back do, by their verbs, each thing once."""
    verbs = (verb.partition("@")[0] for verb in undone)
    return ", ".join(dict.fromkeys(_TAKEN_BACK.get(verb, verb) for verb in verbs))


def tell_sum(report: Report) -> None:
    """Say how many of several went well, and which did not."""
    bad = [name_of(name) for name, each in report.outcomes.items() if each.error]
    if bad and len(report.outcomes) > 1:
        well = len(report.outcomes) - len(bad)
        say.aftermath(f"{well} of {len(report.outcomes)} done; not: {', '.join(bad)}")
