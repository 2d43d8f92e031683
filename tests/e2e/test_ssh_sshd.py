"""The same against OpenSSH's own server, where it is installed."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest
from ssh_servers import LIMITS, listener, no_agent, public, soon

from pvekit.shell import Command, LinkLost, Unreachable
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.hostkeys import remember
from pvekit.ssh.site import Connections
from pvekit.ssh.trust import scan

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
MEGABYTE = 1 << 20

pytestmark = pytest.mark.skipif(SSHD is None, reason="OpenSSH's sshd is not installed")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sshd")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    for name, key in (("host", host_key), ("user", user_key)):
        key.write_private_key(str(folder / name))
        (folder / name).chmod(0o600)
    user_key.write_public_key(str(folder / "authorized_keys"))
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nMaxSessions 4\n"
    )
    with contextlib.suppress(OSError):  # sshd wants it there; its service makes it at boot
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "listening on" in line:
            break
    else:
        pytest.skip(f"sshd does not start here: {process.wait()}")
    remember(folder / "known_hosts", "127.0.0.1", port, [public(host_key)])
    user = pwd.getpwuid(os.getuid()).pw_name
    keys, known = (folder / "user",), (folder / "known_hosts",)
    yield Endpoint("n1", "127.0.0.1", port, user, keys, None, known)
    process.terminate()
    process.stderr.close()
    process.wait()


@pytest.fixture(autouse=True)
def _without_agent(monkeypatch):
    no_agent(monkeypatch)


@pytest.fixture
def node(endpoint):
    with Connections([endpoint], limits=LIMITS) as connections:
        yield connections.node("n1")


def run(node, *words, **options):
    return soon(lambda: node.run(Command(words, **options)))


def test_words_status_and_outputs(node):
    result = run(node, "sh", "-c", 'printf %s "$1"; echo bad >&2; exit 3', "sh", "a 'b' $x ü")
    assert (result.exit_status, result.out, result.err) == (3, "a 'b' $x ü", "bad\n")


def test_megabytes_both_ways(node):
    script = "head -c 52428800 /dev/zero & head -c 52428800 /dev/zero >&2; wait"
    result = run(node, "sh", "-s", stdin=script)
    assert (len(result.out), len(result.err)) == (50 * MEGABYTE, 50 * MEGABYTE)
    assert run(node, "wc", "-c", stdin="x" * 5 * MEGABYTE).out.strip() == str(5 * MEGABYTE)


def test_commands_that_do_not_read_their_stdin(node):
    assert run(node, "true", stdin="x" * 5 * MEGABYTE).exit_status == 0
    with pytest.raises(LinkLost, match="no end after"):
        run(node, "sleep", 30, stdin="x" * 5 * MEGABYTE, timeout=0.5)
    assert run(node, "true").ok


def test_command_that_is_killed_has_no_known_end(node):
    with pytest.raises(LinkLost, match="without an exit status"):
        run(node, "sh", "-c", "kill -9 $$")


def test_many_short_commands_share_a_connection_that_allows_four(node):
    script = "echo $PPID"
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: run(node, "sh", "-s", stdin=script), range(40)))
    assert all(result.ok for result in results)


def test_host_key_and_tunnel(endpoint, node):
    assert [key.type for key in scan(endpoint, dial, LIMITS)] == ["ssh-ed25519"]
    with listener(b"hello") as port, soon(lambda: node.open_tunnel("127.0.0.1", port, 5)) as sock:
        assert sock.recv(5) == b"hello"
    with pytest.raises(Unreachable, match="cannot connect"):
        soon(lambda: node.open_tunnel("127.0.0.1", 1, 5))
