import asyncio
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import machine, run

from pvekit.lab.machine import collect
from pvekit.lab.streams import BytesReader, BytesWriter

words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)


@given(st.lists(words, min_size=1, max_size=4))
def test_quoted_words_arrive_unchanged(texts):
    _, out, _ = run(shlex.join(["printf", "<%s>", *texts]))
    assert out == "".join(f"<{text}>" for text in texts)


@given(st.lists(words, min_size=1, max_size=3))
def test_arguments_of_a_script_on_stdin_arrive_unchanged(texts):
    _, out, _ = run(shlex.join(["sh", "-s", "--", *texts]), b'for x; do printf "<%s>" "$x"; done')
    assert out == "".join(f"<{text}>" for text in texts)


@given(words)
def test_any_text_is_run_or_refused(text):
    status, _, _ = run(f"set -f; PATH=/none\n{text}")
    assert 0 <= status <= 255


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nope", "sh: 1: nope: not found\n"),
        ("\n\nnope", "sh: 3: nope: not found\n"),
        (">/no/x", "sh: 1: cannot create /no/x: Directory nonexistent\n"),
        ("cat </no", "sh: 1: cannot open /no: No such file\n"),
        ("set -C; >/tmp/x; >/tmp/x", "sh: 1: cannot create /tmp/x: File exists\n"),
        ("set -u; echo $x", "sh: 1: x: parameter not set\n"),
        ("echo ${x", "sh: 1: Syntax error: Missing '}'\n"),
        ("if", "sh: 1: Syntax error: end of file unexpected\n"),
        ("fi", 'sh: 1: Syntax error: "fi" unexpected\n'),
        ("echo $(", 'sh: 1: Syntax error: end of file unexpected (expecting ")")\n'),
        ("echo 'x", "sh: 1: Syntax error: Unterminated quoted string\n"),
        ("ulimit -n", "sh: 1: lab: not simulated: ulimit: -n\n"),
        ("ls -Z", "lab: not simulated: ls: option -Z\n"),
    ],
)
def test_complains_in_the_words_of_dash(line, message):
    assert run(line)[2] == message


def test_what_is_not_simulated_ends_with_99():
    assert run("ls --zero")[0] == 99
    assert run("ulimit -n; echo no")[:2] == (99, "")


async def finished(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never came true")


class LostLink:
    async def write(self, data):
        raise BrokenPipeError


JOB = """
mkdir /run/job || exit 17
setsid sh -c 'echo $$ >/run/job/pid; "$@"; echo $? >/run/job/rc.tmp; mv /run/job/rc.tmp /run/job/rc' sh "$@" \\
  >/run/job/out 2>&1 </dev/null &
echo started
"""


def test_a_detached_job_outlives_its_shell():
    async def scenario():
        lab = machine()
        work = "while [ ! -e /tmp/go ]; do sleep 1; done; echo done; exit 3"
        line = shlex.join(["sh", "-s", "--", "sh", "-c", work])
        assert (await collect(lab, line, JOB.encode()))[:2] == (0, b"started\n")
        assert (await collect(lab, line, JOB.encode()))[:2] == (17, b"")
        assert not lab.files.exists("/run/job/rc")
        await collect(lab, "touch /tmp/go")
        await finished(lambda: lab.files.exists("/run/job/rc"))
        assert lab.files.read("/run/job/rc") == b"3\n"
        assert lab.files.read("/run/job/out") == b"done\n"
        await finished(lambda: not lab.processes)

    asyncio.run(scenario())


def test_a_job_is_found_in_proc_and_ended_by_its_group():
    async def scenario():
        lab = machine(1.0)
        await collect(lab, "sh -s -- sleep 1000", JOB.encode())
        await finished(lambda: lab.files.exists("/run/job/pid") and lab.files.read("/run/job/pid"))
        status, out, _ = await collect(
            lab,
            "pid=$(cat /run/job/pid); grep -acF sleep /proc/$pid/cmdline; cut -d' ' -f5,22 /proc/$pid/stat; kill -- -$pid",
        )
        assert status == 0
        group, started = out.split()[1:]
        assert group == lab.files.read("/run/job/pid").strip()
        assert int(started) >= 0
        await finished(lambda: not lab.processes)
        assert not lab.files.exists("/run/job/rc")

    asyncio.run(scenario())


def test_setsid_as_the_only_command_does_not_wait():
    async def scenario():
        lab = machine()
        work = "while [ ! -e /tmp/go ]; do sleep 1; done; echo x >/tmp/done"
        line = shlex.join(["setsid", "sh", "-c", work]) + " >/dev/null 2>&1"
        assert (await collect(lab, line))[0] == 0
        assert not lab.files.exists("/tmp/done")
        await collect(lab, "touch /tmp/go")
        await finished(lambda: lab.files.exists("/tmp/done"))

    asyncio.run(scenario())


def test_a_background_process_that_keeps_the_output_keeps_the_session():
    status, out, _ = run("(sleep 1; echo late) & echo early", on=machine(0.02))
    assert (status, out) == (0, "early\nlate\n")


def test_a_lost_link_breaks_writers_but_not_what_was_redirected():
    async def scenario():
        lab = machine()
        line = "sh -c 'echo a; echo b' ; echo $? >/tmp/x; echo y"
        status = await lab.execute(line, BytesReader(), LostLink(), BytesWriter())
        assert status == 141
        assert lab.files.read("/tmp/x") == b"141\n"

    asyncio.run(scenario())


def test_one_of_many_wins_an_exclusive_claim():
    async def scenario():
        lab = machine()
        claim = (
            'set -C; if { echo "$1" >/run/claim; } 2>/dev/null; then echo won; else echo lost; fi'
        )
        lines = [shlex.join(["sh", "-c", claim, "sh", str(n)]) for n in range(20)]
        results = await asyncio.gather(*(collect(lab, line) for line in lines))
        outcome = [out for _, out, _ in results]
        assert outcome.count(b"won\n") == 1
        assert lab.files.read("/run/claim").strip() == str(outcome.index(b"won\n")).encode()

    asyncio.run(scenario())


def test_large_output_flows_through_pipes():
    status, out, _ = run("seq 200000 | cat | tail -n 1")
    assert (status, out) == (0, "200000\n")


def test_an_endless_loop_gives_way_to_others():
    async def scenario():
        lab = machine()
        endless = asyncio.ensure_future(collect(lab, "while :; do :; done"))
        assert (await collect(lab, "echo alive"))[1] == b"alive\n"
        lab.reboot()
        assert (await endless)[0] == 137

    asyncio.run(scenario())


def test_users_have_their_own_surroundings():
    lab = machine()
    lab.files.mkdir("/home/ubuntu")
    lab.files.write("/etc/passwd", b"ubuntu:x:1000:1000::/home/ubuntu:/bin/bash\n", append=True)
    assert run(
        "whoami; echo $HOME; pwd; id -u; sudo -n id -un; sudo sh -c 'echo $HOME'",
        on=lab,
        user="ubuntu",
    )[1] == ("ubuntu\n/home/ubuntu\n/home/ubuntu\n1000\nroot\n/root\n")
