"""Logging in: keys from files and from an agent."""

import shutil
import socket
import subprocess

import asyncssh
import pytest
from ssh_servers import LIMITS, Loop, SshServer, no_agent, soon

from pvekit.shell import Command
from pvekit.ssh.errors import AuthFailed
from pvekit.ssh.site import Connections


@pytest.fixture(autouse=True)
def _without_agent(monkeypatch):
    no_agent(monkeypatch)


@pytest.fixture
def server(tmp_path):
    loop = Loop()
    server = SshServer(loop, tmp_path)
    yield server
    server.close()
    loop.stop()


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """A real ssh-agent; yields a function that adds a key to it."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("OpenSSH's ssh-agent is not installed")
    path = tmp_path / "agent"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield lambda key: subprocess.run(["ssh-add", "-q", str(key)], check=True)
    process.terminate()
    process.wait()
    process.stdout.close()


def login(endpoint):
    with Connections([endpoint], limits=LIMITS) as connections:
        return soon(lambda: connections.node("n1").run(Command(("words",)))).ok


def written(tmp_path, name, key, **options):
    key.write_private_key(str(tmp_path / name), **options)
    (tmp_path / name).chmod(0o600)
    return tmp_path / name


@pytest.mark.parametrize(
    ("algorithm", "options", "form"),
    [
        ("ssh-ed25519", {}, "openssh"),
        ("ecdsa-sha2-nistp256", {}, "openssh"),
        ("ecdsa-sha2-nistp521", {}, "pkcs8-pem"),
        ("ssh-rsa", {"key_size": 2048}, "openssh"),
        ("ssh-rsa", {"key_size": 2048}, "pkcs1-pem"),
    ],
)
def test_keys_of_every_kind_log_in(tmp_path, algorithm, options, form):
    loop = Loop()
    key = asyncssh.generate_private_key(algorithm, **options)
    server = SshServer(loop, tmp_path, user_key=key)
    path = written(tmp_path, "key", key, format_name=form)
    assert login(server.endpoint(key_paths=(path,)))
    server.close()
    loop.stop()


def test_the_next_key_is_tried(server, tmp_path):
    wrong = written(tmp_path, "wrong", asyncssh.generate_private_key("ssh-ed25519"))
    right = server.endpoint().key_paths[0]
    assert login(server.endpoint(key_paths=(tmp_path / "none", wrong, right)))


def test_error_names_every_key_that_was_tried(server, tmp_path):
    wrong = written(tmp_path, "wrong", asyncssh.generate_private_key("ssh-ed25519"))
    text = tmp_path / "text"
    text.write_text("no key")
    with pytest.raises(AuthFailed) as caught:
        login(server.endpoint(key_paths=(wrong, text, tmp_path / "none")))
    assert caught.value.exit_status == 1
    assert "accepts none of the keys" in caught.value.brief
    for path, problem in ((wrong, "rejected"), (text, "no private key"), (tmp_path / "none", "no")):
        assert any(str(path) in row and problem in row for row in caught.value.details.split("\n"))


def test_no_key_at_all(server):
    with pytest.raises(AuthFailed, match="There was no key to try"):
        login(server.endpoint(key_paths=()))


def test_key_with_a_passphrase_needs_the_agent(server, tmp_path):
    path = written(tmp_path, "locked", server.user_key, passphrase="secret", rounds=50)
    with pytest.raises(AuthFailed, match="ssh-add"):
        login(server.endpoint(key_paths=(path,)))


def test_agent_holds_the_key(server, agent):
    agent(server.endpoint().key_paths[0])
    assert login(server.endpoint(key_paths=()))


def test_configured_key_goes_first_among_many_of_the_agent(tmp_path, agent):
    # Servers end the connection after a few wrong keys: OpenSSH after six.
    for number in range(8):
        agent(written(tmp_path, f"k{number}", asyncssh.generate_private_key("ssh-ed25519")))
    loop = Loop()
    server = SshServer(loop, tmp_path)
    path = server.endpoint().key_paths[0]
    agent(path)
    locked = written(tmp_path, "locked", server.user_key, passphrase="secret", rounds=50)
    (tmp_path / "locked.pub").write_bytes(server.user_key.export_public_key())
    assert login(server.endpoint(key_paths=(locked,)))
    server.close()
    loop.stop()


def test_agent_that_hangs_is_passed_over(server, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "silent"))
        assert login(server.endpoint())
        with pytest.raises(AuthFailed, match="agent did not answer"):
            login(server.endpoint(key_paths=()))


def test_agent_that_is_gone_is_no_error(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert login(server.endpoint())
