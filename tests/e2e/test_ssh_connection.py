"""Commands over a real connection, and everything that can go wrong with one."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from ssh_servers import LIMITS, Loop, Proxy, SshServer, listener, no_agent, soon

from pvekit.errors import NotFound
from pvekit.shell import Command, LinkLost, Unreachable
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.site import Connections

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _without_agent(monkeypatch):
    no_agent(monkeypatch)


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def server(loop, tmp_path):
    server = SshServer(loop, tmp_path)
    yield server
    server.close()


@pytest.fixture
def node(server):
    with Connections([server.endpoint()], limits=LIMITS) as connections:
        yield connections.node("n1")


@pytest.fixture
def frozen(server):
    """A node behind a hop that can stop passing bytes."""
    proxy = Proxy(server.port)
    at = server.endpoint()
    endpoint = Endpoint("n1", "127.0.0.1", proxy.port, "root", at.key_paths)
    known = server.folder / "known_hosts-proxy"
    known.write_text(at.known_hosts[0].read_text().replace(str(server.port), str(proxy.port)))
    endpoint = Endpoint("n1", "127.0.0.1", proxy.port, "root", at.key_paths, None, (known,))
    with Connections([endpoint], limits=replace(LIMITS, handshake=3.0)) as connections:
        yield connections.node("n1"), proxy
    proxy.close()


def run(node, *words, **options):
    return soon(lambda: node.run(Command(words, **options)))


def test_words_arrive_as_they_are(node):
    words = ("a b", "", "'", '"', "$HOME", "*", "ü", "🙂", "--", "`id`", "\\")
    assert json.loads(run(node, "words", *words).out) == list(words)


def test_status_and_both_outputs(node):
    result = run(node, "fail", 255)
    assert (result.exit_status, result.out, result.err) == (255, "", "no such thing\n")


def test_root_gets_a_locale(node, server):
    run(node, "words")
    assert server.lines == ["env LC_ALL=C.UTF-8 words"]


def test_another_user_becomes_root_without_a_question(server):
    with Connections([server.endpoint(user="admin")], limits=LIMITS) as connections:
        run(connections.node("n1"), "words", "a b")
    assert server.lines == ["sudo -n env LC_ALL=C.UTF-8 words 'a b'"]


def test_fifty_megabytes_on_both_outputs_at_once(node):
    result = run(node, "flood", 50 * MEGABYTE)
    assert (result.exit_status, len(result.out), len(result.err)) == (
        7,
        50 * MEGABYTE,
        50 * MEGABYTE,
    )


def test_stdin_arrives_whole_and_ends(node):
    text = "ü" * (5 * MEGABYTE // 2)
    assert run(node, "cat", stdin=text).out == text


def test_bytes_that_are_no_text_are_replaced(node, server):
    async def do_latin(process) -> None:
        process.stdout.write(b"caf\xe9")
        process.exit(0)

    server.do_latin = do_latin
    assert run(node, "latin").out == "caf�"


def test_command_that_does_not_read_its_stdin_still_ends(node):
    assert run(node, "deaf", 3, stdin="x" * 5 * MEGABYTE).exit_status == 3


def test_command_that_never_reads_its_stdin_ends_at_its_deadline(node):
    with pytest.raises(LinkLost, match=r"no end after 0\.5 s"):
        run(node, "deaf", stdin="x" * 5 * MEGABYTE, timeout=0.5)


def test_deadline_ends_a_command_and_the_next_one_runs(node, server):
    with pytest.raises(LinkLost, match="no end after") as caught:
        run(node, "hang", timeout=0.3)
    assert "hang" in caught.value.details
    assert run(node, "fail", 0).ok
    assert len(server.connections) == 2


def test_deadline_of_one_command_leaves_the_others_alone(node, server):
    with ThreadPoolExecutor(9) as pool:
        others = [pool.submit(run, node, "meet") for _ in range(7)]
        with pytest.raises(LinkLost):
            run(node, "hang", timeout=0.3)
        last = pool.submit(run, node, "meet")
        assert all(other.result().ok for other in [*others, last])


@pytest.mark.parametrize("program", ["cut", "status-then-cut", "without-status", "killed"], ids=str)
def test_unknown_end_is_a_lost_link_and_the_next_command_runs(node, program):
    with pytest.raises(LinkLost) as caught:
        run(node, program)
    assert caught.value.exit_status == 7
    assert run(node, "fail", 0).ok


def test_result_is_whole_or_lost_when_the_cut_comes_right_after(node):
    for _ in range(5):
        with contextlib.suppress(LinkLost):
            assert run(node, "end-then-cut").out == "all of it"


def test_link_that_broke_while_idle_is_opened_again(node, server):
    run(node, "words")
    server.drop_clients()
    assert run(node, "words").ok


def test_one_connection_serves_many_commands(node, server):
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda n: run(node, "words", n), range(64)))
    assert [json.loads(result.out) for result in results] == [[str(n)] for n in range(64)]
    assert len(server.connections) == 1


def test_keys_are_renewed_while_commands_begin_and_end(loop, tmp_path):
    server = SshServer(loop, tmp_path, rekey_bytes=MEGABYTE)

    def one(number):
        if number % 2:
            return run(node, "flood", MEGABYTE, timeout=20).exit_status == 7
        return run(node, "cat", stdin="x" * MEGABYTE, timeout=20).out == "x" * MEGABYTE

    with (
        Connections([server.endpoint()], limits=LIMITS) as connections,
        ThreadPoolExecutor(12) as pool,
    ):
        node = connections.node("n1")
        assert all(pool.map(one, range(48)))
    assert len(server.connections) == 1
    server.close()


def test_eight_commands_run_at_once_and_no_more(node, server):
    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(lambda _: run(node, "meet").ok, range(32)))
    assert server.most_open == 8


def test_server_that_allows_fewer_sessions_is_served_in_turns(loop, tmp_path):
    server = SshServer(loop, tmp_path, refuse_above=2)
    with (
        Connections([server.endpoint()], limits=LIMITS) as connections,
        ThreadPoolExecutor(8) as pool,
    ):
        node = connections.node("n1")
        assert all(pool.map(lambda _: run(node, "flood", MEGABYTE).exit_status == 7, range(16)))
    server.close()


def test_server_that_allows_no_session_is_unreachable(loop, tmp_path):
    server = SshServer(loop, tmp_path, refuse_above=0)
    with (
        Connections([server.endpoint()], limits=LIMITS) as connections,
        pytest.raises(Unreachable, match="Resource shortage"),
    ):
        run(connections.node("n1"), "words")
    server.close()


def test_peer_that_stops_answering_during_a_command(frozen):
    node, proxy = frozen
    with ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(run, node, "hang", timeout=1.0)
        run(node, "words")
        proxy.freeze()
        with pytest.raises(LinkLost):
            hanging.result()


def test_peer_that_stops_reading_what_is_sent(frozen, server):
    node, proxy = frozen
    server.window = 64 * MEGABYTE
    run(node, "words")
    proxy.passes = MEGABYTE
    with pytest.raises(LinkLost):
        run(node, "cat", stdin="x" * 20 * MEGABYTE, timeout=0.5)


def test_peer_that_stopped_before_a_command_is_unreachable(frozen):
    node, proxy = frozen
    run(node, "words")
    proxy.freeze()
    with pytest.raises(Unreachable):
        run(node, "words", timeout=0.5)


@pytest.mark.parametrize(
    ("said", "missing"),
    [(b"", "SSH banner"), (b"SSH-2.0-OpenSSH_9.2\r\n", "key exchange"), (b"SSH-", "SSH banner")],
)
def test_server_that_falls_silent_before_the_login(said, missing):
    limits = replace(LIMITS, handshake=0.3)
    with (
        listener(said) as port,
        Connections([Endpoint("n1", "127.0.0.1", port)], limits=limits) as c,
        pytest.raises(Unreachable, match=f"sent no {missing} in 0.3 s"),
    ):
        run(c.node("n1"), "words")


def test_server_that_is_no_ssh_server():
    with (
        listener(b"HTTP/1.1 400 Bad Request\r\n" * 200) as port,
        Connections([Endpoint("n1", "127.0.0.1", port)], limits=LIMITS) as connections,
        pytest.raises(Unreachable, match="No SSH connection with n1"),
    ):
        run(connections.node("n1"), "words")


def test_server_that_hangs_in_the_login(loop, tmp_path):
    server = SshServer(loop, tmp_path, auth_hangs=True)
    limits = replace(LIMITS, auth=0.3)
    with (
        Connections([server.endpoint()], limits=limits) as connections,
        pytest.raises(Unreachable, match=r"did not answer the login in 0\.3 s"),
    ):
        run(connections.node("n1"), "words")
    server.close()


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Connections([Endpoint("n1", "127.0.0.1", port)], limits=LIMITS) as connections,
        pytest.raises(Unreachable, match="Connection refused") as caught,
    ):
        run(connections.node("n1"), "words")
    assert f"root@127.0.0.1:{port}" in str(caught.value)


def test_name_that_means_nothing():
    with (
        Connections([Endpoint("n1", "no-such-host.invalid")], limits=LIMITS) as connections,
        pytest.raises(Unreachable, match="Cannot connect to n1"),
    ):
        run(connections.node("n1"), "words")


def test_threads_share_a_failed_opening():
    limits = replace(LIMITS, handshake=0.5)
    with listener() as port, Connections([Endpoint("n1", "127.0.0.1", port)], limits=limits) as c:
        barrier = threading.Barrier(8)

        def attempt(_):
            barrier.wait()
            with pytest.raises(Unreachable) as caught:
                run(c.node("n1"), "words")
            return caught.value.brief

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(attempt, range(8)))) == 1


def test_close_ends_what_runs_and_opens_nothing_more(node, server):
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(run, node, "hang")
        run(node, "words")
        while "hang" not in " ".join(server.lines):
            threading.Event().wait(0.01)
        node.close()
        with pytest.raises(LinkLost):
            hanging.result()
    with pytest.raises(Unreachable, match="was closed"):
        run(node, "words")


def test_small_packets_are_sent_at_once(server):
    with dial(server.endpoint(), LIMITS) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_unknown_node():
    with (
        Connections([Endpoint("pve1", "127.0.0.1")]) as connections,
        pytest.raises(NotFound, match="pve2") as caught,
    ):
        connections.node("pve2")
    assert "pve1" in caught.value.hint


def test_importing_is_cheap():
    code = (
        "import pvekit.ssh.site, pvekit.ssh.trust, pvekit.ssh.guests, sys;"
        "assert not {'paramiko', 'cryptography'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_program_ends_at_once_after_a_failed_handshake():
    # paramiko leaves a timer of 15 s behind, for which the interpreter would wait.
    with listener(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        code = (
            "from pvekit.ssh.site import Connections\n"
            "from pvekit.ssh.endpoint import Endpoint\n"
            "from pvekit.ssh.deadline import Limits\n"
            "from pvekit.shell import Command, Unreachable\n"
            "import threading\n"
            f"c = Connections([Endpoint('n', '127.0.0.1', {port})], limits=Limits(handshake=0.2))\n"
            "try:\n    c.node('n').run(Command(('true',)))\n"
            "except Unreachable:\n    pass\n"
            "assert all(t.daemon or t is threading.main_thread() for t in threading.enumerate()"
            " if not getattr(t, 'finished', threading.Event()).is_set())\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
