"""Machines behind others: jump hosts, and guests behind their nodes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import asyncssh
import pytest
from ssh_servers import LIMITS, Loop, SshServer, listener, no_agent, public, soon

from pvekit.errors import UsageError
from pvekit.shell import Command, HostKeyChanged, LinkLost, Unreachable
from pvekit.ssh.dial import dial
from pvekit.ssh.errors import HostKeyUnknown
from pvekit.ssh.guests import GuestEndpoint
from pvekit.ssh.site import Connections
from pvekit.ssh.trust import scan

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _without_agent(monkeypatch):
    no_agent(monkeypatch)


@pytest.fixture
def start(tmp_path):
    loop, servers = Loop(), []

    def start(**options):
        servers.append(SshServer(loop, tmp_path, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    loop.stop()


@pytest.fixture
def site(start):
    """A node and a guest behind it, with the connections to both."""
    node, guest = start(), start(host="127.0.0.2")
    with connections(node, guest) as opened:
        yield node, guest, opened


def connections(node, guest, via="node", **options):
    keys = guest.endpoint().key_paths
    return Connections([node.endpoint()], guest_keys=keys, via=via, limits=LIMITS, **options)


def at(guest, **fields):
    pinned = public(guest.host_keys[0]).line()
    values = {"user": "ubuntu", "host_key": pinned, "port": guest.port, **fields}
    return GuestEndpoint("n1", guest.host, **values)


def run(shell, *words, **options):
    return soon(lambda: shell.run(Command(words, **options)))


def test_node_behind_two_jump_hosts(start):
    outer, inner, target = start(), start(), start()
    hop = inner.endpoint("inner", jump=outer.endpoint("outer"))
    with Connections([target.endpoint(jump=hop)], limits=LIMITS) as opened:
        result = run(opened.node("n1"), "flood", MEGABYTE)
        assert (result.exit_status, len(result.out), len(result.err)) == (7, MEGABYTE, MEGABYTE)
        assert run(opened.node("n1"), "cat", stdin="x" * MEGABYTE).out == "x" * MEGABYTE
    assert (outer.lines, inner.lines) == ([], [])


def test_jump_host_that_is_a_node_has_one_connection(start):
    first, second = start(), start()
    endpoints = [first.endpoint("n1"), second.endpoint("n2", jump=first.endpoint("hop"))]
    with Connections(endpoints, limits=LIMITS) as opened:
        assert run(opened.node("n1"), "words").ok
        assert run(opened.node("n2"), "words").ok
    assert len(first.connections) == 1


def test_jump_host_must_be_trusted_too(start):
    hop, target = start(), start()
    endpoint = target.endpoint(jump=hop.endpoint("hop", known=False))
    with (
        Connections([endpoint], limits=LIMITS) as opened,
        pytest.raises(HostKeyUnknown, match="hop"),
    ):
        run(opened.node("n1"), "words")
    assert target.connections == []


def test_nobody_behind_the_jump_host(start):
    hop, target = start(), start()
    with dial(target.endpoint(), LIMITS) as sock:
        free = sock.getsockname()[1]
    endpoint = replace(target.endpoint(jump=hop.endpoint("hop")), port=free)
    with (
        Connections([endpoint], limits=LIMITS) as opened,
        pytest.raises(Unreachable, match=f"hop cannot connect to 127.0.0.1 port {free}"),
    ):
        run(opened.node("n1"), "words")


def test_silent_machine_behind_a_jump_host_leaves_the_hop_alone(start):
    hop, target = start(), start()
    with listener() as port:
        silent = replace(target.endpoint("n2", jump=hop.endpoint("n1")), port=port)
        limits = replace(LIMITS, handshake=0.3)
        with (
            Connections([hop.endpoint("n1"), silent], limits=limits) as opened,
            ThreadPoolExecutor(1) as pool,
        ):
            other = pool.submit(run, opened.node("n1"), "flood", 20 * MEGABYTE)
            with pytest.raises(Unreachable, match="sent no SSH banner"):
                run(opened.node("n2"), "words")
            assert other.result().exit_status == 7
    assert len(hop.connections) == 1


def test_cut_jump_host_is_a_lost_link_and_both_are_opened_again(start):
    hop, target = start(), start()
    with (
        Connections([target.endpoint(jump=hop.endpoint("hop"))], limits=LIMITS) as opened,
        ThreadPoolExecutor(1) as pool,
    ):
        node = opened.node("n1")
        hanging = pool.submit(run, node, "hang")
        while not target.lines:
            threading.Event().wait(0.01)
        hop.drop_clients()
        with pytest.raises(LinkLost):
            hanging.result()
        assert run(node, "words").ok


def test_host_keys_behind_a_jump_host_can_be_shown(start):
    hop, target = start(), start()
    endpoint = target.endpoint(jump=hop.endpoint("hop"), known=False)
    with Connections([endpoint], limits=LIMITS) as opened:
        assert scan(endpoint, opened.dial, LIMITS) == (public(target.host_keys[0]),)


def test_guest_gets_words_as_they_are(site):
    _, guest, opened = site
    assert run(opened.guest(at(guest)), "words", "a b").ok
    assert guest.lines == ["words 'a b'"]


def test_guest_shows_its_banner_through_the_node(site):
    node, guest, opened = site
    assert soon(lambda: opened.reach(at(guest))).startswith("SSH-2.0-")
    assert len(node.connections) == 1


@pytest.mark.parametrize("via", ["direct", "node", "auto"])
def test_every_way_to_a_guest(start, via):
    node, guest = start(), start(host="127.0.0.2")
    with connections(node, guest, via) as opened:
        assert run(opened.guest(at(guest)), "words").ok
    assert len(node.connections) == (1 if via == "node" else 0)


def test_guest_that_answers_only_behind_its_node_is_remembered(start):
    node, guest = start(), start(host="127.0.0.2")
    asked = []

    def refuse(endpoint, limits):
        if endpoint.port != guest.port:
            return dial(endpoint, limits)
        asked.append(endpoint)
        raise Unreachable("no route")

    with connections(node, guest, "auto", dial=refuse) as opened:
        assert run(opened.guest(at(guest)), "words").ok
        assert run(opened.guest(at(guest, user="other")), "words").ok
    assert len(asked) == 1


def test_unreachable_guest_tells_both_ways(start):
    node, guest = start(), start(host="127.0.0.2")
    with connections(node, guest, "auto") as opened, pytest.raises(Unreachable) as caught:
        soon(lambda: opened.reach(at(guest, port=1)))
    assert "direct: " in caught.value.details
    assert "node: " in caught.value.details


def test_silent_guest_has_no_banner(start):
    node, guest = start(), start()
    with listener(b"SSH") as port:
        limits = replace(LIMITS, handshake=0.3)
        with (
            Connections([node.endpoint()], via="direct", limits=limits) as opened,
            pytest.raises(Unreachable, match="no SSH banner"),
        ):
            soon(lambda: opened.reach(at(guest, port=port)))


def test_another_key_than_the_pinned_one_is_refused(site):
    _, guest, opened = site
    other = public(asyncssh.generate_private_key("ssh-ed25519")).line()
    with pytest.raises(HostKeyChanged):
        run(opened.guest(at(guest, host_key=other)), "words")
    assert guest.lines == []


def test_pinned_key_decides_which_machine_is_the_guest(start):
    """Here another machine has the guest's private address; behind the node it is the guest."""
    node, guest, stranger = start(), start(host="127.0.0.2"), start()

    def elsewhere(endpoint, limits):
        return dial(stranger.endpoint() if endpoint.port == guest.port else endpoint, limits)

    with connections(node, guest, "auto", dial=elsewhere) as opened:
        assert run(opened.guest(at(guest)), "words").ok
    assert (len(guest.lines), stranger.lines) == (1, [])


def test_guest_without_any_key_to_trust(site):
    _, guest, opened = site
    with pytest.raises(HostKeyUnknown, match="accept-new"):
        opened.guest(at(guest, host_key=None))
    with pytest.raises(UsageError, match="no readable host key"):
        opened.guest(at(guest, host_key="ssh-ed25519 nonsense"))


def test_first_key_is_accepted_once_when_asked_for(start):
    node, guest = start(), start(host="127.0.0.2")
    accepted = at(guest, host_key=None, accept_new=True)
    with connections(node, guest) as opened:
        shell = opened.guest(accepted)
        assert run(shell, "words").ok
        guest.drop_clients()
        assert run(shell, "words").ok
        assert opened.guest(accepted) is shell


def test_many_guests_at_once_behind_one_node(site):
    node, guest, opened = site
    users = [at(guest, user=f"u{number}") for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(lambda user: run(opened.guest(user), "words").ok, users))
        assert run(opened.node("n1"), "words").ok
    assert len(node.connections) == 1
