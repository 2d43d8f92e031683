"""How a machine is reached: what is said wins, then the defaults, then ~/.ssh/config."""

import io
from pathlib import Path

import pytest

from pvekit.errors import UsageError
from pvekit.ssh.endpoint import Defaults, Endpoint, Wanted, resolve
from pvekit.ssh.site import node_prefix

SSH_CONFIG = """
Host pve1
    HostName 10.0.0.1
    Port 2201
    User alice
    IdentityFile /keys/pve1
Host pve2
    ProxyJump bastion
Host pve3
    ProxyJump bob@edge:2222,[fd00::1]:23
Host bastion
    HostName bastion.example.org
    User jumper
Host circle1
    ProxyJump circle2
Host circle2
    ProxyJump circle1
Host direct
    ProxyJump none
Host behind-a-command
    ProxyCommand nc %h %p
Host bad-port
    Port ssh
"""


def one(host, defaults=None, text=SSH_CONFIG, **said):
    return resolve([Wanted(host, **said)], defaults or Defaults(), text)[0]


def test_ssh_config_fills_what_is_not_said():
    assert one("pve1", alias="n1") == Endpoint(
        "n1", "10.0.0.1", 2201, "alice", (Path("/keys/pve1"),)
    )


def test_what_is_said_wins():
    found = one("pve1", port=22, user="root", key_path=Path("/mine"))
    assert (found.host, found.port, found.user) == ("10.0.0.1", 22, "root")
    assert found.key_paths == (Path("/mine"),)


def test_defaults_win_over_ssh_config():
    found = one("pve1", Defaults(user="root", key_path=Path("/site")))
    assert (found.user, found.key_paths) == ("root", (Path("/site"),))


def test_without_any_config():
    assert one("pve9", text="") == Endpoint("pve9", "pve9", 22, "root")


def test_own_keys_are_tried_where_none_is_named(tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").touch()
    found = one("pve9", Defaults(home=tmp_path))
    assert found.key_paths == (tmp_path / ".ssh" / "id_ed25519",)


def test_jump_host_has_its_own_settings():
    jump = one("pve2").jump
    assert jump
    assert (jump.host, jump.port, jump.user) == ("bastion.example.org", 22, "jumper")


def test_site_user_is_not_the_jump_hosts():
    found = one("pve2", Defaults(user="root"))
    assert found.user == "root"
    assert found.jump
    assert found.jump.user == "jumper"


def test_chain_of_jump_hosts():
    last = one("pve3").jump
    assert last
    assert (last.host, last.port) == ("fd00::1", 23)
    assert last.jump
    assert (last.jump.user, last.jump.host, last.jump.port) == ("bob", "edge", 2222)
    assert last.jump.jump is None


def test_jump_may_be_another_node():
    wanted = [Wanted("10.9.9.9", alias="gate", port=2022, user="me"), Wanted("b", jump="gate")]
    gate, behind = resolve(wanted, Defaults())
    assert behind.jump == gate


@pytest.mark.parametrize("host", ["direct", "pve9"])
def test_no_jump(host):
    assert one(host).jump is None


def test_said_none_wins_over_ssh_config():
    assert one("pve2", jump="none").jump is None


def test_jump_host_of_all_hosts_is_not_its_own():
    found = one("pve1", text="Host *\n  ProxyJump gate\n")
    assert found.jump
    assert (found.jump.host, found.jump.jump) == ("gate", None)


def test_jumps_in_a_circle():
    with pytest.raises(UsageError, match="circle"):
        one("circle1")


@pytest.mark.parametrize("jump", ["a b", "user@", "host:port", "host:0", "host:70000", "@host"])
def test_what_is_no_jump_host(jump):
    with pytest.raises(UsageError):
        one("pve9", jump=jump)


@pytest.mark.parametrize(
    ("jump", "host", "port"),
    [("fe80::1", "fe80::1", 22), ("[fe80::1]:23", "fe80::1", 23), ("ssh://h:24/", "h", 24)],
)
def test_forms_of_a_jump_host(jump, host, port):
    found = one("pve9", jump=jump).jump
    assert found
    assert (found.host, found.port) == (host, port)


def test_proxy_command_is_refused_not_passed_over():
    with pytest.raises(UsageError, match="ProxyCommand"):
        one("behind-a-command")
    assert one("behind-a-command", jump="none").jump is None


@pytest.mark.parametrize(
    "text", ["Host a\n  nonsense\n", "Match nonsense\n", "Host bad-port\n Port x"]
)
def test_ssh_config_that_makes_no_sense(text):
    with pytest.raises(UsageError):
        one("bad-port", text=text)


def test_words_before_every_command():
    assert node_prefix("root") == ("env", "LC_ALL=C.UTF-8")
    assert node_prefix("admin") == ("sudo", "-n", "env", "LC_ALL=C.UTF-8")


def test_shown_as_people_write_it():
    assert str(Endpoint("n1", "fe80::1", 22)) == "n1 (root@[fe80::1]:22)"


def test_a_match_by_a_command_is_heeded(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    text = "Match host a exec true\n  Port 2201\nMatch host a exec false\n  User wrong\n"
    found = resolve([Wanted("a")], Defaults(user="root"), text)[0]
    assert (found.port, found.user) == (2201, "root")
