"""Ordered faults, each as a client meets it."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from ssh_clients import Answer, OpenSsh, Paramiko, Refused

from pvekit.lab.faultkinds import BY_NAME, KINDS, NODES
from pvekit.lab.faults import Faults
from pvekit.lab.inprocess import LabShell, ServedSite, running_site
from pvekit.lab.link import LinkCutBefore, LinkCutDuring
from pvekit.lab.log import Log
from pvekit.lab.site import Site, SiteSpec

IMAGE = "https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img"
SUMS = "https://cloud-images.ubuntu.com/noble/current/SHA256SUMS"


@pytest.fixture
def shell() -> Iterator[LabShell]:
    with running_site(SiteSpec(nodes=3)) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_fault_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        clear(request.getfixturevalue("served").shell)


def order(shell: LabShell, kind: str, match: str = "", **details: object) -> None:
    when = str(details.pop("when", "before"))
    count = int(str(details.pop("count", 1)))
    detail = {name: str(value) for name, value in details.items()}
    shell.loop.do(lambda: shell.site.faults.order(kind, match, when, count, **detail))


def clear(shell: LabShell) -> None:
    shell.loop.do(shell.site.faults.clear)


def out(shell: LabShell, node: str, line: str) -> str:
    return shell.run_line(node, line)[1].decode()


def answers(client: OpenSsh | Paramiko, node: str, seconds: float = 10) -> Answer:
    """Return the answer of a node that is coming up."""
    until = time.monotonic() + seconds
    while True:
        try:
            return client.run(node, "hostname")
        except (Refused, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def once(shell: LabShell, node: str, line: str, seconds: float = 5) -> str:
    """Return what a command says once it succeeds."""
    until = time.monotonic() + seconds
    while True:
        try:
            status, told, err = shell.run_line(node, line)
        except LinkCutBefore:
            status, err = 255, b"down"
        if status == 0:
            return told.decode()
        assert time.monotonic() < until, err
        time.sleep(0.01)


# Commands


def test_a_command_hangs_and_the_others_do_not(served: ServedSite, with_paramiko: Paramiko):
    order(served.shell, "hang", "touch /tmp/hung")
    with with_paramiko.connect("pve1") as client:
        _, hanging, _ = client.exec_command("touch /tmp/hung")
        hanging.channel.settimeout(0.3)
        with pytest.raises(TimeoutError):
            hanging.read()
        _, other, _ = client.exec_command("ls /tmp")
        assert b"hung" not in other.read()


def test_a_command_is_done_but_never_answers(served: ServedSite, with_paramiko: Paramiko):
    order(served.shell, "hang", "touch /tmp/done", when="after")
    with with_paramiko.connect("pve1") as client:
        _, hanging, _ = client.exec_command("touch /tmp/done")
        hanging.channel.settimeout(0.3)
        with pytest.raises(TimeoutError):
            hanging.read()
        _, other, _ = client.exec_command("ls /tmp")
        assert b"done" in other.read()


def test_a_slow_command_and_a_slow_link(served: ServedSite, with_paramiko: Paramiko):
    order(served.shell, "slow", "hostname", seconds=0.2, skip=1)
    began = time.monotonic()
    with_paramiko.run("pve1", "hostname")
    quick = time.monotonic() - began
    with_paramiko.run("pve1", "hostname")
    assert time.monotonic() - began - quick >= 0.2
    order(served.shell, "slow", "head", seconds=0, rate=100_000)
    began = time.monotonic()
    assert len(with_paramiko.run("pve1", "head -c 30000 /dev/zero").out) == 30_000
    assert time.monotonic() - began >= 0.3


# Connections


def test_another_host_key_is_shown_once(served: ServedSite, openssh: OpenSsh):
    order(served.shell, "host-key", "pve2")
    assert openssh.run("pve1", "hostname").out == b"pve1\n"
    with pytest.raises(Refused, match="IDENTIFICATION HAS CHANGED"):
        openssh.run("pve2", "hostname")
    assert openssh.run("pve2", "hostname").out == b"pve2\n"


def test_the_right_key_is_refused(served: ServedSite, openssh: OpenSsh):
    order(served.shell, "auth-refused", "pve1", count=-1)
    with pytest.raises(Refused, match="Permission denied"):
        openssh.run("pve1", "hostname")
    assert openssh.run("pve2", "hostname").out == b"pve2\n"


def test_nodes_forward_to_each_other(served: ServedSite, openssh: OpenSsh):
    words = openssh.words("pve1")
    done = subprocess.run(
        [*words[:-1], "-W", "pve2:22", words[-1]],
        input=b"SSH-2.0-test\r\n",
        capture_output=True,
    )
    assert done.stdout.startswith(b"SSH-2.0-")


# Nodes


@pytest.mark.parametrize(("how", "error"), [("silent", TimeoutError), ("refused", OSError)])
def test_a_node_without_power(
    served: ServedSite, with_paramiko: Paramiko, how: str, error: type[Exception]
):
    with with_paramiko.connect("pve2") as before:
        order(served.shell, "node-down", "pve2", how=how)
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            before.exec_command("hostname")[1].read()
        with pytest.raises(error):
            socket.create_connection(served.addresses["pve2"], 0.5)
    assert '"pve2": { "id": 2, "online": 0' in out(served.shell, "pve1", "cat /etc/pve/.members")
    clear(served.shell)
    assert answers(with_paramiko, "pve2").out == b"pve2\n"
    assert '"pve2": { "id": 2, "online": 1' in out(served.shell, "pve1", "cat /etc/pve/.members")


def test_what_a_node_loses_with_its_power(shell: LabShell):
    shell.run_line("pve1", "qm create 100 --onboot 1; qm create 101; qm start 100; qm start 101")
    boot = out(shell, "pve1", "touch /tmp/x /root/y; cat /proc/sys/kernel/random/boot_id")
    order(shell, "node-down", "pve1")
    with pytest.raises(LinkCutBefore):
        shell.run_line("pve1", "hostname")
    told = shell.run_line("pve2", "ssh pve1 hostname")
    assert told == (255, b"", b"ssh: connect to host pve1 port 22: No route to host\n")
    assert shell.run_line("pve2", "pvesh get /nodes/pve1/qemu")[0] != 0
    clear(shell)
    once(shell, "pve1", "qm status 100 | grep running")
    assert out(shell, "pve1", "qm status 101") == "status: stopped\n"
    assert out(shell, "pve1", "ls /tmp /root") == "/root:\ny\n\n/tmp:\n"
    assert out(shell, "pve1", "cat /proc/sys/kernel/random/boot_id") != boot


def test_most_nodes_gone_is_no_quorum(shell: LabShell):
    order(shell, "node-down", "pve2,pve3")
    assert b"Permission denied" in shell.run_line("pve1", "touch /etc/pve/x")[2]
    clear(shell)
    assert once(shell, "pve1", "touch /etc/pve/x") == ""


def test_a_part_of_the_cluster_is_cut_off(shell: LabShell):
    order(shell, "quorum-lost", "pve3")
    assert shell.run_line("pve1", "touch /etc/pve/x")[0] == 0
    assert shell.run_line("pve3", "touch /etc/pve/y")[0] == 1
    seen = [out(shell, node, "cat /etc/pve/.members") for node in ("pve1", "pve3")]
    assert [text.count('"online": 1') for text in seen] == [2, 1]
    assert ['"quorate": 1' in text for text in seen] == [True, False]


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_node_starts_anew_under_a_command(shell: LabShell, when: str):
    order(shell, "node-reboot", "pve1", when=when, line="touch")
    shell.run_line("pve1", "hostname")
    line = "touch /root/x; sleep infinity" if when == "during" else "touch /root/x"
    with pytest.raises(LinkCutBefore if when == "before" else LinkCutDuring):
        shell.run_line("pve1", line)
    told = once(shell, "pve1", "ls /root")
    assert told == ("" if when == "before" else "x\n")


def test_a_node_starts_anew_at_once(shell: LabShell):
    before = out(shell, "pve1", "cat /proc/sys/kernel/random/boot_id")
    order(shell, "node-reboot", "pve1")
    assert once(shell, "pve1", "cat /proc/sys/kernel/random/boot_id") != before


def test_a_clock_is_wrong(shell: LabShell):
    order(shell, "clock-skew", "pve2", seconds=-3600)
    times = [int(out(shell, node, "date +%s")) for node in ("pve1", "pve2")]
    assert times[0] - times[1] == pytest.approx(3600, abs=2)
    clear(shell)
    assert abs(int(out(shell, "pve2", "date +%s")) - time.time()) < 2


# Downloads


def test_downloads_that_go_wrong(shell: LabShell):
    def fetch(url: str = IMAGE) -> tuple[int, bytes]:
        status, _, err = shell.run_line("pve1", f"wget -nv -O /root/f {url}")
        return status, err

    fetch()
    right = out(shell, "pve1", "sha256sum /root/f; stat -c %s /root/f")
    order(shell, "download-corrupt", ".img")
    fetch()
    corrupt = out(shell, "pve1", "sha256sum /root/f; stat -c %s /root/f")
    assert corrupt.split()[0] != right.split()[0]
    assert corrupt.split()[-1] == right.split()[-1]
    order(shell, "download-truncated", ".img")
    fetch()
    size = int(out(shell, "pve1", "stat -c %s /root/f"))
    assert size == int(right.split()[-1]) // 2
    order(shell, "download-error", ".img", status=404)
    assert fetch() == (8, IMAGE.encode() + b":\nERROR 404: Not Found.\n")
    order(shell, "checksum-wrong", "SHA256SUMS")
    fetch(SUMS)
    wrong = out(shell, "pve1", "cat /root/f")
    fetch(SUMS)
    assert right.split()[0] not in wrong
    assert right.split()[0] in out(shell, "pve1", "cat /root/f")


# Orders


def test_every_kind_is_described_in_the_docs():
    docs = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()
    for name, kind in BY_NAME.items():
        assert f"`{name}`" in docs
        assert all(f"`{detail}" in docs for detail in kind.details)


@pytest.mark.parametrize(
    ("kind", "detail", "told"),
    [
        ("link-cut", {"skp": "1"}, "no detail 'skp'"),
        ("link-cut", {"skip": "x"}, "expected a number"),
        ("lost", {}, "unknown fault"),
    ],
)
def test_mistakes_in_orders_are_told(kind: str, detail: dict[str, str], told: str):
    with pytest.raises(ValueError, match=told):
        Faults(Log()).order(kind, **detail)


def test_some_faults_strike_by_chance():
    faults = Faults(Log(), random.Random(1))
    faults.order("lock-held", count=-1, chance="0.05")
    struck = sum(faults.take("lock-held", "config 100") is not None for _ in range(2000))
    assert 60 < struck < 140


def test_nodes_are_meant_by_their_whole_names():
    faults = Faults(Log())
    for kind in sorted(NODES):
        faults.order(kind, "pve1,pve3")
        assert [bool(faults.holds(kind, f"pve{n}")) for n in (1, 2, 3, 10)] == [1, 0, 1, 0]


def test_open_faults_survive_in_json():
    site = Site(SiteSpec(nodes=2))
    for kind in KINDS:
        site.faults.order(kind, "pve2")
    again = Site.from_data(site.to_data())
    assert again.faults.to_data() == site.faults.to_data()
    assert not again.nodes["pve2"].machine.up


def test_a_node_that_is_none_is_refused():
    faults = Site(SiteSpec()).faults
    with pytest.raises(ValueError, match="no node 'pve9': pve1, pve2"):
        faults.order("node-down", "pve1,pve9")
    assert faults.open() == ()
