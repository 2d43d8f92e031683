"""How often a deployment goes well by itself while commands fail at random, and what is left.

Each deployment is one `vm create` of one to three VMs on a simulated site, where links break
before, during and after commands and locks time out (`--rate`), and clones and starts fail for good
(`--fatal`), each by chance. It went well if the one command did, without a second one. What did not
is taken back; in either case nothing may be left that was not there before. Pauses cost no time.

Chance comes from the seed and the deployment's number, so `--seed S --first N -n 1` repeats one,
as far as several VMs at once happen to ask in the same order.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pvekit.config.load import load
from pvekit.config.model import Config
from pvekit.errors import PvekitError
from pvekit.journal import Store
from pvekit.lab.guests.signing import IMAGES
from pvekit.lab.inprocess import LabShell, running_site
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, deleting, listing, runs, templates, vm_wishes
from pvekit.operations.desk import Desk
from pvekit.plan import Guest, Place
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.shell import Command, LinkLost, Result, Unreachable

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL"
CLOUD = "https://cloud-images.ubuntu.com/jammy/current"
CONFIG: dict[str, Any] = {
    "vm_template": {
        "name": "soak-template",
        "id": 9000,
        "image_url": f"{CLOUD}/jammy-server-cloudimg-amd64.img",
        "checksum_url": f"{CLOUD}/SHA256SUMS",
        "storage_pool": "local-lvm",
        "network_bridge": "vmbr0",
        "base_cpus": 1,
        "base_memory_mb": 2048,
        "base_disk_gb": 16,
    },
    "cloud_init": {"ssh_public_key": KEY},
}
FATAL = ("clone-fails", "start-fails")
LOOKS = (
    "ls /etc/pve/nodes/*/qemu-server",
    "ls /etc/pve/priv/pvekit 2>/dev/null",
    "ls /run/qemu-server /run/pvekit/jobs 2>/dev/null",
    "pvesm list local-lvm",
)


@dataclass(frozen=True)
class Machine:
    """A node or guest of the lab, reached without SSH."""

    lab: LabShell
    place: Place

    def run(self, command: Command) -> Result:
        line, stdin = command.line(), command.input()
        try:
            if isinstance(self.place, str):
                said = self.lab.run_line(self.place, line, stdin, command.timeout)
            else:
                where, user = self.place.address, self.place.user
                said = self.lab.run_guest_line(where, line, stdin, command.timeout, user=user)
        except ConnectionRefusedError as error:
            raise Unreachable(f"nobody answers at {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise LinkLost(f"lost the link: {command.words[0]}") from error
        status, out, err = said
        return Result(command, status, out.decode(errors="replace"), err.decode(errors="replace"))


@dataclass(frozen=True)
class Machines:
    """All machines of the lab."""

    lab: LabShell

    def shell(self, place: Place) -> Machine:
        return Machine(self.lab, place)

    def reach(self, guest: Guest) -> str:
        found = self.lab.loop.do(lambda: self.lab.site.guest_at(guest.address))
        if found is None or not self.lab.loop.do(lambda: found.ssh_ready):
            raise Unreachable(f"{guest.address} does not answer")
        return "SSH-2.0-lab"


def quick_clock() -> Clock:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        time.sleep(min(seconds, 0.002))

    return Clock(lambda: now[0], sleep)


@dataclass(frozen=True)
class Rates:
    """How often what passes by itself goes wrong, and how often what does not."""

    passing: float
    fatal: float


class Soak:
    """A site, the deployments on it, and what became of them."""

    def __init__(self, lab: LabShell, config: Config, directory: Path, rates: Rates) -> None:
        self.lab = lab
        self.rates = rates
        self.chance = random.Random()
        policy = Policy(jitter=self.chance.random)
        self.base = Desk(config, Machines(lab), Store(directory / "runs"), policy=policy)
        self.well = 0
        self.vms = 0
        self.hopeless = 0
        self.struck: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.leaks: list[str] = []
        self.trace: Path | None = None

    @property
    def desk(self) -> Desk:
        return replace(self.base, clock=quick_clock(), slots={})

    def prepare(self) -> None:
        """Build the templates and one VM, so that what the first of all leaves is there."""
        found = templates.decided(self.desk, templates.Request())
        found, journal = templates.begin(self.desk, templates.Request(), found)
        report = templates.carry_out(self.desk, found, journal)[1]
        if report.status:
            raise SystemExit(f"no template: {report.errors}")
        self.create(vm_wishes.Request(role="soak", size="small"))
        self.remove()

    def create(self, request: vm_wishes.Request) -> str:
        """Run the command once; return why it did not go well, or nothing."""
        desk = self.desk
        try:
            report = creating.carry_out(desk, request, creating.begin(desk, request))[1]
        except PvekitError as error:
            return str(error)
        return "; ".join(map(str, report.errors))

    def remove(self) -> list[str]:
        """Take back unfinished runs and delete all VMs, without faults; return what failed."""
        desk = self.desk
        errors: list[PvekitError] = []
        for run in runs.listed(desk.store, unfinished=True):
            errors += runs.roll_back(desk, desk.store.open(run.run)).errors
        names = [row.name for row in listing.rows(desk.inventory())]
        if names:
            errors += deleting.carry_out(desk, deleting.decided(desk, names, 60)).errors
        return [str(error) for error in errors]

    def order(self) -> None:
        """Order what is to go wrong by chance."""
        faults = self.lab.site.faults
        third = f"{self.rates.passing / 3:.5f}"
        for when in ("before", "during", "after"):
            faults.order("link-cut", when=when, count=-1, chance=third)
        faults.order("lock-held", count=-1, chance=str(self.rates.passing))
        for kind in FATAL:
            faults.order(kind, count=-1, chance=str(self.rates.fatal))

    def picture(self) -> list[str]:
        """Return what is there, once all that still runs has come to its end."""
        lines = []
        for node in self.lab.site.nodes:
            self.lab.run_line(node, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done")
            for look in LOOKS:
                out = self.lab.run_line(node, look)[1].decode()
                lines += [f"{node}: {line}" for line in out.splitlines()]
        return lines

    def seed(self, seed: int, number: int) -> None:
        """Let chance begin anew, as it does in each run for the deployment of this number."""
        self.chance.seed(f"{seed}/{number}")
        self.lab.loop.do(lambda: self.lab.site.chance.seed(f"{seed}/{number}/site"))
        self.lab.loop.do(self.lab.site.log.events.clear)

    def strikes(self) -> Counter[str]:
        """Count the faults that struck, by kind."""
        return Counter(each["kind"] for each in list(self.lab.site.log.of("fault")))

    def one(self, number: int) -> None:
        """One deployment."""
        request = vm_wishes.Request(role="soak", size="small", count=self.chance.randint(1, 3))
        before = self.picture()
        self.lab.loop.do(self.order)
        failed = self.create(request)
        self.lab.loop.do(self.lab.site.faults.clear)
        struck = self.strikes()
        self.struck += struck
        self.picture()
        self.vms += request.count
        made = len(listing.rows(self.desk.inventory()))
        fatal = sum(struck[kind] for kind in FATAL)
        if failed:
            self.hopeless += bool(fatal)
            self.reasons[re.sub(r"\d+", "N", failed).splitlines()[0][:100]] += 1
            print(f"deployment {number}: {failed}", flush=True)
        elif made == request.count:
            self.well += 1
        else:
            self.leak(number, f"{request.count} VMs were asked for, {made} are there")
        failures = self.remove()
        for error in failures:
            self.leak(number, f"not taken back: {error}")
        after = self.picture()
        for line in sorted(set(after) ^ set(before)):
            self.leak(number, f"{'+' if line in after else '-'} {line}")
        if self.trace and (failures or after != before or (failed and not fatal)):
            self.keep(self.trace / str(number))
        for path in self.base.store.directory.glob("*.jsonl"):
            path.unlink()

    def keep(self, directory: Path) -> None:
        """Keep the journals of a deployment, and what the lab has seen of it."""
        shutil.copytree(self.base.store.directory, directory, dirs_exist_ok=True)
        events = (json.dumps(each, default=str) for each in list(self.lab.site.log.events))
        (directory / "lab.log").write_text("\n".join(events))

    def leak(self, number: int, what: str) -> None:
        """Take note of something that should not be so."""
        self.leaks.append(f"deployment {number}: {what}")
        print(f"LEFT BEHIND by {self.leaks[-1]}", flush=True)


def at_least(well: int, of: int, confidence: float = 0.95) -> float:
    """Return the probability that is exceeded with this confidence (Clopper and Pearson)."""
    if not well:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        tail = math.fsum(
            math.comb(of, k) * middle**k * (1 - middle) ** (of - k) for k in range(well, of + 1)
        )
        low, high = (low, middle) if tail > 1 - confidence else (middle, high)
    return low


def main() -> int:
    """Soak, print the figures, and end with 1 if anything was left behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=300, help="deployments (default: 300)")
    parser.add_argument(
        "--rate", type=float, default=0.05, help="of links and locks (default: 5 %%)"
    )
    parser.add_argument("--fatal", type=float, default=0.001, help="of clones and starts")
    parser.add_argument("--seed", type=int, help="of all chance (default: another each time)")
    parser.add_argument("--first", type=int, default=1, help="number of the first deployment")
    parser.add_argument("--trace", type=Path, metavar="DIRECTORY", help="keep what went wrong")
    given = parser.parse_args()
    if given.seed is None:
        given.seed = random.SystemRandom().randrange(1, 10**6)
    print(f"seed {given.seed}", flush=True)
    spec = SiteSpec(nodes=2, seed=given.seed)
    with tempfile.TemporaryDirectory() as name, running_site(spec) as lab:
        path = Path(name) / "config.yaml"
        key = path.with_name("images.gpg")
        key.write_bytes(IMAGES.public_key())
        data = {"proxmox_nodes": list(lab.site.nodes), **CONFIG}
        data["vm_template"]["signing_key"] = str(key)
        path.write_text(yaml.safe_dump(data))
        soak = Soak(lab, load(path), Path(name), Rates(given.rate, given.fatal))
        soak.trace = given.trace
        soak.prepare()
        for number in range(given.first, given.first + given.n):
            soak.seed(given.seed, number)
            soak.one(number)
            if (number - given.first + 1) % 50 == 0:
                print(f"{number - given.first + 1} of {given.n}", flush=True)
    told(soak, given.n)
    return 1 if soak.leaks else 0


def told(soak: Soak, deployments: int) -> None:
    """Print the figures."""
    passing = deployments - soak.hopeless
    share = f"{soak.well} of {passing} ({100 * soak.well / max(1, passing):.1f} %)"
    strikes = ", ".join(f"{count} x {kind}" for kind, count in sorted(soak.struck.items()))
    print(f"{deployments} deployments, {soak.vms} VMs, faults: {strikes or 'none'}")
    print(f"of those that met only what passes by itself, {share} went well by themselves:")
    print(f"  with 95 % confidence at least {100 * at_least(soak.well, passing):.1f} %")
    print(f"{soak.hopeless} met what does not pass and failed")
    for reason, count in soak.reasons.most_common():
        print(f"  {count} times: {reason}")
    print("nothing was left behind" if not soak.leaks else f"{len(soak.leaks)} things left behind")


if __name__ == "__main__":
    sys.exit(main())
