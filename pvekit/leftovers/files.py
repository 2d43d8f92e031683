"""Claims, jobs, downloads and build folders of runs that are over."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pvekit.inventory.model import NodeState
from pvekit.leftovers.model import LeftAlone, Leftover, View
from pvekit.leftovers.owners import Owners
from pvekit.leftovers.vms import Item, subject
from pvekit.plan import Change, Check, Step, Verdict, check
from pvekit.pve import act, claiming, files
from pvekit.pve.claims import FOLDER, Claim
from pvekit.pve.local import LocalFile
from pvekit.pve.scripts import script
from pvekit.shell import Command

WAITED_FOR = 24 * 3600.0
"""Nobody waits longer, in seconds, for the end of a job that has ended."""

_BUILD = re.compile(r"(\d+)-[0-9a-f]+")


@dataclass(frozen=True)
class Files:
    """Judges what lies in pvekit's own folders."""

    view: View
    owners: Owners

    def claims(self, judged: Collection[Item]) -> Iterator[Item]:
        """Yield the claims of runs that are over.

        One is kept as long as something under its vmid is left alone: it says whose that is.
        """
        groups: dict[tuple[str, str, int], list[Claim]] = {}
        for claim in self.view.inventory.claims:
            groups.setdefault((claim.domain, claim.run, claim.vmid), []).append(claim)
        for (domain, run, vmid), found in groups.items():
            node = self._speaker(domain)
            if node is not None and self.view.is_read(domain):
                yield from self._claim(node, run, vmid, found, judged)

    def _speaker(self, domain: str) -> NodeState | None:
        nodes = (node for node in self.view.inventory.nodes if node.domain == domain)
        return next((node for node in nodes if node.alias in self.view.local), None)

    def _claim(
        self, node: NodeState, run: str, vmid: int, found: list[Claim], judged: Collection[Item]
    ) -> Iterator[Item]:
        names = tuple(sorted(PurePosixPath(claim.path).name for claim in found))
        what, look = f"claims {' '.join(names)}", f"cat {FOLDER}/{names[0]}"
        owner = self.owners.of(run)
        if why := self._spared(run, vmid, judged):
            yield LeftAlone(what, node.alias, why, look, run)
        if why or not owner.is_over:
            return
        keys = {each.subject for each in judged if isinstance(each, Leftover)}
        homes = (each.alias for each in self.view.inventory.nodes if each.domain == node.domain)
        places = [subject(vmid, alias) for alias in homes if subject(vmid, alias) in keys]
        key = places[0] if places else f"gc/claims of VM {vmid} on {node.alias}"
        step = claiming.give_up(key, node.alias, run, names, verb=f"release@{run}")
        yield Leftover(
            subject=key,
            kind="claim",
            what=what,
            node=node.alias,
            ours=f"they lie in {FOLDER} and name run {run}",
            unused=owner.why,
            steps=(step,),
            run=run,
        )

    def _spared(self, run: str, vmid: int, judged: Collection[Item]) -> str:
        """Say why a run's claims are left alone; empty if they go, or their run is at work."""
        if not run:
            return "not provably unused: it does not say who holds it"
        owner = self.owners.of(run)
        if not owner.is_over:
            return owner.left_alone
        if any(isinstance(each, LeftAlone) and _speaks_of(each, vmid) for each in judged):
            return "something under its vmid is left alone"
        return ""

    def jobs(self) -> Iterator[Item]:
        """Yield the directories of jobs that ended and that nobody waits for."""
        known: dict[tuple[str, str], list[str]] = {}
        for run in self.view.runs.values():
            for node, jobs in run.jobs.items():
                for job in jobs:
                    known.setdefault((node, job), []).append(run.run)
        for node, local in self.view.local.items():
            for job, found in local.jobs.items():
                runs = known.get((node, job), [])
                over = all(self.owners.of(run).is_over for run in runs)
                if found.state == "running" or not over:
                    continue
                if runs or found.age > WAITED_FOR:
                    why = self.owners.of(runs[0]).why if runs else ""
                    yield _job(node, job, runs, found.age, why)

    def downloads(self) -> Iterator[Item]:
        """Yield downloads that nobody goes on with, and folders of builds that are over."""
        for node, local in self.view.local.items():
            for each in local.files:
                path = PurePosixPath(each.path)
                build = _BUILD.fullmatch(path.name)
                if path.suffix == ".part" and path.parent.name == "images":
                    yield from self._download(node, each)
                elif build and path.parent.name == "build":
                    yield from self._build(node, each, int(build[1]))

    def _download(self, node: str, found: LocalFile) -> Iterator[Item]:
        once = f"fetch {found.path.removesuffix('.part')}"
        job = act.job_id("", "", 0, Change(Command(("true",)), once=once))
        at_work = self.view.local[node].jobs.get(job)
        if at_work is None or at_work.state != "running":
            yield self._file(node, found, "download", "-", "-", job, "no job writes to it any more")

    def _build(self, node: str, found: LocalFile, vmid: int) -> Iterator[Item]:
        home = self.view.inventory.node(node)
        claim = self.owners.claim(home.domain, vmid) if home else None
        if claim is None:
            why = f"no run claims VM {vmid}, as a build does until its end"
            yield self._file(node, found, "build", "-", f"vmid-{vmid}", "-", why)
            return
        owner = self.owners.of(claim.run)
        if owner.is_over:
            yield self._file(node, found, "build", claim.run, f"vmid-{vmid}", "-", owner.why)
        elif owner.left_alone:
            look = f"ls -l {found.path}"
            yield LeftAlone(found.path, node, owner.left_alone, look, claim.run)

    def _file(
        self, node: str, found: LocalFile, kind: str, run: str, claim: str, job: str, why: str
    ) -> Leftover:
        key = f"gc/{PurePosixPath(found.path).name} on {node}"
        command = script("sweep", run, claim, job, found.path)
        change = Change(command, shown=f"rm -rf {found.path}")
        return Leftover(
            subject=key,
            kind=kind,
            what=found.path,
            node=node,
            ours=f"it lies in image_dir, {self.view.image_dir}, under a name that pvekit gives",
            unused=why,
            size_bytes=found.size_bytes,
            steps=(Step(key, "remove", node, files.absent(node, found.path), (change,)),),
            run="" if run == "-" else run,
        )


def _job(node: str, job: str, runs: list[str], age: float, why: str) -> Leftover:
    key = f"gc/job {job} on {node}"
    told = why or f"it ended {age / 3600:.0f} hours ago"
    change = Change(script("forget", job), shown=f"rm -rf /run/pvekit/jobs/{job}")
    return Leftover(
        subject=key,
        kind="job",
        what=f"/run/pvekit/jobs/{job}",
        node=node,
        ours="only pvekit writes there",
        unused=f"the job has ended and nobody waits for it: {told}",
        steps=(Step(key, "forget", node, _forgotten(node, job), (change,)),),
        run=runs[0] if runs else "",
    )


def _forgotten(node: str, job: str) -> Check:
    says = f"/run/pvekit/jobs/{job} is gone"
    return check(says, act.job(node, job), lambda found: Verdict(found.state == "none"))


def _speaks_of(item: LeftAlone, vmid: int) -> bool:
    return re.search(rf"\bVM {vmid}\b", item.what) is not None
