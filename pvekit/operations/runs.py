"""Runs of this machine: listed, or taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pvekit.errors import UsageError
from pvekit.journal import Journal, Store
from pvekit.operations import creating, templates
from pvekit.operations.carrying import Report, forget_jobs, held, take_back
from pvekit.operations.desk import Desk
from pvekit.plan import Plan


@dataclass(frozen=True)
class Run:
    """A run as it is listed; ``state`` is finished, or unfinished: it can be gone on with."""

    run: str
    began: str
    kind: str
    state: str
    subjects: str


def listed(store: Store) -> list[Run]:
    """Return the runs that this machine's journals tell of, newest first."""
    return [_row(run, events) for run, events in store.all() if events]


def _row(run: str, events: list[dict[str, Any]]) -> Run:
    decided = (event["decisions"] for event in events if event["event"] == "decided")
    subjects = dict.fromkeys(subject for decisions in decided for subject in decisions)
    ended = any(event["event"] == "finished" for event in events)
    return Run(
        run=run,
        began=datetime.fromtimestamp(events[0]["time"], UTC).isoformat(timespec="seconds"),
        kind=str(events[0].get("kind", "")),
        state="finished" if ended else "unfinished",
        subjects=", ".join(subjects),
    )


def roll_back(desk: Desk, journal: Journal) -> Report:
    """Take back what an unfinished run has made; a stranger's VM is left alone.

    Raises :class:`UsageError` for a run that is finished: what it made is deleted by its own
    command.
    """
    if any(event["event"] == "finished" for event in journal.events):
        raise UsageError(
            f"Run {journal.run} is finished.", hint="Use `pvekit vm delete` to remove a VM."
        )
    if not desk.store.is_ours(journal):
        raise UsageError(
            f"Run {journal.run} was begun on another site than this configuration's.",
            hint="Say which with --config.",
        )
    with held(journal):
        report = Report(journal.run, take_back(desk, _plan(desk, journal), journal))
        if report.status == 0:
            forget_jobs(desk, journal)
            journal.finished(0)
        return report


def _plan(desk: Desk, journal: Journal) -> Plan:
    kind = journal.request.get("kind")
    if kind == creating.KIND:
        return creating.resumed(desk, journal)
    if kind == templates.KIND:
        return templates.resumed(journal).plan(desk)
    raise UsageError(f"A run of `{kind}` has nothing that can be taken back.")
