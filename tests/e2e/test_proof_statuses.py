"""Every command ends with the status that the documents give it, situation by situation."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
import yaml
from live import CREATE, Live, templated_site

from pvekit.cli.lazy import Entry
from pvekit.cli.root import TABLE, root
from pvekit.lab.site import SiteSpec

DOCUMENT = Path(__file__).parents[2] / "docs/exit-statuses.md"
STRANGER = "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1"
NEW = "vm create --role worker --size small"

Before = Callable[[Live], None]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Two nodes, a template on each, a running VM, a stopped one and a stranger's."""
    with templated_site(tmp_path_factory.mktemp("site"), SiteSpec(nodes=2)) as site:
        site.must(*CREATE, "--name", "web")
        site.must(*CREATE, "--name", "idle")
        site.must("vm", "stop", "idle")
        site.on("pve1", STRANGER)
        hasty = {"readiness_check": {"timeout_seconds": 5}, "timeouts": {"retry": 1, "quorum": 1}}
        yield site.configured("hasty", **hasty)


def order(kind: str, match: str = "", **more: object) -> Before:
    return lambda live: live.order(kind, match, **{"count": -1, **more})


def down(live: Live) -> None:
    for node in ("pve1", "pve2"):
        live.order("node-down", node, how="refused", count=-1)


def one_down(live: Live) -> None:
    live.order("node-down", "pve2", how="refused", count=-1)


def cleared(live: Live) -> None:
    """Let all be well again, and wait until every node that was down has come back."""
    live.clear()
    for _ in range(1000):
        answer = live.pvekit("node", "list", "-o", "json")
        if answer.status == 0 and {row["status"] for row in answer.rows} == {"online"}:
            return
        time.sleep(0.01)
    raise AssertionError(answer)


def nothing(_: Live) -> None:
    """Leave all as it is."""


def started(live: Live) -> None:
    """A node that was down comes back without its guests."""
    live.must("vm", "start", "web")


def half(live: Live) -> None:
    """A creation that was broken off."""
    live.order("link-cut", "qm set", count=-1)
    assert live.pvekit(*NEW.split(), "--name", "half").status == 7
    live.clear()


def without_half(live: Live) -> None:
    """Take back what was broken off, if anything was."""
    for row in live.must("run", "list", "--unfinished", "-o", "json").rows:
        live.must("run", "rollback", row["run"], "--yes")


def leftover(live: Live) -> None:
    folder = "/var/lib/vz/pvekit/images"
    live.on("pve2", f"mkdir -p {folder}; echo x >{folder}/0123-x.img.part")


def two_leftovers_one_locked(live: Live) -> None:
    leftover(live)
    half(live)
    rows = live.must("vm", "list", "--all", "-o", "json").rows
    vmid = next(row["vmid"] for row in rows if row["name"] == "half")
    live.order("lock-held", f"config {vmid}", count=-1)


CASES: list[tuple[str, int, Before]] = [
    ("template build", 0, nothing),
    ("template build --dry-run --detailed-exitcode --rebuild", 10, nothing),
    ("template build --node pve9", 5, nothing),
    ("template build", 7, down),
    ("template list", 0, nothing),
    ("template list", 7, down),
    (f"{NEW} --name web", 0, nothing),
    (f"{NEW} --name web --cpus 7", 6, nothing),
    (f"{NEW} --name stranger", 6, nothing),
    (f"{NEW} --dry-run --detailed-exitcode", 10, nothing),
    (f"{NEW} --node pve9", 5, nothing),
    (f"{NEW} --memory 900G", 8, nothing),
    (f"{NEW} --name late --on-failure rollback", 9, order("guest-silent")),
    (f"{NEW} --name bad --on-failure rollback", 1, order("clone-fails")),
    (f"{NEW} --count 2 --on-failure rollback", 4, order("start-fails", count=1)),
    (f"{NEW} --name bad", 7, down),
    ("size sample", 0, started),
    ("size sample web", 7, order("link-cut", "sh -s -- 100")),
    ("size sample nosuch", 5, nothing),
    ("size sample stranger", 6, nothing),
    ("size sample", 7, down),
    ("vm list", 0, nothing),
    ("vm list", 7, down),
    ("vm show web", 0, nothing),
    ("vm show nosuch", 5, nothing),
    ("vm show web", 7, down),
    ("size review", 0, nothing),
    ("size review nosuch", 5, nothing),
    ("size review stranger", 6, nothing),
    ("size review", 7, down),
    ("vm start web", 0, started),
    ("vm start nosuch", 5, nothing),
    ("vm start stranger", 6, nothing),
    ("vm start idle", 1, order("start-fails")),
    ("vm start web", 7, down),
    ("vm stop idle", 0, nothing),
    ("vm stop nosuch", 5, nothing),
    ("vm stop stranger", 6, nothing),
    ("vm stop web", 7, down),
    ("vm delete nosuch --yes", 5, nothing),
    ("vm delete stranger --yes", 6, nothing),
    ("vm delete web --dry-run", 0, nothing),
    ("vm delete web --yes", 7, down),
    ("vm wait web --timeout 60s", 0, started),
    ("vm wait nosuch --timeout 1s", 5, nothing),
    ("vm wait idle --for running --timeout 1s", 9, nothing),
    ("vm ssh nosuch", 5, nothing),
    ("vm ssh web", 7, down),
    ("place --role worker --size small", 0, nothing),
    ("place --role worker --memory 900G", 8, nothing),
    ("place --role worker --size small", 7, down),
    ("ask a small redis --dry-run", 0, nothing),
    ("ask a small redis --dry-run --detailed-exitcode", 10, nothing),
    ("ask a small redis for the shop --yes", 4, nothing),
    ("ask the moon --yes", 2, nothing),
    ("ask a small redis --out /nowhere/fleet.yaml", 1, nothing),
    ("ask 64 etcd with 400 GB each --dry-run", 8, nothing),
    ("ask a small redis --dry-run", 7, down),
    ("run list", 0, nothing),
    ("run show zzz", 5, nothing),
    ("run resume zzz", 5, nothing),
    ("run rollback zzz --yes", 5, nothing),
    ("run prune", 0, nothing),
    ("gc --yes", 0, leftover),
    ("gc --dry-run", 7, one_down),
    ("gc --dry-run", 7, down),
    ("gc --yes", 4, two_leftovers_one_locked),
    ("node list", 0, nothing),
    ("node show pve1", 0, nothing),
    ("node show nosuch", 5, nothing),
    ("node trust", 0, nothing),
    ("node trust nosuch", 5, nothing),
    ("node trust", 7, down),
    ("doctor", 7, one_down),
    ("explain FAILED", 0, nothing),
    ("explain NOSUCH", 5, nothing),
    ("config validate", 0, nothing),
    ("config view", 0, nothing),
    ("config path", 0, nothing),
    ("config contexts", 0, nothing),
    ("version --nodes", 0, nothing),
    ("version --nodes", 7, down),
    ("schema", 0, nothing),
]


@contextmanager
def situation(live: Live, before: Before):
    try:
        before(live)
        yield
    finally:
        cleared(live)
        without_half(live)


@pytest.mark.parametrize(("words", "status", "before"), CASES)
def test_each_situation_has_its_status(live, words, status, before):
    with situation(live, before):
        answer = live.pvekit(*words.split())
    assert answer.status == status, answer
    assert status in (0, 4, 7, 10) or answer.err, "it says why"


def test_runs_that_were_broken_off(live):
    half(live)
    (row,) = live.must("run", "list", "--unfinished", "-o", "json").rows
    assert live.pvekit("run", "show", row["run"]).status == 0
    down(live)
    assert live.pvekit("run", "resume", row["run"]).status == 7
    cleared(live)
    assert live.pvekit("run", "resume", row["run"]).status == 0
    assert live.pvekit("run", "rollback", row["run"], "--yes").status == 2
    assert live.pvekit("vm", "delete", "half", "--yes").status == 0
    half(live)
    (row,) = live.must("run", "list", "--unfinished", "-o", "json").rows
    down(live)
    assert live.pvekit("run", "rollback", row["run"], "--yes").status == 7
    cleared(live)
    assert live.pvekit("run", "rollback", row["run"], "--yes").status == 0


def leaves() -> list[str]:
    def under(command: click.Command, path: tuple[str, ...]):
        if not isinstance(command, click.Group):
            yield " ".join(path)
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from under(found, (*path, name))

    return [each for each in under(root, ()) if each != "trust"]


@pytest.mark.parametrize("command", leaves())
def test_usage_is_2_for_every_command(live, command):
    answer = live.pvekit(*command.split(), "--no-such-option")
    assert (answer.status, answer.out) == (2, "")


CONFIGURED = [each for each in leaves() if each.split()[0] in ("template", "vm", "node", "gc")]


@pytest.mark.parametrize("command", CONFIGURED)
def test_a_wrong_configuration_is_2(live, command, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({"no_such_key": 1}))
    needs = {"vm show": "x", "vm ssh": "x", "node show": "x", "vm create": "--role w"}
    named = needs.get(command, "x" if command.split()[0] == "vm" and command != "vm list" else "")
    answer = live.pvekit("-c", str(path), *command.split(), *named.split())
    assert answer.status == 2, answer


def test_a_bug_is_3(live, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(TABLE, "crash", Entry("no.such.module:crash", "Crash."))
    answer = live.pvekit("crash")
    assert answer.status == 3
    assert list(tmp_path.glob("pvekit-bug-*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_128_and_its_number(live, number):
    live.order("hang", "sh -s -- /var/lib/vz/pvekit", count=-1)
    live.forget()
    try:
        with live.process("vm", "list") as process:
            while not live.lines() and process.poll() is None:
                time.sleep(0.001)
            os.kill(process.pid, number)
            process.communicate()
    finally:
        live.clear()
    assert process.returncode == 128 + number


# The documents


def documented() -> dict[str, set[int]]:
    rows = re.findall(r"^\| `([a-z -]+)` \| ([0-9, ]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {command: {int(each) for each in told.split(", ")} for command, told in rows}


def test_the_document_names_every_command():
    assert sorted(documented()) == sorted(leaves())


def test_what_is_proven_is_documented():
    for words, status, _ in CASES:
        if status == 2:
            continue  # every command may
        command = next(each for each in documented() if f"{words} ".startswith(f"{each} "))
        assert status in documented()[command], f"{words}: {status}"
