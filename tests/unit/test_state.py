"""How a VM stands: read from the script's answer, whose it is, and the goals built on it."""

from __future__ import annotations

import pytest

from pvekit.errors import Conflict, IdTaken, LockTimeout, UnreadableAnswer
from pvekit.plan import Ask
from pvekit.pve import goals, state
from pvekit.pve.claims import Claim
from pvekit.pve.conf import encode
from pvekit.pve.mark import Mark

KEYS = "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two"


def marked(vmid=101, name="web-1", kind="vm", run="7f3a", named=None, more=""):
    line = encode(Mark(kind, vmid, name, run=run).to_line())
    return f"#{line}\nmemory: 512\nname: {named or name}\n{more}"


def now(*configs, claims=(), running=(), node="pve1"):
    """The state as the script tells it: configs by vmid."""
    lines = [
        f"/etc/pve/nodes/{node}/qemu-server/{vmid}.conf:{line}"
        for vmid, text in configs
        for line in text.splitlines()
    ]
    lines += [f"running {vmid}" for vmid in running]
    lines += [f"{claim.path}:{claim.to_line().strip()}" for claim in claims]
    return state.read("\n".join([*lines, "end"]) + "\n")


def looked_at(check, *found):
    """What a check says of a state, or of one that becomes another from question to question."""
    asking = check.look()
    question, states = next(asking), list(found)
    while True:
        assert isinstance(question, Ask)
        try:
            question = asking.send(states.pop(0) if len(states) > 1 else states[0])
        except StopIteration as answer:
            return answer.value


def claim(run="7f3a", vmid=101):
    return Claim("", "vmid", str(vmid), run=run, vmid=vmid, name="web-1")


def test_nothing_is_read_from_nothing():
    assert state.read("end\n") == state.State()


@pytest.mark.parametrize("text", ["", "end", "x end\n"])
def test_an_answer_without_its_end_is_none(text):
    with pytest.raises(UnreadableAnswer):
        state.read(text)


def test_configs_claims_and_running_vms_are_read():
    found = now((101, marked()), (102, "name: other\n"), claims=[claim()], running=[102])
    assert found.vms[101].node == "pve1"
    assert found.vms[102].config.get("name") == "other"
    assert found.running == {102}
    assert found.claims["vmid-101"].run == "7f3a"


def test_values_with_colons_and_blank_lines_are_kept():
    found = now((101, "#a%3A b\n\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\nname: web-1\n"))
    assert found.vms[101].config.get("net0") == "virtio=BC:24:11:00:00:01,bridge=vmbr0"
    assert found.vms[101].config.description == "a: b"


def test_a_claim_of_an_unknown_kind_is_passed_over():
    found = state.read("/etc/pve/priv/pvekit/lost+found:x\n/etc/pve/priv/pvekit/vmid-x:{}\nend\n")
    assert found.claims == {}


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        pytest.param(marked(), True, id="ours"),
        pytest.param(f"#notes\n{marked()}", True, id="with notes"),
        pytest.param(marked(more="lock: backup\n"), False, id="locked"),
        pytest.param(marked(vmid=100), False, id="a clone in the GUI: another vmid"),
        pytest.param(marked(named="Copy-of-VM-web-1"), False, id="a copied mark: another name"),
        pytest.param(marked(named="web-2"), False, id="renamed"),
        pytest.param(marked(run="8888"), False, id="another run's"),
        pytest.param(marked(more="template: 1\n"), False, id="made a template by somebody"),
        pytest.param(marked(kind="template", more="template: 1\n"), False, id="our template"),
        pytest.param("name: web-1\n", False, id="no mark"),
        pytest.param(f"name: web-1\n[snap]\n{marked()}", False, id="the mark is a snapshot's"),
        pytest.param(f"{marked()}#my notes\n", False, id="the mark is not the last line"),
    ],
)
def test_whose_a_vm_is(text, ours):
    found = now((101, text))
    assert found.ours(101, "web-1", "7f3a") is ours
    assert not found.ours(101, "web-2", "7f3a")
    assert not found.ours(102, "web-1", "7f3a")
    assert looked_at(goals.exists("n", 101, "web-1", "7f3a"), found).holds is ours


def test_a_template_is_ours_as_a_template_only():
    found = now((9000, marked(9000, "base", "template", more="template: 1\n")))
    assert found.ours(9000, "base", "7f3a", "template")
    assert not found.ours(9000, "base", "7f3a")
    assert not found.building(9000, "other", "7f3a")


def test_a_template_is_building_until_it_is_one():
    found = now((9000, marked(9000, "base", "template")))
    assert found.building(9000, "base", "7f3a")
    assert not found.building(9000, "base", "8888")
    assert not found.ours(9000, "base", "7f3a", "template")
    locked = now((9000, marked(9000, "base", "template", more="lock: create\n")))
    assert not locked.building(9000, "base", "7f3a")


@pytest.mark.parametrize(
    ("text", "claims", "made"),
    [
        pytest.param(marked(), [], True, id="finished"),
        pytest.param(marked(more="lock: clone\n"), [], True, id="marked, still locked"),
        pytest.param(marked(run="8888"), [claim()], False, id="another run's"),
        pytest.param(marked(vmid=100), [claim()], False, id="a copied mark: another vmid"),
        pytest.param(marked(named="copy"), [claim()], False, id="a copied mark: another name"),
        pytest.param("# qmclone temporary file\nlock: clone\n", [claim()], True, id="a stub"),
        pytest.param("# qmclone temporary file\n", [claim()], True, id="a stub unlocked"),
        pytest.param("lock: create\n", [claim()], True, id="a stub of a creation"),
        pytest.param("lock: destroyed\n", [claim()], True, id="a stub of a destruction"),
        pytest.param("lock: clone\n", [], False, id="a stub without a claim"),
        pytest.param("lock: clone\n", [claim("8888")], False, id="a stub under another's claim"),
        pytest.param("lock: clone\n", [claim(vmid=102)], False, id="a stub under another claim"),
        pytest.param("memory: 512\n", [claim()], False, id="a stranger without a name"),
        pytest.param("lock: clone\nmemory: 512\n", [claim()], False, id="a stranger, locked"),
    ],
)
def test_what_a_run_made(text, claims, made):
    found = now((101, text), claims=claims)
    assert found.made_by("7f3a", 101) is made
    assert looked_at(goals.gone("n", ("pve1",), 101, "7f3a"), found).holds is not made
    assert looked_at(goals.gone("n", ("pve2", "pve1"), 101, "7f3a"), found).holds
    if made:
        with pytest.raises(Conflict, match="is on pve1 by now"):
            looked_at(goals.gone("n", ("pve2",), 101, "7f3a"), found)


def test_what_does_not_exist_was_made_by_nobody():
    assert not now(claims=[claim()]).made_by("7f3a", 101)


def test_a_config_goal_needs_every_value_settled():
    goal = goals.configured("n", 101, {"cores": 2, "tags": "worker;pvekit", "nameserver": None})
    settled = marked(more="cores: 2\ntags: pvekit;worker\n")
    assert looked_at(goal, now((101, settled))).holds
    for wrong, seen in (
        (marked(more="cores: 4\ntags: pvekit;worker\n"), "VM 101 has cores=4"),
        (f"{settled}nameserver: 9.9.9.9\n", "VM 101 has nameserver=9.9.9.9"),
        (f"{settled}[PENDING]\ncores: 2\n", "VM 101 has cores=2"),
    ):
        verdict = looked_at(goal, now((101, wrong)))
        assert (verdict.holds, verdict.seen) == (False, seen)
    assert not looked_at(goal, now((101, f"{settled}lock: backup\n"))).holds
    missing = looked_at(goal, now())
    assert (missing.holds, missing.seen) == (False, "VM 101 does not exist")


def test_keys_are_compared_decoded():
    stored = "sshkeys: ssh-ed25519%20AAAA%20one%0Assh-ed25519%20BBBB%20two%0A\n"
    goal = goals.configured("n", 101, {"sshkeys": KEYS})
    assert looked_at(goal, now((101, marked(more=stored)))).holds
    assert not looked_at(goal, now((101, marked(more="sshkeys: ssh-rsa%20X\n")))).holds


def test_disks_are_measured():
    disk = "scsi0: local-lvm:vm-101-disk-0,discard=on,size=20G\n"
    found = now((101, marked(more=disk)))
    for check, holds in (
        (goals.disk_size("n", 101, "scsi0", 20), True),
        (goals.disk_size("n", 101, "scsi0", 16), False),
        (goals.disk_at_least("n", 101, "scsi0", 16), True),
        (goals.disk_at_least("n", 101, "scsi0", 21), False),
        (goals.disk_at_least("n", 101, "scsi1", 1), False),
    ):
        assert looked_at(check, found).holds is holds
    locked = now((101, marked(more=f"{disk}lock: disk\n")))
    assert not looked_at(goals.disk_at_least("n", 101, "scsi0", 16), locked).holds


def test_a_removed_vm_may_have_made_room_for_a_strangers():
    goal = goals.removed("n", 101, "web-1")
    assert looked_at(goal, now()).holds
    assert looked_at(goal, now((101, "name: web-1\n"))).holds
    assert not looked_at(goal, now((101, marked()))).holds


def test_running_and_stopped():
    found = now((101, marked()), running=[101])
    assert looked_at(goals.running("n", 101), found).holds
    assert not looked_at(goals.running("n", 101, wanted=False), found).holds
    assert looked_at(goals.running("n", 102, wanted=False), found).holds


def test_goals_of_one_node_share_a_command():
    one, two = state.asked("n", 101), state.claimed("n", ["vmid-102", "name-web"])
    assert one.query.command == two.query.command
    assert (one.topics, two.topics) == (("101",), ("vmid-102", "name-web"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("name: web-1\n", IdTaken, id="a stranger's of the same name"),
        pytest.param(marked(run="8888"), IdTaken, id="another run's"),
        pytest.param(marked(vmid=100), IdTaken, id="a copied mark: another vmid"),
        pytest.param("lock: clone\n", IdTaken, id="somebody is making one"),
        pytest.param(marked(named="web-2"), Conflict, id="renamed"),
        pytest.param(marked(more="lock: backup\n"), LockTimeout, id="a backup is made of it"),
    ],
)
def test_what_stands_under_the_vmid_of_a_run_is_told(text, error):
    made = goals.exists("n", 101, "web-1", "7f3a")
    with pytest.raises(error, match="VM 101 on pve1") as caught:
        looked_at(goals.free_for(made, "n", 101, "web-1", "7f3a"), now((101, text)))
    assert type(caught.value) is error


@pytest.mark.parametrize("text", ["", marked(more="lock: clone\n"), "lock: clone\n"])
def test_what_a_run_has_not_finished_is_gone_on_with(text):
    made = goals.exists("n", 101, "web-1", "7f3a")
    found = now(*([(101, text)] if text else []), claims=[claim()])
    assert not looked_at(goals.free_for(made, "n", 101, "web-1", "7f3a"), found).holds


def test_a_making_that_ends_between_two_looks_is_no_work_of_somebody():
    made = goals.exists("n", 101, "web-1", "7f3a")
    goal = goals.free_for(made, "n", 101, "web-1", "7f3a")
    at_work = now((101, marked(more="lock: clone\n")), claims=[claim()])
    assert looked_at(goal, at_work, now((101, marked()), claims=[claim()])).holds
