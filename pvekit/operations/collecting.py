"""``gc``: look at the whole site for what is ours and over, and remove it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pvekit.errors import Interrupted, PvekitError, Transient
from pvekit.inventory.model import Inventory, NodeState
from pvekit.journal import Journal
from pvekit.leftovers.find import find, plan
from pvekit.leftovers.model import Found, Leftover, View
from pvekit.operations import template_deleting, witnesses
from pvekit.operations.carrying import Report, carry, end, finish, held
from pvekit.operations.desk import Desk
from pvekit.operations.template_wishes import wish_of
from pvekit.plan import Ask, Plan
from pvekit.pve import local, stored
from pvekit.pve.scripts import script
from pvekit.run.gather import gather
from pvekit.shell import Query

KIND = "gc"
KINDS = frozenset((KIND, template_deleting.KIND))
"""Runs that only remove, and are not gone on with: their commands look at everything again."""

LISTING = 600.0
"""How long the storages of a node may take to list all disks, in seconds."""


@dataclass(frozen=True)
class Sight:
    """What was found, where nobody could look, and the dead runs that are held meanwhile."""

    found: Found
    unseen: Mapping[str, str]
    dead: Mapping[str, Journal]

    def only(self, kinds: frozenset[str]) -> Sight:
        """Return what was found of these kinds, and nothing of what was left alone."""
        kept = tuple(each for each in self.found.leftovers if each.kind in kinds)
        return replace(self, found=Found(kept))

    @property
    def plan(self) -> Plan:
        """The plan that removes what was found."""
        return plan(self.found.leftovers)

    def status(self, report: Report | None = None) -> int:
        """Return the exit status: how removing went, else whether all was looked at."""
        if report is not None and report.status:
            return report.status
        return Transient.exit_status if self.unseen else 0


@contextmanager
def looked(desk: Desk, gone: frozenset[str] = frozenset()) -> Iterator[Sight]:
    """Read the site and judge it; no dead run of this machine is gone on with until the end.

    Journals are read first: whoever is at work then, or begins later, counts as at work all the
    time. Disks are read before configs and claims, for whoever makes one has his claim first.
    """
    with witnesses.called(desk.store) as known:
        first = desk.inventory()
        told, images, unseen = _read(desk, first)
        view = View(
            inventory=desk.inventory(),
            local=told,
            stored=images,
            runs=known.runs,
            gone=gone,
            wishes=[wish_of(desk.config, each)[0] for each in desk.config.templates.values()],
            image_dir=desk.config.image_dir,
        )
        yield Sight(find(view), unseen, known.dead)


def _read(
    desk: Desk, inventory: Inventory
) -> tuple[dict[str, local.Local], list[tuple[str, stored.Stored]], dict[str, str]]:
    """Read what lies on the nodes and storages, and say where nobody could look, and why."""
    configured = [node for node in inventory.nodes if node.configured]
    unseen = {each.alias: "does not answer" for each in configured if not each.online}
    nodes = [node for node in configured if node.online]
    unseen |= {each.alias: "takes no changes: no quorum" for each in nodes if not each.writable}
    writable = [each for each in nodes if each.writable]
    told, lost = _locals(desk, writable)
    images, dead = _images(desk, inventory, [each for each in writable if each.alias in told])
    return told, images, {**unseen, **lost, **dead}


def remove(desk: Desk, sight: Sight) -> Report:
    """Remove what was found, and close the journals of runs of which nothing is left."""
    journal = desk.begin(KIND, {"what": [each.what for each in sight.found.leftovers]})
    with held(desk, journal):
        try:
            report = finish(desk, journal, carry(desk, sight.plan, journal))
        except Interrupted as error:
            end(desk, journal, 128 + error.number)
            raise
        if report.status and journal.status is None:
            end(desk, journal, report.status)  # there is nothing to go on with: gc looks again
    for run, dead in sight.dead.items():
        looked_again = dead.kind in KINDS and not report.status
        if looked_again or _is_cleared(sight, run, report, dead):
            dead.finished(0)
    return report


def _is_cleared(sight: Sight, run: str, report: Report, journal: Journal) -> bool:
    """Whether all that a dead run had left is removed, so that nobody needs to go on with it."""
    mine = [each for each in sight.found.leftovers if each.run == run]
    spared = any(each.run == run for each in sight.found.left_alone)
    kept = any(journal.is_kept(subject) for subject in journal.decisions())
    failed = any(report.outcomes[each.subject].error for each in mine)
    return bool(mine) and not (spared or kept or failed or sight.unseen)


def result(each: Leftover, report: Report | None) -> dict[str, object]:
    """Return one leftover as data, and what became of it."""
    outcome = report.outcomes[each.subject] if report else None
    state = "found" if outcome is None else "failed" if outcome.error else "removed"
    commands = [f"{step.node}: {line}" for step in each.steps for line in step.lines]
    return {
        "subject": each.subject,
        "type": each.kind,
        "what": each.what,
        "node": each.node,
        "why_ours": each.ours,
        "why_unused": each.unused,
        "size_bytes": each.size_bytes,
        "commands": commands,
        "state": state,
        "error": outcome.error.brief if outcome and outcome.error else None,
        "error_id": outcome.error.id if outcome and outcome.error else None,
    }


def _locals(desk: Desk, nodes: list[NodeState]) -> tuple[dict[str, local.Local], dict[str, str]]:
    questions = {n.alias: local.asked(n.alias, desk.config.image_dir) for n in nodes}
    answers = gather(desk.site, questions, desk.clock, desk.policy)
    told = {alias: each for alias, each in answers.items() if isinstance(each, local.Local)}
    lost = {alias: each.brief for alias, each in answers.items() if isinstance(each, PvekitError)}
    return told, lost


def _images(
    desk: Desk, inventory: Inventory, nodes: list[NodeState]
) -> tuple[list[tuple[str, stored.Stored]], dict[str, str]]:
    """Return the disk images of all storages, as one node sees each, and what is out of reach."""
    questions = {
        node.alias: Ask(node.alias, Query(script("volumes", *names, timeout=LISTING), stored.read))
        for node, names in _storages(inventory, nodes)
        if names
    }
    found: list[tuple[str, stored.Stored]] = []
    lost: dict[str, str] = {}
    for alias, content in gather(desk.site, questions, desk.clock, desk.policy).items():
        if isinstance(content, PvekitError):
            lost[alias] = content.brief
            continue
        found += [(alias, each) for each in content.volumes]
        lost |= {f"storage {s} on {alias}": why or "no answer" for s, why in content.dead.items()}
    return found, lost


def _storages(
    inventory: Inventory, nodes: list[NodeState]
) -> Iterator[tuple[NodeState, list[str]]]:
    """Yield which storages each node is to list: a shared one is listed once."""
    listed: set[tuple[str, str]] = set()
    for node in nodes:
        names = []
        for storage in inventory.storages:
            fits = storage.domain == node.domain and storage.is_on(node.name)
            key = (node.domain, storage.id)
            if not fits or storage.disabled or "images" not in storage.content or key in listed:
                continue
            names.append(storage.id)
            if storage.shared:
                listed.add(key)
        yield node, names
