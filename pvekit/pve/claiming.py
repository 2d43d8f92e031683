"""Taking and giving up claims, as steps."""

from __future__ import annotations

from collections.abc import Iterable

from pvekit.plan import Change, Check, Step, Verdict, check, either
from pvekit.pve import state
from pvekit.pve.claims import Claim
from pvekit.pve.scripts import script
from pvekit.pve.state import State


def names(claim: Claim) -> tuple[str, ...]:
    """Return the files of all that a decision reserves: vmid, name and perhaps an address."""
    files = [f"vmid-{claim.vmid}", f"name-{claim.name}"]
    if claim.ip:
        files.append(f"ip-{claim.ip.replace(':', '-')}")
    return tuple(files)


def take(subject: str, node: str, claim: Claim, unless: Check) -> Step:
    """Return the step that claims a decision on one PVE cluster or standalone node.

    It is not needed any more, its goal says, once ``unless`` holds.
    """
    files = names(claim)
    content = claim.to_line().strip()
    change = Change(
        script("claim", claim.run, content, *files), shown=f"claim {' '.join(files)} on {node}"
    )
    return Step(
        subject,
        f"claim@{node}",
        node,
        goal=either(unless, _held(node, claim.run, files)),
        changes=(change,),
        undo=(give_up(subject, node, claim.run, files, verb=f"unclaim@{node}"),),
    )


def give_up(subject: str, node: str, run: str, files: Iterable[str], *, verb: str = "") -> Step:
    """Return the step that gives up those of these claims that the run holds."""
    wanted = tuple(files)
    change = Change(script("release", run, *wanted), shown=f"release {' '.join(wanted)} on {node}")
    return Step(subject, verb or f"release@{node}", node, _free(node, run, wanted), (change,))


def _held(node: str, run: str, files: tuple[str, ...]) -> Check:
    def test(found: State) -> bool:
        return all(file in found.claims and found.claims[file].run == run for file in files)

    says = f"{', '.join(files)} are claimed for run {run}"
    return check(says, state.claimed(node, files), lambda found: Verdict(test(found)))


def _free(node: str, run: str, files: tuple[str, ...]) -> Check:
    def judge(found: State) -> Verdict:
        # One that is empty is that of a claimer whose node died before it wrote.
        ours = [f for f in files if f in found.claims and found.claims[f].run in (run, "")]
        return Verdict(not ours, f"still claimed: {', '.join(ours)}" if ours else "")

    return check(f"run {run} claims nothing any more", state.claimed(node, files), judge)
