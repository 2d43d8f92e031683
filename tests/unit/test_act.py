"""Changes as they are sent, and what jobs answer."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import UnreadableAnswer
from pvekit.plan import Change, Guard
from pvekit.pve import act, qm, scripts
from pvekit.pve.act import Job
from pvekit.shell import Command, Result, Secret

VM = Guard("vm", 101, "web-1")
START = Command(("qm", "start", 101), timeout=300.0)


def test_a_plain_change_is_sent_as_it_is():
    change = Change(Command(("rm", "-rf", "/x"), stdin=Secret("s")))
    assert act.sent(change, "j1") is change.command


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(START, guard=VM), ("vm", 101, "web-1", "-", "no", "-", "-")),
        (Change(START, guard=VM, digest=True), ("vm", 101, "web-1", "-", "yes", "-", "-")),
        (Change(START, guard=VM, job=True), ("vm", 101, "web-1", "-", "no", "j1", "-")),
        (Change(START, job=True), ("none", 0, "-", "-", "no", "j1", "-")),
        (Change(START, guard=Guard("build", 9, "b", "7f3a")), ("build", 9, "b", "7f3a", "no", "-", "-")),
    ],
)  # fmt: skip
def test_the_words_of_a_guarded_change(change, words):
    command = act.sent(change, "j1")
    assert command.words == ("sh", "-s", "--", *words, "qm", "start", 101)
    assert command.stdin == scripts.text("act")


def test_the_deadline_is_the_commands_unless_it_is_a_job():
    assert act.sent(Change(START, guard=VM)).timeout == 300.0
    assert act.sent(Change(START, guard=VM, job=True), "j1").timeout == 60.0


def test_input_travels_in_base64():
    change = qm.configure(VM, {"sshkeys": "/dev/stdin"}, stdin="ssh-ed25519 AAAA ü\n")
    given = act.sent(change).words[9]
    assert base64.b64decode(str(given)).decode() == "ssh-ed25519 AAAA ü\n"


def test_a_secret_never_becomes_a_word():
    command = act.sent(Change(Command(("x",), stdin=Secret("s3cret")), guard=VM), "j1")
    told = base64.b64encode(b"s3cret").decode()
    assert command.words[-2:] == ("secret", "x")
    assert command.input().decode() == f"secret={told}\n{scripts.text('act')}"
    for text in (str(command), repr(command), command.line()):
        assert "s3cret" not in text
        assert told not in text


def test_a_secret_never_lies_in_the_files_of_a_job():
    with pytest.raises(TypeError) as refusal:
        act.sent(Change(Command(("x",), stdin=Secret("s3cret")), job=True), "j1")
    assert "s3cret" not in str(refusal.value)


def test_a_secret_is_looked_for_when_it_is_sent():
    asked = []
    late = Secret(lambda: asked.append("x") or "s3cret")
    command = act.sent(qm.password(VM, late), "-")
    assert asked == []
    assert base64.b64encode(b"s3cret\ns3cret\n") in command.input()


def test_a_jobs_id_is_that_of_run_step_attempt_and_command():
    change, other = Change(START, job=True), qm.stop(VM)
    ids = {
        act.job_id("7f3a", "vm/a/start", 1, change),
        act.job_id("8888", "vm/a/start", 1, change),
        act.job_id("7f3a", "vm/b/start", 1, change),
        act.job_id("7f3a", "vm/a/start", 2, change),
        act.job_id("7f3a", "vm/a/start", 1, other),
    }
    assert len(ids) == 5
    assert act.job_id("7f3a", "vm/a/start", 1, change) in ids
    assert all(len(identity) == 20 and identity.isalnum() for identity in ids)


def test_a_download_has_one_id_for_all_runs():
    change = act.detached("fetch", "http://x/a", shown="download", once="fetch /images/a")
    again = act.detached("fetch", "http://x/a", shown="download", once="fetch /images/a")
    assert act.job_id("7f3a", "t/x", 1, change) == act.job_id("8888", "t/y", 3, again)
    other = act.detached("fetch", "http://x/b", shown="download", once="fetch /images/b")
    assert act.job_id("7f3a", "t/x", 1, change) != act.job_id("7f3a", "t/x", 1, other)


def test_the_answers_of_several_jobs():
    out = (
        "job a none\njob b running\nout b 40 %\njob c done 3\nout c one\nout c  two\n"
        "err c oops\njob d dead\n"
    )
    assert act.jobs(out) == {
        "a": Job("none"),
        "b": Job("running", out="40 %"),
        "c": Job("done", 3, "one\n two", "oops"),
        "d": Job("dead"),
    }
    assert act.jobs("") == {}


@pytest.mark.parametrize("out", ["", "job other done 0\n", "job j1 runn"])
def test_a_job_of_which_nothing_is_said_is_not_taken_for_one_that_died(out):
    asked = act.job("pve1", "j1")
    assert (asked.place, asked.topics) == ("pve1", ("j1",))
    assert asked.query.parse("job j1 none\n") == Job("none")
    with pytest.raises(UnreadableAnswer):
        asked.query.parse(out)


def test_a_job_leaves_a_result():
    assert Job("done", 2, "out", "err").result(START) == Result(START, 2, "out", "err")


lines = st.lists(st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",))))


@given(lines, lines)
def test_whatever_a_job_writes_is_told_and_nothing_else(out, err):
    """A carriage return or a form feed in a program's output begins no line of the answer."""
    told = ["job a done 0", *(f"out a {line}" for line in out), *(f"err a {line}" for line in err)]
    assert act.jobs("\n".join(told) + "\n") == {"a": Job("done", 0, "\n".join(out), "\n".join(err))}


def test_output_cannot_speak_for_another_job():
    assert set(act.jobs("job a done 0\nout a x\x0cjob b done 0\n")) == {"a"}
