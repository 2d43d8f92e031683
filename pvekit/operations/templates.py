"""``template build``: decide, carry out, and decide again what somebody else was faster with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from pvekit.config.model import Config
from pvekit.errors import IdTaken, PvekitError, Spoilt
from pvekit.journal import Account, Journal, Pinned
from pvekit.journal.frozen import part, thaw
from pvekit.operations.carrying import Report, carry, finish, held, letting_go, take_back
from pvekit.operations.desk import Desk
from pvekit.operations.template_deciding import Decided, Request, Work, decided
from pvekit.operations.template_wishes import configured, wish_of
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.templates import recipe
from pvekit.templates.origins import Origin
from pvekit.templates.recipe import Recipe
from pvekit.templates.spec import Copy, TemplateSpec

KIND = "template build"
WAIT = 5.0
"""How long to wait, in seconds, before looking again at a template that somebody else builds."""


def unfinished(desk: Desk, request: Request) -> Journal | None:
    """Return the unfinished run of an identical request, if there is one."""
    return desk.store.unfinished(KIND, data(request, desk.config))


def foresee(desk: Desk, request: Request) -> tuple[Decided, Preview]:
    """Return what building would do, or going on with an unfinished build; changes nothing."""
    journal = unfinished(desk, request)
    if journal is None:
        found = decided(desk, request)
    else:
        with closing(journal):
            found = replace(resumed(journal), run=journal.run)
    return found, preview(found.plan(desk), desk.site)


def carry_out(desk: Desk, found: Decided, journal: Journal) -> tuple[Decided, Report]:
    """Build the decided copies.

    Where somebody else just builds the same template it is waited for, and found to be there.
    """
    with held(desk, journal):
        outcomes: dict[str, Outcome] = {}
        built: list[Work] = []
        there = found.there
        works = found.works
        deadline = desk.clock.now() + max((w.spec.build_seconds for w in works), default=0)
        while works:
            plan = Decided(works, touched=journal.touched()).plan(desk)
            outcomes |= carry(desk, plan, journal, last=True)
            late = desk.stop.asked or desk.clock.now() >= deadline
            lost = [w for w in works if not late and _lost(desk, outcomes[w.subject])]
            built += [work for work in works if work not in lost]
            if not lost:
                break
            try:
                again = _again(desk, journal, lost, _strangers(lost, outcomes))
            except PvekitError as error:
                outcomes |= {work.subject: Outcome(error) for work in lost}
                built += lost
                break
            for work in lost:
                del outcomes[work.subject]
            works, there = again.works, (*there, *again.there)
        report = finish(desk, journal, outcomes, lambda names: _plan(desk, journal, built, names))
        return Decided(tuple(built), there), report


def _plan(desk: Desk, journal: Journal, works: Sequence[Work], names: Sequence[str]) -> Plan:
    meant = tuple(work for work in works if work.subject in names)
    return Decided(meant, touched=journal.touched()).plan(desk)


def _lost(desk: Desk, outcome: Outcome) -> bool:
    """Whether a copy is to be decided anew.

    Either what was begun of it is spoilt, or somebody else has what was decided, and waiting for
    it makes sense.
    """
    error = outcome.error
    if isinstance(error, Spoilt):
        return True
    return isinstance(error, IdTaken) and not desk.store.is_dead(error.holder)


def _strangers(lost: Sequence[Work], outcomes: Mapping[str, Outcome]) -> frozenset[int]:
    """Return the vmids that nobody claims: something of a stranger's lies there."""
    errors = ((work.at.vmid, outcomes[work.subject].error) for work in lost)
    return frozenset(vmid for vmid, e in errors if isinstance(e, IdTaken) and not e.holder)


def _again(desk: Desk, journal: Journal, lost: Sequence[Work], avoid: frozenset[int]) -> Decided:
    """Take back what lost copies had touched, wait a little and decide them anew."""
    _take_back(desk, journal, lost)
    desk.clock.sleep(WAIT)
    return _anew(desk, journal, lost, avoid)


def _take_back(desk: Desk, journal: Journal, works: Sequence[Work]) -> None:
    plan = Decided(tuple(works), touched=journal.touched()).plan(desk)
    undone = take_back(desk, plan, journal)
    for error in (outcome.error for outcome in undone.values()):
        if error is not None:
            raise error


def _anew(
    desk: Desk,
    journal: Journal,
    works: Sequence[Work],
    avoid: frozenset[int] = frozenset(),
) -> Decided:
    """Decide copies anew of which everything is taken back; others stay as they are."""
    subjects = [work.subject for work in works]
    request = replace(asked_for(journal), nodes=tuple({work.at.node for work in works}))
    origins = {w.image: w.at.origin for w in resumed(journal).works if w.at.origin.why}
    found = decided(desk, request, avoid=avoid, pinned=origins)
    wanted = tuple(work for work in found.works if work.subject in subjects)
    return _pinned(journal, replace(found, works=wanted), instead_of=subjects)


def asked_for(account: Account) -> Request:
    """Return the request that a run was begun with."""
    return thaw(Request, account.asked)


def begin(desk: Desk, request: Request, found: Decided) -> tuple[Decided, Journal]:
    """Start a run: pin its decisions in a new journal."""
    journal = desk.begin(KIND, data(request, desk.config))
    return _pinned(journal, found), journal


def _pinned(journal: Journal, found: Decided, instead_of: Sequence[str] = ()) -> Decided:
    works = tuple(replace(w, at=replace(w.at, run=journal.run)) for w in found.works)
    pinned = {
        w.subject: {"spec": asdict(w.spec), "at": asdict(w.at), "recipe": asdict(w.recipe)}
        for w in works
    }
    journal.decided(pinned, instead_of)
    return Decided(works, found.there)


def resumed(account: Account) -> Decided:
    """Return the decisions that an unfinished run has pinned."""
    works = tuple(_thaw(each) for each in account.pinned().values())
    return Decided(works, touched=account.touched())


def go_on(desk: Desk, journal: Journal) -> Decided:
    """Return what an unfinished run still has to do.

    A copy of which no VM was begun is decided anew, for its image may have a newer checksum by
    now. So is one whose first boot failed: cloud-init runs a seed only once, a new VM must be made.
    """
    with letting_go(journal):
        journal.carried()
        if not journal.decisions():  # it ended before it had decided
            return _pinned(journal, decided(desk, asked_for(journal), journal.run))
        works = resumed(journal).works
        anew = [work for work in works if not worth_going_on(journal, work)]
        if not anew:
            return Decided(works)
        _take_back(desk, journal, anew)
        fresh = _anew(desk, journal, anew)
    kept = tuple(work for work in works if work not in anew)
    return Decided((*kept, *fresh.works), fresh.there)


def worth_going_on(account: Account, work: Work) -> bool:
    """Whether a copy's VM was begun and may still become the template."""
    begun = f"{work.subject}/create" in account.touched()
    return begun and not account.has_failed(f"{work.subject}/first-boot")


def data(request: Request, config: Config) -> dict[str, Any]:
    """Return a request as its journal holds it, with what the configuration wants by it."""
    asked = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(request).items()}
    wanted = configured(config, request.template, request.recipe)
    wishes = [wish_of(config, template)[0] for template in wanted]
    return {"asked": asked, "wanted": [[wish.name, wish.digest] for wish in wishes]}


def _thaw(pinned: Pinned) -> Work:
    data, place = pinned.part("recipe"), pinned.part("at")
    files = tuple(recipe.File(**file) for file in data["files"])
    lists = {key: tuple(data[key]) for key in ("packages", "commands", "checks")}
    # Runs of older versions say nothing of it: every node downloaded.
    origin = thaw(Origin, part(place, "origin")) if "origin" in place else Origin()
    return Work(
        thaw(TemplateSpec, pinned.part("spec")),
        Recipe(**{**data, **lists, "files": files}),
        replace(thaw(Copy, place), origin=origin),
    )
