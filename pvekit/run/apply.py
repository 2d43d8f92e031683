"""Carry a plan out, show what it would do, take it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pvekit.errors import Interrupted, NotReady, PvekitError, Stopped, Transient
from pvekit.plan import Asking, Plan, Step, Verdict, check
from pvekit.pve import act
from pvekit.run.context import Context
from pvekit.run.drive import carry_out
from pvekit.run.scheduler import Scheduler, Task
from pvekit.run.site import Site
from pvekit.run.slots import Slots
from pvekit.run.wants import in_turn

JOB_PATIENCE = 3600.0
"""How long a roll-back waits for a job that is still at work, in seconds."""

SUBJECTS = "subjects"
"""The slot that bounds how many subjects are under way at once."""


@dataclass(frozen=True)
class Stage:
    """One step of a subject as it went, how many seconds it took, and what was seen."""

    verb: str
    state: str
    seconds: float
    seen: str = ""


@dataclass
class Outcome:
    """What became of one subject; ``undone`` is what was taken back of it after it had failed.

    ``vain`` are the seconds of the step that failed.
    """

    error: PvekitError | None = None
    stages: list[Stage] = field(default_factory=list)
    undone: list[Stage] | None = None
    vain: float = 0.0

    @property
    def state(self) -> str:
        """What became of it, in a word or two."""
        if self.undone is not None:
            return "taken back"
        if isinstance(self.error, Stopped):
            return "interrupted"
        if isinstance(self.error, NotReady):
            return "not ready"
        return "done" if self.error is None else "failed"

    @property
    def seconds(self) -> float:
        """How long its steps took together, to a tenth."""
        return round(sum(stage.seconds for stage in self.stages) + self.vain, 1)


@dataclass(frozen=True)
class Bounds:
    """How many steps of a slot, and how many subjects (0: all), may be under way at once."""

    per_slot: int = 2
    at_once: int = 0


def apply(
    plan: Plan,
    site: Site,
    context: Context,
    *,
    bounds: Bounds | None = None,
    undo: bool = False,
    last: bool = False,
    beside: Mapping[str, Task] | None = None,
) -> dict[str, Outcome]:
    """Carry a plan out, subjects side by side; an error ends only its own subject.

    With ``last`` nothing follows the plan: a subject at its end is whole. What is only asked
    ``beside`` is no subject.
    """
    bounds = bounds or Bounds()
    subjects = plan.subjects()
    outcomes = {name: Outcome() for name in subjects}
    tasks = {
        name: _subject(name, steps, context, outcomes[name], undo=undo, last=last)
        for name, steps in subjects.items()
    }
    if bounds.at_once:
        context.slots.setdefault(SUBJECTS, Slots(bounds.at_once))
        tasks = {name: in_turn(SUBJECTS, task) for name, task in tasks.items()}
    for steps in subjects.values():
        context.tell(steps[0], "planned")
    errors = _scheduler(site, context, bounds.per_slot).run({**tasks, **(beside or {})})
    for name, outcome in outcomes.items():
        outcome.error = errors[name]
    return outcomes


def _scheduler(site: Site, context: Context, per_slot: int = 2) -> Scheduler:
    return Scheduler(site, context.clock, per_slot=per_slot, stop=context.stop, slots=context.slots)


def _subject(
    name: str,
    steps: Iterable[Step],
    context: Context,
    outcome: Outcome,
    *,
    undo: bool,
    last: bool,
) -> Asking[None]:
    fresh = False
    for step in steps:
        began = context.clock.now()
        try:
            passed = yield from carry_out(step, context, undo=undo, fresh=fresh)
        except PvekitError as error:
            seconds = outcome.vain = context.clock.now() - began
            context.journal.passed(step.key, "failed", seconds, error.brief)
            context.tell(step, "failed", seconds, error.brief)
            raise
        except Interrupted as error:
            outcome.vain = context.clock.now() - began
            raise Stopped(
                f"{step.key} was interrupted.",
                error.number,
                hint=f"A job that it had begun on {step.node} goes on there; "
                "the same command joins it.",
            ) from None
        seconds = context.clock.now() - began
        context.journal.passed(step.key, passed.state, seconds, passed.seen)
        outcome.stages.append(Stage(step.verb, passed.state, seconds, passed.seen))
        fresh = bool(step.changes) and passed.state == "done"
    context.tell(step, "ended")
    if last:
        context.journal.kept(name)


def roll_back(plan: Plan, site: Site, context: Context) -> dict[str, Outcome]:
    """Take back whatever the journal says was touched, last step first.

    Jobs of the run that are still at work are waited for: half of what they do cannot be undone.
    """
    jobs = context.journal.jobs()
    steps = [_until_ended(node, each) for node in jobs for each in jobs[node]]
    waits = {step.key: carry_out(step, context) for step in steps}
    for error in _scheduler(site, context).run(waits).values():
        if error is not None:
            raise error
    return apply(plan.undoing(context.journal.touched()), site, context, undo=True)


def _until_ended(node: str, identity: str) -> Step:
    def judge(job: act.Job) -> Verdict:
        last = job.out.splitlines()[-1:]
        return Verdict(job.state != "running", *last)

    return Step(
        f"job/{identity}",
        "end",
        node,
        goal=check(f"it has ended on {node}", act.job(node, identity), judge),
        patience=JOB_PATIENCE,
        interval=1.0,
        late=Transient,
        late_id="JOB-STILL-RUNS",
        hint="Nothing is undone yet: half of what it does cannot be.",
    )


@dataclass
class Preview:
    """The steps of a plan that would change something, and those whose goals hold already."""

    pending: list[Step] = field(default_factory=list)
    held: list[Step] = field(default_factory=list)


def preview(plan: Plan, site: Site) -> Preview:
    """Ask the goals and change nothing. After a subject's first pending step all of its are."""
    seen = Preview()
    tasks: dict[str, Task] = {
        name: _foresee(steps, seen) for name, steps in plan.subjects().items()
    }
    for error in Scheduler(site).run(tasks).values():
        if error is not None:
            raise error
    order = {step.key: place for place, step in enumerate(plan.steps)}
    seen.pending.sort(key=lambda step: order[step.key])
    seen.held.sort(key=lambda step: order[step.key])
    return seen


def _foresee(steps: tuple[Step, ...], seen: Preview) -> Asking[None]:
    for place, step in enumerate(steps):
        verdict = yield from step.goal.look()
        if not verdict.holds:
            seen.pending.extend(steps[place:])
            return
        seen.held.append(step)
