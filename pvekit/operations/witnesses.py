"""What the journals of this machine tell of its runs: who is at work, who has ended, who died."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from pvekit.errors import Conflict, NotFound
from pvekit.journal import Account, Journal, Store
from pvekit.leftovers.model import Made, Run, State
from pvekit.operations import creating, deleting, templates

_BEGUN_BY = {creating.KIND: "clone", templates.KIND: "create"}


@dataclass(frozen=True)
class Witnesses:
    """All runs of this machine, and the journals of the dead: held, so that none comes back."""

    runs: Mapping[str, Run]
    dead: Mapping[str, Journal] = field(default_factory=dict)


@contextmanager
def called(store: Store) -> Iterator[Witnesses]:
    """Read all journals; those of dead runs stay locked until the end."""
    runs: dict[str, Run] = {}
    dead: dict[str, Journal] = {}
    with ExitStack() as stack:
        for found in store.all():
            account = found.account
            if found.fault:
                runs[account.run] = Run(account.run, "live")  # nothing proves that it is over
                continue
            journal = _taken(store, account) if account.status is None else None
            if journal is not None:
                stack.enter_context(closing(journal))
            runs[account.run] = _run(journal or account, dead=journal is not None)
            if journal is not None and journal.status is None:
                dead[account.run] = journal
        yield Witnesses(runs, dead)


def _taken(store: Store, account: Account) -> Journal | None:
    try:
        return store.open(account.run)
    except (Conflict, NotFound):  # somebody is at work on it, or has just removed it
        return None


def _run(account: Account, *, dead: bool) -> Run:
    """Return what is known of a run; only of a dead one leftovers are looked for."""
    state: State = "dead" if dead else "live"
    if account.status is not None:
        state = "finished"
    used = (pinned.template for _, pinned in account.ever_pinned())
    return Run(
        run=account.run,
        state=state,
        last=account.last,
        made=dict(_made(account)) if state == "dead" else {},
        jobs={node: frozenset(ids) for node, ids in account.jobs().items()},
        templates=frozenset(each for each in used if each is not None),
    )


def _made(account: Account) -> Iterator[tuple[int, Made]]:
    """Yield what a dead run has decided to make or to delete, by vmid."""
    touched = account.touched()
    if account.kind == deleting.KIND:
        for doomed in deleting.pinned(account):
            yield doomed.vmid, Made(begun=False, kept=False, volumes=doomed.volumes)
    elif account.kind in _BEGUN_BY:
        for subject, pinned in account.pinned().items():
            begun = f"{subject}/{_BEGUN_BY[account.kind]}" in touched
            if pinned.vmid is not None:
                yield pinned.vmid, Made(begun, account.is_kept(subject), ())
