"""What a run has decided, whatever its command: its plan, and what of it stays."""

from __future__ import annotations

from pvekit.errors import UsageError
from pvekit.journal import Account
from pvekit.operations import changing, creating, templates
from pvekit.operations.desk import Desk
from pvekit.plan import Plan


def plan(desk: Desk, account: Account) -> Plan:
    """Return the plan of a run's decisions; raises :class:`UsageError` for an unknown command."""
    if account.kind == creating.KIND:
        return creating.pinned(desk, account).plan(desk)
    if account.kind == templates.KIND:
        return templates.resumed(account).plan(desk)
    if account.kind in changing.KINDS:
        return changing.order(account).plan(changing.pinned(account))
    raise UsageError(f"Run {account.run} is one of `{account.kind}`, which this version lacks.")


def lasting(whole: Plan, account: Account) -> tuple[str, ...]:
    """Say what a run has begun that cannot be taken back, nor goes away with its subject."""
    undone = {step.subject for step in whole if step.undo}
    touched = account.touched()
    return tuple(
        f"{step.key}: {step.lasting or 'it is not undone'}"
        for step in whole
        if step.changes and step.key in touched and step.subject not in undone
    )
