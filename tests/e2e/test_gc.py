"""``pvekit gc`` as its user meets it, beside other processes of pvekit."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from live import CREATE, Live, templated_site

from pvekit.lab.site import SiteSpec


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), SiteSpec(nodes=2)) as site:
        site.must(*CREATE)
        site.must("vm", "delete", "k8s-worker-1", "--yes")
        yield site


def gc(live: Live, *words: str) -> dict:
    answer = live.pvekit("gc", "-o", "json", *words)
    assert answer.out, answer
    return json.loads(answer.out)


def another_machine(live: Live, name: str) -> Live:
    """The same site, as somebody with other journals sees it."""
    state = live.home / name
    state.mkdir(exist_ok=True)
    (state / ".ssh").symlink_to(live.home / ".ssh") if (live.home / ".ssh").exists() else None
    return replace(live, home=state)


def killed(live: Live, commands: int) -> None:
    """A creation whose process was killed after so many commands."""
    live.forget()
    with live.process(*CREATE) as process:
        while len(live.lines()) < commands and process.poll() is None:
            time.sleep(0.001)
        process.kill()
    live.settle()


def test_right_after_a_creation_nothing_is_left_over(live):
    live.must(*CREATE)
    assert live.must("gc", "--yes").out == "Nothing is left over.\n"
    live.must("vm", "delete", "k8s-worker-1", "--yes")
    assert live.must("gc", "--yes").out == "Nothing is left over.\n"


def test_a_killed_creation_is_shown_then_removed(live):
    before = live.picture()
    killed(live, 22)
    shown = live.must("gc", "--dry-run")
    assert "k8s-worker-1" in shown.out
    assert "ended unfinished" in shown.out
    assert "is over" not in shown.out, "an unfinished run is not called over"
    assert "qm destroy " in shown.out
    refused = live.pvekit("gc")
    assert refused.status == 2, refused
    assert "--yes" in refused.err
    removed = gc(live, "--yes")
    assert {each["state"] for each in removed["items"]} == {"removed"}
    assert live.picture() == before
    assert "unfinished" not in live.must("run", "list").out


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same machine", "another"])
def test_what_another_process_is_creating_is_never_touched(live, elsewhere):
    before = live.picture()
    looking = another_machine(live, "elsewhere") if elsewhere else live
    found: list[dict] = []
    with live.process(*CREATE, "--count", "3") as creating:
        while creating.poll() is None:
            found += gc(looking, "--yes")["items"]
    assert creating.returncode == 0
    assert found == []
    names = [f"k8s-worker-{number}" for number in (1, 2, 3)]
    assert [row["name"] for row in live.must("vm", "list", "-o", "json").rows if row["ours"]]
    live.must("vm", "delete", *names, "--yes")
    assert live.picture() == before


def test_a_node_that_does_not_answer_is_named_and_told_by_the_status(live):
    live.order("node-down", "pve2", how="refused")
    try:
        answer = live.pvekit("gc", "--yes")
    finally:
        live.clear()
    assert answer.status == 7, answer
    assert "not looked at: pve2" in answer.err


def test_one_failure_does_not_stop_the_others(live):
    folder = "/var/lib/vz/pvekit/images"
    killed(live, 22)
    live.on("pve2", f"mkdir -p {folder}; echo x >{folder}/0123-x.img.part")
    row = next(row for row in live.must("vm", "list", "--all", "-o", "json").rows)
    live.order("lock-held", f"config {row['vmid']}", count=100)
    answer = live.configured("hasty", timeouts={"retry": 2}).pvekit("gc", "--yes", "-o", "json")
    live.clear()
    states = {each["type"]: each["state"] for each in json.loads(answer.out)["items"]}
    assert answer.status == 4, answer
    assert states["download"] == "removed"
    assert states["vm"] == "failed"
    assert gc(live, "--yes")["items"]
    assert live.must("gc", "--yes").out == "Nothing is left over.\n"
