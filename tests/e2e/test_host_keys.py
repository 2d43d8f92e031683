"""Host keys are strict everywhere: the same rows for OpenSSH's sshd and for a node of the lab.

Each row is a known_hosts file, what the server shows, and whether anything may be sent to it.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
from live import Live, live_site, templated_site
from ssh_servers import LIMITS, no_agent, public, soon

from pvekit.config.load import load
from pvekit.lab.home import Home
from pvekit.lab.keys import host_key
from pvekit.operations.machines import connect
from pvekit.plan import Guest
from pvekit.shell import Command, HostKeyChanged, HostKeyRefused
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import HostKeyRevoked, HostKeyUnknown
from pvekit.ssh.hostkeys import name_in_file
from pvekit.ssh.pins import Pins
from pvekit.ssh.site import Connections
from pvekit.ssh.trust import scan, store, untrusted

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)


@dataclass
class Server:
    """A machine to log in to; ``change`` gives it another host key."""

    endpoint: Endpoint
    key: asyncssh.SSHKey
    change: Callable[[], None]

    @property
    def name(self) -> str:
        return name_in_file(self.endpoint.host, self.endpoint.port)

    def knows(self, *lines: str) -> None:
        text = "".join(f"{line}\n" for line in lines)
        self.endpoint.known_hosts[0].write_text(text)

    def line(self, key: asyncssh.SSHKey) -> str:
        return f"{self.name} {public(key).line()}"

    def attempt(self) -> int:
        """Log in in a process of its own, as far as what is known goes; run a command."""
        with Connections([self.endpoint], limits=LIMITS) as connections:
            node = connections.node(self.endpoint.alias)
            return soon(lambda: node.run(Command(("true",)))).exit_status


@contextmanager
def sshd(folder: Path) -> Iterator[Server]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host", "user")}
    for name, key in keys.items():
        key.write_private_key(str(folder / name))
        (folder / name).chmod(0o600)
    keys["user"].write_public_key(str(folder / "authorized_keys"))
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    )
    with suppress(OSError):
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    running: list[subprocess.Popen[str]] = []

    def start() -> None:
        words = [SSHD, "-D", "-e", "-f", str(folder / "config")]
        running.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        if not any("listening on" in line for line in running[-1].stderr):
            pytest.skip(f"sshd does not start here: {running[-1].wait()}")

    def end() -> None:
        process = running.pop()
        process.terminate()
        process.stderr.close()
        process.wait()

    def change() -> None:
        end()
        OTHER.write_private_key(str(folder / "host"))
        start()

    start()
    user = pwd.getpwuid(os.getuid()).pw_name
    endpoint = Endpoint(
        "n1", "127.0.0.1", port, user, (folder / "user",), None, (folder / "known_hosts",)
    )
    try:
        yield Server(endpoint, keys["host"], change)
    finally:
        end()


@contextmanager
def lab_node(folder: Path) -> Iterator[Server]:
    with live_site(folder) as live:
        host, port = live.served.addresses["pve1"]
        home = Home(live.config.parent)
        known = folder / "known_hosts"
        endpoint = Endpoint("n1", host, port, "root", (home.private_key,), None, (known,))
        yield Server(
            endpoint, host_key(home, "pve1"), lambda: live.order("host-key", "pve1", count=999)
        )


@pytest.fixture(
    params=[
        pytest.param(sshd, marks=pytest.mark.skipif(SSHD is None, reason="no sshd")),
        lab_node,
    ],
    ids=["sshd", "lab"],
)
def server(request, tmp_path, monkeypatch) -> Iterator[Server]:
    no_agent(monkeypatch)
    with request.param(tmp_path / "server") as found:
        yield found


def refused(server: Server, error: type[HostKeyRefused]) -> HostKeyRefused:
    with pytest.raises(error) as caught:
        server.attempt()
    return caught.value


def test_the_matrix(server):
    # Unknown: nothing is sent, and the error says which key was shown and how to trust it.
    server.knows()
    error = refused(server, HostKeyUnknown)
    assert public(server.key).fingerprint in str(error)
    assert "pvekit node trust n1" in error.hint

    # Known.
    server.knows(server.line(server.key))
    assert server.attempt() == 0

    # Only a key of another type is known: that does not make this one trusted.
    server.knows(server.line(RSA))
    refused(server, HostKeyUnknown)

    # A revoked key is refused even where it is known; an authority's key is no host's key.
    server.knows(server.line(server.key), f"@revoked * {public(server.key).line()}")
    refused(server, HostKeyRevoked)
    server.knows(f"@cert-authority * {public(server.key).line()}")
    refused(server, HostKeyUnknown)
    server.knows(
        "@cert-authority * ssh-ed25519 AAAA", "@revoked", "@revoked * x", server.line(server.key)
    )
    assert server.attempt() == 0

    # Another key of the same type is known: it has changed.
    server.knows(server.line(OTHER))
    assert public(OTHER).fingerprint in str(refused(server, HostKeyChanged))

    # Accepting what is new never replaces what is known.
    before = server.endpoint.known_hosts[0].read_text()
    with pytest.raises(HostKeyChanged):
        untrusted(server.endpoint, scan(server.endpoint, dial, LIMITS))
    assert server.endpoint.known_hosts[0].read_text() == before


def test_a_key_that_changes_between_two_runs(server):
    server.knows()
    store(server.endpoint, untrusted(server.endpoint, scan(server.endpoint, dial, LIMITS)))
    assert server.attempt() == 0
    server.change()
    error = refused(server, HostKeyChanged)
    assert "ssh-keygen -f" in error.hint
    with pytest.raises(HostKeyChanged):
        untrusted(server.endpoint, scan(server.endpoint, dial, LIMITS))


# The command line, and guests


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with templated_site(tmp_path_factory.mktemp("keys")) as site:
        yield site


def forgotten(live: Live, path: Path) -> Live:
    """The same site for a user who knows no node yet."""
    return live.configured(path.name, ssh_known_hosts_path=str(path))


def test_trusting_nodes(live, tmp_path):
    new = forgotten(live, tmp_path / "known")
    answer = new.pvekit("vm", "list")
    assert (answer.status, answer.out) == (1, "")
    assert "pvekit node trust" in answer.err
    live.forget()
    told = new.must("node", "trust", "--yes").err
    assert told.count("SHA256:") == len(live.site.nodes)
    assert live.lines() == []  # nothing was sent
    assert new.must("vm", "list")
    assert "trusted already" in new.must("trust").err  # the old word
    assert (tmp_path / "known").stat().st_mode & 0o777 == 0o600


def test_a_changed_node_is_refused_and_not_trusted_anew(live, tmp_path):
    new = forgotten(live, tmp_path / "known")
    new.must("node", "trust", "--yes")
    live.order("host-key", "pve1", count=999)
    try:
        before = (tmp_path / "known").read_text()
        live.forget()
        answer = new.pvekit("node", "trust", "--yes")
        assert answer.status == 1
        assert "has changed" in answer.err
        assert (tmp_path / "known").read_text() == before
        assert "pve1" in new.pvekit("vm", "list").err
    finally:
        live.clear()


def pins(live: Live) -> list[str]:
    path = live.home / "state/pvekit/guests/known_hosts"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("way", ["pinned", "accept-new"])
def test_a_guests_key_is_pinned_until_it_is_deleted(live, way):
    name = f"pin-{way}"
    words = ("vm", "create", "--role", "worker", "--size", "small", "--name", name)
    words += ("--guest-host-key", way, "-o", "json")
    vm = live.must(*words).vms[0]
    (pin,) = pins(live)
    assert pin.startswith(f"vm-{vm['vmid']}-")
    assert (live.home / "state/pvekit/guests/known_hosts").stat().st_mode & 0o777 == 0o600
    assert pin.split()[1:] == guest_key(live, vm["vmid"]).split()[:2]
    status, out, err = entered(live, name)
    assert (status, out) == (0, "hello\n"), err
    assert pins(live) == [pin]
    live.must("vm", "delete", name, "--yes")
    assert pins(live) == []
    again = live.must(*words).vms[0]  # made anew: another machine, whose key is learnt
    (other,) = pins(live)
    assert other != pin
    live.must("vm", "delete", again["name"], "--yes")


def guest_key(live: Live, vmid: int) -> str:
    """What the guest's own file says, as its node reads it."""
    line = f"qm guest exec {vmid} -- cat /etc/ssh/ssh_host_ed25519_key.pub"
    asked = (live.served.shell.run_line(node, line) for node in live.site.nodes)
    return next(json.loads(out)["out-data"] for status, out, _ in asked if status == 0)


def entered(live: Live, name: str) -> tuple[int, str, str]:
    process = live.process("vm", "ssh", name, "echo", "hello")
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's ssh is not here")
def test_a_guest_whose_key_has_changed_gets_nothing(live):
    words = ("vm", "create", "--role", "worker", "--size", "small", "--name", "swapped")
    vm = live.must(*words, "-o", "json").vms[0]
    path = live.home / "state/pvekit/guests/known_hosts"
    (pin,) = pins(live)
    path.write_text(f"{pin.split()[0]} {public(OTHER).line()}\n")
    live.forget()
    status, out, err = entered(live, "swapped")
    assert (status, out) == (1, "")
    assert "has changed since pvekit first saw it" in err
    assert "ssh-keygen -f" in err
    assert not any("hello" in line for line in live.lines())
    # And where pvekit itself speaks to the guest:
    guest = Guest("pve1", vm["address"], "ubuntu", guest_key(live, vm["vmid"]), pin=pin.split()[0])
    machines = connect(load(live.config), live.home, pins=Pins(path))
    try:
        with pytest.raises(HostKeyChanged):
            soon(lambda: machines.shell(guest).run(Command(("true",))))
    finally:
        machines.close()
    live.must("vm", "delete", "swapped", "--yes")
    assert pins(live) == []


def test_nodes_are_listed_and_shown(live):
    rows = live.must("node", "list", "-o", "json").rows
    assert [row["node"] for row in rows] == list(live.site.nodes)
    assert {row["status"] for row in rows} == {"online"}
    assert all(row["pve_version"].startswith(("8.", "9.")) for row in rows)
    assert all(0 < row["memory_used_mb"] < row["memory_mb"] for row in rows)
    assert all(row["cpus"] and row["storage_free_gb"]["local-lvm"] for row in rows)
    assert live.must("node", "list").out.splitlines()[0].split()[:3] == [
        "NODE",
        "STATUS",
        "PVE_VERSION",
    ]
    found = json.loads(live.must("node", "show", "pve1", "-o", "json").out)
    assert public(host_key(Home(live.config.parent), "pve1")).fingerprint in str(found["host_keys"])
    assert found["bridges"] == ["vmbr0"]
    assert live.pvekit("node", "show", "nosuch").status == 5
    live.order("node-down", "pve1", how="refused")
    try:
        rows = {row["node"]: row for row in live.must("node", "list", "-o", "json").rows}
        assert rows["pve1"]["status"] == "offline"
        assert rows["pve2"]["status"] == "no-quorum"  # the lab has two nodes
    finally:
        live.clear()
