"""What a run has decided, whatever its command: its plan, and what of it stays."""

from __future__ import annotations

from pvekit.errors import UsageError
from pvekit.journal import Account
from pvekit.operations import applying, changing, collecting, creating, deleting, templates
from pvekit.operations.desk import Desk
from pvekit.plan import Plan

MAKING = ("clone", "create")
"""The steps that bring something into being; what has begun one of them may be there."""


def plan(desk: Desk, account: Account) -> Plan:
    """Return the plan of a run's decisions; raises :class:`UsageError` for an unknown command."""
    if account.kind == creating.KIND:
        return creating.pinned(desk, account).plan(desk)
    if account.kind == templates.KIND:
        return templates.resumed(account).plan(desk)
    if account.kind in changing.KINDS:
        return changing.plan(desk, account)
    if account.kind == deleting.KIND:
        return deleting.resumed(account).plan(desk)
    if account.kind == applying.KIND:
        return applying.plan(desk, account)
    if account.kind in collecting.KINDS:
        raise UsageError(
            f"Run {account.run} is one of `pvekit {account.kind}`: it has made nothing.",
            hint=f"`pvekit {account.kind}` looks at everything again.",
            id="RUN-OVER",
        )
    raise UsageError(
        f"Run {account.run} is one of `{account.kind}`, which this version lacks.",
        id="RUN-OTHER-VERSION",
    )


def ahead(desk: Desk, account: Account) -> Plan:
    """Return the plan of going on with a run, with what the site says by now."""
    if account.kind == deleting.KIND:
        return deleting.going_on(desk, account).plan(desk)
    return plan(desk, account)


def back(desk: Desk, account: Account) -> Plan:
    """Return the plan to take a run back by; raises :class:`Conflict` if it can only go on."""
    if account.kind in (deleting.KIND, applying.KIND):
        deleting.check_back(desk, account)
    return plan(desk, account)


def lasting(whole: Plan, account: Account) -> tuple[str, ...]:
    """Say what a run has begun that cannot be taken back, nor goes away with its subject."""
    undone = {step.subject for step in whole if step.verb in MAKING and step.undo}
    touched = account.touched()
    return tuple(
        f"{step.key}: {step.lasting or 'it is not undone'}"
        for step in whole
        if step.changes and step.key in touched and step.subject not in undone
    )
