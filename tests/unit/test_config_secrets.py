"""Secrets of the configuration: found where it says, when it is asked for, and told to nobody."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pvekit import masking
from pvekit.config import secrets
from pvekit.config.faults import Origin
from pvekit.config.secrets import SecretMissing, is_reference
from pvekit.errors import UsageError

CANARY = "hunter2 canary"
PLACE = ("cloud_init", "password")


@pytest.fixture
def resolve(tmp_path):
    config = tmp_path / "config.yaml"
    config.touch(mode=0o600)

    def resolved(written, **environ):
        given = {"PATH": "/usr/bin:/bin", **environ}
        return secrets.resolve(written, PLACE, Origin(config, 7), given)

    return resolved


def refused(resolve, written, **environ):
    with pytest.raises(UsageError) as caught:
        resolve(written, **environ)
    assert caught.value.exit_status == 2
    assert "canary" not in str(caught.value)
    return caught.value


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "secret file"
    made.write_text(f"{CANARY}\n")
    made.chmod(0o600)
    return made


def test_each_kind_is_resolved_and_masked(resolve, file, monkeypatch):
    ring = SimpleNamespace(get_password=lambda *words: f"{words[0]} {words[1]} canary")
    monkeypatch.setitem(sys.modules, "keyring", ring)
    found = {
        resolve("env:THE_SECRET", THE_SECRET=CANARY).value,
        resolve(f"file:{file}").value,
        resolve("file:secret file").value,  # beside the configuration
        resolve(f"cmd:cat '{file}'").value,
        resolve(CANARY).value,
    }
    assert found == {CANARY}
    assert resolve("keyring:a/b/c").value == "a/b c canary"
    for secret in (CANARY, "a/b c canary"):
        assert masking.masked(f"x {secret} y") == "x *** y"
        assert secret not in repr(resolve(CANARY))


@pytest.mark.parametrize("written", ["env:X", "file:x", "cmd:x", "keyring:a/b"])
def test_what_refers_to_a_secret_is_none(written):
    assert is_reference(written)
    assert not is_reference(written.replace(":", " "))


def test_a_colon_alone_makes_no_reference(resolve):
    assert resolve("canary:with:colons").value == "canary:with:colons"


@pytest.mark.parametrize("bits", [0o604, 0o640, 0o644, 0o660, 0o666], ids=oct)
@pytest.mark.parametrize("what", ["file", "config"])
def test_what_others_can_read_is_refused_with_the_chmod(resolve, file, tmp_path, what, bits):
    path = {"file": file, "config": tmp_path / "config.yaml"}[what]
    path.chmod(bits)
    error = refused(resolve, f"file:{file}" if what == "file" else CANARY)
    assert f"{bits:04o}" in error.brief
    assert error.hint.startswith("Run: chmod 600 ")
    assert str(path) in error.hint


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("env:NOT_THERE", "the variable NOT_THERE, which is not set"),
        ("file:not-there", "No such file"),
        ("cmd:not-there-at-all", "No such file"),
        ("cmd:", "names no command"),
        ("cmd:cat 'x", "No closing quotation"),
        ("cmd:false", "exit status 1"),
        ("cmd:true", "is empty"),
        ("cmd:printf 'a canary\\nb'", "has a line break"),
        ("cmd:printf '\\377'", "is no text"),
        ("env:EMPTY", "is empty"),
        ("keyring:word", "needs keyring:SERVICE/USER"),
        ("cmd:head -c 20001 /dev/zero", "control character"),
    ],
)
def test_one_that_cannot_be_had_is_one_error_that_names_its_place(resolve, tmp_path, written, told):
    error = refused(resolve, written, EMPTY="")
    assert isinstance(error, SecretMissing)
    assert error.brief.startswith(f"{tmp_path / 'config.yaml'}:7: cloud_init.password ")
    assert told in error.brief


def test_no_shell_reads_a_command(resolve, tmp_path):
    assert resolve("cmd:echo $HOME; touch x `id` | cat").value == "$HOME; touch x `id` | cat"
    assert not (Path.cwd() / "x").exists()


def test_what_a_command_says_on_stderr_is_shown(resolve):
    error = refused(resolve, "cmd:sh -c 'echo no key for you >&2; exit 3'")
    assert "exit status 3" in error.brief
    assert error.details == "no key for you"


def test_a_command_that_takes_too_long_is_given_up(resolve, monkeypatch):
    monkeypatch.setattr(secrets, "PATIENCE", 0.01)
    assert "took over" in refused(resolve, "cmd:sleep 60").brief


def test_without_the_library_the_extra_is_named(resolve, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "extra `keyring`" in refused(resolve, "keyring:a/b").hint


def test_a_keyring_without_it_says_how_to_put_it_there(resolve, monkeypatch):
    ring = SimpleNamespace(get_password=lambda *_: None)
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert refused(resolve, "keyring:my pve/root").hint.endswith("keyring set 'my pve' root")


def test_a_short_secret_is_not_looked_for_in_texts():
    masking.register("ab")
    assert masking.masked("abacus") == "abacus"
