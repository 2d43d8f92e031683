"""Going on with an unfinished run from its own decisions, without the words it was begun with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pvekit.errors import UsageError
from pvekit.journal import Account, Journal
from pvekit.operations import (
    applying,
    changing,
    collecting,
    creating,
    deleting,
    fitting,
    pinned,
    template_deciding,
    templates,
)
from pvekit.operations.carrying import Report, letting_go
from pvekit.operations.desk import Desk
from pvekit.run.apply import Preview, preview
from pvekit.vms.delete import Doomed
from pvekit.vms.power import Target

_ANEW = "Give its command again; it begins a new run."


@dataclass(frozen=True)
class Resumed:
    """How going on went, and what it was about: new VMs, templates, or VMs that were there."""

    report: Report
    made: creating.Decided | None = None
    copies: template_deciding.Decided | None = None
    verb: str = ""
    targets: Sequence[Target | Doomed] = field(default=())
    applied: applying.Applied | None = None


_OVER = {
    "finished": ("has ended with status {status}: there is nothing to go on with", _ANEW),
    "rolling back": (
        "is being taken back: it cannot be gone on with",
        "Finish that: pvekit run rollback {run}",
    ),
    "rolled back": ("was taken back: there is nothing to go on with", _ANEW),
}
"""Why a run that stands so is not gone on with, and what to do instead."""


def check(account: Account) -> None:
    """Raise :class:`UsageError` for a run that is not to be gone on with."""
    if account.kind in collecting.KINDS:
        why = "is one of `pvekit {kind}`: it is not gone on with"
        instead = "`pvekit {kind}` looks at everything again."
    elif account.standing in _OVER:
        why, instead = _OVER[account.standing]
    else:
        return
    facts = {"run": account.run, "kind": account.kind, "status": account.status}
    raise UsageError(
        f"Run {account.run} {why.format(**facts)}.", hint=instead.format(**facts), id="RUN-OVER"
    )


def foresee(desk: Desk, journal: Journal) -> Preview:
    """Return what going on would do; refuses what :func:`resume` would. Changes nothing."""
    with closing(journal):
        check(journal)
        fitting.check(desk, journal)
        return preview(pinned.ahead(desk, journal), desk.site)


def resume(desk: Desk, journal: Journal) -> Resumed:
    """Go on with a run, if site and configuration still fit its decisions.

    Raises :class:`UsageError`, :class:`Conflict` or :class:`Transient` before any change if not.
    """
    with letting_go(journal):
        check(journal)
        fitting.check(desk, journal)
        if journal.kind == templates.KIND:
            found = templates.go_on(desk, journal)
        elif journal.kind == deleting.KIND:
            doomed = deleting.going_on(desk, journal)
    if journal.kind == creating.KIND:
        made, report = creating.carry_out(desk, creating.asked_for(journal), journal)
        return Resumed(report, made=made)
    if journal.kind == templates.KIND:
        built, report = templates.carry_out(desk, found, journal)
        return Resumed(report, copies=built)
    if journal.kind == deleting.KIND:
        report = deleting.carry_on(desk, doomed, journal)
        return Resumed(report, verb="delete", targets=doomed.doomed)
    if journal.kind == applying.KIND:
        applied = applying.carry_out(desk, journal)
        return Resumed(applied.report, applied=applied)
    targets, report = changing.carry_out(desk, journal)
    return Resumed(report, verb=changing.order(journal).verb, targets=targets)
