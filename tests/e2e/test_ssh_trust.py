"""Host keys over the wire: what is trusted, and how a key becomes known."""

import base64
import hashlib
import hmac

import asyncssh
import pytest
from ssh_servers import LIMITS, Loop, SshServer, no_agent, public, soon

from pvekit.errors import PvekitError
from pvekit.shell import Command, HostKeyChanged, Unreachable
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import HostKeyRevoked, HostKeyUnknown
from pvekit.ssh.hostkeys import name_in_file
from pvekit.ssh.site import Connections
from pvekit.ssh.trust import scan, store, untrusted

ED25519 = asyncssh.generate_private_key("ssh-ed25519")
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
OTHER = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(autouse=True)
def _without_agent(monkeypatch):
    no_agent(monkeypatch)


@pytest.fixture
def start(tmp_path):
    loop, servers = Loop(), []

    def start(*keys):
        servers.append(SshServer(loop, tmp_path, keys=list(keys)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    loop.stop()


def attempt(server, known):
    endpoint = server.endpoint(known=False)
    name = name_in_file(server.host, server.port)
    endpoint.known_hosts[0].write_text(known.replace("HOST", name))
    with Connections([endpoint], limits=LIMITS) as connections:
        return soon(lambda: connections.node("n1").run(Command(("words",)))).exit_status


def hashed(name):
    salt = b"0123456789abcdef0123"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def line(key, name="HOST"):
    return f"{name} {public(key).line()}\n"


GARBAGE = (
    "@cert-authority * ssh-ed25519 AAAA\n"
    "HOST ssh-ed25519 notbase64!\n"
    "HOST ssh-ed25519\n"
    "HOST 1024 35 1234567890\n"
    "\x00\xff\n"
    "HOST ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n"
    "@revoked\n"
    "# a comment\n\n"
)


@pytest.mark.parametrize(
    "known",
    [
        line(ED25519),
        line(ED25519, "other,HOST"),
        GARBAGE + line(ED25519) + GARBAGE,
        line(OTHER, "somebody-else") + line(ED25519),
        line(OTHER) + line(ED25519),
    ],
    ids=["plain", "one of several names", "among garbage", "others known", "old and new known"],
)
def test_known_key_is_accepted(start, known):
    assert attempt(start(ED25519), known) == 0


def test_hashed_name_is_found(start):
    server = start(ED25519)
    name = hashed(name_in_file(server.host, server.port))
    assert attempt(server, line(ED25519, name)) == 0


@pytest.mark.parametrize("known", [ED25519, ECDSA, RSA], ids=["ed25519", "ecdsa", "rsa"])
def test_server_with_several_keys_shows_the_one_that_is_known(start, known):
    assert attempt(start(ED25519, ECDSA, RSA), line(known)) == 0


@pytest.mark.parametrize(
    ("known", "error"),
    [
        ("", HostKeyUnknown),
        (line(ED25519, "somebody-else"), HostKeyUnknown),
        (line(ED25519, "127.0.0.1"), HostKeyUnknown),
        (line(OTHER), HostKeyChanged),
        (line(RSA), HostKeyUnknown),
        (line(ED25519) + "@revoked * " + public(ED25519).line(), HostKeyRevoked),
        ("@cert-authority HOST " + public(ED25519).line(), HostKeyUnknown),
        (line(ED25519, "HOST,!HOST"), HostKeyUnknown),
    ],
    ids=["none", "other host", "other port", "changed", "other type", "revoked", "CA", "negated"],
)
def test_other_keys_are_refused_before_anything_is_sent(start, known, error):
    server = start(ED25519)
    with pytest.raises(error) as caught:
        attempt(server, known)
    assert caught.value.exit_status == 1
    assert public(ED25519).fingerprint in str(caught.value)
    assert server.lines == []


def test_errors_say_what_to_do(start):
    server = start(ED25519)
    with pytest.raises(HostKeyUnknown, match="pvekit node trust n1"):
        attempt(server, "")
    with pytest.raises(HostKeyChanged, match=r"ssh-keygen -f .* -R"):
        attempt(server, line(OTHER))


def test_scan_shows_every_key_and_what_is_stored_is_trusted(start):
    server = start(ED25519, ECDSA, RSA)
    endpoint = server.endpoint(known=False)
    keys = scan(endpoint, dial, LIMITS)
    assert keys == (public(ED25519), public(ECDSA), public(RSA))
    assert untrusted(endpoint, keys) == keys
    file = store(endpoint, keys)
    assert file.stat().st_mode & 0o777 == 0o600
    assert untrusted(endpoint, keys) == ()
    assert attempt(server, file.read_text()) == 0
    assert server.lines == ["env LC_ALL=C.UTF-8 words"]


def test_a_trusted_key_is_never_replaced(start):
    server = start(ED25519)
    endpoint = server.endpoint(known=False)
    store(endpoint, [public(OTHER)])
    with pytest.raises(HostKeyChanged):
        untrusted(endpoint, scan(endpoint, dial, LIMITS))


def test_scan_of_a_host_that_is_not_there():
    with pytest.raises(Unreachable):
        scan(Endpoint("n1", "no-such-host.invalid"), dial, LIMITS)


def test_known_hosts_that_cannot_be_read(start, tmp_path):
    endpoint = start(ED25519).endpoint(known_hosts=(tmp_path,))
    with (
        Connections([endpoint], limits=LIMITS) as connections,
        pytest.raises(PvekitError, match="Cannot read"),
    ):
        soon(lambda: connections.node("n1").run(Command(("words",))))
