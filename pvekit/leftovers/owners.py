"""Who left a thing, and whether he is still at work on it."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.inventory.model import Inventory
from pvekit.leftovers.model import Made, Run, State, View
from pvekit.pve.claims import Claim

AT_WORK = 4 * 3600.0
"""So long, in seconds, a claim of another machine is taken as that of a run at work."""


@dataclass(frozen=True)
class Owner:
    """A run, whether it is at work, and how that is known."""

    run: str
    state: State
    why: str
    busy: str = ""
    recent: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody goes on with it and nothing of it still runs on a node."""
        return self.state in ("dead", "finished") and not self.busy

    @property
    def is_unheard_of(self) -> bool:
        """Whether nothing has told of it for longer than a run takes."""
        return self.state == "unknown" and not self.recent

    @property
    def left_alone(self) -> str:
        """Why what it left is left alone, and told of; empty where it is over or may be at work."""
        return self.busy or (self.why if self.is_unheard_of else "")


class Owners:
    """Tells the owners of things by the journals of this machine and by the claims on the site."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._claims = vmid_claims(view.inventory)
        self._hosts = {claim.run: claim for claim in view.inventory.claims if claim.run}

    def claim(self, domain: str, vmid: int) -> Claim | None:
        """Return the claim of a vmid."""
        return self._claims.get((domain, vmid))

    def made(self, run: str, vmid: int) -> Made | None:
        """Return what a run of this machine has decided about a vmid."""
        known = self._view.runs.get(run)
        return known.made.get(vmid) if known else None

    def last(self, run: str) -> float:
        """Return when a run of this machine last said something, or 0."""
        known = self._view.runs.get(run)
        return known.last if known else 0.0

    def of(self, run: str) -> Owner:
        """Return what is known of a run."""
        known = self._view.runs.get(run)
        if known is not None:
            told = {
                "finished": f"run {run} is finished",
                "dead": f"run {run} ended unfinished and no process goes on with it",
            }
            return Owner(run, known.state, told.get(known.state, ""), self._busy(known))
        claim = self._hosts.get(run)
        if claim is not None and claim.host and claim.host in self._view.gone:
            return Owner(run, "dead", f"run {run} was on {claim.host}, which is said to be gone")
        host = claim.host if claim else ""
        recent = claim is not None and self._view.now - claim.time < AT_WORK
        why = f"run {run} is of {host or 'another machine or user'}: no journal here tells its end"
        return Owner(run, "unknown", why, recent=recent)

    def any_at_work(self, domain: str) -> bool:
        """Whether somebody may be at work in a PVE cluster or on a standalone node."""
        claims = (claim for claim in self._view.inventory.claims if claim.domain == domain)
        return any(not self.of(claim.run).is_over for claim in claims)

    def _busy(self, run: Run) -> str:
        """Return the job of a run that still runs on a node, if one does."""
        for node, jobs in run.jobs.items():
            local = self._view.local.get(node)
            for job in sorted(jobs if local else ()):
                if local and job in local.jobs and local.jobs[job].state == "running":
                    return f"its job {job} still runs on {node}"
        return ""


def vmid_claims(inventory: Inventory) -> dict[tuple[str, int], Claim]:
    """Return the claims of vmids by domain and vmid."""
    return {
        (each.domain, int(each.value)): each for each in inventory.claims if each.what == "vmid"
    }
