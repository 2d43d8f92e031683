"""Carrying a decided plan out under its journal, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pvekit.errors import Interrupted, NotReady, PvekitError, Stopped, Transient
from pvekit.journal import Journal
from pvekit.operations.desk import Desk
from pvekit.plan import Ask, Asking, Plan, ask
from pvekit.pve.scripts import script
from pvekit.run.apply import Bounds, Outcome, apply, roll_back
from pvekit.run.gather import persistently
from pvekit.run.scheduler import Scheduler, Task
from pvekit.run.wants import Pause
from pvekit.shell import Purpose, Query

PARTIAL = 4
LAST_WORDS = 30.0
"""How long a job whose goal is reached may still need to end, in seconds."""

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


def carry(
    desk: Desk,
    plan: Plan,
    journal: Journal,
    *,
    last: bool = False,
    beside: Mapping[str, Task] | None = None,
) -> dict[str, Outcome]:
    """Carry a plan out; with ``last`` a subject at its end is whole, and its journal says so.

    What is only asked ``beside`` is no subject.
    """
    context = desk.context(journal)
    return apply(
        plan,
        desk.site,
        context,
        bounds=Bounds(desk.config.clone.concurrency, desk.parallel),
        last=last,
        beside=beside,
    )


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
    pending = {name: each for name, each in outcomes.items() if each.error and each.undone is None}
    for subject, outcome in pending.items():
        if isinstance(outcome.error, NotReady):
            journal.kept(subject)
    report = Report(journal.run, outcomes, open=bool(pending and journal.touched()))
    if not report.open:
        end(desk, journal, report.status)
    return report


def end(desk: Desk, journal: Journal, status: int) -> None:
    """Note that nothing of a run is left to be gone on with, and clear away what its jobs left."""
    forget_jobs(desk, journal)
    journal.finished(status)


def may_pass(report: Report) -> bool:
    """Whether a run failed by what may be over later, so that going on with it makes sense."""
    return any(
        isinstance(error, Stopped) or error.exit_status == Transient.exit_status
        for error in report.errors
    )


def _take_back_failed(
    desk: Desk, journal: Journal, outcomes: Mapping[str, Outcome], undoing: Undoing
) -> None:
    """Take back what failed subjects have made; whose roll-back fails, too, keeps its place.

    So do those of which ``undoing`` has no plan: what is changed or removed is not made.
    """
    failed = {name: each for name, each in outcomes.items() if each.error is not None}
    plan = undoing(list(failed))
    failed = {name: each for name, each in failed.items() if name in plan.subjects()}
    try:
        undone = take_back(desk, plan, journal) if failed else {}
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
def held(desk: Desk, journal: Journal) -> Iterator[None]:
    """Let go of a journal at the end; one whose run failed before any change is finished."""
    try:
        journal.carried()
        yield
    except PvekitError as error:
        if not journal.touched():
            end(desk, journal, error.exit_status)
        raise
    except Interrupted as error:
        if journal.status is not None:
            raise
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
    tasks = {node: _forgotten(desk, node, ids, journal.run) for node, ids in jobs.items()}
    Scheduler(desk.site, desk.clock).run(tasks)


def _forgotten(desk: Desk, node: str, ids: list[str], run: str) -> Asking[None]:
    """Remove what jobs left on a node; one that has reached its goal may yet have to end."""
    forget = replace(script("forget", *ids), purpose=Purpose(run, "forget jobs"))
    question = Ask(node, Query(forget, str))
    deadline = desk.clock.now() + LAST_WORDS
    while True:
        running = yield from persistently(lambda: ask(question), desk.clock, desk.policy)
        if not running or desk.clock.now() >= deadline:
            return
        yield Pause(0.5)
