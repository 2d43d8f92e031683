"""How one step is carried out: ask, change, ask again.

Whatever breaks at whatever point, carrying the same step out again ends in the same state: a job
that still runs is joined, one that was never started is started, the remains of one that died are
taken back before a new attempt.
"""

from __future__ import annotations

from dataclasses import replace

from pvekit.errors import LockTimeout, NotReady, PvekitError, Transient
from pvekit.plan import Asking, Change, Step, Verdict, ask, with_symptoms
from pvekit.pve import act, holders, tasklog
from pvekit.pve.faults import complaint, failure
from pvekit.pve.scripts import script
from pvekit.run.context import Context, Passed
from pvekit.run.foresight import Course
from pvekit.run.retry import Row, pause, surely, thawed
from pvekit.run.slots import Ending
from pvekit.run.wants import Enter, HandOver, Leave, Pause, send
from pvekit.shell import Command, Purpose, Result

LONGEST_PAUSE = 15.0
AHEAD = 0.6
"""So many seconds before it took place elsewhere it is looked whether a goal holds: to look takes
its time, too."""
WORTH = 1.0
"""Less than so many seconds are not waited for before it is looked at all."""


def carry_out(
    step: Step, context: Context, *, undo: bool = False, fresh: bool = False
) -> Asking[Passed]:
    """Make a step's goal true, trying again after transient failures as the policy allows.

    ``fresh``: the step before it has just made its changes, so that what is only waited for takes
    about as long as elsewhere in this run. Raises what kept the goal from coming true.
    """
    row = Row()
    began = context.clock.now()
    awaited = fresh and not step.changes
    if awaited:
        yield from _as_elsewhere(step, context)
    while True:
        try:
            passed = yield from _once(step, context, row, undo=undo)
        except Transient as error:
            yield from pause(error, row, step, context)
        except NotReady as error:
            raise (yield from with_symptoms(step, error)) from error.__cause__
        else:
            seconds = context.clock.now() - began
            if awaited:
                context.spans.took(step.verb, seconds)
            context.tell(step, passed.state, seconds, passed.seen)
            return passed


def _as_elsewhere(step: Step, context: Context) -> Asking[None]:
    """Let the time pass that a step's goal took at least to come true for others of this run."""
    rest = context.spans.expected(step.verb) - AHEAD
    left = context.deadline(step) - context.clock.now()
    if min(rest, left) >= WORTH:
        yield Pause(min(rest, left))


def _once(step: Step, context: Context, row: Row, *, undo: bool) -> Asking[Passed]:
    context.tell(step, "started")
    verdict = yield from step.goal.look()
    if verdict.holds:
        return Passed("held", verdict.seen)
    deadline = context.deadline(step)
    known: Verdict | None = verdict
    if step.changes:
        yield from _slotted(step, context, row, undo=undo)
        deadline, known = context.deadline(step), None
    try:
        seen = yield from _await(step, context, row, deadline, known)
    except step.late as error:
        # A program may say that all went well when it did not: joined again, it would say so again.
        if step.changes and not step.undo:
            context.journal.failed(step.key, error.brief)
        raise
    if step.changes:
        context.journal.done(step.key)
    return Passed("done", seen)


def _slotted(step: Step, context: Context, row: Row, *, undo: bool) -> Asking[None]:
    """Make the changes, holding a place of the step's slot if it has one."""
    if not step.slot:
        yield from _change(step, context, row, undo=undo)
        return
    began = context.clock.now()
    yield Enter(step.slot)
    row.handed = False
    row.excused += context.clock.now() - began
    try:
        yield from _change(step, context, row, undo=undo)
    except PvekitError as error:
        how: Ending = "crowded" if isinstance(error, LockTimeout) else "failed"
        yield Leave(step.slot, how, row.handed)
        raise
    yield Leave(step.slot, handed=row.handed)


def _change(step: Step, context: Context, row: Row, *, undo: bool) -> Asking[None]:
    yield from thawed(step, context)
    journal = context.journal
    attempt = journal.attempts(step.key)
    if journal.has_failed(step.key):
        yield from _take_back(step, context)
    elif journal.is_done(step.key) and (yield from _is_gone(step)):
        pass  # somebody has changed or removed it since: it is simply done again
    elif step.key in journal.touched():
        error = yield from _ended(step, context, row, attempt)
        if error is None:
            return
        if not (yield from _take_back(step, context)):
            raise error
        if row.handed:  # by what was joined, and has failed
            yield Enter(step.slot)
            row.handed = False
    error = yield from _ended(step, context, row, journal.started(step.key, undo=undo))
    if error is not None:
        raise error


def _is_gone(step: Step) -> Asking[bool]:
    """Whether there is nothing that undoing a step would take back."""
    for undo in step.undo:
        if not (yield from undo.goal.look()).holds:
            return False
    return True


def _ended(step: Step, context: Context, row: Row, attempt: int) -> Asking[PvekitError | None]:
    """Bring an attempt to its end; an error counts only where the goal was not reached."""
    error = yield from _attempt(step, context, row, attempt)
    if error is None or (yield from surely(step.goal.look, row, step, context)).holds:
        return None
    context.journal.failed(step.key, error.brief)
    return error


def _take_back(step: Step, context: Context) -> Asking[bool]:
    """Undo what a failed attempt may have left; return whether anything was there."""
    removed = False
    for undo in step.undo:
        passed = yield from carry_out(undo, context, undo=True)
        removed = removed or passed.state == "done"
    return removed


def _attempt(step: Step, context: Context, row: Row, attempt: int) -> Asking[PvekitError | None]:
    """Send the step's changes as this attempt; sent twice, a job still runs only once."""
    for change in step.changes:
        yield from thawed(step, context)
        identity = act.job_id(context.journal.run, step.key, attempt, change)
        result = yield from _perform(step, change, identity, context, row)
        if not result.ok or (change.mute and complaint(result)):
            taken = _newborn(change)
            what = f"{step.verb} {step.subject}"
            told = replace(result, command=change.command)
            error = failure(told, what=what, node=step.node, vmid=taken, shown=str(change))
            error = yield from tasklog.told(error, told, step.node)
            return (yield from holders.told(error, step.node))
    return None


def _newborn(change: Change) -> int | None:
    """Return the vmid that a clone is to get."""
    words = change.command.words
    return int(words[3]) if words[:2] == ("qm", "clone") else None


def _perform(
    step: Step, change: Change, identity: str, context: Context, row: Row
) -> Asking[Result]:
    if change.job:
        context.journal.job(step.node, identity)
    if change.once:
        yield from _forget(step.node, identity, Purpose(context.journal.run, step.key))
    purpose = Purpose(context.journal.run, step.key)
    result = yield from send(step.node, act.sent(change, identity), purpose)
    if not change.job or not result.ok:
        return result
    return (yield from _joined(step, change, identity, context, row))


def _joined(
    step: Step, change: Change, identity: str, context: Context, row: Row
) -> Asking[Result]:
    """Wait for the end of a job; one that has ended is seen even after its time.

    The job does not need the link: as long as it may be there again, the step has not failed.
    """
    deadline = context.ends(identity, change.command.timeout)
    began = deadline - change.command.timeout
    expected = context.spans.expected
    course = Course(expected(f"job {step.verb}"), step.parts, expected(f"lead {step.verb}"))
    question = act.job(step.node, identity)
    while True:
        job = yield from surely(lambda: ask(question), row, step, context)
        seconds = context.clock.now() - began
        if job.state == "done":
            context.spans.took(f"job {step.verb}", seconds)
            return job.result(change.command)
        if job.state in ("dead", "none"):
            return _died(change.command, job.out, job.err)
        told = job.out.splitlines()[-1] if job.out else ""
        if told:
            context.tell(step, "waiting", says=told)
        rest = course.rest(seconds, told)
        if step.slot and not row.handed and course.is_closing:
            context.spans.took(f"lead {step.verb}", course.lead)
            yield HandOver(step.slot)
            row.handed = True
        if context.clock.now() >= deadline:
            raise PvekitError(
                f"{step.key} has not ended on {step.node} after {change.command.timeout:.0f} s.",
                hint=f"It still runs there as job {identity}; the same command joins it.",
                id="JOB-STILL-RUNS",
            )
        yield Pause(rest)


def _forget(node: str, identity: str, purpose: Purpose) -> Asking[None]:
    """Clear away what anybody's earlier job of the same id has left: its goal does not hold."""
    if (yield from ask(act.job(node, identity))).state == "done":
        yield from send(node, script("forget", identity), purpose)


def _died(command: Command, out: str, err: str) -> Result:
    return Result(command, 255, out, "\n".join(part for part in (tasklog.DIED, err) if part))


def _await(
    step: Step, context: Context, row: Row, deadline: float, known: Verdict | None
) -> Asking[str]:
    """Wait until the goal holds; ``known`` is how it stands, if it was looked at just now."""
    began = context.clock.now()
    rest = step.interval
    while True:
        verdict = known or (yield from surely(step.goal.look, row, step, context))
        known = None
        if verdict.holds:
            return verdict.seen
        now = context.clock.now()
        if now >= deadline:
            raise _late(step, verdict)
        context.tell(step, "waiting", now - began, verdict.seen)
        yield Pause(min(rest, max(0.0, deadline - now)))
        rest = min(rest * 1.25, max(LONGEST_PAUSE, step.interval))


def _late(step: Step, verdict: Verdict) -> PvekitError:
    waited = f", waited {step.patience:.0f} s" if step.patience else ""
    seen = f" Seen: {verdict.seen}." if verdict.seen else ""
    brief = f"{step.key}: expected that {step.goal.says}{waited}.{seen}"
    return step.late(brief, hint=step.hint, id=step.late_id)
