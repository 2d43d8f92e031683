"""A guest that does not get ready is told of: what its agent or its console says."""

from __future__ import annotations

import pytest
from live import CREATE, STANDALONE, templated_site

SHORT = (*CREATE, "--timeout", "1s")
SECRETS = "password: hunter22\npostgres://joe:hunter22@db\n"


@pytest.fixture
def live(tmp_path):
    with templated_site(tmp_path, STANDALONE) as site:
        site.forget()
        yield site


@pytest.mark.parametrize(
    ("fault", "identity", "told"),
    [
        (
            "guest-silent",
            "GUEST-AGENT-SILENT",
            ["The agent is silent; the end of", "Cloud-init v."],
        ),
        ("guest-no-ssh", "GUEST-UNREACHABLE", ["cloud-init says", "status: done", "Cloud-init v."]),
        ("guest-slow", "GUEST-AGENT-SILENT", ["its agent and its serial console are silent"]),
    ],
)
def test_what_is_seen_of_a_guest_stands_in_the_error(live, fault, identity, told):
    live.order(fault, "100", count=-1, **({"seconds": 30} if fault == "guest-slow" else {}))
    late = live.pvekit(*SHORT)
    assert late.status == 9, late
    assert [words for words in told if words not in late.err] == [], late.err
    assert f"explain: pvekit explain {identity}\n" in late.err
    asked = [event for event in live.programs() if event["argv"][:3] == ["qm", "guest", "exec"]]
    assert len([event for event in asked if "tail -n 15" in event["argv"][-1]]) == 1


def test_a_guest_that_was_switched_off_meanwhile_is_told_so(live):
    live.order("guest-silent", "100", count=-1)
    assert live.pvekit(*SHORT).status == 9
    live.on("pve1", "qm stop 100")
    late = live.pvekit("vm", "wait", "k8s-worker-1", "--timeout", "1s")
    assert late.status == 9, late
    assert "The VM does not run any more." in late.err


def test_a_first_boot_that_failed_is_told_with_its_log_and_without_secrets(live):
    live.must(*CREATE)
    live.on(
        "pve1",
        "qm guest exec 100 -- sh -c \"printf '%s' 'x: password: hunter22' "
        '>>/var/log/cloud-init-output.log"',
    )
    live.order("guest-no-ssh", "100", count=-1)
    live.on("pve1", "qm stop 100 && qm start 100")
    late = live.pvekit("vm", "wait", "k8s-worker-1", "--timeout", "1s")
    assert late.status == 9, late
    assert "x: password: ***" in late.err
    assert "hunter22" not in late.err


def test_more_patience_is_no_other_request_and_a_silent_guest_is_told_by_its_name(live):
    named = (*CREATE, "--name", "w1")
    live.order("guest-silent", "100", count=-1)
    late = live.pvekit(*named, "--timeout", "1s", "-o", "json")
    (row,) = late.vms
    assert row["seconds"] >= 1.0, "the seconds of the stage that failed count"
    entered = live.pvekit("vm", "ssh", "w1", "true")
    assert entered.status == 7
    assert "VM 100 (w1 on pve1): QEMU guest agent is not running." in entered.err
    assert entered.err.endswith("pvekit explain GUEST-AGENT-SILENT\n")
    other = live.must("vm", "create", "--role", "worker", "--name", "w1", "--cpus", "1")
    assert f"`pvekit run resume {unfinished(live)}` goes on" in other.err
    live.clear()
    live.on("pve1", "qm stop 100 && qm start 100")
    patient = live.must(*named, "--timeout", "60s")
    assert "resuming run" in patient.err
    assert live.must("run", "list", "--unfinished", "-o", "json").rows == []


def unfinished(live):
    (row,) = live.must("run", "list", "--unfinished", "-o", "json").rows
    return row["run"]


def test_of_many_guests_each_is_told_of(live):
    live.order("guest-silent", "", count=-1)
    late = live.pvekit(*SHORT, "--count", "4")
    assert late.status == 9, late
    assert late.err.count("The agent is silent; the end of the serial console:") == 4
