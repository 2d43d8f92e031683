"""Applying a fleet file, as a conversation: the plan, a question, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click

from pvekit.cli import ending, previewing, say
from pvekit.cli.app import App
from pvekit.cli.failing import OnFailure
from pvekit.cli.output import Form, View, emit, why
from pvekit.cli.progress import Progress
from pvekit.fleet.model import Fleet
from pvekit.journal import Journal
from pvekit.operations import applying
from pvekit.operations.applying import Applied, Order
from pvekit.operations.desk import Desk
from pvekit.operations.foreseeing import Foreseen, Item
from pvekit.operations.foreseeing import foresee as foreseen_by
from pvekit.plan import name_of
from pvekit.run.apply import Preview

CHANGES = View(
    kind="FleetChange",
    name="vm/{name}",
    columns=("action", "name", "group", "node", "vmid"),
    wide=("fields", "told", "restart"),
)
APPLIED = View(
    kind="FleetVm",
    name="vm/{name}",
    columns=("action", "name", "node", "vmid", "seconds", "state"),
    wide=("error", "error_id"),
    result=True,
    empty="Nothing to do.",
)
_SIGNS = {"create": "+", "change": "~", "remove": "-", "keep": " "}
_HOW = {"live": "live", "restart": "by a restart", "off": "it is off"}


Out = Callable[[str], None]
"""Tells a line."""


@dataclass(frozen=True)
class Manner:
    """How to apply: the form of the outcome, and what is agreed to beforehand.

    ``agreed`` means that nothing at all is done without a yes, new VMs included, and that every
    command is shown before.
    """

    form: Form
    yes: bool = False
    allow_restart: bool = False
    on_failure: OnFailure | None = None
    agreed: bool = False


Show = Callable[[Foreseen | None], None]
"""Tells what there is to say before the plan; there is none where a run is gone on with."""


def diff(app: App, fleet: Fleet, form: Form, *, prune: bool) -> int:
    """Show how far the site is from a fleet."""
    found = foreseen_by(app.desk(), fleet, prune=prune)
    _show(found, form)
    return previewing.PENDING if found.pending else 0


def foresee(app: App, fleet: Fleet, order: Order, form: Form, *, detailed: bool) -> int:
    """Show the plan and what would be sent."""
    found, preview = previewed(app.desk(), fleet, order)
    if found is not None and form.is_text:
        tell(found, say.note)
    previewing.show(preview, form)
    return previewing.status(preview, detailed=detailed)


def previewed(desk: Desk, fleet: Fleet, order: Order) -> tuple[Foreseen | None, Preview]:
    """Return the plan, None if a run would be gone on with, and what would be sent."""
    journal = applying.unfinished(desk, fleet, order)
    if journal is None:
        found = foreseen_by(desk, fleet, prune=order.prune)
        return found, applying.commands(desk, found, order)
    say.note(f"would go on with run {journal.run}")
    from pvekit.operations import resuming

    return None, resuming.foresee(desk, journal)


def apply(app: App, fleet: Fleet, order: Order, manner: Manner, before: Show | None = None) -> int:
    """Apply a fleet, or go on with that; ``before`` is called with the plan before all else."""
    progress = Progress()
    desk = app.desk(progress, manner.on_failure)
    journal = applying.unfinished(desk, fleet, order)
    if journal is not None:
        say.note(f"resuming run {journal.run} of the fleet {fleet.name}")
        _check_fitting(desk, journal, before)
    else:
        journal = _begun(app, desk, fleet, order, manner, before)
    if journal is None:
        emit(manner.form, APPLIED, [], run=None)
        return 0
    applied = applying.carry_out(desk, journal, fleet)
    progress.close()
    ended(applied, manner.form)
    return app.told_ways(applied.report)


def _check_fitting(desk: Desk, journal: Journal, before: Show | None) -> None:
    from pvekit.operations import fitting
    from pvekit.operations.carrying import letting_go

    with letting_go(journal):
        fitting.check(desk, journal)
        if before is not None:
            before(None)


def _begun(
    app: App, desk: Desk, fleet: Fleet, order: Order, manner: Manner, before: Show | None
) -> Journal | None:
    """Show the plan, ask, and begin a run; None if there is nothing to do."""
    found = foreseen_by(desk, fleet, prune=order.prune)
    if before is not None:
        before(found)
    question = _question(found, whole=manner.agreed)
    out = say.present if question and not manner.yes else say.note
    if manner.agreed and found.pending:
        previewing.tell(applying.commands(desk, found, order), out)
    tell(found, out)
    if not found.pending:
        return None
    applying.check(found, desk, allow_restart=manner.allow_restart)
    if question:
        app.confirm(question, yes=manner.yes)
    return applying.begin(desk, found, order, allow_restart=manner.allow_restart)


def _question(found: Foreseen, *, whole: bool = False) -> str:
    """Return what is asked before what cannot be taken back and before restarts, or all of it."""
    gone = [item.name for item in found.items if item.action == "remove"]
    made = [item.name for item in found.items if item.action == "create"]
    changed = [item.name for item in found.items if item.action == "change"]
    restarts = [item.name for item in found.items if item.restart]
    grows = [each.vm.name for each in found.comparison.differing if each.aim.slots]
    asked = [
        f"{what} {', '.join(which)}{more}"
        for what, which, more in (
            ("create", made if whole else [], ""),
            ("change", changed if whole else [], ""),
            ("delete", gone, " with all disks"),
            ("restart", restarts, ""),
            ("grow disks of", grows, " for good"),
        )
        if which
    ]
    text = " and ".join(asked)
    return f"{text[:1].upper()}{text[1:]}?" if text else ""


def ended(applied: Applied, form: Form) -> None:
    """Say what became of the VMs."""
    report = applied.report
    places = {spec.subject: ("create", at.node, at.vmid) for spec, at in applied.made}
    places |= {each.vm.subject: ("change", each.vm.node, each.vm.vmid) for each in applied.altered}
    places |= {each.subject: ("remove", each.node, each.vmid) for each in applied.removed}
    rows = []
    for subject, (action, node, vmid) in places.items():
        outcome = report.outcomes[subject]
        rows.append(
            {
                "action": action,
                "name": name_of(subject),
                "node": node,
                "vmid": vmid,
                "seconds": outcome.seconds,
                "state": outcome.state,
                **why(outcome.error),
            }
        )
    emit(form, APPLIED, rows, run=report.run)
    ending.tell_failed({name_of(subject): each for subject, each in report.outcomes.items()})
    ending.tell_sum(report)


def _show(found: Foreseen, form: Form) -> None:
    rows = [row(item) for item in found.items]
    loads = [asdict(load) for load in found.loads]
    emit(
        form,
        CHANGES,
        rows,
        text=lambda: tell(found, click.echo),
        fleet=found.fleet.name,
        pending=bool(found.pending),
        loads=loads,
        warnings=list(found.warnings),
    )
    if not form.is_text:
        _warn(found)


def row(item: Item) -> dict[str, Any]:
    """Return what would become of a VM as data."""
    return {
        **asdict(item),
        "fields": [asdict(each) for each in item.fields],
        "restart": item.restart,
    }


def tell(found: Foreseen, out: Out) -> None:
    """Tell what would become of each VM, and of the nodes."""
    for item in found.items:
        out(f"{_SIGNS[item.action]} {item.name}: {_where(item)}")
        for each in item.fields:
            how = _HOW[each.how]
            out(f"    {each.name}: {each.old} -> {each.new} ({how})")
    if not found.pending:
        say.note(f"The fleet {found.fleet.name} is as the file says.")
    else:
        _tell_sums(found, out)
    _warn(found)


def _where(item: Item) -> str:
    told = f", {item.told}" if item.told else ""
    return f"VM {item.vmid} on {item.node}{told}"


def _tell_sums(found: Foreseen, out: Out) -> None:
    from pvekit.cli import rendering

    rows: list[Mapping[str, Any]] = [
        {
            "node": load.node,
            "memory_mb": f"{load.memory_before_mb} -> {load.memory_after_mb} of {load.memory_mb}",
            "cpus": f"{load.cpus_before} -> {load.cpus_after} of {load.cpus}",
        }
        for load in found.loads
    ]
    out(rendering.table(rows, ("node", "memory_mb", "cpus"), headers=True))
    counts = {sign: sum(item.action == sign for item in found.items) for sign in _SIGNS}
    told = ", ".join(f"{counts[word]} to {word}" for word in ("create", "change", "remove"))
    out(told)


def _warn(found: Foreseen) -> None:
    for warning in found.warnings:
        say.warn(warning)
