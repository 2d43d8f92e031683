"""The whole flow with OpenSSH's `ssh` as the client: nothing hangs on one SSH library."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from labsite import hurried
from live import AT_ONCE, STANDALONE, live_site

from pvekit.config.load import load
from pvekit.journal import Store
from pvekit.operations import changing, creating, deleting, listing, templates, vm_wishes
from pvekit.operations.desk import Desk
from pvekit.plan import Guest, Place
from pvekit.run.stop import Stop
from pvekit.shell import Command, LinkLost, Result, Unreachable
from pvekit.vms.power import Verb

pytestmark = pytest.mark.skipif(
    shutil.which("ssh") is None, reason="OpenSSH's client is not installed"
)
FAILED = 255


@dataclass(frozen=True)
class OpenSshShell:
    """One machine behind `ssh`; ``words`` lead to it, ``before`` comes before each command."""

    words: tuple[str, ...]
    before: str = ""

    def run(self, command: Command) -> Result:
        try:
            done = subprocess.run(
                [*self.words, self.before + command.line()],
                input=command.input(),
                capture_output=True,
                timeout=command.timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise LinkLost(f"{command.words[0]} has not ended") from late
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        if done.returncode == FAILED:
            raise LinkLost(err)
        return Result(command, done.returncode, out, err)


@dataclass(frozen=True)
class OpenSshSite:
    """Implements pvekit.run.site.Site with a process per command."""

    directory: Path
    addresses: dict[str, tuple[str, int]]

    def shell(self, place: Place) -> OpenSshShell:
        if isinstance(place, str):
            return OpenSshShell(self._node(place), "env LC_ALL=C.UTF-8 ")
        return OpenSshShell(self._guest(place))

    def reach(self, guest: Guest) -> str:
        *ssh, node = self._node(guest.node)
        words = [*ssh, "-W", f"{guest.address}:{guest.port}", node]
        with subprocess.Popen(words, stdin=-1, stdout=-1, stderr=-1) as client:
            banner = client.stdout.readline().decode()
            client.kill()
        if not banner.startswith("SSH-"):
            raise Unreachable(f"{guest.address} does not answer")
        return banner.strip()

    def _node(self, alias: str) -> tuple[str, ...]:
        host, port = self.addresses[alias]
        known = self.directory / "known_hosts"
        return (*self._ssh(known), "-p", str(port), f"root@{host}")

    def _guest(self, guest: Guest) -> tuple[str, ...]:
        known = self.directory / f"known_{guest.address}"
        known.write_text(f"{guest.address} {guest.host_key}\n")
        *ssh, node = self._node(guest.node)
        proxy = " ".join([*ssh, "-W", "%h:%p", node])
        target = f"{guest.user}@{guest.address}"
        return (*self._ssh(known), "-o", f"ProxyCommand={proxy}", target)

    def _ssh(self, known_hosts: Path) -> tuple[str, ...]:
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={known_hosts}",
        )
        key = ("ssh", "-F", "none", "-i", str(self.directory / "id_ed25519"))
        return key + tuple(word for option in options for word in ("-o", option))


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    with live_site(tmp_path, STANDALONE) as live:
        site = OpenSshSite(live.served.directory, live.served.addresses)
        store = Store(tmp_path / "runs")
        yield Desk(load(live.config), site, store, hurried(Stop()), AT_ONCE)


def build(desk: Desk) -> None:
    request = templates.Request()
    decided, journal = templates.begin(desk, request, templates.decided(desk, request))
    assert templates.carry_out(desk, decided, journal)[1].status == 0
    assert templates.decided(desk, request).works == ()


def create(desk: Desk) -> list[dict]:
    request = vm_wishes.Request(role="worker", size="small")
    journal = desk.begin(creating.KIND, vm_wishes.data(request, desk.config))
    found, report = creating.carry_out(desk, request, journal)
    return [creating.result(spec, at, report) for spec, at in found.decisions]


def change(desk: Desk, verb: Verb, name: str) -> None:
    journal = changing.begin(desk, changing.Order(verb, 60), [name], changing.targets(desk, [name]))
    _, report = changing.carry_out(desk, journal)
    assert report.status == 0, report.errors


def listed(desk: Desk) -> dict[str, str]:
    return {row.name: row.status for row in listing.rows(desk.inventory())}


def test_build_create_stop_start_delete(desk):
    build(desk)
    vms = create(desk)
    assert [vm["state"] for vm in vms] == ["ready"], vms
    change(desk, "stop", "k8s-worker-1")
    assert listed(desk) == {"k8s-worker-1": "stopped"}
    change(desk, "start", "k8s-worker-1")
    assert listed(desk) == {"k8s-worker-1": "running"}
    assert deleting.carry_out(desk, deleting.decided(desk, ["k8s-worker-1"], 60)).status == 0
    assert listed(desk) == {}
