"""From a review to a run: what is due, what is left out and why, and what would be sent."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.errors import Conflict, UsageError
from pvekit.inventory.model import Vm
from pvekit.journal import Journal
from pvekit.operations import changing
from pvekit.operations.carrying import end, letting_go
from pvekit.operations.desk import Desk
from pvekit.operations.orders import Work
from pvekit.operations.resizing import check_restarts
from pvekit.operations.reviewing import Found
from pvekit.operations.reviewing_order import Follow
from pvekit.operations.selecting import Selection
from pvekit.plan import Plan
from pvekit.run.apply import Preview, preview
from pvekit.vms.resize import Resizing

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Due:
    """What following a review comes to: for which VMs what, and which are left out for what."""

    works: tuple[Work[Resizing], ...]
    left_out: tuple[tuple[str, str], ...]


def since_seconds(seconds: float) -> int:
    """Return how far back a review looks; raises :class:`UsageError` where nobody knows."""
    if not _HOUR <= seconds <= 30 * _DAY:
        raise UsageError(
            "--since goes from an hour to 30 days back.",
            hint="Such as --since 24h, 7d or 4w: further back, records are too coarse.",
        )
    return int(seconds)


def due(found: Found, *, restarts: bool) -> Due:
    """Return what is to be done.

    Raises :class:`Conflict` where all of it takes restarts, and they are not allowed.
    """
    works: list[Work[Resizing]] = []
    left_out: list[tuple[str, str]] = []
    refused: list[tuple[Vm, Resizing]] = []
    for finding in found.findings:
        effect = finding.effect
        if effect.left_out:
            left_out.append((finding.target.name, effect.left_out))
        elif effect.aim is None:
            continue
        elif effect.aim.restart and not restarts:
            refused.append((finding.vm, effect.aim))
            left_out.append((finding.target.name, "it needs a restart: --allow-restart"))
        else:
            works.append(Work(finding.target, effect.aim))
    if not works:
        check_restarts(refused)
    return Due(tuple(works), tuple(left_out))


def unfinished(desk: Desk, order: Follow, wanted: Selection) -> Journal | None:
    """Return the unfinished run of an identical request; one that decided nothing is ended."""
    journal = changing.unfinished(desk, order, wanted)
    if journal is None or journal.decisions():
        return journal
    with letting_go(journal):
        end(desk, journal, Conflict.exit_status)
    journal.close()
    return None


def foreseen(desk: Desk, order: Follow, found: Due) -> Preview:
    """Return what would be sent. Changes nothing."""
    steps = (step for work in found.works for step in order.plan(desk, work))
    return preview(Plan(tuple(steps)), desk.site)
