"""The page that promises how long anything takes at most says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvekit.config.model import Readiness, Timeouts
from pvekit.guest import agent
from pvekit.operations import collecting
from pvekit.plan import Change, Guard
from pvekit.pve import act, counters, qm, use
from pvekit.pve.scripts import script
from pvekit.run import apply
from pvekit.run.context import Policy
from pvekit.shell import Command
from pvekit.ssh import guests
from pvekit.ssh.deadline import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "failures.md").read_text()
VM = Guard("vm", 100, "x")
LIMITS = Limits()

PROMISED = {
    "TCP connection to a node": LIMITS.connect,
    "TCP connection to a guest, each way": guests.CONNECT_SECONDS,
    "SSH banner and key exchange": LIMITS.handshake,
    "login": LIMITS.auth,
    "a channel for a command": LIMITS.channel,
    "reading a node, or any other question": script("read-site").timeout,
    "questions to the guest agents of a node": agent.asked("n", "sight", 1).query.command.timeout,
    "what similar VMs have used (`--size auto`)": use.query("pve1", ()).command.timeout,
    "the counters of a node's VMs (`size sample`)": counters.query((100,)).command.timeout,
    "listing the disks of all storages (`gc`)": collecting.LISTING,
    "a short change (`qm set`)": qm.configure(VM, {}).command.timeout,
    "start of a job": act.sent(qm.start(VM)).timeout,
    "`qm start`": qm.start(VM).command.timeout,
    "`qm stop`": qm.stop(VM).command.timeout,
    "`qm shutdown`": qm.shutdown(VM, 0).command.timeout,
    "growing a disk": qm.resize(VM, "scsi0", 1).command.timeout,
    "clone, import, template, destroy, download": qm.LONG,
    "until a VM is ready, all stages together": Readiness().timeout_seconds,
    "trying a step again": Timeouts().retry,
    "without quorum": Timeouts().quorum,
    "a roll-back waits for a running job": apply.JOB_PATIENCE,
}


@pytest.mark.parametrize("what", PROMISED)
def test_the_page_names_the_limit(what):
    (row,) = re.findall(rf"^\| {re.escape(what)} \| (.+) \|$", PAGE, re.MULTILINE)
    assert int(re.findall(r"\d+", row)[-1]) == PROMISED[what]


def test_the_long_ones_are_alike():
    for change in (qm.clone(VM, 101, {}), qm.create(101, {}), qm.template(VM), qm.destroy(VM)):
        assert change.command.timeout == qm.LONG
    assert act.detached("fetch", shown="x").command.timeout == qm.LONG
    assert Change(Command(("rm", "x"))).command.timeout == 60.0


def test_configuration_and_policy_have_the_same_defaults():
    assert (Policy().deadline, Policy().quorum) == (Timeouts().retry, Timeouts().quorum)


def test_the_page_names_the_pauses_and_attempts():
    policy = Policy(jitter=lambda: 1.0)
    pauses = [policy.pause(n) for n in range(1, policy.retries + 1)]
    assert f"up to {policy.retries} times" in PAGE
    assert "up to 2, 4, 8 and 16 s" in PAGE
    assert pauses == [2.0, 4.0, 8.0, 16.0]
    assert f"up to {3 * policy.retries} times, pauses of up to {policy.longest:.0f} s" in PAGE
