"""What reviews found comes back: in the next size, and in what a model is told for it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from labsite import build_templates, create_vms, desk_for, lab_site
from model_server import served

from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, placing, size_model
from pvekit.operations.vm_wishes import Request
from pvekit.reviews import Book, Reviewed
from pvekit.sizing import Evidence, Size

AUTO = Request(role="db", size="auto", workload="postgres", tags=("shop",), wait=False)
GOOD = {"cpus": 4, "memory_mb": 6144, "disk_gb": 60, "reason": "as the last one"}
REVIEW = Reviewed(
    domain="lab",
    vmid=150,
    name="gone-at-10.7.7.7",
    role="db",
    workload="postgresql",
    tags=("shop",),
    template="",
    source="preset",
    proposed=Size(2, 2048, 40),
    cpus=2.0,
    memory_mb=2048,
    cpu=Evidence("own", 1, 7.0, 336, 0.4, 0.9, 1.6, 1.9),
    memory=Evidence("own", 1, 7.0, 336, 900.0, 1800.0, 1980.0, 2040.0),
    signs=("oom", "memory-saturated"),
    at=1_800_000_000.0,
    days=7.0,
)
FINE = replace(
    REVIEW,
    signs=(),
    proposed=Size(4, 8192, 40),
    source="model",
    cpus=4.0,
    memory_mb=8192,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two nodes with a template each; a VM without a class runs for 8 days."""
    with lab_site(SiteSpec(nodes=2, history_days=8)) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("build"))
        build_templates(desk)
        create_vms(desk, Request(role="app", size="small", wait=False))
        yield site


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(size_model, "installed", lambda: False)

    def desk(url="", **llm):
        base = {"model": "openai/test", "api_base": url, "timeout_seconds": 10, **llm}
        return desk_for(site, tmp_path, more=json.dumps({"llm": base}) if url else "")

    return desk


def kept(desk, *reviews):
    Book.of(desk.store).write(reviews)


def placed(desk, request=AUTO):
    return placing.ask(desk, request).places[0]


def size_of(found):
    return found["source"], found["cpus"], found["memory_mb"], found["disk_gb"]


# What a model is told


def test_a_model_is_told_what_became_of_earlier_sizes(desk):
    with served(GOOD) as server:
        kept(desk(server.url), REVIEW)
        found = placed(desk(server.url))
    assert found["source"] == "model"
    (row,) = server.facts["similar_machines"]
    assert row == {
        "role": "db",
        "workload_class": "postgresql",
        "shared_tags": 1,
        "same_template": False,
        "still_there": False,
        "first_given": {"cpus": 2, "memory_mb": 2048, "disk_gb": 40},
        "first_given_by": "preset",
        "has": {"cpus": 2.0, "memory_mb": 2048},
        "used": {
            "cpu_cores": {"days": 7.0, "p50": 0.4, "p95": 0.9, "p99": 1.6, "max": 1.9},
            "memory_mb": {"days": 7.0, "p50": 900.0, "p95": 1800.0, "p99": 1980.0, "max": 2040.0},
        },
        "first_given_over_needed": {"cpus": 1.25, "memory_mb": 1.0},
        "too_small": True,
        "signs": ["oom", "memory-saturated"],
    }
    assert not re.search(r"gone|10\.7|shop", json.dumps(server.asked))
    assert "similar_machines are earlier ones" in server.asked[0]["messages"][0]["content"]


def test_names_are_told_where_that_is_wished_for_but_no_addresses(desk):
    with served(GOOD) as server:
        kept(desk(server.url), REVIEW)
        placed(desk(server.url, send_names=True))
    (row,) = server.facts["similar_machines"]
    assert row["name"] == "gone-at-10.7.7.7".replace("10.7.7.7", "[address]")


def test_a_vm_that_runs_and_its_review_are_one_row(desk, site):
    with served(GOOD) as server:
        app = Request(role="app", size="auto", wait=False)
        key = next(vm for vm in desk().inventory().vms if vm.mark and vm.mark.role == "app")
        kept(desk(server.url), replace(REVIEW, domain=key.domain, vmid=key.vmid, name=key.name))
        placed(desk(server.url), app)
    (row,) = server.facts["similar_machines"]
    assert (row["still_there"], row["role"]) == (True, "app")
    assert row["first_given"] == {"cpus": 1, "memory_mb": 2048, "disk_gb": 20}
    assert row["first_given_by"] == "preset"
    assert row["signs"] == ["oom", "memory-saturated"]
    assert row["used"]["cpu_cores"]["days"] > 7
    assert row["used"]["memory_mb"]["max"] <= 2048  # what was measured, not what is made of it


def test_the_most_similar_are_last_and_one_was_too_small(desk):
    likest = [replace(FINE, vmid=200 + n, at=REVIEW.at + n) for n in range(9)]
    less = [replace(FINE, vmid=300, tags=()), replace(FINE, vmid=301, role="other")]
    others = [replace(FINE, vmid=400, role="web", workload="web-server")]
    with served(GOOD) as server:
        kept(desk(server.url), *likest, *less, *others)
        placed(desk(server.url))
        assert len(server.facts["similar_machines"]) == 8
        assert not any(row["too_small"] for row in server.facts["similar_machines"])
        kept(desk(server.url), replace(REVIEW, role="x", vmid=500))
        placed(desk(server.url))
    rows = server.facts["similar_machines"]
    assert [row["too_small"] for row in rows] == [True, *[False] * 7]
    assert [row["role"] for row in rows] == ["x", *["db"] * 7]


def test_a_new_review_is_a_new_question_and_nothing_else_is(desk, site):
    with served(GOOD) as server:
        kept(desk(server.url), REVIEW)
        sizes = [placed(desk(server.url))["memory_mb"]]
        create_vms(
            desk(), Request(role="sick", size="small", wait=False)
        )  # the nodes' figures move
        sizes.append(placed(desk(server.url))["memory_mb"])
        assert len(server.asked) == 1
        kept(desk(server.url), replace(REVIEW, at=REVIEW.at + 60))
        sizes.append(placed(desk(server.url))["memory_mb"])
        assert len(server.asked) == 2
    assert sizes == [6144] * 3


def test_what_follows_a_dry_run_asks_nothing_again(desk):
    with served(GOOD) as server:
        request = replace(AUTO, role="cache", workload="redis")
        dry = creating.foresee(desk(server.url), request, None)[0].decisions[0][0]
        create_vms(desk(), Request(role="sick", size="small", wait=False))
        ((spec, _),) = create_vms(desk(server.url), request)
        assert len(server.asked) == 1
    for each in (dry, spec):
        assert (each.source, each.cpus, each.memory_mb, each.disk_gb) == ("model", 4, 6144, 60)


# What history makes of it


def test_vms_that_are_gone_are_history(desk):
    kept(desk(), FINE, replace(FINE, vmid=151, cpu=None))
    found = placed(desk())
    assert (found["source"], found["confidence"]) == ("history", "medium")
    # 2040 MiB at the most, 1.85 cores for nearly all the time, and the margins for siblings.
    assert (found["cpus"], found["memory_mb"]) == (3, 2560)
    assert found["because"].startswith("reviews of earlier VMs: CPU from 7.0 days of 1 sibling(s)'")
    assert found["evidence"][0] == f"reviewed VMs: {FINE.name}, {FINE.name}"


def test_who_ran_out_of_memory_needs_more_than_it_used(desk):
    kept(desk(), REVIEW)
    found = placed(desk())
    assert (found["source"], found["memory_mb"]) == ("history", 3200)


def test_too_little_history_says_nothing(desk):
    short = Evidence("own", 1, 0.5, 24, 1.0, 1.0, 1.0, 1.0)
    kept(desk(), replace(FINE, cpu=short, memory=None, days=0.5))
    assert placed(desk())["source"] == "preset"


def test_running_vms_come_first_and_their_reviews_reinforce_them(desk):
    app = Request(role="app", size="auto", wait=False)
    before = placed(desk(), app)
    vm = next(vm for vm in desk().inventory().vms if vm.mark and vm.mark.role == "app")
    kept(desk(), replace(FINE, role="app", workload=""))
    assert size_of(placed(desk(), app)) == size_of(before)
    kept(desk(), replace(REVIEW, domain=vm.domain, vmid=vm.vmid, name=vm.name, role="app"))
    after = placed(desk(), app)
    assert after["source"] == "history"
    assert after["memory_mb"] > 2048 * 1.2 > before["memory_mb"]
