"""Runs of this machine: listed, taken back, or their journals removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pvekit.errors import Conflict, NotFound, UsageError
from pvekit.journal import Account, Found, Journal, Store
from pvekit.operations import fitting, pinned
from pvekit.operations.carrying import Report, end, held, letting_go, take_back
from pvekit.operations.desk import Desk
from pvekit.plan import name_of
from pvekit.run.apply import Preview, preview


@dataclass(frozen=True)
class Run:
    """A run as it is listed.

    ``state`` is unfinished (it can be gone on with), running (a living process carries it out),
    rolling back, rolled back, finished (then with its exit ``status``) or unreadable. ``subjects``
    are what it was about, ``made`` what it has made of them; ``context`` is the site's name, where
    its user gave it one.
    """

    run: str
    began: str
    age: str
    command: str
    state: str
    status: int | None
    subjects: str
    made: str
    context: str = ""


def listed(store: Store, *, unfinished: bool = False) -> list[Run]:
    """Return the runs that this machine's journals tell of, newest first."""
    rows = [row(found) for found in store.all()]
    return [each for each in rows if not unfinished or each.state not in OVER]


OVER = frozenset(("finished", "rolled back"))


def row(found: Found) -> Run:
    """Return a run as it is listed."""
    account = found.account
    if found.fault:
        return Run(account.run, "", "", "", "unreadable", None, found.fault, "")
    return Run(
        run=account.run,
        began=moment(account.began),
        age=age(time.time() - account.began),
        command=account.kind,
        state=state(found),
        status=account.status,
        subjects=", ".join(_subjects(account)),
        made=", ".join(made(account)),
        context=account.context,
    )


def state(found: Found) -> str:
    """Return how far a run is, and whether a process is at work on it."""
    over = found.account.standing in OVER
    return "running" if found.running and not over else found.account.standing


def moment(seconds: float) -> str:
    """Return a time since the epoch as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{max(0.0, seconds):.0f}s"


def _subjects(account: Account) -> list[str]:
    return list(dict.fromkeys(subject for subject, _ in account.ever_pinned()))


def made(account: Account) -> Iterator[str]:
    """Yield what a run has made, in words; what was taken back since is not among it."""
    if account.standing != "rolled back":
        yield from made_of(account).values()


def made_of(account: Account) -> dict[str, str]:
    """Return what a run has begun to make, in words, by subject."""
    touched = account.touched()
    return {
        subject: f"{name_of(subject)} (VM {decision.vmid} on {decision.node})"
        for subject, decision in account.pinned().items()
        if any(f"{subject}/{verb}" in touched for verb in pinned.MAKING)
    }


@dataclass
class Pruned:
    """The runs whose journals are old enough to go, those that stay, and why they do."""

    removed: list[Run] = field(default_factory=list)
    kept: list[tuple[Run, str]] = field(default_factory=list)


def prune(store: Store, older_than: float, *, now: float, dry_run: bool = False) -> Pruned:
    """Remove the journals of what ended so many seconds ago; all others are kept.

    Those that are empty, for their process died as it began, go as well.
    """
    pruned = Pruned()
    for found in store.all():
        told = row(found)
        if found.fault:
            pruned.kept.append((told, f"its journal {found.fault}"))
        elif now - found.account.last < older_than:
            continue
        elif found.account.standing not in OVER:
            pruned.kept.append((told, f"it is {told.state}"))
        elif dry_run or _removed(store, told.run):
            pruned.removed.append(told)
    for account, since in store.stillborn():
        if now - since >= max(older_than, BIRTH) and (dry_run or _removed(store, account.run)):
            told = Run(account.run, moment(since), age(now - since), "", "empty", None, "", "")
            pruned.removed.append(told)
    return pruned


BIRTH = 3600.0
"""A journal that is empty for so long, in seconds, does not get its first word any more."""


def _removed(store: Store, run: str) -> bool:
    try:
        journal = store.open(run)
    except (NotFound, Conflict):  # somebody else has just removed it, or begins it
        return False
    if journal.standing in OVER or not journal.events:
        journal.remove()
        return True
    journal.close()
    return False


def foresee_back(desk: Desk, account: Account) -> Preview:
    """Return what taking a run back would do; refuses what :func:`roll_back` would."""
    _check_back(desk, account)
    return preview(pinned.back(desk, account).undoing(account.touched()), desk.site)


def _check_back(desk: Desk, account: Account) -> None:
    """Raise :class:`UsageError` for a run that is over: what it made has commands of its own."""
    if account.status is not None:
        taken = account.standing == "rolled back"
        raise UsageError(
            f"Run {account.run} is {'taken back already' if taken else 'finished'}.",
            hint=""
            if taken
            else "What it made is removed by `pvekit vm delete` or `pvekit template delete`.",
            id="RUN-OVER",
        )
    fitting.same_site(desk, account)


def roll_back(desk: Desk, journal: Journal) -> Report:
    """Take back what an unfinished run has made; a stranger's VM is left alone.

    Raises :class:`UsageError` for a run that is finished: what it made is deleted by its own
    command.
    """
    with letting_go(journal):
        _check_back(desk, journal)
    with held(desk, journal):
        plan = pinned.back(desk, journal)
        journal.rolling_back()
        outcomes = take_back(desk, plan, journal)
        report = Report(journal.run, outcomes, open=any(each.error for each in outcomes.values()))
        if not report.open:
            end(desk, journal, 0)
        return report
