"""The scripts that nodes run, under this machine's real /bin/sh over a temporary tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256, sha512
from pathlib import Path
from types import SimpleNamespace

import pytest

from pvekit.errors import UnreadableAnswer
from pvekit.journal import Store
from pvekit.operations.carrying import forget_jobs
from pvekit.plan import Change, Guard
from pvekit.pve import act, counters, faults, local, qm, rates, scripts, state, stored
from pvekit.pve.claims import Claim
from pvekit.pve.conf import encode
from pvekit.pve.mark import Mark
from pvekit.pve.scripts import script
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.shell import Command, Result, Secret

ROOTS = ("/etc/pve", "/run/pvekit", "/run/qemu-server", "/var/lock")
VM = Guard("vm", 101, "web-1")
OF_RUN = Guard("vm", 101, "web-1", "7f3a")
TEMPLATE = Guard("template", 9000, "base")
BUILD = Guard("build", 9000, "base")
UNFINISHED = Guard("unfinished", 101, "web-1", "7f3a")
HELD = 97


@dataclass(frozen=True)
class Node:
    """A temporary tree that the scripts take for a node's root, and its programs."""

    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root)}

    def path(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    def run(self, command: Command) -> Result:
        """Send a command as SSH does: one line for a shell, its input on stdin."""
        done = subprocess.run(
            ["/bin/sh", "-c", command.line()],
            input=self.here(command.input().decode()).encode(),
            capture_output=True,
            env=self.environ,
            timeout=60,
            check=False,
        )
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        return Result(command, done.returncode, out.replace(str(self.root), ""), err)

    def here(self, text: str) -> str:
        for root in ROOTS:
            text = text.replace(root, str(self.path(root)))
        return text

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def config(self, vmid: int, text: str, node: str = "pve1") -> None:
        self.path(f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf").write_text(text)

    def claim(self, run: str, vmid: int = 101, name: str = "web-1") -> Result:
        line = Claim("", "vmid", str(vmid), run=run, vmid=vmid, name=name).to_line().strip()
        return self.run(script("claim", run, line, f"vmid-{vmid}", f"name-{name}"))

    def claims(self) -> set[str]:
        return {path.name for path in self.path("/etc/pve/priv/pvekit").glob("*")}

    def called(self) -> list[str]:
        """What ``qm`` was called with, and what it read."""
        log = self.path("/calls")
        return log.read_text().splitlines() if log.exists() else []

    def job(self, identity: str) -> act.Job:
        return act.jobs(self.run(script("jobs", identity)).out).get(identity, act.Job())

    def ended(self, identity: str) -> act.Job:
        while (job := self.job(identity)).state == "running":
            time.sleep(0.005)
        return job


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    for folder in ("nodes/pve1/qemu-server", "nodes/pve2/qemu-server", "priv"):
        made.path(f"/etc/pve/{folder}").mkdir(parents=True)
    made.path("/etc/pve/qemu-server").symlink_to("nodes/pve1/qemu-server")
    made.path("/etc/pve/local").symlink_to("nodes/pve1")
    for folder in ("/run/qemu-server", "/var/lock/qemu-server", "/bin"):
        made.path(folder).mkdir(parents=True)
    made.program("qm", 'read -r input; echo "$*${input:+ <$input>}" >>"$ROOT/calls"')
    return made


def marked(vmid=101, name="web-1", kind="vm", run="7f3a", more="", named=None):
    line = encode(Mark(kind, vmid, name, run=run).to_line())
    return f"#{line}\nmemory: 512\nname: {named or name}\n{more}"


def sent(node, change, job="-"):
    return node.run(act.sent(change, job))


# The guards of act.sh


def test_a_password_is_read_twice_and_stands_in_no_process(node):
    """What ``ps`` shows to every user of a node, and the environment, at the moment of the change."""
    node.config(101, marked())
    node.program(
        "qm",
        'read -r one; read -r two; echo "$* <$one> <$two>" >>"$ROOT/calls"\n'
        'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" >"$ROOT/ps"\n'
        'cat /proc/$$/environ /proc/$PPID/environ >"$ROOT/environ"',
    )
    secret = "$6$canary$hunter2/canary.hash"
    assert sent(node, qm.password(VM, Secret(secret))).ok
    pattern = r"set 101 --cipassword --digest [0-9a-f]{40} <(.*)> <(.*)>"
    assert re.fullmatch(pattern, node.called()[0]).groups() == (secret, secret)
    seen = node.path("/ps").read_text() + node.path("/environ").read_text()
    assert "--cipassword" in seen
    for form in (secret, "canary", b64encode(f"{secret}\n".encode() * 2).decode()):
        assert form not in seen


def test_a_password_is_not_sent_to_a_stranger(node):
    node.config(101, marked(name="other"))
    assert sent(node, qm.password(VM, Secret("x"))).exit_status == 96
    assert node.called() == []


def test_what_is_ours_is_changed(node):
    node.config(101, marked())
    assert sent(node, qm.configure(VM, {"cores": 2}, stdin="a key\n")).ok
    digest = r"--digest [0-9a-f]{40}"
    assert re.fullmatch(rf"set 101 --cores 2 {digest} <a key>", node.called()[0])


def test_a_disk_grows_only_as_it_was_looked_at(node):
    node.config(101, marked())
    found = state.read(node.run(script("state", 101)).out)
    assert sent(node, replace(qm.resize(VM, "scsi0", 40), job=False)).ok
    digest = found.vms[101].config.digest
    assert node.called() == [f"disk resize 101 scsi0 40G --digest {digest}"]


def test_the_digest_is_that_of_the_config_that_was_looked_at(node):
    node.config(101, marked())
    found = state.read(node.run(script("state", 101)).out)
    sent(node, qm.configure(VM, {"cores": 2}))
    assert node.called() == [f"set 101 --cores 2 --digest {found.vms[101].config.digest}"]


@pytest.mark.parametrize(
    ("guard", "config"),
    [
        pytest.param(VM, "name: web-1\nmemory: 512\n", id="no mark"),
        pytest.param(VM, marked(vmid=999), id="a copied mark: another vmid"),
        pytest.param(VM, marked(named="copy-of-web-1"), id="a copied mark: another name"),
        pytest.param(VM, marked(name="web-10"), id="a name that ours begins"),
        pytest.param(VM, marked(more="template: 1\n"), id="a template is no VM"),
        pytest.param(VM, f"#not the last line\n{marked()}#my notes\n", id="not the last line"),
        pytest.param(VM, f"name: web-1\n[snap]\n{marked()}", id="in a snapshot"),
        pytest.param(VM, "", id="an empty config"),
        pytest.param(TEMPLATE, marked(9000, "base", "template"), id="not a template yet"),
        pytest.param(TEMPLATE, marked(9000, "base", more="template: 1\n"), id="no template's mark"),
        pytest.param(BUILD, marked(9000, "base"), id="not our build"),
        pytest.param(UNFINISHED, marked(run="other"), id="another run's VM"),
        pytest.param(OF_RUN, marked(run="other"), id="another run's finished VM"),
        pytest.param(UNFINISHED, "lock: clone\n", id="a stub without a claim"),
        pytest.param(UNFINISHED, "name: web-1\n", id="a stranger without a mark"),
        pytest.param(Guard("friend", 101, "web-1"), marked(), id="a guard that is not known"),
    ],
)
def test_a_stranger_is_refused(node, guard, config):
    node.config(guard.vmid, config)
    result = sent(node, Change(Command(("qm", "destroy", guard.vmid)), guard=guard))
    assert result.exit_status == 96
    assert result.err.startswith(f"pvekit-refused: VM {guard.vmid} (")
    assert node.called() == []


def test_a_vm_that_was_moved_is_refused(node):
    node.config(101, marked(), node="pve2")
    result = sent(node, qm.start(VM), "j1")
    assert result.err == "pvekit-refused: VM 101 is not on this node\n"
    assert node.job("j1").state == "none"
    assert faults.failure(result, what="start it", node="pve1").exit_status == 6


@pytest.mark.parametrize(
    ("guard", "config"),
    [
        pytest.param(VM, f"#notes above\n{marked()}", id="notes above the mark"),
        pytest.param(VM, f"{marked()}[snap]\n#other notes\nname: old\n", id="with a snapshot"),
        pytest.param(VM, marked().rstrip("\n"), id="no newline at the end"),
        pytest.param(VM, marked().replace("%3A", ":"), id="an unescaped colon"),
        pytest.param(TEMPLATE, marked(9000, "base", "template", more="template: 1\n"), id="tmpl"),
        pytest.param(BUILD, marked(9000, "base", "template"), id="build"),
        pytest.param(UNFINISHED, marked(), id="marked by this run"),
    ],
)
def test_ours_is_recognised(node, guard, config):
    node.config(guard.vmid, config)
    assert sent(node, Change(Command(("qm", "stop", guard.vmid)), guard=guard)).ok
    assert node.called() == [f"stop {guard.vmid}"]


def test_the_remains_of_a_clone_are_unlocked_under_the_runs_claim_only(node):
    node.claim("7f3a")
    node.config(101, "#qmclone temporary file\nlock: clone\n")
    other = Guard("unfinished", 101, "web-1", "8888")
    assert sent(node, Change(Command(("qm", "destroy", 101)), guard=other)).exit_status == 96
    assert sent(node, Change(Command(("qm", "destroy", 101)), guard=UNFINISHED)).ok
    assert node.called() == ["unlock 101", "destroy 101"]


def test_remains_that_are_unlocked_already_can_still_be_removed(node):
    node.claim("7f3a")
    node.config(101, "# qmclone temporary file\n")
    assert sent(node, Change(Command(("qm", "destroy", 101)), guard=UNFINISHED)).ok
    assert node.called() == ["destroy 101"]


def test_a_backup_of_an_unfinished_vm_is_not_unlocked(node):
    node.config(101, marked(more="lock: backup\n"))
    sent(node, Change(Command(("qm", "destroy", 101)), guard=UNFINISHED))
    assert node.called() == ["destroy 101"]


def test_a_clone_that_still_runs_is_left_alone(node):
    node.claim("7f3a")
    node.config(101, "lock: clone\n")
    lock = node.path("/var/lock/qemu-server/lock-101.conf")
    with subprocess.Popen(["flock", str(lock), "cat"], stdin=subprocess.PIPE) as holder:
        while subprocess.run(["flock", "-n", str(lock), "true"]).returncode == 0:
            time.sleep(0.005)
        result = sent(node, Change(Command(("qm", "destroy", 101)), guard=UNFINISHED))
        holder.stdin.close()
    assert result.err == "pvekit-refused: VM 101 is still being made\n"
    assert faults.failure(result, what="x", node="pve1").exit_status == 7


def test_the_guard_sees_what_the_state_sees(node):
    """Guard and goal are written twice, in two languages: they must agree."""
    configs = (
        marked(),
        marked(vmid=999),
        marked(named="other"),
        marked(run="other"),
        marked(more="template: 1\n"),
        f"#notes\n{marked()}",
        f"{marked()}#\n",
        "name: web-1\n",
        "# qmclone temporary file\nlock: clone\n",
        "# qmclone temporary file\n",
        "lock: create\n",
        "lock: destroyed\n",
        "lock: clone\nname: web-1\n",
        "lock: create\nmemory: 128\n",
        f"{marked()}lock: clone\n",
        "\n",
        f"name: web-1\n[snap]\n{marked()}",
    )
    node.claim("7f3a")
    for config in configs:
        node.config(101, config)
        now = state.read(node.run(script("state", 101)).out)
        stop = Command(("qm", "stop", 101))
        if not now.vms[101].config.lock:  # a locked one is qm's to refuse
            assert sent(node, Change(stop, guard=OF_RUN)).ok is now.ours(101, "web-1", "7f3a"), (
                config
            )
        assert sent(node, Change(stop, guard=UNFINISHED)).ok is now.made_by("7f3a", 101), config


# Jobs


def test_a_job_tells_output_error_and_status(node):
    node.program("qm", "echo one; echo 'two  words'; echo oops >&2; exit 3")
    assert sent(node, qm.create(101, {}), "j1").ok
    job = node.ended("j1")
    assert (job.state, job.status, job.out, job.err) == ("done", 3, "one\ntwo  words", "oops")


def test_a_job_reads_its_input(node):
    change = Change(Command(("qm", "x"), stdin="ssh-ed25519 AAAA key\n"), job=True)
    sent(node, change, "j1")
    assert node.ended("j1").state == "done"
    assert node.called() == ["x <ssh-ed25519 AAAA key>"]


def test_a_job_outlives_the_link_and_is_found_again(node):
    node.program("qm", 'mkfifo "$ROOT/gate"; echo begun; read -r x <"$ROOT/gate"; exit 4')
    assert sent(node, qm.create(101, {}), "j1").ok
    job = node.job("j1")
    while not job.out:
        job = node.job("j1")
    assert (job.state, job.out) == ("running", "begun")
    with node.path("/gate").open("w") as gate:
        gate.write("go\n")
    assert node.ended("j1").status == 4


def test_a_job_is_out_of_reach_of_the_links_signals(node):
    node.program("qm", 'ps -o sid= -p $$; ps -o tty= -p $$; echo "$ROOT" >/dev/null')
    sent(node, qm.create(101, {}), "j1")
    sid, tty = node.ended("j1").out.split("\n")
    assert int(sid) != os.getsid(0)
    assert tty == "?"


def test_a_job_that_went_well_runs_once(node):
    for _ in range(3):
        assert sent(node, qm.create(101, {}), "j1").ok
        assert node.ended("j1").status == 0
    assert node.called() == ["create 101"]


def test_a_job_is_started_once_however_many_ask(node):
    node.program("qm", 'echo once >>"$ROOT/calls"; mkdir "$ROOT/began"; read -r x <"$ROOT/gate"')
    os.mkfifo(node.path("/gate"))
    change = qm.create(101, {})
    with ThreadPoolExecutor(20) as pool:
        assert all(result.ok for result in pool.map(lambda _: sent(node, change, "j1"), range(20)))
    assert node.job("j1").state == "running"
    node.path("/gate").write_text("go\n")
    assert node.ended("j1").status == 0
    assert node.called() == ["once"]


def test_a_failed_job_can_run_again(node):
    node.program("qm", 'echo try >>"$ROOT/calls"; test -e "$ROOT/mended"')
    sent(node, qm.create(101, {}), "j1")
    assert node.ended("j1").status == 1
    node.path("/mended").touch()
    sent(node, qm.create(101, {}), "j1")
    assert node.ended("j1").status == 0
    assert node.called() == ["try", "try"]


def test_a_failed_job_runs_again_once_however_many_ask(node):
    node.program("qm", 'echo try >>"$ROOT/calls"; test -e "$ROOT/gate" && read -r x <"$ROOT/gate"')
    change = qm.create(101, {})
    for name in map(str, range(5)):
        sent(node, change, name)
        assert node.ended(name).status == 1
    os.mkfifo(node.path("/gate"))
    for tried, name in enumerate(map(str, range(5)), start=6):
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda _, job=name: sent(node, change, job), range(20)))
        node.path("/gate").write_text("go\n")
        assert node.ended(name).status == 0
        assert len(node.called()) == tried


def killed(node, job):
    """Start a job whose process is killed before its end."""
    node.program("qm", 'echo begun; read -r x <"$ROOT/gate"')
    os.mkfifo(node.path("/gate"))
    sent(node, qm.create(101, {}), job)
    while not node.job(job).out:
        pass
    pid = node.path(f"/run/pvekit/jobs/{job}/pid").read_text().split()[0]
    os.killpg(int(pid), 9)
    return node.ended(job)


def test_a_job_that_was_killed_is_dead_and_can_run_again(node):
    assert killed(node, "j1").state == "dead"
    node.program("qm", "echo better")
    sent(node, qm.create(101, {}), "j1")
    assert node.ended("j1") == act.Job("done", 0, "better")


def test_a_process_that_has_a_dead_jobs_pid_is_not_the_job(node):
    killed(node, "j1")
    node.path("/run/pvekit/jobs/j1/pid").write_text(f"{os.getpid()} 1\n")
    assert node.job("j1").state == "dead"


def test_a_job_that_was_never_started_is_dead_after_a_while_and_can_run(node):
    """Who was to start it died right after he had claimed it; it was joined for ever."""
    folder = node.path("/run/pvekit/jobs/j1")
    folder.mkdir(parents=True)
    assert node.job("j1").state == "running"
    assert sent(node, qm.start(VM), "j1").exit_status in (0, 96)
    os.utime(folder, (time.time() - 100, time.time() - 100))
    assert node.job("j1").state == "dead"
    node.config(101, marked())
    assert sent(node, qm.start(VM), "j1").ok
    assert node.ended("j1").state == "done"
    assert node.called() == ["start 101"]
    folder = node.path("/run/pvekit/jobs/j2")
    folder.mkdir()
    os.utime(folder, (time.time() - 100, time.time() - 100))
    result = node.run(script("forget", "none-of-these", "j2"))
    assert (result.ok, result.out, result.err) == (True, "", "")
    assert not folder.exists()


def test_jobs_are_told_apart(node):
    node.program("qm", "echo $1-$2")
    for number in (1, 2):
        sent(node, Change(Command(("qm", "x", number)), job=True), f"j{number}")
        node.ended(f"j{number}")
    found = act.jobs(node.run(script("jobs", "j1", "j2", "j3")).out)
    assert {name: (job.state, job.out) for name, job in found.items()} == {
        "j1": ("done", "x-1"),
        "j2": ("done", "x-2"),
        "j3": ("none", ""),
    }


def test_a_jobs_files_are_private_but_what_it_makes_is_not(node):
    node.program("qm", 'touch "$ROOT/made"')
    sent(node, qm.create(101, {}), "j1")
    node.ended("j1")
    folder = node.path("/run/pvekit/jobs/j1")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "in").stat().st_mode & 0o777 == 0o600
    assert node.path("/made").stat().st_mode & 0o777 == 0o644


def test_ended_jobs_are_forgotten_and_running_ones_kept(node):
    sent(node, qm.create(101, {}), "done")
    node.ended("done")
    killed(node, "dead")
    sent(node, qm.create(101, {}), "running")
    assert node.run(script("forget", "done", "dead", "running", "never")).out == "running running\n"
    assert [node.job(name).state for name in ("done", "dead", "running")] == [
        "none",
        "none",
        "running",
    ]
    node.path("/gate").write_text("go\n")
    node.ended("running")


def test_a_run_that_ends_waits_for_the_last_words_of_its_jobs(node, tmp_path):
    node.program("qm", 'read -r x <"$ROOT/gate"')
    os.mkfifo(node.path("/gate"))
    sent(node, qm.create(101, {}), "late")
    pauses = []
    now = [0.0]

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds
        node.path("/gate").write_text("go\n")
        node.ended("late")

    journal = Store(tmp_path / "runs").begin("vm stop", {})
    journal.job("pve1", "late")
    site = SimpleNamespace(shell=lambda place: node)
    clock = Clock(lambda: now[0], sleep)
    forget_jobs(SimpleNamespace(site=site, clock=clock, policy=Policy()), journal)
    assert pauses == [0.5]
    assert node.job("late").state == "none"


# Claims


def test_claims_are_taken_all_or_none(node):
    assert node.claim("7f3a").ok
    result = node.claim("8888", vmid=102, name="web-1")
    assert result.exit_status == HELD
    assert result.err.startswith("pvekit-held: name-web-1 {")
    assert node.claims() == {"vmid-101", "name-web-1"}
    assert faults.failure(result, what="claim", node="pve1").exit_status == 6


def test_one_of_many_wins_a_claim(node):
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda n: node.claim(f"run{n}"), range(20)))
    assert sorted(result.exit_status for result in results) == [0] + [HELD] * 19
    winner = next(f"run{n}" for n, result in enumerate(results) if result.ok)
    now = state.read(node.run(script("state", 101, "name-web-1")).out)
    assert {name: claim.run for name, claim in now.claims.items()} == {
        "vmid-101": winner,
        "name-web-1": winner,
    }


def test_a_runs_own_claim_counts_as_taken(node):
    assert node.claim("7f3a").ok
    assert node.claim("7f3a").ok
    assert node.claim("7f3").exit_status == HELD


CLAIM = "$ROOT/etc/pve/priv/pvekit/vmid-101"


@pytest.fixture
def empty(node):
    """A node with a claim that is made, but not written yet."""
    node.path("/etc/pve/priv/pvekit").mkdir()
    node.path("/etc/pve/priv/pvekit/vmid-101").touch()
    return node


@pytest.mark.parametrize("seconds", [3, 2], ids=["before", "after"])
def test_a_claim_that_gets_its_content_is_held(empty, seconds):
    """Another claimer writes before this one does, or after it."""
    theirs = """echo '{"run":"8888"}'"""
    empty.program("sleep", f'[ "$1" != {seconds} ] || {theirs} >"{CLAIM}"')
    assert empty.claim("7f3a").exit_status == HELD
    assert empty.claims() == {"vmid-101"}
    assert "8888" in empty.path("/etc/pve/priv/pvekit/vmid-101").read_text()
    assert empty.run(script("release", "7f3a", "vmid-101")).ok
    assert empty.claims() == {"vmid-101"}


def test_a_claim_that_stays_empty_is_taken_over(empty):
    empty.program("sleep", "")
    assert empty.claim("7f3a").ok
    now = state.read(empty.run(script("state", 101, "name-web-1")).out)
    assert {name: claim.run for name, claim in now.claims.items()} == {
        "vmid-101": "7f3a",
        "name-web-1": "7f3a",
    }


def test_a_claim_that_stays_empty_is_seen_and_given_up(empty):
    empty.program("sleep", "")
    assert state.read(empty.run(script("state", "vmid-101")).out).claims["vmid-101"].run == ""
    assert empty.run(script("release", "7f3a", "vmid-101")).ok
    assert empty.claims() == set()


def test_claims_survive_text_of_all_kinds(node):
    line = json.dumps({"run": "7f3a", "name": "a\\nb %s $(id) `id` 'x' é"}, ensure_ascii=False)
    assert node.run(script("claim", "7f3a", line, "vmid-101")).ok
    assert node.path("/etc/pve/priv/pvekit/vmid-101").read_text() == f"{line}\n"


def test_claims_are_given_up_by_their_holder_only(node):
    node.claim("7f3a")
    assert node.run(script("release", "8888", "vmid-101", "name-web-1")).ok
    assert node.claims() == {"vmid-101", "name-web-1"}
    assert node.run(script("release", "7f3a", "vmid-101", "name-web-1", "ip-10.0.0.9")).ok
    assert node.claims() == set()


def test_a_folder_that_cannot_be_made_means_no_quorum(node):
    node.path("/etc/pve/priv").rmdir()
    result = node.claim("7f3a")
    assert result.exit_status == 98
    assert faults.failure(result, what="claim", node="pve1").exit_status == 7


# State


def test_state_tells_configs_of_all_nodes_and_the_claims_that_are_asked_for(node):
    node.claim("7f3a", vmid=103, name="web-3")
    node.claim("7f3a", vmid=104, name="web-4")
    node.config(101, marked())
    node.config(102, marked(102, "web-2"), node="pve2")
    now = state.read(node.run(script("state", 101, 102, 104, "name-web-3", "ip-10.0.0.9")).out)
    assert {vmid: found.node for vmid, found in now.vms.items()} == {101: "pve1", 102: "pve2"}
    assert now.ours(102, "web-2", "7f3a")
    assert {name: claim.vmid for name, claim in now.claims.items()} == {
        "vmid-104": 104,
        "name-web-3": 103,
    }


def test_state_takes_only_a_living_guest_for_running(node):
    pid = node.path("/run/qemu-server/101.pid")
    words = ["sh", "-c", "read -r x", "kvm", "-id", "101", "-name", "web-1"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as guest:
        pid.write_text(f"{guest.pid}\n")
        node.path("/run/qemu-server/102.pid").write_text(f"{guest.pid}\n")
        now = state.read(node.run(script("state", 101, 102, 103)).out)
        guest.stdin.close()
    assert now.running == {101}
    assert state.read(node.run(script("state", 101)).out).running == set()


def test_a_sample_counts_what_a_living_guest_has_used(node):
    said = json.dumps({"out-data": "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n"}, indent=2)
    node.program("qm", f"echo $3 >>$ROOT/asked\n[ $3 != 103 ] || exit 9\ncat <<'E'\n{said}\nE")
    # A name may hold anything: the figures stand after its last bracket.
    work = "n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); done; read -r x"
    words = ["sh", "-c", work, "kvm", "-id", "{}", "-name", "a) b (c"]
    with ExitStack() as stack:
        for vmid in (101, 102, 103):
            mine = [word.format(vmid) for word in words]
            guest = stack.enter_context(subprocess.Popen(mine, stdin=subprocess.PIPE))
            node.path(f"/run/qemu-server/{vmid}.pid").write_text(f"{guest.pid}\n")
        node.path("/run/qemu-server/104.pid").write_text(f"{guest.pid}\n")
        node.path("/run/qemu-server/105.pid").write_text("")
        asked = script("sample", 101, 103, 104, 105, 106, "-", 102)
        result = node.run(asked)
        found = counters.parse(result.out)
        again = counters.parse(node.run(asked).out)
    assert result.err == ""
    assert found.keys() == {101, 102, 103}
    assert [each.memory and each.memory.used_mb for each in found.values()] == [1, None, None]
    assert sorted(node.path("/asked").read_text().split()) == ["101", "101", "103", "103"]
    for vmid, each in again.items():
        assert each.process == found[vmid].process > 0
        assert each.cpu_seconds >= found[vmid].cpu_seconds
        assert abs(each.at - time.time()) < 60


def test_state_asked_of_nothing_is_empty_and_no_error(node):
    result = node.run(script("state"))
    assert (result.ok, result.out, result.err) == (True, "end\n", "")


@pytest.mark.parametrize(
    ("name", "read"),
    [("state 101", state.read), ("local /images", local.read)],
)
def test_nothing_is_told_where_the_cluster_file_system_is_away(node, name, read):
    node.config(101, marked())
    read(node.run(script(*name.split())).out)
    node.path("/etc/pve").rename(node.path("/etc/away"))
    node.path("/etc/pve").mkdir()
    result = node.run(script(*name.split()))
    assert result.ok
    with pytest.raises(UnreadableAnswer):
        read(result.out)


# Downloads, files, the first boot

IMAGE = b"image\x00" * 1000
_TARGET = 'while [ "$1" != -O ]; do shift; done'


@pytest.mark.parametrize("algorithm", [sha256, sha512])
def test_a_download_is_verified_then_named(node, algorithm):
    node.path("/image").write_bytes(IMAGE)
    node.program("wget", f'{_TARGET}; cp "$ROOT/image" "$2"')
    target = node.path("/var/images/x.img")
    want = algorithm(IMAGE)
    result = node.run(script("fetch", "http://x/x.img", want.name, want.hexdigest(), str(target)))
    assert result.ok, result.err
    assert target.read_bytes() == IMAGE
    assert list(target.parent.iterdir()) == [target]


def test_a_wrong_sum_removes_the_file_and_shows_both(node):
    node.path("/image").write_bytes(IMAGE)
    node.program("wget", f'{_TARGET}; cp "$ROOT/image" "$2"')
    target = node.path("/var/images/x.img")
    result = node.run(script("fetch", "http://x/x.img", "sha256", "0" * 64, str(target)))
    assert result.exit_status == 1
    assert sha256(IMAGE).hexdigest() in result.err
    assert "0" * 64 in result.err
    assert list(target.parent.iterdir()) == []


def test_a_download_that_breaks_leaves_nothing(node):
    node.program("wget", f'{_TARGET}; echo half >"$2"; exit 4')
    target = node.path("/var/images/x.img")
    result = node.run(script("fetch", "http://x/x.img", "sha256", "0" * 64, str(target)))
    assert result.exit_status == 1
    assert result.err == "cannot download http://x/x.img (status 4)\n"
    assert list(target.parent.iterdir()) == []


JOB = "0123456789abcdef0123"
MEMBERS = """\
{
"nodename": "pve2",
"nodelist": {
  "pve1": { "id": 1, "online": 1, "ip": "10.0.0.1"},
  "pve2": { "id": 2, "online": 1, "ip": "fe80::2"}
  }
}
"""
_SSH = 'echo "$*" >>"$ROOT/calls"; while [ $# -gt 1 ]; do shift; done; PATH="$ROOT/there:$PATH"'


@pytest.fixture
def member(node):
    """A node whose ``ssh`` reaches a member of its cluster, which is this machine."""
    node.path("/etc/pve/.members").write_text(MEMBERS)
    node.path("/etc/pve/nodes/pve1/ssh_known_hosts").write_text("pve1 ssh-ed25519 AAAA\n")
    node.program("ssh", f'{_SSH}; eval "$1"')
    node.program("sleep", "")
    node.path("/image").write_bytes(IMAGE)
    node.path("/var/images").mkdir(parents=True)
    node.program("wget", f'echo wget >>"$ROOT/calls"; {_TARGET}; cp "$ROOT/image" "$2"')
    return node


def fetched(node, source: str = "pve1") -> Result:
    """Fetch into a folder of its own: the member has the image at the same path, if it has it."""
    there, here = node.path("/var/images/x.img"), node.path("/here/x.img")
    text = script("fetch", "http://x/x.img", "sha256", sha256(IMAGE).hexdigest(), here, source, JOB)
    say = text.input().decode().replace('"$path" "$job" | member', f'{there} "$job" | member')
    assert str(there) in say
    return node.run(replace(text, stdin=say))


def test_an_image_comes_from_a_member_that_has_it(member):
    member.path("/var/images/x.img").write_bytes(IMAGE)
    result = fetched(member)
    assert (result.ok, result.out, result.err) == (True, "from pve1\n", "")
    assert member.path("/here/x.img").read_bytes() == IMAGE
    assert [path.name for path in member.path("/here").iterdir()] == ["x.img"]
    call = "\n".join(member.called())
    assert call.startswith("-e none -T -o BatchMode=yes -o StrictHostKeyChecking=yes ")
    assert " -o HostKeyAlias=pve1 " in call
    assert "/etc/pve/nodes/pve1/ssh_known_hosts -o GlobalKnownHostsFile=none " in call
    assert call.count(" root@10.0.0.1 ") == 1
    assert "wget" not in call


def test_without_a_key_file_of_its_own_ssh_knows_a_member_by_itself(member):
    member.path("/etc/pve/nodes/pve1/ssh_known_hosts").unlink()
    member.path("/var/images/x.img").write_bytes(IMAGE)
    assert fetched(member).ok
    assert "KnownHostsFile" not in member.called()[0]
    assert "-o HostKeyAlias=pve1" in member.called()[0]


@pytest.mark.parametrize("name", ["pve9", "pve", ".*", ""])
def test_what_is_no_member_is_not_asked(member, name):
    member.path("/var/images/x.img").write_bytes(IMAGE)
    result = fetched(member, name)
    assert result.ok
    assert member.called() == ["wget"]


def test_it_waits_while_the_members_job_is_at_work(member):
    job = member.path(f"/run/pvekit/jobs/{JOB}")
    job.mkdir(parents=True)
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    (job / "pid").write_text(f"{os.getpid()} {stat[19]}\n")
    image, count = member.path("/var/images/x.img"), member.path("/looks")
    member.program(
        "sleep",
        f'echo >>"{count}"; [ $(wc -l <"{count}") -lt 90 ] || cp "{member.path("/image")}" "{image}"',
    )
    result = fetched(member)
    assert (result.ok, result.out) == (True, "from pve1\n")
    assert "wget" not in member.called()


@pytest.mark.parametrize("job", ["none", "dead", "failed"])
def test_what_nobody_makes_there_is_downloaded(member, job):
    folder = member.path(f"/run/pvekit/jobs/{JOB}")
    if job != "none":
        folder.mkdir(parents=True)
        (folder / "pid").write_text("4194304 1\n")
    if job == "failed":
        (folder / "rc").write_text("1\n")
    result = fetched(member)
    assert result.ok
    assert "cannot copy the image from pve1, it is downloaded: status 3, nobody" in result.out
    assert member.path("/here/x.img").read_bytes() == IMAGE
    assert member.called()[-1] == "wget"


@pytest.mark.parametrize(
    ("ssh", "calls"),
    [
        ("echo 'ssh: connect to host 10.0.0.1 port 22: No route to host' >&2; exit 255", 3),
        ("echo half; echo 'Connection closed by remote host.' >&2; exit 255", 1),
        ("echo another image", 1),
        ("exit 127", 1),
    ],
    ids=["not reached", "broken off", "another image", "refused"],
)
def test_where_copying_fails_it_is_downloaded(member, ssh, calls):
    member.program("ssh", f"echo ssh >>$ROOT/calls; {ssh}")
    result = fetched(member)
    assert (result.ok, result.err) == (True, "")
    assert "cannot copy the image from pve1, it is downloaded: " in result.out
    assert member.path("/here/x.img").read_bytes() == IMAGE
    assert [path.name for path in member.path("/here").iterdir()] == ["x.img"]
    assert member.called() == [*["ssh"] * calls, "wget"]


def test_where_neither_works_nothing_is_left_and_both_are_told(member):
    member.program("ssh", "echo another image")
    member.program("wget", 'echo "no space" >&2; exit 4')
    result = fetched(member)
    assert result.exit_status == 1
    assert "cannot download http://x/x.img (status 4)" in result.err
    assert "cannot copy the image from pve1" in result.out
    assert list(member.path("/here").iterdir()) == []
    assert faults.failure(result, what="fetch", node="pve2").id == "COMMAND-FAILED"


def test_an_image_that_names_other_files_is_not_taken_from_a_member_either(member):
    member.path("/var/images/x.img").write_bytes(IMAGE)
    member.program("qemu-img", "echo 'backing file: /etc/shadow'")
    result = fetched(member)
    assert result.exit_status == 1
    assert "names other files" in result.out
    assert "names other files" in result.err
    assert list(member.path("/here").iterdir()) == []


def test_a_rate_between_nodes_counts_from_the_first_byte(member):
    rate = rates.read_copy(member.run(script("copy-rate", "pve1")).out)
    assert rate > 1 << 20
    assert "root@10.0.0.1" in member.called()[0]


@pytest.mark.parametrize("node_name", ["pve9", "pve1"])
def test_a_rate_from_where_nothing_comes_is_none(member, node_name):
    member.program("ssh", "echo 'Host key verification failed.' >&2; exit 255")
    result = member.run(script("copy-rate", node_name))
    assert not result.ok
    assert "failed" in result.err or "not a member" in result.err


_CURL = """\
printf 'HTTP/2 302\\r\\nlocation: x\\r\\n\\r\\nHTTP/2 206\\r\\ncontent-range: bytes 0-9/700\\r\\n\\r\\n'
printf '\\nrate 206 10 0.25 0.75\\n'
exit 28"""


def test_a_rate_of_a_download_that_was_ended_counts(node):
    node.program("curl", _CURL)
    found = rates.read_download(node.run(script("download-rate", "https://x/x.img")).out)
    assert found == rates.Piece(20.0, 700)


@pytest.mark.parametrize(
    ("curl", "why"),
    [
        ("printf 'HTTP/1.1 200 OK\\n\\nrate 200 10 0.1 0.2\\n'", "no pieces"),
        ("printf 'HTTP/1.1 206 x\\n\\nrate 206 10 0.1 0.2\\n'", "how large"),
        ("printf 'Content-Range: bytes 0-9/*\\nrate 206 10 0.1 0.2\\n'", "how large"),
        ("printf 'curl: (6) Could not resolve host: x\\nrate 000 0 0 0.2\\n'; exit 6", "resolve"),
        ("printf 'Content-Range: bytes 0-9/70\\nrate 206 0 0.1 0.2\\n'; exit 28", "nothing"),
    ],
)
def test_why_a_rate_cannot_be_told(node, curl, why):
    node.program("curl", curl)
    found = rates.read_download(node.run(script("download-rate", "http://x/x.img")).out)
    assert why in found.why
    assert found.rate == 0


def test_files_names_those_that_are_there(node):
    there, missing = node.path("/a file"), node.path("/missing")
    there.touch()
    assert node.run(script("files", str(there), str(missing))).out == "file /a file\nend\n"


_QM = """\
echo "$*" >>"$ROOT/calls"
[ "$1" != start ] || echo $PPID >"$ROOT/run/qemu-server/101.pid"
"""
_POWERS_OFF = 'echo "sleep $1" >>"$ROOT/calls"; rm "$ROOT/run/qemu-server/101.pid"'


def first_boot(node, seconds=60, console="pvekit-finished"):
    node.program("socat", f"echo '{console}'")
    return node.run(
        script(
            "first-boot",
            101,
            seconds,
            node.path("/run/begun"),
            "qm",
            "set",
            101,
            "--delete",
            "scsi2",
        )
    )


def test_a_first_boot_starts_waits_and_goes_on(node):
    node.program("qm", _QM)
    node.program("sleep", _POWERS_OFF)
    assert first_boot(node).ok
    assert node.called() == ["start 101", "sleep 2", "set 101 --delete scsi2"]


def test_a_first_boot_that_runs_already_is_waited_for(node):
    node.path("/run/qemu-server/101.pid").write_text(f"{os.getpid()}\n")
    node.program("sleep", _POWERS_OFF)
    assert first_boot(node).ok
    assert node.called() == ["sleep 2", "set 101 --delete scsi2"]


def test_a_first_boot_that_does_not_end_goes_no_further(node):
    node.program("qm", _QM)
    node.program("sleep", 'echo "sleep $1" >>"$ROOT/calls"')
    result = first_boot(node, seconds=4)
    assert result.exit_status == 1
    assert "VM 101 has not powered itself off" in result.err
    assert node.called() == ["start 101", "sleep 2", "sleep 2"]


def test_a_first_boot_that_fails_shows_its_last_words_and_goes_no_further(node):
    node.program("qm", _QM)
    node.program("sleep", 'echo "sleep $1" >>"$ROOT/calls"')
    result = first_boot(node, seconds=10**6, console="E: no such package\npvekit-failed")
    assert result.exit_status == 1
    assert "E: no such package" in result.err
    assert "the recipe failed in VM 101" in result.err
    assert not [call for call in node.called() if call.startswith("set")]


def test_a_first_boot_that_was_powered_off_goes_no_further(node):
    node.program("qm", _QM)
    node.program("sleep", _POWERS_OFF)
    result = first_boot(node, console="halfway")
    assert result.exit_status == 1
    assert "before it had finished itself" in result.err
    assert node.called() == ["start 101", "sleep 2"]


def test_a_first_boot_that_does_not_start_goes_no_further(node):
    node.program("qm", 'echo "$*" >>"$ROOT/calls"; exit 5')
    assert first_boot(node).exit_status == 5
    assert node.called() == ["start 101"]
    assert first_boot(node).exit_status == 5
    assert node.called() == ["start 101"] * 2


def test_a_first_boot_that_was_broken_off_is_not_begun_once_more(node):
    node.path("/run/begun").write_text("")
    node.program("qm", _QM)
    result = first_boot(node)
    assert result.exit_status == 1
    assert "pvekit-spoilt: the first boot of VM 101 was broken off" in result.err
    assert not node.called()


# What frees and sweeps


@pytest.fixture
def freeing(node):
    """A node with a program `pvesm` that notes what it frees, and lists what is there yet."""
    node.program("pvesm", _PVESM)
    return node


_PVESM = """
if [ "$1" = list ]; then cat "$ROOT/disks" 2>/dev/null; else echo "$*" >>"$ROOT/calls"; fi
exit 0
"""


_LVS = """
for group; do :; done
[ "$group" = pve ] || exit 5
echo "lvs $*" >>"$ROOT/asked"
printf '  %s\\n' data base-9000-disk-0 vm-101-disk-0 vm-101-cloudinit snap_vm-102-disk-0_x vm-x-disk-0 root
"""
_STORAGES = """\
dir: local
\tpath /var/lib/vz
\tvgname pve

lvmthin: local-lvm
\tthinpool data
\tvgname pve
\tcontent images

lvm: gone
\tvgname other

lvm: off
\tdisable
\tvgname pve

lvm: elsewhere
\tvgname pve
\tnodes pve7
"""
_LISTED = """\
Volid               Format  Type             Size VMID
local:103/vm-103-disk-0.raw raw images 1073741824 103
"""


def names(node, *storages):
    return stored.read(node.run(scripts.joined(("names", "volumes"), *storages)).out)


def test_a_volume_group_tells_itself_whose_disks_lie_there(freeing):
    freeing.program("lvs", _LVS)
    freeing.path("/etc/pve/storage.cfg").write_text(_STORAGES)
    found = names(freeing, "local-lvm")
    assert {(each.volid, each.vmid) for each in found.volumes} == {
        ("local-lvm:base-9000-disk-0", 9000),
        ("local-lvm:vm-101-disk-0", 101),
        ("local-lvm:vm-101-cloudinit", 101),
    }
    assert freeing.called() == []


@pytest.mark.parametrize("storage", ["local", "gone", "off", "elsewhere", "unknown"])
def test_where_no_volume_group_tells_it_proxmox_ve_does(freeing, storage):
    freeing.program("lvs", _LVS)
    freeing.path("/etc/pve/storage.cfg").write_text(_STORAGES)
    freeing.path("/disks").write_text(_LISTED)
    found = names(freeing, "local-lvm", storage)
    assert 103 in {each.vmid for each in found.volumes}
    assert 101 in {each.vmid for each in found.volumes}
    assert found.dead == {}


def freed(node, *volids, vmid=101, run="7f3a"):
    return node.run(script("free", run, vmid, *volids))


DISK = "local-lvm:vm-101-disk-0"


def test_a_disk_without_a_config_is_freed_under_the_runs_claim(freeing):
    freeing.claim("7f3a")
    assert freed(freeing, DISK).ok
    assert freeing.called() == [f"free {DISK}"]


def test_a_disk_is_freed_beside_what_the_runs_own_clone_has_left(freeing):
    freeing.claim("7f3a")
    for left in ("# qmclone temporary file\nlock: clone\n", marked()):
        freeing.config(101, left, node="pve2")
        assert freed(freeing, DISK).ok
    assert freeing.called() == [f"free {DISK}"] * 2


def test_a_disk_that_is_still_there_was_not_freed(freeing):
    """pvesm ends with status 0 even if it waited in vain for the lock of the storage."""
    freeing.claim("7f3a")
    freeing.path("/disks").write_text(f"Volid Format\n{DISK} raw images 1073741824 101\n")
    result = freed(freeing, DISK)
    assert result.exit_status == 1
    assert freeing.called() == [f"free {DISK}"]


def test_a_disk_that_a_config_names_is_passed_over(freeing):
    freeing.claim("7f3a")
    freeing.config(101, marked(more=f"scsi0: {DISK},size=1G\n"))
    assert freed(freeing, DISK).ok
    assert freeing.called() == []


@pytest.mark.parametrize(
    ("claimed", "vmid", "volid", "config"),
    [
        pytest.param("", 101, DISK, "", id="no claim"),
        pytest.param("8888", 101, DISK, "", id="another's claim"),
        pytest.param("7f3a", 101, "local-lvm:vm-102-disk-0", "", id="another VM's disk"),
        pytest.param("7f3a", 101, "local-lvm:vm-1011-disk-0", "", id="a longer vmid"),
        pytest.param("7f3a", 101, DISK, "name: stranger\n", id="a stranger's VM"),
        pytest.param("7f3a", 101, DISK, marked(run="8888"), id="another run's VM"),
        pytest.param("7f3a", 9999, "local-lvm:vm-9999-pvc-1", "", id="volumes of Kubernetes"),
    ],
)
def test_no_other_disk_is_freed(freeing, claimed, vmid, volid, config):
    if claimed:
        freeing.claim(claimed, vmid=vmid)
    if config:
        freeing.config(vmid, config)
    result = freed(freeing, volid, vmid=vmid)
    assert result.exit_status == 96
    assert result.err.startswith("pvekit-refused: ")
    assert freeing.called() == []


def test_a_vm_of_the_volumes_of_kubernetes_is_never_changed(node):
    node.config(9999, marked(vmid=9999))
    result = sent(node, qm.stop(Guard("vm", 9999, "web-1")))
    assert result.exit_status == 96
    assert node.called() == []


def test_a_change_is_refused_where_the_config_is_another_than_that_looked_at(node):
    node.config(101, marked())
    digest = state.read(node.run(script("state", 101)).out).vms[101].config.digest
    guard = Guard("unfinished", 101, "web-1", "7f3a", digest)
    assert sent(node, qm.destroy(guard)).ok
    node.config(101, marked(more="cores: 8\n"))
    assert "has changed since" in sent(node, qm.destroy(guard)).err


def test_what_is_left_of_a_destruction_is_destroyed_under_its_claim_only(node):
    node.config(101, "lock: destroyed\n")
    guard = Guard("deleting", 101, "web-1", "7f3a")
    assert sent(node, qm.destroy(guard)).exit_status == 96
    node.claim("7f3a")
    assert sent(node, qm.destroy(guard)).ok
    assert node.called()[0] == "unlock 101"


@pytest.mark.parametrize(
    ("config", "goes"),
    [
        pytest.param(marked(run="1111"), True, id="the VM that was meant"),
        pytest.param(marked(run="2222"), False, id="another one of that name and vmid"),
        pytest.param(marked(run="1111", more="template: 1\n"), False, id="a template by now"),
    ],
)
def test_a_deletion_means_the_vm_of_its_maker_only(node, config, goes):
    node.config(101, config)
    node.claim("7f3a")
    result = sent(node, qm.destroy(Guard("deleting", 101, "web-1", "7f3a", maker="1111")))
    assert result.exit_status == (0 if goes else 96)
    assert bool(node.called()) is goes


def test_only_what_nobody_uses_is_swept(node):
    folder = node.path("/img/build/101-abc")
    folder.mkdir(parents=True)
    other = node.path("/img/mine.part")
    other.write_text("x")
    node.claim("8888")
    sweep = ("sweep", "7f3a", "vmid-101", "-")
    assert node.run(script(*sweep, str(folder))).exit_status == 96
    assert node.run(script("sweep", "-", "-", "-", str(other))).exit_status == 96
    assert other.exists()
    assert folder.exists()
    assert node.run(script("sweep", "8888", "vmid-101", "-", str(folder))).ok
    assert not folder.exists()
