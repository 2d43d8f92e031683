"""`pvekit size review` as its users meet it: tables, documents, charts, and what --apply asks."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import pytest
from live import Live, templated_site

from pvekit.cli.sparkline import BLOCKS, PLAIN, WIDTH, blocks_for, sparkline
from pvekit.lab.site import SiteSpec
from pvekit.operations.reviewing_plots import file_name

CREATE = ("vm", "create", "--role", "web", "--size", "medium", "--no-wait")
BIG = (*CREATE, "--cpus", "8", "--memory", "8G", "--vmid")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Two nodes that stand alone, with a VM on each, of which one runs, and a stranger's."""
    spec = SiteSpec(nodes=2, clustered=False, history_days=15)
    with templated_site(tmp_path_factory.mktemp("review"), spec) as site:
        site.must(*BIG, "210", "--name", "big", "--node", "pve1")
        site.must(*BIG, "211", "--name", "off", "--node", "pve2")
        site.must("vm", "stop", "off")
        site.on("pve1", "qm create 150 --name stranger")
        yield site


def document(live: Live, *words):
    answer = live.pvekit("size", "review", *words, "-o", "json")
    assert answer.status == 0, answer
    return json.loads(answer.out), answer


def test_a_person_sees_what_was_used_what_fits_and_what_was_left_out(live):
    live.forget()
    answer = live.must("size", "review")
    assert re.search(r"^big +pve1 +cpu +8 +\d", answer.out, re.MULTILINE)
    assert re.search(rf"[{BLOCKS}]{{{WIDTH}}}", answer.out)
    assert re.search(r"^big: -\d CPUs, -\d+ MiB \(needs a restart\); CPU from", answer.out, re.M)
    assert re.search(r"^preset +1 +\+\d+%", answer.out, re.M)
    assert "left out: off (VM 211 on pve2): it is stopped" in answer.err
    assert live.changes() == []
    wide = live.must("size", "review", "-o", "wide")
    assert "CONFIDENCE" in wide.out


def test_a_document_has_the_same_and_a_terminal_of_letters_its_chart(live):
    found, answer = document(live, "big")
    assert [each["name"] for each in found["items"]] == ["big"]
    assert (found["since_seconds"], answer.err) == (86400, "")
    assert found["nodes"][0]["cpus_change"] < 0
    told = subprocess.run(
        [sys.executable, "-m", "pvekit", "size", "review", "big"],
        env={**os.environ, **live.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert re.search(rb"[_.:=+*#-]{24}", told.stdout)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ("--since 5m", 2, "no age"),
        ("--since 1w -l nonsense", 2, "no selector"),
        ("--since 90d", 2, "from an hour to 30 days"),
        ("nosuch", 5, "no VM 'nosuch'"),
        ("-l role=nosuch", 5, "matches"),
        ("stranger", 6, "not ours"),
        ("big --apply", 6, "takes a restart"),
        ("big --apply --allow-restart", 2, "nobody to ask"),
        ("big --apply --yes", 6, "--allow-restart"),
        ("off --apply --yes", 0, "None of them runs"),
    ],
)
def test_mistakes_are_told_and_nothing_is_sent(live, words, status, says):
    live.forget()
    answer = live.pvekit("size", "review", *words.split())
    assert (answer.status, live.changes()) == (status, []), answer
    assert says in answer.err


def test_without_its_library_a_chart_is_refused_before_anything_is_asked(live, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    live.forget()
    answer = live.pvekit("size", "review", "--plot", str(live.home / "none"))
    assert answer.status == 2
    assert "pip install 'pvekit[plot]'" in answer.err
    assert live.lines() == []


def test_a_place_where_no_chart_can_be_is_refused(live):
    pytest.importorskip("matplotlib")
    live.forget()
    answer = live.pvekit("size", "review", "big", "--plot", "/dev/null/x")
    assert (answer.status, live.changes()) == (2, []), answer
    assert "--plot cannot make" in answer.err


def test_a_chart_is_drawn_of_each_vm(live):
    pytest.importorskip("matplotlib")
    folder = live.home / "deep" / "charts"
    live.must("size", "review", "--plot", str(folder))
    (path,) = folder.iterdir()
    assert path.name == "pve1-210-big.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    assert path.stat().st_size > 5000


def test_a_dry_run_shows_what_would_be_sent_and_keeps_nothing(live):
    book = live.home / "state/pvekit/reviews"
    for path in book.glob("*"):
        path.unlink()
    live.forget()
    answer = live.must("size", "review", "--apply", "--dry-run")
    assert re.search(
        r"pve1: qm shutdown 210 .*\n.*pve1: qm set 210 --cores \d --memory \d+", answer.out
    )
    live.must("size", "review", "--dry-run")
    assert live.changes() == []
    assert [*book.glob("*.jsonl")] == []
    live.must("size", "review")
    assert len([*book.glob("*.jsonl")]) == 1


def test_a_node_that_is_silent_is_told_by_the_exit_status(live):
    live.order("node-down", "pve2", how="refused")
    try:
        answer = live.pvekit("-q", "size", "review", "-o", "json")
        assert (answer.status, [row["name"] for row in answer.rows]) == (7, ["big"])
        assert json.loads(answer.out)["silent_nodes"] == ["pve2"]
        assert "pve2 does not answer" in answer.err
        assert live.pvekit("size", "review", "big").status == 0
    finally:
        live.clear()


class Terminal(io.StringIO):
    """Standard input of somebody who answers."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "status"), [("n\n", 130), ("", 130)])
def test_whoever_says_no_keeps_all_as_it_is(live, monkeypatch, answer, status):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    live.forget()
    told = live.pvekit("size", "review", "--apply")
    assert (told.status, live.changes()) == (status, [])
    assert "Resize 1 VM and restart big? [y/N]" in told.err
    assert re.search(r"big: VM 210 on pve1: cpus 8 -> \d, memory 8192 -> \d+ MiB", told.err)


def test_a_yes_at_the_terminal_allows_restarts(live, monkeypatch):
    live.must(*BIG, "213", "--name", "asked", "--node", "pve2")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    answer = live.must("size", "review", "asked", "--apply", "--no-wait")
    assert re.search(r"^asked +213 +pve2 +resize +done", answer.out, re.MULTILINE)
    live.must("vm", "delete", "asked", "--yes")


def test_following_a_review_resizes_in_one_run(live):
    live.must(*BIG, "212", "--name", "small", "--node", "pve2")
    words = ("size", "review", "--apply", "--yes", "--allow-restart", "--no-wait", "-o", "json")
    answer = live.must(*words)
    assert {row["name"]: row["state"] for row in answer.rows} == {"big": "done", "small": "done"}
    plan = r"(\w+): VM \d+ on \w+: cpus 8 -> (\d), memory 8192 -> (\d+) MiB \(needs a restart\)"
    wanted = {name: (int(cpus), int(mb)) for name, cpus, mb in re.findall(plan, answer.err)}
    rows = live.must("vm", "list", "-o", "json").rows
    there = {row["name"]: (row["cpus"], row["memory_mb"]) for row in rows}
    assert wanted == {name: there[name] for name in ("big", "small")}
    run = json.loads(answer.out)["run"]
    shown = json.loads(live.must("run", "show", run, "-o", "json").out)
    assert (shown["command"], shown["status"]) == ("size review", 0)
    live.must("vm", "delete", "small", "--yes")


# Charts of a line, and names of files


def test_samples_become_blocks():
    assert sparkline([0, 4, 8], 8) == "▁▅█"
    assert sparkline([None, 100, -1], 8, PLAIN) == " #_"
    assert sparkline([], 8) == ""
    assert sparkline([1], 0) == " "
    long = sparkline([0] * 999 + [8], 8)
    assert (len(long), long[-1]) == (WIDTH, "█")
    assert [blocks_for(each) for each in ("utf-8", None, "ascii", "latin-1", "nonsense")] == [
        BLOCKS, BLOCKS, PLAIN, PLAIN, PLAIN,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b\n$(x)", ".hidden", "é" * 500, "", "/"])
def test_a_charts_file_lies_where_it_was_asked_for(name):
    found = file_name("pve1", 100, name)
    assert re.fullmatch(r"pve1-100-[A-Za-z0-9_.-]{0,100}\.png", found)
    assert len(found) <= 104
