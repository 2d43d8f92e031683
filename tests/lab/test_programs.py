import asyncio
import shlex

from hypothesis import given
from hypothesis import strategies as st
from machines import machine, run

from pvekit.lab.machine import collect
from pvekit.lab.programs import COREUTILS
from pvekit.lab.streams import Stream


def test_a_lock_of_the_machine_is_seen_by_flock():
    async def scenario():
        lab = machine()
        handle = lab.locks.try_acquire("/var/lock/x")
        assert (await collect(lab, "flock -n /run/lock/x true"))[0] == 1
        assert await lab.locks.acquire("/run/lock/x", timeout=0.5) is None
        lab.locks.release(handle)
        assert (await collect(lab, "flock -n /var/lock/x true"))[0] == 0

    asyncio.run(scenario())


def test_a_waiting_lock_gets_its_turn_even_when_time_is_immediate():
    async def scenario():
        lab = machine()
        line = "flock -w 10 /run/lock/x sh -c 'read n </tmp/n; sleep 1; echo $((n+1)) >/tmp/n'"
        lab.files.write("/tmp/n", b"0\n")
        results = await asyncio.gather(*(collect(lab, line) for _ in range(10)))
        assert {status for status, _, _ in results} == {0}
        assert lab.files.read("/tmp/n") == b"10\n"

    asyncio.run(scenario())


def test_a_killed_holder_lets_go_of_its_lock():
    async def scenario():
        lab = machine(1.0)
        holder = asyncio.ensure_future(collect(lab, "flock /run/lock/x sleep 1000"))
        while not lab.locks.held("/run/lock/x"):
            await asyncio.sleep(0)
        line = "flock -n /run/lock/x true; echo $?; kill $(ps -o pid=,args= | grep 'sleep 1000$' | grep -v flock | cut -c1-7)"
        assert (await collect(lab, line))[1] == b"1\n"
        assert (await holder)[0] == 143
        assert not lab.locks.held("/run/lock/x")

    asyncio.run(scenario())


def test_proc_tells_of_the_boot_and_of_adopted_processes():
    lab = machine()
    before = run("cat /proc/sys/kernel/random/boot_id", on=lab)[1]
    live = lab.processes.add(("/usr/bin/kvm", "-id", "101"))
    lab.files.write(f"/run/{live.pid}.pid", b"")
    assert lab.files.read(f"/proc/{live.pid}/cmdline") == b"/usr/bin/kvm\0-id\x00101\0"
    assert run(f"kill -0 {live.pid}; ls -d /proc/{live.pid}", on=lab)[1] == f"/proc/{live.pid}\n"
    lab.reboot()
    assert run("ls /run; ls /tmp", on=lab)[1] == "lock\n"
    assert run("cat /proc/sys/kernel/random/boot_id", on=lab)[1] not in {before, ""}
    assert not lab.files.exists(f"/proc/{live.pid}")


def test_programs_may_be_added_at_any_time():
    lab = machine()

    async def qm(process):
        await process.say(f"{process.argv} {(await process.stdin.read()).decode()}")
        return 7

    lab.programs["qm"] = qm
    assert run("echo in | qm set 1", on=lab) == (7, "('qm', 'set', '1') in\n", "")
    assert run(
        "command -v qm; [ -x /usr/sbin/qm ] && /usr/sbin/qm </dev/null; sudo -n qm x </dev/null",
        on=lab,
    )[1] == ("/usr/sbin/qm\n('/usr/sbin/qm',) ('qm', 'x') ")


def test_a_program_may_clean_up_when_it_is_ended():
    lab = machine(1.0)

    async def clone(process):
        try:
            await process.machine.clock.sleep(1000)
        finally:
            process.machine.files.write("/tmp/end", b"%d" % lab.processes[process.pid].signal)
        return 0

    lab.programs["clone"] = clone
    assert (
        run("clone & sleep 0.01; kill $!; wait $!; echo $?; cat /tmp/end", on=lab)[1] == "143\n15"
    )


def test_the_input_of_a_session_reaches_dev_stdin():
    lab = machine()
    run("install -m 600 /dev/stdin /root/key", b"\x00\xffsecret", on=lab)
    assert lab.files.read("/root/key") == b"\x00\xffsecret"
    assert lab.files.stat("/root/key").mode == 0o600


def test_a_closed_stream_is_a_bad_descriptor():
    closed = Stream()
    assert not closed.readable
    assert run("cat <&-")[0] == 1


def test_an_empty_path_is_nowhere():
    status, _, err = run("mkdir -p ''")
    assert (status, err) == (1, "mkdir: cannot create directory '': No such file or directory\n")


ARGUMENTS = [
    "",
    "-n",
    "-x",
    "1",
    "-1",
    "--",
    "-",
    "a b",
    "/",
    "/nope",
    "f",
    "-s",
    "-c",
    "-d",
    "-e",
    "s/a/b/",
    "-w",
    "5s",
]


@given(
    st.sampled_from(sorted(set(COREUTILS) - {"yes"})),
    st.lists(st.sampled_from(ARGUMENTS), max_size=4),
)
def test_odd_arguments_are_answered_or_refused(name, arguments):
    status, _, _ = run(shlex.join([name, *arguments]), b"in 1\n2\n")
    assert 0 <= status <= 255
