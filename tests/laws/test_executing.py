"""`vm exec` and `vm console-log`: what is run inside a guest, and what its console says."""

from __future__ import annotations

import pytest
from plans import build, creating_of, standing

from pvekit.errors import Conflict, PvekitError, UsageError
from pvekit.guest import execution
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, consoles, executing, vm_wishes
from pvekit.operations.executing import Work
from pvekit.operations.selecting import Selection
from pvekit.shell import Command, Result

WORKERS = vm_wishes.Request(role="worker", size="small", count=2)
NAME = "k8s-worker-1"
SCRIPT = ("sh", "-c", "echo out; echo err >&2; exit 3")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("executing")
    with standing(
        SiteSpec(nodes=1, clustered=False), directory, build, creating_of(WORKERS)
    ) as start:
        yield start


def execute(desk, *words, names=(NAME,), **more):
    return executing.execute(desk, changing.targets(desk, names), Work(words, **more))


def lines(site):
    return [" ".join(argv) for argv in site.programs()]


@pytest.mark.parametrize("via", ["agent", "ssh"])
def test_status_and_both_streams_come_through(desk, via):
    (done,) = execute(desk, *SCRIPT, via=via)
    assert done.error is None
    told = done.executed
    assert (done.status, told.out, told.err, told.cut) == (3, "out\n", "err\n", False)


@pytest.mark.parametrize("via", ["agent", "ssh"])
def test_it_reads_what_it_is_given_and_no_process_of_the_node_shows_it(site, desk, via):
    site.forget_programs()
    (done,) = execute(desk, "cat", stdin="a secret: ü 'x' $y\n", via=via)
    assert done.executed.out == "a secret: ü 'x' $y\n"
    assert not [line for line in lines(site) if "secret" in line]


def test_a_program_that_is_not_there_has_the_status_that_shells_give(desk):
    (done,) = execute(desk, "nosuchprogram")
    assert (done.status, done.error) == (127, None)
    assert "nosuchprogram" in done.executed.err


def test_one_that_takes_too_long_is_said_to_run_on():
    """As recorded: `qm guest exec --timeout 2 -- sleep 10` ends with status 0."""
    result = Result(
        Command(("qm",)), 0, '{\n   "pid" : 358\n}\n', "timeout reached, returning pid\n"
    )
    with pytest.raises(PvekitError, match="has not ended in time") as caught:
        execution.read(result, "pve1", "VM 100")
    assert caught.value.id == "GUEST-COMMAND-UNFINISHED"
    assert "process 358" in caught.value.details


def test_each_of_several_has_its_own_end(site, desk):
    site.on("pve1", "qm stop 101")
    both = execute(desk, "true", names=Selection((), ("role=worker",)))
    assert [done.status for done in both] == [0, 7]
    assert both[1].error.id == "GUEST-AGENT-SILENT"


def test_whose_vm_it_is_is_looked_at_as_it_is_sent(site, desk):
    targets = changing.targets(desk, [NAME])
    site.on("pve1", "qm set 100 --description theirs")
    (done,) = executing.execute(desk, targets, Work(("touch", "/root/x")))
    assert done.error.exit_status == 6
    site.forget_programs()
    with pytest.raises(Conflict, match="not ours"):
        execute(desk, "true")


def test_what_makes_no_sense_is_refused(desk):
    with pytest.raises(UsageError, match="after `--`"):
        execute(desk)
    with pytest.raises(UsageError, match="1 MiB"):
        execute(desk, "cat", stdin="x" * (2 << 20))


def test_the_preview_shows_the_command_and_sends_none(site, desk):
    site.forget_programs()
    targets = changing.targets(desk, [NAME])
    (step,) = executing.foresee(targets, Work(("uname", "-a"), seconds=60)).pending
    assert str(step.changes[0]) == "qm guest exec 100 --timeout 60 -- uname -a"
    assert not [line for line in lines(site) if "guest exec" in line]


def test_the_guests_own_log_is_shown_where_its_agent_answers(desk):
    execute(desk, "sh", "-c", "seq 9 >/var/log/cloud-init-output.log")
    told = consoles.log(desk, NAME, 3, "guest", 1)
    assert consoles.log(desk, NAME, 3, "auto", 1) == told
    assert told.text == "7\n8\n9\n"


def test_the_console_is_listened_to_where_the_agent_is_silent(site, desk):
    site.on("pve1", "qm stop 100")
    site.lab.loop.do(lambda: site.lab.site.faults.order("guest-silent", "100"))
    site.on("pve1", "qm start 100")
    told = consoles.log(desk, NAME, 5, "auto", 1)
    assert (told.source, len(told.text.splitlines()) <= 5) == ("console", True)
    assert "agent" in told.why


def test_what_cannot_say_anything_is_told_so(site, desk):
    site.on("pve1", "qm stop 100 && qm set 100 --delete serial0")
    with pytest.raises(Conflict, match="is stopped"):
        consoles.log(desk, NAME, 5, "auto", 1)
    site.on("pve1", "qm start 100")
    with pytest.raises(Conflict, match="no serial console") as caught:
        consoles.log(desk, NAME, 5, "console", 1)
    assert "qm set 100 --serial0 socket" in caught.value.hint
