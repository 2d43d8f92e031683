"""What `size review` found of a VM comes back in the next `vm create`, by the real commands."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
from live import templated_site
from model_server import served

from pvekit.config.load import load
from pvekit.lab.site import SiteSpec
from pvekit.llm import providers
from pvekit.operations import size_model
from pvekit.reviews import Book

TEMPLATE = "ubuntu-2204-cloud-template"
CREATE = ("vm", "create", "--role", "db", "--workload", "postgres 20 GB", "--no-wait")
GOOD = {"cpus": 2, "memory_mb": 3072, "disk_gb": 50, "reason": "the last one had too little"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A VM that ran out of memory and another were reviewed, and are gone."""
    with templated_site(
        tmp_path_factory.mktemp("feedback"), SiteSpec(nodes=2, history_days=15)
    ) as site:
        site.must(*CREATE, "--name", "db-old", "--vmid", "210", "--memory", "2G")
        site.must("vm", "create", "--role", "web", "--name", "web-old", "--no-wait")
        site.must("vm", "wait", "db-old", "--for", "agent")
        site.order("guest-oom", "210", process="postgres")
        reviewed = site.must("size", "review", "-o", "json")
        assert {each["name"] for each in reviewed.rows} == {"db-old", "web-old"}
        site.must("vm", "delete", "db-old", "web-old", "--yes")
        yield site


@pytest.fixture
def model(live, monkeypatch):
    """A model that is asked without litellm."""
    monkeypatch.setattr(size_model, "installed", lambda: False)
    with served(GOOD) as server:
        monkeypatch.setenv("PVEKIT_LLM__MODEL", "openai/test")
        monkeypatch.setenv("PVEKIT_LLM__API_BASE", server.url)
        yield server


def test_a_model_is_told_of_them_and_asked_once(live, model):
    live.forget()
    dry = live.must(*CREATE, "--dry-run", "--explain")
    assert live.changes() == []
    (row,) = model.facts["similar_machines"]
    assert (row["role"], row["still_there"], row["too_small"]) == ("db", False, True)
    assert (row["first_given"]["memory_mb"], row["first_given_by"]) == (2048, "preset")
    assert "oom" in row["signs"]
    assert 100 < row["used"]["memory_mb"]["max"] <= 2048
    assert row["used"]["cpu_cores"]["days"] >= 1
    assert set(row["first_given_over_needed"]) == {"cpus", "memory_mb"}
    assert not re.search(r"db-old|10\.|pve1", json.dumps(model.asked))
    assert "size: 2 vCPU, 3072 MiB, 50 GiB; source: model; openai/test says:" in dry.err
    assert f"sent to openai/test: {model.asked[0]['messages'][1]['content']}" in dry.err

    placed = live.must("place", *CREATE[2:-1], "--explain", "-o", "json")
    assert placed.rows[0]["source"] == "model"
    assert "sent to openai/test" in placed.err

    (made,) = live.must(*CREATE, "-o", "json").vms
    assert (made["source"], made["cpus"], made["memory_mb"]) == ("model", 2, 3072)
    assert len(model.asked) == 1
    live.must("vm", "delete", made["name"], "--yes")


def test_without_a_model_they_are_history(live):
    dry = live.must(*CREATE, "--dry-run", "--explain")
    # The text's amounts settle the disk, and data makes for memory: only CPUs are left.
    assert "source: history; reviews of earlier VMs: CPU from" in dry.err
    assert "reviewed VMs: db-old" in dry.err
    dry = live.must("place", "--role", "db", "--workload", "postgres", "-o", "json")
    (row,) = dry.rows
    assert row["source"] == "history"
    assert row["memory_mb"] > 2048 * 1.2
    assert row["confidence"] in ("low", "medium")


def test_reviews_are_kept_where_only_their_user_reads_them(live):
    (path,) = (live.home / "state/pvekit/reviews").glob("*.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    book = Book(path.parent, load(live.config).whereabouts)
    assert [(each.name, each.template) for each in book.read()] == [
        ("db-old", TEMPLATE),
        ("web-old", TEMPLATE),
    ]


@pytest.mark.slow
@pytest.mark.skipif(not providers.installed(), reason="litellm is not here")
@pytest.mark.parametrize("words", [("--dry-run",), ()])
def test_who_waits_for_a_model_may_leave(live, monkeypatch, words):
    with served("hang") as server:
        monkeypatch.setenv("PVEKIT_LLM__MODEL", "openai/test")
        monkeypatch.setenv("PVEKIT_LLM__API_BASE", server.url)
        monkeypatch.setenv("PVEKIT_LLM__TIMEOUT_SECONDS", "100")
        live.forget()
        process = live.process(*CREATE, *words)
        while not server.asked:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, live.changes()) == (130, [])
    assert "Traceback" not in err
    assert not [
        row for row in live.must("run", "list", "-o", "json").rows if row["state"] != "finished"
    ]
