"""Carrying a decided plan out under its journal, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.errors import PvekitError
from pvekit.journal import Journal
from pvekit.operations.desk import Desk
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, apply, roll_back

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


def finish(journal: Journal, outcomes: Mapping[str, Outcome]) -> Report:
    """Close a journal; only a run that went well, or touched nothing, is finished."""
    report = Report(journal.run, outcomes)
    if report.status == 0 or not journal.touched():
        journal.finished(report.status)
    journal.close()
    return report
