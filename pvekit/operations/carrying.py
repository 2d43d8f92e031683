"""Carrying a decided plan out under its journal, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pvekit.errors import PvekitError
from pvekit.journal import Journal
from pvekit.operations.desk import Desk
from pvekit.plan import Ask, Plan
from pvekit.pve.scripts import script
from pvekit.run.apply import Outcome, apply, roll_back
from pvekit.run.gather import gather
from pvekit.shell import Query

PARTIAL = 4


@dataclass(frozen=True)
class Report:
    """How a run ended: what became of each subject, and the exit status of it all."""

    run: str
    outcomes: Mapping[str, Outcome]

    @property
    def errors(self) -> list[PvekitError]:
        """The errors, in the order of the subjects."""
        return [each.error for each in self.outcomes.values() if each.error is not None]

    @property
    def status(self) -> int:
        """The exit status: 0, 4 if only some failed, else the one that all failures share."""
        if not self.errors:
            return 0
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


def finish(desk: Desk, journal: Journal, outcomes: Mapping[str, Outcome]) -> Report:
    """Note how a run ended; only one that went well, or touched nothing, is finished."""
    report = Report(journal.run, outcomes)
    if report.status == 0 or not journal.touched():
        forget_jobs(desk, journal)
        journal.finished(report.status)
    return report


@contextmanager
def held(journal: Journal) -> Iterator[None]:
    """Let go of a journal at the end; one whose run failed before any change is finished."""
    try:
        yield
    except PvekitError as error:
        if not journal.touched():
            journal.finished(error.exit_status)
        raise
    finally:
        journal.close()


@contextmanager
def letting_go(journal: Journal) -> Iterator[None]:
    """Let go of a journal if what is done under it fails."""
    try:
        yield
    except PvekitError:
        journal.close()
        raise


def forget_jobs(desk: Desk, journal: Journal) -> None:
    """Remove what a run's jobs left on the nodes; a node that does not answer keeps it."""
    jobs = journal.jobs()
    gather(
        desk.site,
        {node: Ask(node, Query(script("forget", *ids), str)) for node, ids in jobs.items()},
    )
