"""What guest agents answer: usable addresses, keys, and what waiting cannot mend."""

from __future__ import annotations

import json

import pytest

from pvekit.errors import PvekitError, Transient
from pvekit.guest import agent
from pvekit.guest.agent import AgentRefuses, Reply
from pvekit.guest.ready import judge_cloud_init

MAC = "BC:24:11:E0:D9:B9"


def interface(mac, *addresses, name="eth0"):
    listed = [{"ip-address": a, "ip-address-type": "ipv4", "prefix": 24} for a in addresses]
    return {"name": name, "hardware-address": mac.lower(), "ip-addresses": listed}


def reply(*interfaces):
    return Reply(0, json.dumps(list(interfaces)))


def test_answers_of_many_guests_are_told_apart():
    out = "id 101 0\nout 101 {\nout 101  }\nid 102 255\nerr 102 QEMU guest agent is not running\n"
    found = agent.replies(out)
    assert found[101] == Reply(0, "{\n }")
    assert found[102] == Reply(255, "", "QEMU guest agent is not running")


def test_only_the_interface_with_our_mac_counts():
    docker = interface("02:42:ac:11:00:02", "172.17.0.1", name="docker0")
    ours = interface(MAC, "10.0.0.7", name="ens18")
    assert agent.addresses(reply(docker, ours), MAC) == ["10.0.0.7"]


def test_loopback_and_link_local_are_left_out_and_ipv4_comes_first():
    ours = interface(MAC, "fe80::1", "2001:db8::7", "169.254.3.4", "127.0.0.1", "10.0.0.7")
    assert agent.addresses(reply(ours), MAC) == ["10.0.0.7", "2001:db8::7"]


def test_an_interface_may_lack_addresses_altogether():
    assert agent.addresses(reply({"name": "eth0", "hardware-address": MAC.lower()}), MAC) == []


@pytest.mark.parametrize("out", ["", "[", "null", '{"result": []}', "perl: warning\n[]"])
def test_half_an_answer_is_transient(out):
    with pytest.raises(Transient):
        agent.addresses(Reply(0, out), MAC)


def test_a_missing_agent_option_is_told_with_what_to_do():
    with pytest.raises(AgentRefuses, match="no guest agent configured") as caught:
        agent.patient(Reply(255, err="No QEMU guest agent configured"), 101)
    assert "qm set 101 --agent enabled=1" in caught.value.hint


def test_an_agent_that_does_not_run_yet_is_waited_for():
    assert agent.patient(Reply(255, err="QEMU guest agent is not running\n"), 101)


def test_a_command_in_the_guest():
    out = json.dumps({"exitcode": 0, "exited": 1, "out-data": "ssh-ed25519 AAAA root@x\n"})
    assert agent.executed(Reply(0, out), 101) == "ssh-ed25519 AAAA root@x\n"


@pytest.mark.parametrize("out", ['{"pid": 7}', '{"exitcode": 1, "err-data": "no file"}', "x"])
def test_a_command_that_failed_there_is_tried_again(out):
    with pytest.raises(Transient):
        agent.executed(Reply(0, out), 101)


def test_an_agent_that_does_not_allow_commands_is_told():
    text = "Agent error: Command guest-exec has been disabled"
    with pytest.raises(AgentRefuses, match="does not allow"):
        agent.executed(Reply(255, err=text), 101)


@pytest.mark.parametrize(
    ("out", "holds"),
    [
        ("status: done\nexit=0", True),
        ("status: done\nextended_status: degraded done\nexit=2", True),
        ("status: disabled\nexit=0", True),
        ("sh: 1: cloud-init: not found\nexit=127", True),
        ("status: running\nexit=0", False),
        ("status: not started\nexit=0", False),
    ],
)
def test_cloud_init_is_judged(out, holds):
    assert judge_cloud_init(out).holds is holds


def test_cloud_init_that_failed_is_an_error_with_its_words():
    with pytest.raises(PvekitError) as caught:
        judge_cloud_init("status: error\ndetail: module x failed\nexit=1")
    assert "module x failed" in caught.value.details


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_guest_cannot_answer_for_another(end):
    out = f"id 101 0\nout 101 x{end}id 102 0{end}out 102 ssh-ed25519 EVIL\nid 102 0\nout 102 good\n"
    assert agent.replies(out)[102] == Reply(0, "good")
