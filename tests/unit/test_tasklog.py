"""The log of a task that failed stands in the error, where it says more than the output."""

from __future__ import annotations

import pytest
from labsite import lab_site

from pvekit.lab.site import SiteSpec
from pvekit.pve import tasklog
from pvekit.pve.faults import failure
from pvekit.run.scheduler import Scheduler
from pvekit.shell import Command, Result

UPID = "UPID:pve1:0003A1F2:0012D687:65A8F3C0:qmclone:9000:root@pam:"
START = ("qm", "start", 100)


@pytest.fixture(scope="module")
def site():
    with lab_site(SiteSpec(nodes=1, clustered=False)) as found:
        found.on("pve1", "qm create 100 --memory 512 --scsi0 local-lvm:1")
        found.lab.loop.do(lambda: found.lab.site.faults.order("start-fails", "100"))
        found.on("pve1", "qm start 100")
        yield found


def told(site, result):
    found = []

    def task():
        error = failure(result, what="start", node="pve1")
        found.append((yield from tasklog.told(error, result, "pve1")))

    assert Scheduler(site).run({"x": task()}) == {"x": None}
    return found[0].details


def last(site):
    return site.on("pve1", "tail -n 1 /var/log/pve/tasks/index").split()[0]


def test_the_log_of_a_named_task_is_told(site):
    upid = last(site)
    assert ":qmstart:100:" in upid
    said = told(site, Result(Command(("pvesh", "create", "x")), 1, err=f"failed: {upid}"))
    assert f"log of {upid}:\n  " in said
    log = site.on("pve1", f"cat /var/log/pve/tasks/*/{upid}").strip().splitlines()
    assert log[-1] in said


def test_of_a_job_that_died_its_vms_last_task_is_told(site):
    said = told(site, Result(Command(START), 255, err=tasklog.DIED))
    assert f"log of {last(site)}:" in said


def test_what_the_output_has_already_is_not_told_twice(site):
    log = site.on("pve1", f"cat /var/log/pve/tasks/*/{last(site)}")
    said = told(site, Result(Command(START), 255, err=log))
    assert "log of" not in said


def test_a_task_without_a_log_and_one_of_a_strange_name_say_nothing(site):
    for err in (UPID, "UPID:../../etc/passwd"):
        assert "log of" not in told(site, Result(Command(("pvesh",)), 1, err=err))


@pytest.mark.parametrize(
    ("words", "err", "wanted"),
    [
        (START, f"x {UPID} y\n{UPID}", (UPID,)),
        (START, "short", ("100",)),
        (START, "one\ntwo\nthree", ()),
        (START, f"one\ntwo\n{tasklog.DIED}", ("100",)),
        (START, "pvekit-refused: no", ()),
        (("sh", "-s", "--", 100), "short", ()),
        (("pvesh", "get", "/version"), "short", ()),
    ],
)
def test_which_logs_are_worth_a_look(words, err, wanted):
    assert tasklog.named(Result(Command(words), 1, err=err)) == wanted
