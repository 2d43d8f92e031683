"""Following a review of sizes, as a conversation: the plan, a question, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pvekit.cli import previewing, say, size_reviewing
from pvekit.cli.app import App
from pvekit.cli.changing import CHANGED, Manner, ended
from pvekit.cli.output import emit
from pvekit.cli.progress import Progress
from pvekit.cli.prompts import may_ask
from pvekit.cli.size_reviewing import Look
from pvekit.journal import Journal
from pvekit.operations import changing, reviewing_due
from pvekit.operations.desk import Desk
from pvekit.operations.reviewing import Found
from pvekit.operations.reviewing_due import Due
from pvekit.operations.reviewing_order import Follow


def follow(app: App, look: Look, order: Follow, manner: Manner) -> int:
    """Review VMs and give them the sizes that fit after a question, or go on with that."""
    progress = Progress()
    desk = replace(app.desk(progress), parallel=manner.parallel)
    journal = reviewing_due.unfinished(desk, order, look.chosen)
    if manner.dry_run:
        return _foresee(desk, look, order, manner, journal)
    unseen = 0
    if journal is not None:
        say.note(f"resuming run {journal.run}")
    else:
        journal, unseen = _begun(app, desk, look, order, manner)
    if journal is None:
        emit(manner.form, CHANGED, [], run=None, text=lambda: say.note("Nothing to do."))
        return unseen
    targets, report = changing.carry_out(desk, journal)
    progress.close()
    ended(order.verb, targets, report, manner.form)
    return app.told_ways(report) or unseen


def _foresee(desk: Desk, look: Look, order: Follow, manner: Manner, journal: Journal | None) -> int:
    """Show what would be sent."""
    if journal is not None:
        journal.close()
        say.note(f"would go on with run {journal.run}")
        _, _, preview = changing.foresee(desk, order, look.chosen)
        previewing.show(preview, manner.form)
        return 0
    found, due = _reviewed(desk, look, manner, restarts=True)
    previewing.show(reviewing_due.foreseen(desk, order, due), manner.form)
    return size_reviewing.status(found)


def _begun(
    app: App, desk: Desk, look: Look, order: Follow, manner: Manner
) -> tuple[Journal | None, int]:
    """Review, ask and begin a run, None if there is nothing to do; and the review's status."""
    restarts = order.allow_restart or (may_ask() and not manner.yes)
    found, due = _reviewed(desk, look, manner, restarts=restarts)
    unseen = size_reviewing.status(found)
    if not due.works:
        return None, unseen
    app.confirm(_question(due), yes=manner.yes)
    return changing.begin(desk, order, look.chosen, due.works), unseen


def _reviewed(desk: Desk, look: Look, manner: Manner, *, restarts: bool) -> tuple[Found, Due]:
    """Review VMs, tell what was found, and what is to be done."""
    found = size_reviewing.looked(desk, look, dry_run=manner.dry_run)
    _tell(found, manner)
    due = reviewing_due.due(found, restarts=restarts)
    _present(due, manner)
    return found, due


def _tell(found: Found, manner: Manner) -> None:
    """Print the review for people: data on stdout is what became of the VMs."""
    if manner.form.is_text and not manner.form.quiet:
        size_reviewing.show(found, manner.form)
    size_reviewing.aside(found)


def _present(due: Due, manner: Manner) -> None:
    """Say what each VM would get, and how; whoever is asked has to see it."""
    tell = say.note if manner.yes or manner.dry_run else say.present
    for work in due.works:
        how = "needs a restart" if work.aim.restart else "hot-plug"
        vm = work.vm
        tell(f"{vm.name}: VM {vm.vmid} on {vm.node}: {', '.join(work.aim.told)} ({how})")
    for name, why in due.left_out:
        say.note(f"left out: {name}: {why}")


def _question(due: Due) -> str:
    restarts: Sequence[str] = [work.vm.name for work in due.works if work.aim.restart]
    what = f"Resize {len(due.works)} VM{'s' * (len(due.works) > 1)}"
    return f"{what} and restart {', '.join(restarts)}?" if restarts else f"{what}?"
