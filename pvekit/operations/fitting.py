"""Whether the site and the configuration still fit what an unfinished run has decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pvekit.errors import Conflict, NotFound, Transient, UsageError
from pvekit.inventory.model import Inventory
from pvekit.journal import Account
from pvekit.operations import (
    applying,
    changing,
    creating,
    deleting,
    template_wishes,
    templates,
    vm_wishes,
)
from pvekit.operations.desk import Desk
from pvekit.templates import fit as template_fit
from pvekit.vms import fit
from pvekit.vms.fit import Difference


def check(desk: Desk, account: Account) -> None:
    """Read the site and raise :class:`Conflict` with all that is not as it was decided.

    Sends no change. Raises :class:`Transient` if a node of the decisions does not answer.
    """
    same_site(desk, account)
    inventory = desk.inventory()
    silent = [alias for alias in _nodes(account) if _is_silent(alias, inventory)]
    if silent:
        raise Transient(
            f"Cannot tell whether run {account.run} still fits the site: {', '.join(silent)} does "
            "not answer.",
            details="\n".join(inventory.problems),
            id="NODE-SILENT",
        )
    found = [*_differences(desk, account, inventory)]
    if found:
        raise _conflict(account, found)
    if account.kind in (deleting.KIND, applying.KIND):
        deleting.check(desk, inventory, deleting.pinned(account))


def same_site(desk: Desk, account: Account) -> None:
    """Raise an error if the nodes of a run's decisions are not the configuration's any more."""
    if desk.store.is_ours(account):
        return
    before = _places(account.site)
    after = _places(desk.store.site)
    if not set(_nodes(account)) & before.keys() or not before.items() & after.items():
        raise UsageError(
            f"Run {account.run} was begun on another site than this configuration's.",
            details=", ".join(f"{alias} ({place})" for alias, place in before.items()),
            hint="Say which with --config.",
            id="RUN-OTHER-SITE",
        )
    moved = [*_moved(_nodes(account), before, after)]
    if moved:
        raise _conflict(account, moved)


def _conflict(account: Account, found: list[Difference]) -> Conflict:
    return Conflict(
        f"Run {account.run} does not fit the site or the configuration any more.",
        details="\n".join(map(str, found)),
        hint=f"Nothing was sent. Undo what changed, or: pvekit run rollback {account.run}",
        id="RUN-DOES-NOT-FIT",
    )


def _is_silent(alias: str, inventory: Inventory) -> bool:
    found = fit.configured(alias, inventory)
    return found is not None and not found.online


def _nodes(account: Account) -> list[str]:
    """Return the aliases of all nodes that the decisions name."""
    pinned = account.pinned().values()
    return list(dict.fromkeys(alias for each in pinned for alias in each.nodes))


def _moved(
    nodes: list[str], before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Difference]:
    """Yield which nodes the configuration does not name any more, or elsewhere."""
    for alias in nodes:
        if alias in before and before[alias] != after.get(alias):
            names = ", ".join(f"{name} ({place})" for name, place in after.items())
            now = after.get(alias) or f"not in the configuration, which names {names}"
            yield Difference(f"node {alias}", before[alias], now)


def _places(site: str) -> dict[str, str]:
    words = (word.partition("=")[::2] for word in site.split())
    return {alias: place.removesuffix(":None") for alias, place in words}


def _differences(desk: Desk, account: Account, inventory: Inventory) -> Iterator[Difference]:
    if account.kind == creating.KIND:
        yield from _of_vms(desk, account, inventory)
    elif account.kind == templates.KIND:
        yield from _of_templates(desk, account, inventory)
    elif account.kind in changing.KINDS:
        yield from changing.differences(account, inventory)
    elif account.kind == deleting.KIND:
        yield from deleting.differences(account, inventory)
    elif account.kind == applying.KIND:
        yield from applying.differences(account, inventory)


def _of_vms(desk: Desk, account: Account, inventory: Inventory) -> Iterator[Difference]:
    request = creating.asked_for(account)
    decisions = creating.pinned(desk, account).decisions
    for spec, at in decisions:
        done = account.is_done(f"{spec.subject}/clone")
        yield from fit.site(spec, at, inventory, done=done)
    try:
        wanted = vm_wishes.wishes(desk.config, inventory, request)
    except (UsageError, NotFound) as error:
        yield Difference("configuration", "what the run was begun with", error.brief)
        return
    for spec, at in decisions:
        yield from fit.wishes(spec, at, wanted)


def _of_templates(desk: Desk, account: Account, inventory: Inventory) -> Iterator[Difference]:
    works = templates.resumed(account).works
    for work in works:
        if templates.worth_going_on(account, work):
            done = account.is_done(f"{work.subject}/create")
            yield from template_fit.site(work.spec, work.at, inventory, done=done)
        else:
            yield from fit.node(work.at.node, work.at.pve_node, inventory)
    request = templates.asked_for(account)
    try:
        configured = template_wishes.configured(desk.config, request.template, request.recipe)
        wanted = [template_wishes.wish_of(desk.config, each)[0] for each in configured]
    except UsageError as error:
        yield Difference("configuration", "what the run was begun with", error.brief)
        return
    digests = {wish.name: wish.digest for wish in wanted}
    for name, digest in {work.spec.name: work.spec.digest for work in works}.items():
        if digests.get(name) != digest:
            now = f"digest {digests[name]}" if name in digests else "not configured"
            yield Difference(f"template {name}", f"digest {digest}", now)
