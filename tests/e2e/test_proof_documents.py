"""Every command's JSON is as its published schema says, and has nothing beside it."""

from __future__ import annotations

import json

import pytest
from documents import checked
from live import CREATE, Live, live_site

from pvekit.lab.site import SiteSpec
from pvekit.schemas import schema

FLEET = """
apiVersion: pvekit/v1
kind: Fleet
name: shop
groups:
  web: {count: 1, size: small}
"""


@pytest.fixture
def live(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=2)) as site:
        yield site


def test_all_documents_are_as_described(live: Live):
    seen: dict[str, int] = {}

    def told(*words: str) -> dict:
        answer = live.pvekit(*words, "-o", "json")
        document = checked(json.loads(answer.out))
        seen[document["kind"]] = seen.get(document["kind"], 0) + 1
        return document

    told("template", "build", "--dry-run")
    told("template", "build")
    told("template", "build")
    told("template", "list")
    told("template", "show")
    told("template", "verify")
    told("size", "list")
    told("size", "show", "small")
    told(*CREATE, "--name", "web", "--dry-run")
    told(*CREATE, "--name", "web")
    told(*CREATE, "--name", "web")
    told("vm", "show", "web")
    assert told("size", "review")["items"]
    told("vm", "stop", "web")
    told("vm", "start", "web")
    told("vm", "wait", "web")
    told("vm", "snapshot", "create", "web", "before")
    assert told("vm", "snapshot", "list", "web")["items"]
    ran = live.pvekit("vm", "exec", "web", "-o", "json", "--", "true")
    seen[checked(json.loads(ran.out))["kind"]] = 1
    assert told("size", "sample")["items"][0]["state"] == "sampled"
    told("vm", "list", "--all")
    told("run", "verify-log")
    done = told("run", "list")["items"][0]["run"]
    told("run", "show", done)
    told("run", "resume", done)
    live.order("link-cut", "qm clone", "before", count=50)
    failed = told(*CREATE, "--name", "bad")
    live.clear()
    assert failed["items"][0]["error_id"]
    (left,) = told("run", "list", "--unfinished")["items"]
    told("run", "show", left["run"])
    told("gc", "--dry-run")
    told("run", "rollback", left["run"], "--yes")
    folder = "/var/lib/vz/pvekit/images"
    live.on("pve2", f"mkdir -p {folder}; echo x >{folder}/0123-x.img.part")
    told("gc", "--yes")
    live.order("node-down", "pve2", how="refused")
    assert told("gc", "--yes")["not_looked_at"]
    assert "pve2" in {row["node"] for row in told("node", "list")["items"]}
    live.clear()
    fleet = live.home / "fleet.yaml"
    fleet.write_text(FLEET)
    assert told("diff", "-f", str(fleet))["items"]
    told("apply", "-f", str(fleet), "--yes")
    told("ask", "a small redis", "--dry-run")
    told("ask", "a small redis", "--yes", "--no-wait")
    told("vm", "delete", "--all", "--yes")
    told("template", "delete", "9000", "--yes")
    told("run", "prune", "--older-than", "0h")
    told("node", "show", "pve1")
    told("node", "trust")
    told("doctor")
    told("place", "--role", "worker", "--size", "small")
    told("explain")
    told("explain", "FAILED")
    told("version")
    told("version", "--nodes")
    told("config", "path")
    contexts = live.home / ".config/pvekit/contexts"
    contexts.mkdir(parents=True)
    (contexts / "lab.yaml").write_text(live.config.read_text())
    assert told("config", "contexts")["items"]
    told("config", "view")
    told("config", "view", "--origin")
    assert seen.keys() == schema()["$defs"].keys(), "run the commands of the missing kinds here"
