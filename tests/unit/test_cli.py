"""The command line: exit statuses, what goes where, and what is not imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import click
import pytest
import yaml

from pvekit import errors
from pvekit.cli.handler import run
from pvekit.cli.lazy import Entry
from pvekit.cli.root import TABLE, root
from pvekit.lab.inprocess import served_site
from pvekit.lab.site import SiteSpec

STRANGER = "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A standalone node with a template and a stranger's VM, and the home of its user."""
    directory = tmp_path_factory.mktemp("cli")
    with served_site(directory / "lab", SiteSpec(nodes=1, clustered=False)) as served:
        assert served.shell.run_line("pve1", STRANGER)[0] == 0
        with pytest.MonkeyPatch.context() as patch:
            settle(patch, directory, directory / "lab/config.yaml")
            assert run(["-q", "template", "build"]) == 0
        yield directory


def settle(patch, home, config):
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_STATE_HOME", str(home / "state"))
    patch.setenv("PVEKIT_CONFIG", str(config))


@pytest.fixture
def site(lab, monkeypatch):
    settle(monkeypatch, lab, lab / "lab/config.yaml")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No configuration anywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PVEKIT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def commands(command=root, path=()):
    """Yield the words of every command and group."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


def said(capsys, *words):
    """Run a command line; return its status and what it printed."""
    status = run([*map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# Help


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help(nowhere, capsys, path):
    status, out, err = said(capsys, *path, "--help")
    assert status == 0
    assert out.startswith(f"Usage: {' '.join(('pvekit', *path))}")
    assert err == ""
    assert "  " in out.split("\n\n")[1], "it says what it does"


def test_the_commands_are_those_of_the_table():
    groups = [path for path in commands() if len(path) == 1]
    assert [path[0] for path in groups] == list(TABLE)
    assert all(entry.help.endswith(".") for entry in TABLE.values())


def test_help_is_cheap(tmp_path):
    """All helps in one process: none of the heavy libraries is there in the end."""
    code = (
        "import sys\n"
        "from pvekit.cli.handler import run\n"
        f"for path in {[list(path) for path in commands()]}:\n"
        "    assert run([*path, '--help']) == 0\n"
        "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()[-1].split()
    assert loaded[0] == "loaded"
    heavy = {"paramiko", "cryptography", "litellm", "jsonschema", "yaml", "tabulate", "asyncssh"}
    assert not heavy & set(loaded)


def test_the_version_is_told(capsys):
    status, out, _ = said(capsys, "--version")
    assert status == 0
    assert out.startswith("pvekit, version ")


# Usage and configuration: 2


@pytest.mark.parametrize(
    "words",
    [
        "",
        "bogus",
        "vm",
        "vm bogus",
        "vm create",
        "vm create --bogus",
        "vm create --role worker --count 0",
        "vm create --role worker --count many",
        "vm create --role worker --vmid 99",
        "vm create --role worker --vlan 4095",
        "vm create --role worker --network carrier-pigeon",
        "vm create --role worker -o xml",
        "vm create --role worker --memory much",
        "vm create --role worker --disk -5",
        "vm create --role worker --timeout 5y",
        "vm create --role worker --count 2 --name web",
        "vm create --role worker --count 2 --vmid 200",
        "vm show",
        "vm delete",
        "template build a b",
        "run rollback",
        "config bogus",
    ],
)
def test_usage_errors_end_with_2_and_nothing_on_stdout(nowhere, capsys, words):
    status, out, err = said(capsys, *words.split())
    assert status == 2
    assert out == ""
    assert "Error: " in err or err.startswith("Usage: ")


@pytest.mark.parametrize(
    "words",
    [
        "--network static",
        "--ip 10.0.0.20/24",
        "--network static --ip 10.0.0.20",
        "--network static --ip 10.0.0.255/24",
        "--network static --ip 10.0.0.20/24 --gateway 10.9.9.1",
        "--size gigantic",
        "--disk 1",
        "--name under_score",
        "--template nosuch",
        "--linked --storage local",
    ],
)
def test_requests_that_make_no_sense_end_with_2(site, capsys, words):
    status, out, err = said(capsys, "vm", "create", "--role", "worker", *words.split(), "--dry-run")
    assert (status, out) == (2, ""), err
    assert err.startswith("Error: ")


def test_without_a_configuration_the_places_are_named(nowhere, capsys):
    status, _, err = said(capsys, "vm", "list")
    assert status == 2
    assert "PVEKIT_CONFIG" in err
    assert "config.yaml" in err


def test_all_faults_of_a_configuration_are_told(nowhere, capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("proxmox_nodes: 5\nssh_usr: root\n")
    for words in (("config", "validate"), ("vm", "list")):
        status, out, err = said(capsys, "-c", path, *words)
        assert (status, out) == (2, "")
        assert f"{path}:1" in err
        assert "ssh_user" in err


def test_a_valid_configuration_is_said_to_be(site, capsys):
    status, out, err = said(capsys, "config", "validate")
    assert (status, err) == (0, "")
    assert "is valid" in out


@pytest.mark.parametrize(
    ("words", "meant"), [("tempalte list", "template"), ("vmm", "vm"), ("trsut pve1", "")]
)
def test_a_mistyped_command_is_answered_by_the_one_that_is_meant(capsys, words, meant):
    status, _, err = said(capsys, *words.split())
    assert status == 2
    *_, told, explained = err.splitlines()
    assert told.endswith(f"Did you mean {meant!r}?") is bool(meant), err
    assert explained == "explain: pvekit explain USAGE"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "There is no VM of ours with the role zzz; `--all` lists those of others, too."),
        (("--all",), "There is no VM with the role zzz."),
    ],
)
def test_an_empty_list_says_of_what(site, capsys, words, told):
    status, out, err = said(capsys, "vm", "list", "--role", "zzz", *words)
    assert (status, out, err) == (0, "", f"{told}\n")


# Not found: 5, not ours: 6, no capacity: 8


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ("vm show nosuch", 5, "'nosuch'"),
        ("vm show 4711", 5, "'4711'"),
        ("vm start nosuch", 5, "'nosuch'"),
        ("vm show strangr", 5, "Did you mean 'stranger'?"),
        ("vm stop stran*", 5, "-l 'name=stran*'"),
        ("vm stop nosuch", 5, "'nosuch'"),
        ("vm delete nosuch --yes", 5, "'nosuch'"),
        ("vm ssh nosuch", 5, "'nosuch'"),
        ("run rollback zzz --yes", 5, "'zzz'"),
        ("run rollback zzz", 5, "'zzz'"),
        ("run rollback zzz --dry-run", 5, "'zzz'"),
        ("run resume zzz", 5, "'zzz'"),
        ("run show zzz", 5, "'zzz'"),
        ("run prune --older-than 3x", 2, "'3x' is no age"),
        ("template build --node pve9", 5, "pve9"),
        ("vm create --role worker --node pve9 --dry-run", 5, "pve9"),
        ("vm start stranger", 6, "not ours"),
        ("vm stop 150", 6, "does not end with a line `pvekit:v1"),
        ("vm delete stranger --yes", 6, "not ours"),
        ("vm create --role worker --name stranger", 6, "not ours"),
        ("vm create --role worker --vmid 150", 6, "not ours"),
        ("vm create --role worker --memory 900G --dry-run", 8, "placement.memory_ratio"),
        ("vm create --role worker --bridge vmbr9 --dry-run", 8, "no bridge vmbr9"),
        ("vm create --role worker --storage nosuch --dry-run", 8, "no storage nosuch"),
    ],
)
def test_what_cannot_be_done_has_its_own_status(site, capsys, words, status, text):
    ended, out, err = said(capsys, *words.split())
    assert (ended, out) == (status, ""), err
    assert err.startswith("Error: ")
    assert text in err


def test_a_stranger_is_as_it_was(site, lab, capsys):
    said(capsys, "vm", "delete", "stranger", "--yes")
    status, out, _ = said(capsys, "vm", "show", "stranger", "-o", "json")
    assert status == 0
    assert json.loads(out)["ours"] is False


def test_a_site_that_does_not_answer_is_transient(capsys, lab, tmp_path, monkeypatch):
    settle(monkeypatch, lab, tmp_path / "config.yaml")
    data = yaml.safe_load((lab / "lab/config.yaml").read_text())
    data["proxmox_nodes"] = [{**data["proxmox_nodes"][0], "port": 9}]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(data))
    status, out, err = said(capsys, "vm", "list")
    assert (status, out) == (7, "")
    assert "no configured node answers" in err


# Asking


@pytest.mark.parametrize(
    "words",
    [
        "vm create --role worker --count 21",
        "template build --rebuild",
    ],
)
def test_without_a_terminal_nothing_is_asked(site, capsys, words):
    status, out, err = said(capsys, *words.split())
    assert (status, out) == (2, "")
    assert "nobody to ask" in err
    assert "--yes" in err


# Data on stdout


@pytest.mark.parametrize(
    "words",
    ["vm list", "vm list --all", "vm list --role none", "vm show stranger", "template list",
     "run list"],
)  # fmt: skip
def test_data_is_the_same_in_json_and_yaml(site, capsys, words):
    status, as_json, err = said(capsys, *words.split(), "-o", "json")
    assert (status, err) == (0, "")
    status, as_yaml, err = said(capsys, *words.split(), "-o", "yaml")
    assert (status, err) == (0, "")
    assert json.loads(as_json) == yaml.safe_load(as_yaml)


def test_a_table_has_a_head_and_a_row_each(site, capsys):
    _, out, _ = said(capsys, "vm", "list", "--all")
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["NAME", "VMID", "NODE"]
    assert any(line.split()[:3] == ["stranger", "150", "pve1"] for line in lines[1:])


def test_templates_are_no_vms(site, capsys):
    _, out, _ = said(capsys, "vm", "list", "--all", "-o", "json")
    names = {vm["name"] for vm in json.loads(out)["items"]}
    _, out, _ = said(capsys, "template", "list", "-o", "json")
    (template,) = json.loads(out)["items"]
    assert template["current"] is True
    assert template["name"] not in names


def test_a_dry_run_shows_commands_on_stdout_and_changes_nothing(site, capsys):
    words = ("vm", "create", "--role", "worker", "--name", "dry-1", "--dry-run")
    status, out, err = said(capsys, *words)
    assert status == 0
    assert out.startswith("vm/dry-1:\n  pve1: claim ")
    assert "dry-1: VM " in err
    assert said(capsys, *words, "--detailed-exitcode")[0] == 10
    assert said(capsys, "vm", "show", "dry-1")[0] == 5


def test_nothing_to_do_is_0_even_in_detail(site, capsys):
    status, out, _ = said(capsys, "template", "build", "--dry-run", "--detailed-exitcode")
    assert status == 0
    assert "Nothing to do." in out


def test_create_show_and_delete_a_vm(site, capsys):
    create = ("vm", "create", "--role", "worker", "--size", "small", "--name", "web-7")
    status, out, err = said(capsys, *create, "-o", "json")
    assert status == 0, err
    (vm,) = json.loads(out)["items"]
    assert (vm["name"], vm["state"], vm["node"], vm["error"]) == ("web-7", "ready", "pve1", None)
    assert {"clone", "ssh", "cloud-init"} <= vm["stages"].keys()
    assert vm["placement"]
    assert "web-7: clone" in err, "progress goes to stderr"
    status, _, err = said(capsys, *create)
    assert status == 0
    assert "nothing to do" in err
    status, _, err = said(capsys, *create, "--cpus", "7")
    assert status == 6
    assert "cpus: asked for 7, is 1" in err
    status, out, err = said(capsys, "-q", "vm", "delete", "web-7", "--yes")
    assert (status, out, err) == (0, "", "")
    assert said(capsys, "vm", "show", "web-7")[0] == 5


def test_verbose_shows_the_remote_commands_on_stderr(site, capsys):
    status, out, err = said(capsys, "-vv", "vm", "list", "-o", "json")
    assert status == 0
    assert json.loads(out)["kind"] == "VmList"
    assert "[pve1]" in err
    assert "sh -s -- " in err


# Whatever else may happen


class Happening(Exception):
    """What the next call of the command ``crash`` raises."""

    next: BaseException


@click.command()
def crash() -> None:
    """Raise whatever a test wants."""
    raise Happening.next


@pytest.fixture
def crashing(monkeypatch, tmp_path):
    monkeypatch.setitem(TABLE, "crash", Entry(f"{__name__}:crash", "Raise."))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def raising(error):
        monkeypatch.setattr(Happening, "next", error, raising=False)

    return raising


def test_a_bug_ends_with_3_and_its_traceback_in_a_file(crashing, capsys, tmp_path):
    crashing(ZeroDivisionError("of all things"))
    status, out, err = said(capsys, "crash")
    assert (status, out) == (3, "")
    (path,) = tmp_path.glob("pvekit-bug-*.txt")
    assert str(path) in err
    assert "Traceback" not in err
    assert "ZeroDivisionError: of all things" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.PvekitError, 1),
        (errors.UsageError, 2),
        (errors.NotFound, 5),
        (errors.Conflict, 6),
        (errors.IdTaken, 6),
        (errors.Transient, 7),
        (errors.LockTimeout, 7),
        (errors.QuorumLost, 7),
        (errors.NoCapacity, 8),
        (errors.NotReady, 9),
        (errors.GoalNotReached, 1),
    ],
)
def test_each_error_has_its_final_status(crashing, capsys, kind, status):
    crashing(kind("It went wrong.", details="first\nsecond", hint="Do this."))
    assert said(capsys, "crash") == (
        status,
        "",
        "Error: It went wrong.\n  first\n  second\nHint: Do this.\n"
        f"explain: pvekit explain {kind.id}\n",
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130(crashing, capsys, error):
    crashing(error)
    status, out, _ = said(capsys, "crash")
    assert (status, out) == (130, "")


def test_a_closed_pipe_is_no_bug(tmp_path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "pvekit", "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
    assert done.returncode == 1
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["config validate", "doctor"])
def test_a_limit_of_costs_that_holds_nothing_back_is_told(site, monkeypatch, capsys, command):
    from pvekit.operations import size_model

    monkeypatch.setattr(size_model, "installed", lambda: False)
    monkeypatch.setenv("PVEKIT_LLM__MODEL", "openai/unheard-of")
    monkeypatch.setenv("PVEKIT_LLM__MAX_COST_USD__DAY", "1")
    told = "llm.max_cost_usd holds nothing back: nobody knows what openai/unheard-of costs"
    status, out, err = said(capsys, *command.split())
    assert (status, told in out + err) == (0, True)
    for key in ("INPUT", "OUTPUT"):
        monkeypatch.setenv(f"PVEKIT_LLM__PRICE_PER_MILLION__{key}", "0")
    status, out, err = said(capsys, *command.split())
    assert (status, told in out + err) == (0, False)
