"""What a guest says of itself, made fit to be shown: short, readable, without secrets."""

from __future__ import annotations

import json

import pytest

from pvekit import masking
from pvekit.guest.symptoms import LINES, WIDTH, Symptoms, read, safe
from pvekit.pve.scripts import text


def answered(said: str) -> str:
    return json.dumps({"exitcode": 0, "exited": 1, "out-data": said})


def test_each_guest_gets_its_own_words():
    out = (
        f"state 100 running\nagent 100 {answered('status: error')}\nstate 101 stopped\n"
        "state 102 running\nconsole 102 login:\nstate 103 running\n"
    )
    found = {vmid: each.told() for vmid, each in read(out).items()}
    assert "status: error" in found[100]
    assert found[101] == "The VM does not run any more."
    assert found[102].endswith("console:\n  login:")
    assert "silent" in found[103]


@pytest.mark.parametrize("out", ["", "state", "state x running", "agent 1 {", "state ٣ running"])
def test_what_is_unreadable_says_nothing(out):
    assert [each.told() for each in read(out).values()] == []


@pytest.mark.parametrize("said", ["{", "[1]", '{"exited":0,"pid":7}', "no json", '{"out-data":'])
def test_half_an_answer_of_the_agent_is_none(said):
    assert read(f"state 1 running\nagent 1 {said}\n")[1].agent == ""


SECRET = "hunter22"


@pytest.mark.parametrize(
    "line",
    [
        f"password: {SECRET}",
        f"  db_password = '{SECRET}'",
        f"PASSWORD={SECRET}",
        f'{{"token": "{SECRET}"}}',
        f"kubeadm join 10.0.0.1:6443 --token {SECRET}",
        f"fetching https://joe:{SECRET}@example.org/x",
        f"Authorization: Bearer {SECRET}",
        f"joe:$6$salt${SECRET}:19000",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(line):
    told = safe(f"before\n{line}\n")
    assert SECRET not in told
    assert told.startswith("before\n")
    assert "***" in told


def test_a_token_of_kubeadm_and_what_is_known_as_a_secret_are_hidden():
    masking.register("zebra-crossing")
    assert safe("abcdef.0123456789abcdef") == "***"
    assert safe("a zebra-crossing b") == "a *** b"


@pytest.mark.parametrize("line", ["status: running", "eth0: 10.0.0.5/24", "Setting up nginx (1.2)"])
def test_other_lines_stay_as_they_are(line):
    assert safe(line) == line


def test_a_long_log_is_cut_and_control_characters_go():
    told = Symptoms(True, "\n".join(f"\x1b[31m{n} " + "x" * 500 for n in range(90))).told()
    lines = told.splitlines()
    assert len(lines) == LINES + 1
    assert max(map(len, lines)) <= WIDTH + 2
    assert "\x1b" not in told
    assert lines[-1].startswith("  [31m89 ")


def test_the_script_only_reads():
    body = [line for line in text("symptoms").splitlines() if not line.startswith("#")]
    words = {"qm set", "qm stop", "qm reset", "pvesh", "kill ", "tee "}
    assert not [line for line in body for word in words if word in line]
