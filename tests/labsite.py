"""A site for tests: the lab's, reached without SSH, its link cut wherever a test wants it."""

from __future__ import annotations

import itertools
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pvekit.config.load import load
from pvekit.config.model import Config
from pvekit.journal import Store
from pvekit.lab.guests.signing import IMAGES
from pvekit.lab.inprocess import LabShell, running_site
from pvekit.lab.site import Site, SiteSpec
from pvekit.operations import creating, templates
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request
from pvekit.plan import Guest, Place
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.stop import Stop
from pvekit.shell import Command, LinkLost, Result, Unreachable
from pvekit.vms.decide import Decision

PLAN = Path(__file__).parent / "cases" / "config" / "plan.yaml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL test"


class Killed(BaseException):
    """The process dies: nothing that it does afterwards counts."""


@dataclass
class Cut:
    """Cuts the link once, before, during or after the command of this number.

    Only commands that hold ``match`` are counted. ``killed before`` and ``killed after`` are the
    death of the process instead, ``rebooted before`` and ``rebooted after`` the node's loss of
    power, ``signal`` is a SIGINT to the process as the command begins.
    """

    at: int
    when: str
    match: str = ""
    struck: bool = False
    count: Iterator[int] = field(default_factory=itertools.count)

    def due(self, line: str) -> bool:
        if self.struck or self.match not in line or next(self.count) != self.at:
            return False
        self.struck = True
        return True


@dataclass
class Silence:
    """From the command of this number on, nothing answers: each waits out its deadline in vain."""

    clock: Clock
    at: int
    began: float | None = None
    count: Iterator[int] = field(default_factory=itertools.count)

    def wait(self, command: Command, place: Place) -> None:
        if self.began is None:
            if next(self.count) < self.at:
                return
            self.began = self.clock.now()
        self.clock.sleep(command.timeout)
        where = place if isinstance(place, str) else place.address
        raise LinkLost(f"Lost a command on {where}: no end after {command.timeout:g} s.")


@dataclass
class NodeShell:
    lab: LabShell
    place: Place
    cut: Cut | None
    silence: Silence | None = None

    def run(self, command: Command) -> Result:
        if self.silence is not None:
            self.silence.wait(command, self.place)
        cut = self.cut if self.cut is not None and self.cut.due(command.line()) else None
        if cut and cut.when == "before":
            raise LinkLost(f"cut before {command}")
        if cut and cut.when == "killed before":
            raise Killed
        if cut and cut.when == "rebooted before":
            self._reboot()
            raise LinkLost(f"the node lost power before {command}")
        if cut and cut.when == "signal":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            cut = None
        if cut and cut.when == "during":
            self.lab.loop.do(lambda: self.lab.site.faults.order("link-cut", when="during"))
        try:
            status, out, err = self._answer(command)
        except ConnectionRefusedError as error:
            raise Unreachable(f"nobody answers at {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise LinkLost(f"{command.words[0]}: {error}") from error
        if cut and cut.when == "killed after":
            raise Killed
        if cut and cut.when == "rebooted after":
            self._reboot()
        if cut:
            raise LinkLost(f"cut after {command}")
        return Result(command, status, out.decode(errors="replace"), err.decode(errors="replace"))

    def _reboot(self) -> None:
        name = self.place if isinstance(self.place, str) else self.place.node
        self.lab.loop.do(lambda: self.lab.site.outages.reboot(name))

    def _answer(self, command: Command) -> tuple[int, bytes, bytes]:
        line, stdin, place = command.line(), command.input(), self.place
        if isinstance(place, str):
            return self.lab.run_line(place, line, stdin, command.timeout)
        return self.lab.run_guest_line(place.address, line, stdin, command.timeout, user=place.user)


class LabSite:
    """Implements pvekit.run.site.Site over a lab in this process."""

    def __init__(self, lab: LabShell) -> None:
        self.lab = lab
        self.cut: Cut | None = None
        self.silence: Silence | None = None

    def shell(self, place: Place) -> NodeShell:
        return NodeShell(self.lab, place, self.cut, self.silence)

    def reach(self, guest: Guest) -> str:
        found = self.lab.loop.do(lambda: self.lab.site.guest_at(guest.address))
        if found is None or not self.lab.loop.do(lambda: found.ssh_ready):
            raise Unreachable(f"{guest.address} does not answer")
        return "SSH-2.0-lab"

    def is_behind(self, node: str) -> bool:
        return False

    def on(self, node: str, line: str) -> str:
        """What a line prints on a node."""
        return self.lab.run_line(node, line)[1].decode()

    def programs(self, *, changes: bool | None = None) -> list[list[str]]:
        """What was started on the nodes, oldest first."""
        return [
            event["argv"]
            for event in list(self.lab.site.log.of("program"))
            if changes is None or event["changes"] is changes
        ]

    def forget_programs(self) -> None:
        self.lab.site.log.events.clear()

    def save(self) -> object:
        return self.lab.loop.do(self.lab.site.to_data)

    def restored(self, data: object) -> LabSite:
        """A new site in the same state."""

        def make() -> LabShell:
            site = Site.from_data(data)
            site.resume()
            return LabShell(site, self.lab.loop)

        return LabSite(self.lab.loop.do(make))

    def picture(self) -> dict[str, list[str]]:
        """All that a run could leave on the site, but for what differs from run to run."""
        return {name: self._picture(name) for name in self.lab.site.nodes}

    def _picture(self, node: str) -> list[str]:
        lines = [self.on(node, line) for line in LOOKS]
        text = "\n".join(lines)
        for pattern, put in RANDOM:
            text = re.sub(pattern, put, text)
        return text.splitlines()


LOOKS = (
    "grep -Hs '' /etc/pve/nodes/*/qemu-server/*.conf",
    "ls /etc/pve/priv/pvekit; grep -Hs '' /etc/pve/priv/pvekit/*",
    "grep -Hs '' /etc/pve/storage.cfg /etc/pve/user.cfg /etc/pve/ha/resources.cfg",
    "ls /run/qemu-server",
    "ls /run/pvekit/jobs 2>/dev/null",
    "ls -d /var/lib/vz/pvekit/build/* /var/lib/vz/pvekit/images/*.part /var/lib/vz/snippets/*",
    "pvesm list local | grep -v /pvekit/; pvesm list local-lvm | tail -n +2 | tr -s ' '",
)

RANDOM = (
    (r"uuid=[0-9a-f-]+", "uuid=U"),
    (r"vmgenid: [0-9a-f-]+", "vmgenid: U"),
    (r"ctime=\d+", "ctime=T"),
    (r"snaptime: \d+", "snaptime: T"),
    (r"run=[0-9a-f]+", "run=R"),
    (r"BC:24:11(:[0-9A-F]{2}){3}", "MAC"),
    (r"(/var/lib/vz/pvekit/build/)\S+", r"\1B"),
)


def quick_clock() -> Clock:
    """Time in which a pause costs next to nothing, but the lab gets its turn."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        time.sleep(nap(seconds))

    return Clock(lambda: now[0], sleep)


def hurried(stop: Stop) -> Clock:
    """The machine's time, but for pauses while nothing is asked of the lab: they cost little."""
    ahead = [0.0]

    def sleep(seconds: float) -> None:
        began = time.monotonic()
        stop.sleep(nap(seconds))
        ahead[0] += max(0.0, seconds - (time.monotonic() - began))

    return Clock(lambda: time.monotonic() + ahead[0], sleep)


def nap(seconds: float) -> float:
    """What such a pause takes: a long one is a wait for a guest, say, which needs time to boot."""
    return min(seconds, max(0.002, min(seconds / 500, 0.02)))


def config_for(directory: Path, nodes: list[str], more: str = "") -> Config:
    """The plan's configuration with these nodes and a real key."""
    import yaml

    data = yaml.safe_load(PLAN.read_text())
    data["proxmox_nodes"] = nodes
    data["cloud_init"]["ssh_public_key"] = KEY
    data["vm_template"]["signing_key"] = str(directory / "images.gpg")
    (directory / "images.gpg").write_bytes(IMAGES.public_key())
    data |= yaml.safe_load(more) or {}
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    return load(path)


def desk_for(site: LabSite, directory: Path, *, retries: int = 0, more: str = "") -> Desk:
    config = config_for(directory, list(site.lab.site.nodes), more)
    policy = Policy(retries=retries, shortest=0.01, longest=0.01)
    return Desk(config, site, Store(directory / "runs"), quick_clock(), policy)


def build_templates(desk: Desk, request: templates.Request | None = None) -> None:
    """Build templates, all configured ones unless some are asked for, in a run that succeeds."""
    request = request or templates.Request()
    found, journal = templates.begin(desk, request, templates.decided(desk, request))
    report = templates.carry_out(desk, found, journal)[1]
    assert report.status == 0, report.errors


def create_vms(desk: Desk, request: Request) -> tuple[Decision, ...]:
    """Create VMs in a run that succeeds."""
    decided, report = creating.carry_out(desk, request, creating.begin(desk, request))
    assert report.status == 0, report.errors
    return decided.decisions


@contextmanager
def lab_site(spec: SiteSpec | None = None) -> Iterator[LabSite]:
    with running_site(spec) as shell:
        yield LabSite(shell)
