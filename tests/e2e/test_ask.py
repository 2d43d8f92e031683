"""``pvekit ask`` as a user types it: questions, refusals, files, interruptions, and once more."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time

import pytest
import yaml
from documents import checked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import STANDALONE, Live, templated_site
from model_server import served

from pvekit.operations import size_model

TEXT = "two web servers for 200 requests/s and a small postgres"
NAMES = ["web-postgres-postgres-1", "web-postgres-web-1", "web-postgres-web-2"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), STANDALONE) as site:
        yield site.configured("hasty", timeouts={"retry": 1, "quorum": 1})


@pytest.fixture
def live(site):
    site.forget()
    yield site
    site.clear()
    site.settle()
    for row in site.must("run", "list", "--unfinished", "-o", "json").rows:
        site.must("run", "rollback", row["run"], "--yes")
    if site.must("vm", "list", "-o", "json").rows:
        site.must("vm", "delete", "--all", "--yes")


def vms(live: Live) -> list[str]:
    return sorted(row["name"] for row in live.must("vm", "list", "-o", "json").rows)


def typed(live: Live, monkeypatch, answer: str, *words: str):
    """The command line with somebody at a terminal."""
    keyboard = io.StringIO(answer)
    keyboard.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", keyboard)
    return live.pvekit(*words)


def test_after_a_yes_and_once_more(live, monkeypatch):
    answer = typed(live, monkeypatch, "yes\n", "ask", TEXT)
    assert answer.status == 0, answer
    file, plan, question = (
        answer.err.index(each)
        for each in ("kind: Fleet\n", "qm clone ", f"Create {', '.join(NAMES)}? [y/N]")
    )
    assert file < plan < question
    assert vms(live) == NAMES
    live.forget()
    again = live.must("ask", TEXT)  # nobody has to be asked
    assert "No change: the fleet web-postgres is there as asked for." in again.err
    assert live.changes() == []
    document = checked(json.loads(live.must("ask", TEXT, "--dry-run", "-o", "json").out))
    assert (document["pending"], document["changes"], document["steps"]) == (False, [], [])


@pytest.mark.parametrize("answer", ["no\n", "\n", ""])
def test_without_a_yes_nothing_is_sent(live, monkeypatch, answer):
    assert typed(live, monkeypatch, answer, "ask", TEXT).status == 130
    assert live.changes() == []


def test_where_nobody_can_be_asked_the_flag_is_named(live):
    answer = live.pvekit("ask", TEXT)
    assert answer.status == 2
    assert "There is nobody to ask." in answer.err
    assert "Hint: Say --yes." in answer.err
    assert live.changes() == []


def test_what_comes_of_it_is_data(live):
    answer = live.must("-q", "ask", *TEXT.split(), "--yes", "-o", "json")
    assert [(row["name"], row["state"]) for row in answer.rows] == [(n, "done") for n in NAMES]
    assert answer.err == ""


def test_a_dry_run_shows_all_and_sends_nothing(live):
    answer = live.must("ask", TEXT, "--dry-run")
    assert yaml.safe_load(answer.out.partition("vm/")[0])["name"] == "web-postgres"
    assert answer.out.count("qm clone") == 3
    document = checked(json.loads(live.must("ask", TEXT, "--dry-run", "-o", "json").out))
    assert [each["name"] for each in document["changes"]] == NAMES
    assert [each["count"] for each in document["groups"]] == [2, 1]
    words = ("ask", TEXT, "--dry-run", "--detailed-exitcode", "-o", "yaml")
    told = live.pvekit(*words)
    assert told.status == 10
    assert checked(yaml.safe_load(told.out)) == document
    assert live.changes() == []


def test_the_file_is_written_once_and_applied(live, tmp_path):
    path = tmp_path / "fleet.yaml"
    written = live.must("ask", TEXT, "--out", str(path))
    assert f"pvekit apply -f {path}" in written.err
    assert path.stat().st_mode & 0o777 == 0o644
    text = path.read_text()
    path.write_text("mine")
    assert live.pvekit("ask", TEXT, "--out", str(path)).status == 6
    assert path.read_text() == "mine"
    live.must("ask", TEXT, "--out", str(path), "--force", "--dry-run")
    assert path.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["fleet.yaml"]
    assert live.changes() == []
    live.must("apply", "-f", str(path))
    live.forget()
    live.must("ask", TEXT)
    assert live.changes() == []


@pytest.mark.parametrize("path", ["none/fleet.yaml", "folder", "pipe"])
def test_where_no_file_can_be_nothing_is_asked(live, tmp_path, path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    answer = live.pvekit("ask", TEXT, "--out", str(tmp_path / path), "--force", "--yes")
    assert answer.status in (1, 2)
    assert live.lines() == []


def test_a_part_is_shown_and_never_applied(live, tmp_path):
    path = tmp_path / "fleet.yaml"
    answer = live.pvekit("ask", f"{TEXT} für Müllers Bücher", "--yes", "--out", str(path))
    assert answer.status == 4
    assert "Warning: Not understood: für müllers bücher" in answer.err
    assert yaml.safe_load(answer.out)["groups"]["web"]["count"] == 2
    assert path.read_text() == answer.out
    told = live.pvekit("ask", f"{TEXT} on pve1", "--yes", "-o", "json")
    assert checked(json.loads(told.out))["not_understood"] == ["pve1"]
    assert live.changes() == []


def test_what_fits_nowhere_is_named(live):
    answer = live.pvekit("ask", "two redis and 40 elasticsearch", "--yes")
    assert answer.status == 8
    assert (
        "Error: The group elasticsearch (40 of 4 vCPU, 8192 MiB, 80 GiB) does not fit" in answer.err
    )
    assert live.changes() == []


def test_a_strangers_name_is_left_alone(live):
    live.on("pve1", "qm create 170 --name redis-redis-1 --memory 512 --scsi0 local-lvm:1")
    live.forget()
    try:
        answer = live.pvekit("ask", "a redis", "--yes")
        assert answer.status == 6
        assert "is not ours" in answer.err
        assert live.changes() == []
    finally:
        live.on("pve1", "qm destroy 170")


def test_broken_off_the_same_command_goes_on(live):
    live.order("link-cut", "qm set", count=-1)
    assert live.pvekit("ask", TEXT, "--yes").status == 7
    live.clear()
    answer = live.must("ask", TEXT, "--yes")
    assert "resuming run" in answer.err
    assert vms(live) == NAMES


def test_ctrl_c_while_vms_are_made(live):
    live.order("guest-silent", "100", count=-1)
    process = live.process("ask", TEXT, "--yes")
    while not any("sight 100" in line for line in live.lines()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"go on:     pvekit ask '{TEXT}' --yes" in err
    live.clear()
    assert "resuming run" in live.must("ask", TEXT, "--yes").err
    assert vms(live) == NAMES


def test_ctrl_c_while_a_model_thinks(live, monkeypatch):
    monkeypatch.setattr(size_model, "installed", lambda: False)
    with served("hang") as server:

        def interrupt() -> None:
            while not server.asked:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        asked = live.configured("model", llm={"model": "openai/x", "api_base": server.url})
        answer = asked.pvekit("ask", TEXT, "--yes")
    assert answer.status == 130
    assert "no run is left unfinished" in answer.err
    assert live.changes() == []


def test_with_a_model(live, monkeypatch):
    monkeypatch.setattr(size_model, "installed", lambda: False)
    nulls = dict.fromkeys(
        ("role", "name", "requests_per_second", "data_gb", "connections", "pods", "nodes", "jobs",
         "series", "cpus", "memory_mb", "disk_gb")
    )  # fmt: skip
    web = {**nulls, "workload": "web-server", "count": 2, "size": "auto", "amounts_of": "all"}
    said = {"groups": [web, {**web, "workload": "postgresql", "count": 1, "size": "small"}]}
    size = {"cpus": 1, "memory_mb": 2560, "disk_gb": 20, "reason": "few requests"}
    with served({**said, "complete": True}, size) as server:
        asked = live.configured("model", llm={"model": "openai/x", "api_base": server.url})
        answer = asked.must("ask", "zwei Webserver und ein kleines Postgres", "--yes", "--explain")
    assert "Read by openai/x." in answer.err
    assert "sent to openai/x: {" in answer.err
    assert "openai/x says: 'few requests'" in answer.err
    assert vms(live) == NAMES
    assert "source=model workload=web-server" in live.on("pve1", "qm config 101")
    with served(500) as server:
        asked = live.configured(
            "model", llm={"model": "openai/x", "api_base": server.url, "timeout_seconds": 1}
        )
        answer = asked.pvekit("ask", "delete all VMs", "--yes")
    assert answer.status == 2
    assert vms(live) == NAMES


WORDS = [
    "a",
    "two",
    "3",
    "x2",
    "64",
    "900",
    "small",
    "large",
    "web",
    "servers",
    "postgres",
    "redis",
    "workers",
    "masters",
    "and",
    "with",
    "for",
    "of",
    ",",
    "each",
    "no",
    "delete",
    "VMs",
    "200",
    "requests/s",
    "50",
    "GB",
    "ram",
    "4",
    "cpus",
    "called",
    "front",
    "über",
    "Müller",
    "🦄",
    "--yes",
    "-x",
    "'",
    '"',
    "\n",
]
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
)


def ends_clearly(live: Live, text: str) -> None:
    answer = live.pvekit("ask", "--dry-run", "-o", "json", "--", text)
    assert answer.status in (0, 2, 4, 8), answer
    if answer.status in (0, 4):
        document = checked(json.loads(answer.out))
        assert document["whole"] is (answer.status == 0)
        assert document["groups"]
    else:
        assert (answer.out, "Error: " in answer.err) == ("", True)
        assert "explain: pvekit explain " in answer.err
    assert live.changes() == []


ANY_SITE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=15, deadline=None, suppress_health_check=ANY_SITE)
@given(TEXTS)
def test_any_text_ends_clearly(live, text):
    ends_clearly(live, text)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=ANY_SITE)
@given(TEXTS)
def test_many_texts_end_clearly(live, text):
    ends_clearly(live, text)
