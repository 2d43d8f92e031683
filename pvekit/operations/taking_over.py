"""VMs that an unfinished run still has in its hands: a dead run gives them up, a live one not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvekit.errors import Conflict, PvekitError
from pvekit.inventory.model import Inventory
from pvekit.journal import Account, Found, Journal
from pvekit.operations.carrying import PARTIAL, carry, end, held, take_back
from pvekit.operations.desk import Desk
from pvekit.plan import Plan, Step, name_of
from pvekit.pve import claiming
from pvekit.pve.claims import Claim
from pvekit.vms.delete import Doomed


@dataclass(frozen=True)
class Taken:
    """VMs that a dead run of this machine does not get to its end any more.

    ``steps`` give up what it has claimed for them.
    """

    run: str
    subjects: tuple[str, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        names = ", ".join(map(name_of, self.subjects))
        return f"{names} of run {self.run}, which is unfinished and which nobody carries out"


def found(
    desk: Desk, inventory: Inventory, doomed: Sequence[Doomed], mine: Sequence[str] = ()
) -> tuple[Taken, ...]:
    """Return which dead runs of this machine still mean these VMs, but for those of ``mine``.

    Raises :class:`Conflict` where a run is at work, or is another machine's.
    """
    known = {each.account.run: each for each in desk.store.all()}
    hands: dict[str, list[Doomed]] = {}
    meant: dict[str, list[str]] = {}
    for each in doomed:
        claimants = [claim.run for claim in _claims(inventory, each) if claim.what == "vmid"]
        for run in dict.fromkeys([*claimants, each.maker]):
            if run not in mine and _means(desk, inventory, each, known.get(run), run):
                hands.setdefault(run, []).append(each)
                meant.setdefault(run, []).extend(_subjects(known[run].account, each))
    return tuple(
        Taken(run, tuple(meant[run]), tuple(_steps(inventory, run, vms)))
        for run, vms in hands.items()
    )


def _means(desk: Desk, inventory: Inventory, doomed: Doomed, known: Found | None, run: str) -> bool:
    """Whether a dead run means a VM; raises :class:`Conflict` for one that cannot be judged."""
    claim = next((each for each in _claims(inventory, doomed) if each.run == run), None)
    what = f"VM {doomed.vmid} ({doomed.name}) on {doomed.node}"
    if known is None or known.fault:
        if claim is None:
            return False
        where = f"process {claim.pid} on {claim.host}" if claim.host else "another machine"
        raise Conflict(
            f"{what} is claimed by run {run or '?'} of {where}, which is not known here.",
            id="VM-CLAIMED",
            hint="Wait for its end. If nothing runs there any more: pvekit gc --gone HOST",
        )
    account = known.account
    if account.status is not None:
        return False
    subjects = _subjects(account, doomed)
    if claim is None and all(map(account.is_kept, subjects)):
        return not known.running and bool(subjects)
    if known.running:
        raise Conflict(
            f"{what} is being worked on by run {run}.", hint=_busy(desk, account), id="RUN-BUSY"
        )
    return True


def _subjects(account: Account, doomed: Doomed) -> list[str]:
    """Return as what a run that makes or deletes VMs knows one."""
    return [
        subject
        for subject, pinned in account.pinned().items()
        if (pinned.vmid, pinned.name) == (doomed.vmid, doomed.name)
    ]


def _busy(desk: Desk, account: Account) -> str:
    """Say who carries a run out, and what to do about it."""
    try:
        desk.store.open(account.run).close()
    except PvekitError as error:
        return f"{error.brief} {error.hint}"
    return "Try again: it has just ended."


def _claims(inventory: Inventory, doomed: Doomed) -> Iterator[Claim]:
    """Yield all claims that somebody holds for a VM, on its home first."""
    home = inventory.node(doomed.node)
    mine = [each for each in inventory.claims if each.vmid == doomed.vmid]
    at_home = [each for each in mine if home and each.domain == home.domain]
    runs = {each.run for each in at_home}
    yield from at_home
    yield from (each for each in mine if each not in at_home and each.run in runs)


def _steps(inventory: Inventory, run: str, vms: Sequence[Doomed]) -> Iterator[Step]:
    for vm in vms:
        files: dict[str, list[str]] = {}
        for claim in _claims(inventory, vm):
            if claim.run == run:
                files.setdefault(claim.domain, []).append(claim.path.rpartition("/")[2])
        for domain, names in files.items():
            nodes = [n for n in inventory.nodes if n.domain == domain and n.configured and n.online]
            home = [node for node in nodes if node.alias == vm.node] or nodes
            verb = f"take-over@{home[0].alias}"
            yield claiming.give_up(vm.subject, home[0].alias, run, names, verb=verb)


def take_over(desk: Desk, taken: Taken) -> None:
    """Have a dead run give up its VMs: it ends if nothing else of it is unfinished.

    What it has at work is waited for. Raises what kept it from giving them up.
    """
    journal = desk.store.open(taken.run)
    if journal.status is not None:  # it has got to its end meanwhile
        journal.close()
        return
    with held(desk, journal):
        take_back(desk, Plan(()), journal)
        for outcome in carry(desk, Plan(taken.steps), journal).values():
            if outcome.error is not None:
                raise outcome.error
        journal.decided({}, instead_of=taken.subjects)
        _end(desk, journal)


def _end(desk: Desk, journal: Journal) -> None:
    left = journal.decisions()
    if not left:
        journal.rolling_back()
        end(desk, journal, 0)
    elif all(map(journal.is_kept, left)):
        end(desk, journal, PARTIAL)
