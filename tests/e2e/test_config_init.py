"""``config init``: from nothing to a configuration that works, and what may go wrong on the way."""

from __future__ import annotations

import io
import os
import shutil
import stat
from unittest.mock import patch

import pytest
import yaml
from live import STANDALONE, live_site

from pvekit.config.model import NodeEntry
from pvekit.lab.site import SiteSpec
from pvekit.operations import surveying
from pvekit.operations.surveying import NotUsable
from pvekit.shell import Result


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with live_site(tmp_path_factory.mktemp("init"), STANDALONE) as site:
        yield site


@pytest.fixture
def user(live, tmp_path, monkeypatch):
    """A user who has nothing yet but a key that the node knows."""

    class User:
        data = yaml.safe_load(live.config.read_text())
        node = data["proxmox_nodes"][0]
        home = tmp_path / "home"
        file = home / ".config" / "pvekit" / "config.yaml"
        key = home / ".ssh" / "id_ed25519"
        words = ("config", "init", "--node", node["host"], "--port", str(node["port"]))

        def pvekit(self, *words, typed=None):
            stdin = io.StringIO() if typed is None else Terminal("".join(f"{t}\n" for t in typed))
            changed = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state")}
            with patch("sys.stdin", stdin), patch.dict(os.environ, changed):
                os.environ.pop("PVEKIT_CONFIG", None)
                with patch.object(type(live), "environ", changed):
                    return live.pvekit(*words)

    made = User()
    made.key.parent.mkdir(parents=True)
    for end in ("", ".pub"):
        shutil.copy(f"{made.data['ssh_private_key_path']}{end}", f"{made.key}{end}")
    made.key.chmod(0o600)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    live.forget()
    return made


def test_with_yes_it_asks_nothing_and_what_it_writes_works(live, user):
    answer = user.pvekit(*user.words, "--yes")
    assert answer.status == 0, answer.err
    assert "SHA256:" in answer.err
    assert "lvmthin, 500 GiB free, on pve1" in answer.err
    assert answer.err.endswith("Next: `pvekit template build --dry-run`\n")
    assert stat.S_IMODE(user.file.stat().st_mode) == 0o600
    data = yaml.safe_load(user.file.read_text())
    assert data["proxmox_nodes"] == [{**user.node, "name": "pve1"}]
    assert data["cloud_init"] == {"ssh_public_key": "~/.ssh/id_ed25519.pub"}
    assert live.changes() == []
    assert user.pvekit("config", "validate").status == 0
    assert "pve1" in user.pvekit("node", "list", "-o", "name").out


def test_at_a_terminal_every_answer_counts(user):
    typed = [user.node["host"], "", "y", "debian-12", "local-lvm", "", ""]
    answer = user.pvekit("config", "init", "--port", str(user.node["port"]), typed=typed)
    assert answer.status == 0, answer.err
    data = yaml.safe_load(user.file.read_text())
    assert "ssh_user" not in data
    assert data["vm_template"]["name"] == "debian-12-cloud-template"
    assert (data["vm_template"]["storage_pool"], data["vm_template"]["user"]) == (
        "local-lvm",
        "debian",
    )


def test_a_slip_in_an_answer_is_told_and_asked_again(user):
    typed = [f"http://{user.node['host']}:8006/", user.node["host"], "", "y", "y", "debian-12"]
    typed += ["lokal", "local-lvm", "vmbr9", "vmbr0", "/no/such.pub", ""]
    answer = user.pvekit("config", "init", "--port", str(user.node["port"]), typed=typed)
    assert answer.status == 0, answer.err
    assert answer.err.count("Error: ") == 5
    data = yaml.safe_load(user.file.read_text())
    assert data["vm_template"]["storage_pool"] == "local-lvm"


def test_a_no_to_the_host_key_ends_it_and_stores_nothing(live, user):
    answer = user.pvekit(*user.words, typed=["", "n"])
    assert answer.status == 130
    assert not user.file.parent.exists()
    assert live.lines() == []


def test_a_file_that_is_there_is_not_overwritten_without_a_yes(live, user):
    user.file.parent.mkdir(parents=True)
    user.file.write_text("mine")
    everything = ("--storage", "x", "--bridge", "x", "--template", "debian-12", "--public-key", "x")
    for typed, status in ((None, 2), (["n"], 130)):
        answer = user.pvekit(*user.words, *everything, typed=typed)
        assert answer.status == status
        assert "Overwrite" in answer.err
    assert user.file.read_text() == "mine"
    assert live.lines() == []
    assert user.pvekit(*user.words, "--yes").status == 0
    assert user.file.read_text() != "mine"


def test_a_context_gets_a_file_of_its_own(user):
    assert user.pvekit(*user.words, "--yes", "--context", "work").status == 0
    listed = user.pvekit("config", "contexts", "-o", "name").out
    assert listed == "context/work\n"
    assert user.pvekit("config", "use", "work").status == 0
    assert user.pvekit("config", "validate").out.startswith(
        f"{user.file.parent}/contexts/work.yaml"
    )


def test_what_is_missing_without_a_terminal_is_one_error_with_all_flags(live, user):
    answer = user.pvekit("config", "init")
    assert answer.status == 2
    flags = ("--node", "--storage", "--bridge", "--template", "--public-key")
    assert all(flag in answer.err for flag in flags)
    assert answer.err.count("Error") == 1
    assert "--node" in user.pvekit("config", "init", "--yes").err
    assert live.lines() == []


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--node", "no-such-host.invalid"), 7, "no-such-host.invalid:"),
        (("--node", "https://pve1:8006"), 2, "no host name or address"),
        (("--node", "root@pve1"), 2, "--user and --port"),
        (("--port", "1"), 7, "Connection refused"),
        (("--user", "nobody"), 1, "it accepts none of the keys"),
        (("--key", "/no/such/key"), 2, "/no/such/key"),
        (("--storage", "lokal"), 2, "local-lvm: lvmthin"),
        (("--bridge", "vmbr9"), 2, "vmbr0"),
        (("--template", "windows"), 2, "Known are: ubuntu-24.04"),
        (("--image-url", "https://x.example/i.img"), 2, "go together"),
        (("--public-key", "/no/such.pub"), 2, "/no/such.pub"),
        (("--public-key", "ssh-ed25519 broken"), 2, "A public SSH key is needed"),
        (("--context", "../x"), 2, "cannot be the name of a context"),
        (("--output", "/proc/x/config.yaml"), 1, "Cannot write /proc/x/config.yaml"),
    ],
)
def test_a_mistake_is_one_clear_error_and_nothing_is_written(live, user, words, status, told):
    answer = user.pvekit(*user.words, "--yes", *words)
    assert answer.status == status, answer.err
    assert told in answer.err
    assert answer.err.count("Error: ") == 1
    assert not user.file.exists()
    assert live.changes() == []


def test_without_a_public_key_it_says_how_to_make_one(user):
    user.key.with_suffix(".pub").unlink()
    answer = user.pvekit(*user.words, "--yes")
    assert answer.status == 2
    assert "ssh-keygen -t ed25519" in answer.err


def test_a_changed_host_key_is_never_replaced(live, user):
    assert user.pvekit(*user.words, "--yes").status == 0
    user.file.unlink()
    live.order("host-key", "pve1")
    try:
        answer = user.pvekit(*user.words, "--yes")
    finally:
        live.clear()
    assert answer.status == 1
    assert "SSH-HOST-KEY-CHANGED" in answer.err
    assert not user.file.exists()


def test_members_that_cannot_be_reached_are_left_out_and_named(tmp_path_factory, monkeypatch):
    with live_site(tmp_path_factory.mktemp("cluster"), SiteSpec(nodes=2)) as live:
        node = yaml.safe_load(live.config.read_text())["proxmox_nodes"][0]
        key = yaml.safe_load(live.config.read_text())["ssh_private_key_path"]
        words = ("--node", node["host"], "--port", str(node["port"]), "--key", key)
        output = live.home / "new.yaml"
        more = ("--public-key", f"{key}.pub", "--output", str(output), "--yes")
        answer = live.must("config", "init", *words, *more)
        assert "PVE cluster" in answer.err
        text = output.read_text()
        data = yaml.safe_load(text)
        listed = {each["name"] for each in data["proxmox_nodes"]}
        left_out = {name for name in ("pve1", "pve2") if f"# {name} could not" in text}
        assert listed | left_out == {"pve1", "pve2"}
        assert "pve1" in listed
        assert f"--config {output}" in answer.err


class Host:
    """A host that answers one thing to all commands."""

    def __init__(self, status, out="", err=""):
        self.answer = (status, out, err)

    def shell(self, _place):
        return self

    def run(self, command):
        return Result(command, *self.answer)


@pytest.mark.parametrize(
    ("status", "err", "told"),
    [
        (1, "sudo: a password is required", "may not use `sudo` without a password"),
        (1, "sudo: a terminal is required to read the password", "may not use `sudo`"),
        (1, "admin is not in the sudoers file.", "may not use `sudo`"),
        (127, "sh: 1: sudo: not found", "may not use `sudo`"),
        (127, "env: 'pveversion': No such file or directory", "is no Proxmox VE node"),
        (1, "sudo: pveversion: command not found", "is no Proxmox VE node"),
        (0, "", "is no Proxmox VE node"),
    ],
)
def test_a_host_that_cannot_be_worked_on_is_told_apart(status, err, told):
    with pytest.raises(NotUsable) as caught:
        surveying.survey(Host(status, err=err), NodeEntry("pve.example"))
    assert told in caught.value.brief
    assert caught.value.hint
