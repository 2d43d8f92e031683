"""`pvekit run` as a user meets it: a killed command is found, shown, gone on with, and forgotten."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from live import CREATE, STANDALONE, Live, live_site, templated_site


@pytest.fixture
def live(tmp_path):
    with templated_site(tmp_path, STANDALONE) as site:
        yield site


@pytest.fixture
def builder(tmp_path):
    """A site whose template its user has built, in a run of theirs."""
    with live_site(tmp_path, STANDALONE) as site:
        site.must("template", "build")
        yield site


def killed(live: Live, *words: str, sent: str) -> None:
    """Kill a command once it has sent a line."""
    live.forget()
    with live.process(*words) as process:
        while not any(sent in line for line in live.lines()) and process.poll() is None:
            time.sleep(0.001)
        process.kill()
    live.settle()


def unfinished(live: Live) -> str:
    (row,) = live.must("run", "list", "--unfinished", "-o", "json").rows
    return row["run"]


def test_a_killed_command_is_shown_and_gone_on_with_by_its_id(live):
    killed(live, *CREATE, "--disk", "40", sent="qm clone")
    run = unfinished(live)
    told = json.loads(live.must("run", "show", run[:5], "-o", "json").out)
    assert told == yaml.safe_load(live.must("run", "show", run, "-o", "yaml").out)
    assert (told["state"], told["status"]) == ("unfinished", None)
    assert told["request"]["disk_gb"] == 40
    assert told["decisions"]["vm/k8s-worker-1"]["at"]["vmid"] == 100
    assert {step["step"] for step in told["steps"]} >= {"claim@pve1", "clone"}
    assert any("qm start 100" in line for line in told["resume"])
    assert told["jobs"]
    text = live.must("run", "show", run).out
    assert "resume: would send\n" in text
    assert "pve1: qm start 100" in text
    dry = live.must("run", "resume", run, "--dry-run")
    assert "qm disk resize 100 scsi0 40G" in dry.out
    resumed = live.must("run", "resume", run[:5], "-o", "json")
    assert resumed.err.startswith(f"resuming run {run}: k8s-worker-1\n")
    assert [(vm["vmid"], vm["disk_gb"], vm["state"]) for vm in resumed.vms] == [(100, 40, "ready")]
    again = live.must("run", "resume", run)
    assert f"Run {run} (vm create) is finished. It made k8s-worker-1 (VM 100 on pve1)." in again.err
    done = json.loads(live.must("run", "show", run, "-o", "json").out)
    assert {step["step"]: step["state"] for step in done["steps"]}["ssh"] in ("done", "held")
    assert live.on("pve1", "ls /run/pvekit/jobs") == ""
    assert live.on("pve1", "ls /etc/pve/priv/pvekit") == ""


def test_a_killed_deletion_is_gone_on_with_and_reports_what_cannot_come_back(live):
    live.must(*CREATE)
    killed(live, "vm", "delete", "k8s-worker-1", "--yes", sent="qm destroy")
    run = unfinished(live)
    shown = live.must("run", "show", run).out
    assert "pve1: release vmid-100 name-k8s-worker-1 on pve1" in shown
    assert "not taken back: vm/k8s-worker-1/destroy: the VM and its disks" in shown
    resumed = live.must("run", "resume", run)
    assert resumed.out.splitlines()[1].split()[:5] == [
        "k8s-worker-1",
        "100",
        "pve1",
        "delete",
        "done",
    ]
    assert live.must("vm", "list", "-o", "json").rows == []


def test_a_rollback_of_a_deletion_ends_it_and_says_what_stays(live):
    live.must(*CREATE)
    killed(live, "vm", "delete", "k8s-worker-1", "--yes", sent="qm shutdown")
    run = unfinished(live)
    undone = live.must("run", "rollback", run, "--yes")
    assert "Not taken back: vm/k8s-worker-1/stop" in undone.err
    assert live.must("run", "list", "-o", "json").rows[0]["state"] == "rolled back"
    assert live.must("run", "list", "--unfinished", "-o", "json").rows == []


def test_who_comes_second_is_told_who_is_first_and_since_when(live):
    live.order("guest-slow", seconds="3")
    with live.process(*CREATE) as first:
        while not any("qm start" in line for line in live.lines()):
            time.sleep(0.001)
        (row,) = live.must("run", "list", "-o", "json").rows[:1]
        assert row["state"] == "running"
        second = live.pvekit("run", "resume", row["run"])
        shown = json.loads(live.must("run", "show", row["run"], "-o", "json").out)
        assert first.wait() == 0
    assert second.status == 6
    assert f"is being carried out by process {first.pid} since {row['began']}" in second.err
    assert shown["carried_by"]["pid"] == first.pid
    assert "resume" not in shown


def test_old_journals_go_and_unfinished_ones_are_named_and_kept(builder):
    live = builder
    killed(live, *CREATE, sent="qm clone")
    run = unfinished(live)
    (built,) = [r["run"] for r in live.must("run", "list", "-o", "json").rows if r["run"] != run]
    assert "No run that has ended is older" in live.must("run", "prune").err
    dry = live.must("run", "prune", "--older-than", "0h", "--dry-run")
    row = [built, "template", "build", "finished", "would", "be", "removed"]
    assert row in [line.split() for line in dry.out.splitlines()]
    pruned = live.must("run", "prune", "--older-than", "0h")
    row = [built, "template", "build", "finished", "removed"]
    assert row in [line.split() for line in pruned.out.splitlines()]
    assert f"kept {run}: it is unfinished" in pruned.err
    assert [row["run"] for row in live.must("run", "list", "-o", "json").rows] == [run]
    assert live.pvekit("run", "show", built).status == 5
