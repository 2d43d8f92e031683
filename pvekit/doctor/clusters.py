"""PVE clusters: quorum, members, what pvekit has left there."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.doctor.model import HERE, Finding, View


def quorum(view: View) -> Iterator[Finding]:
    """Check that every PVE cluster has quorum, and that its members are online."""
    for domain in view.inventory.domains:
        nodes = [n for n in view.inventory.nodes if n.domain == domain.key and n.configured]
        where = domain.key if domain.clustered else nodes[0].alias
        seen = [node for node in nodes if node.online or node.alias in view.answered]
        cut_off = [node.alias for node in seen if not node.writable]
        away = [member.name for member in domain.members if not member.online]
        if not domain.quorate:
            yield _lost(where, f"no quorum; not seen: {', '.join(away) or 'nobody'}")
        elif cut_off:
            yield _lost(where, f"/etc/pve takes no changes on {', '.join(cut_off)}")
        elif away:
            mend = f"on {away[0]}: systemctl status corosync pve-cluster"
            says = f"quorate, but not online: {', '.join(away)}"
            yield Finding("quorum", where, "warn", says, mend)
        elif domain.clustered:
            count = len(domain.members)
            yield Finding("quorum", where, "ok", f"quorate, {count} of {count} members online")
        else:
            yield Finding("quorum", where, "ok", "a standalone host, /etc/pve takes changes")


def _lost(where: str, says: str) -> Finding:
    mend = "on a node: pvecm status; bring the others back"
    return Finding("quorum", where, "fail", says, mend, "PVE-QUORUM-LOST", passing=True)


def members(view: View) -> Iterator[Finding]:
    """Name the members of a PVE cluster that the configuration does not: they get no VMs."""
    for domain in view.inventory.domains:
        others = [n.name for n in view.inventory.nodes if n.domain == domain.key]
        named = {n.name for n in view.inventory.nodes if n.domain == domain.key and n.configured}
        missing = [name for name in others if name not in named and name not in view.users]
        if missing:
            says = f"members that the configuration does not name: {', '.join(missing)}"
            yield Finding("members", domain.key, "ok", f"{says}; they get no VMs")


def leftovers(view: View) -> Iterator[Finding]:
    """Check that no run of this machine is unfinished, and that no claim is a dead run's."""
    runs = view.here.unfinished
    if runs:
        says = f"unfinished runs: {', '.join(runs[:5])}{' and more' if len(runs) > 5 else ''}"
        mend = f"pvekit run resume {runs[0]}, or pvekit run rollback {runs[0]}"
        yield Finding("runs", HERE, "warn", says, mend)
    else:
        yield Finding("runs", HERE, "ok", "no run of this machine is unfinished")
    dead = sorted({each.run for each in view.inventory.claims if each.run in view.here.dead})
    if dead:
        says = f"claims of runs that are dead: {', '.join(dead)}"
        yield Finding("claims", HERE, "warn", says, "pvekit gc --dry-run")
