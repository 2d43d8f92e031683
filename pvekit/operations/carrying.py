"""Carrying a decided plan out under its journal, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pvekit.errors import Interrupted, PvekitError, Stopped
from pvekit.journal import Journal
from pvekit.operations.desk import Desk
from pvekit.plan import Ask, Plan
from pvekit.pve.scripts import script
from pvekit.run.apply import Outcome, apply, roll_back
from pvekit.run.gather import gather
from pvekit.shell import Query

PARTIAL = 4

Undoing = Callable[[Sequence[str]], Plan]
"""Returns the plan of some subjects, of which what was touched is to be taken back."""


@dataclass(frozen=True)
class Report:
    """How a run ended: what became of each subject, and the exit status of it all.

    ``open``: it can be gone on with, or taken back.
    """

    run: str
    outcomes: Mapping[str, Outcome]
    open: bool = False

    @property
    def errors(self) -> list[PvekitError]:
        """The errors, in the order of the subjects."""
        return [each.error for each in self.outcomes.values() if each.error is not None]

    @property
    def status(self) -> int:
        """The exit status: 0, 4 if only some failed, else the one that all failures share.

        That of an interrupted run is the signal's.
        """
        if not self.errors:
            return 0
        for error in self.errors:
            if isinstance(error, Stopped):
                return error.exit_status
        if len(self.errors) < len(self.outcomes):
            return PARTIAL
        statuses = {error.exit_status for error in self.errors}
        return statuses.pop() if len(statuses) == 1 else 1


def carry(desk: Desk, plan: Plan, journal: Journal) -> dict[str, Outcome]:
    """Carry a plan out."""
    per_slot = desk.config.clone.concurrency
    return apply(plan, desk.site, desk.context(journal), per_slot=per_slot)


def take_back(desk: Desk, plan: Plan, journal: Journal) -> dict[str, Outcome]:
    """Undo what a run has touched, as far as the plan knows how."""
    return roll_back(plan, desk.site, desk.context(journal))


def finish(
    desk: Desk,
    journal: Journal,
    outcomes: Mapping[str, Outcome],
    undoing: Undoing | None = None,
) -> Report:
    """Note how a run ended; one that leaves something to go on with stays open.

    What failed is taken back before that, if the policy is so and ``undoing`` can be.
    """
    if undoing is not None and desk.on_failure == "rollback" and not desk.stop.asked:
        _take_back_failed(desk, journal, outcomes, undoing)
    pending = [each for each in outcomes.values() if each.error and each.undone is None]
    report = Report(journal.run, outcomes, open=bool(pending and journal.touched()))
    if not report.open:
        forget_jobs(desk, journal)
        journal.finished(report.status)
    return report


def _take_back_failed(
    desk: Desk, journal: Journal, outcomes: Mapping[str, Outcome], undoing: Undoing
) -> None:
    """Take back what failed subjects have made; whose roll-back fails, too, keeps its place."""
    failed = {name: each for name, each in outcomes.items() if each.error is not None}
    try:
        undone = take_back(desk, undoing(list(failed)), journal) if failed else {}
    except PvekitError as error:
        undone = {name: Outcome(error) for name in failed}
    for name, outcome in failed.items():
        back = undone.get(name, Outcome())
        if outcome.error is None:
            continue
        if back.error is None:
            outcome.undone, outcome.error.hint = back.stages, ""
        else:
            outcome.error.details += f"\nIt was not taken back: {back.error}"
    gone = [name for name, outcome in failed.items() if outcome.undone is not None]
    if gone:
        journal.decided({}, instead_of=gone)


@contextmanager
def held(journal: Journal) -> Iterator[None]:
    """Let go of a journal at the end; one whose run failed before any change is finished."""
    try:
        yield
    except PvekitError as error:
        if not journal.touched():
            journal.finished(error.exit_status)
        raise
    except Interrupted as error:
        if journal.touched():
            error.run = journal.run
        else:
            journal.finished(128 + error.number)
        raise
    finally:
        journal.close()


@contextmanager
def letting_go(journal: Journal) -> Iterator[None]:
    """Let go of a journal if what is done under it fails."""
    try:
        yield
    except BaseException:
        journal.close()
        raise


def forget_jobs(desk: Desk, journal: Journal) -> None:
    """Remove what a run's jobs left on the nodes; a node that does not answer keeps it."""
    jobs = journal.jobs()
    gather(
        desk.site,
        {node: Ask(node, Query(script("forget", *ids), str)) for node, ids in jobs.items()},
    )
