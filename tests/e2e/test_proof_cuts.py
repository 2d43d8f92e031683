"""The link is cut at a command of `vm create`, or its process is killed, and the same is given again.

What is there then is one whole VM of the role, and nothing else is left: no claim, no job, no
volume. A sample of the places to cut is in the quick suite, every place is in the slow one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live import CREATE, STANDALONE, Live, templated_site

from pvekit.errors import PvekitError
from pvekit.operations import creating, vm_wishes

REQUEST = vm_wishes.Request(role="worker", size="small")
MOMENTS = ("before", "during", "after")


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Iterator[Live]:
    with templated_site(tmp_path_factory.mktemp("site"), STANDALONE) as site:
        site.must(*CREATE)  # what the first of all VMs leaves for good is there now
        site.must("vm", "delete", "k8s-worker-1", "--yes")
        yield site


@pytest.fixture(scope="module")
def pictures(live) -> dict[str, dict]:
    """What the site looks like without a VM and with a whole one."""
    empty = live.picture()
    live.must(*CREATE)
    whole = live.picture()
    live.must("vm", "delete", "k8s-worker-1", "--yes")
    assert live.picture() == empty
    return {"empty": empty, "whole": whole}


def create(live: Live) -> bool:
    """The command `vm create` without its patience for lost links; whether it went well."""
    with live.desk() as desk:
        data = vm_wishes.data(REQUEST, desk.config)
        journal = desk.store.unfinished(creating.KIND, data)
        try:
            _, report = creating.carry_out(
                desk, REQUEST, journal or desk.begin(creating.KIND, data)
            )
        except PvekitError:
            return False
        return report.status == 0


def check_whole(live: Live, pictures: dict[str, dict], place: object) -> None:
    assert live.picture() == pictures["whole"], place
    live.must("vm", "delete", "k8s-worker-1", "--yes")
    assert live.picture() == pictures["empty"], place


def cut_everywhere(live: Live, pictures: dict[str, dict], when: str, places: range) -> None:
    for place in places:
        live.order("link-cut", when=when, skip=str(place))
        well = create(live)
        if live.open_faults():
            live.clear()
            assert well
            assert place > 20, "too few commands for a whole creation"
            check_whole(live, pictures, place)
            return
        live.settle()
        assert well or create(live), place
        check_whole(live, pictures, place)


@pytest.mark.parametrize(
    "when", ["before", *(pytest.param(when, marks=pytest.mark.slow) for when in MOMENTS[1:])]
)
def test_cut_at_some_commands_then_again(live, pictures, when):
    first = MOMENTS.index(when)
    cut_everywhere(live, pictures, when, range(first, 1000, 7))


@pytest.mark.slow
@pytest.mark.parametrize("when", MOMENTS)
def test_cut_at_every_command_then_again(live, pictures, when):
    cut_everywhere(live, pictures, when, range(1000))


@pytest.mark.parametrize(("when", "place"), [("before", 12), ("during", 9), ("after", 15)])
def test_a_command_outlasts_one_cut(live, pictures, when, place):
    live.order("link-cut", when=when, skip=str(place))
    live.must(*CREATE)
    assert live.open_faults() == 0
    check_whole(live, pictures, place)


def test_a_command_goes_on_where_a_lasting_cut_had_stopped_it(live, pictures):
    live.order("link-cut", count=-1, skip="12")
    stopped = live.configured("hasty", timeouts={"retry": 2}).pvekit(*CREATE)
    assert stopped.status == 7, stopped
    live.clear()
    live.settle()
    resumed = live.must(*CREATE)
    assert resumed.err.startswith("resuming run ")
    assert "k8s-worker-1" in resumed.err.splitlines()[0]
    check_whole(live, pictures, "lasting")


@pytest.mark.slow
@pytest.mark.parametrize("place", range(1, 36, 3))
def test_a_command_goes_on_where_a_killed_one_stopped(live, pictures, place):
    live.forget()
    with live.process(*CREATE) as killed:
        while len(live.lines()) < place and killed.poll() is None:
            time.sleep(0.001)
        killed.kill()
    live.settle()
    assert live.must(*CREATE).err.startswith("resuming run ")
    check_whole(live, pictures, place)
