"""Every command that changes something on a node is in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from live import STANDALONE, Live, live_site

CREATE = ("vm", "create", "--role", "worker", "--size", "small", "--name", "audited")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_site(tmp_path_factory.mktemp("audit"), STANDALONE) as site:
        yield site


def entries(live: Live, event: str = "sent") -> list[dict[str, Any]]:
    path = live.home / "state/pvekit/audit.jsonl"
    text = path.read_text() if path.exists() else ""
    return [told for line in text.splitlines() if (told := json.loads(line))["event"] == event]


def test_a_deployment_is_in_the_log(live):
    live.must("-q", "template", "build")
    live.must(*CREATE)
    live.must("vm", "delete", "audited", "--yes")
    told = entries(live)
    argvs = [" ".join(entry["argv"]) for entry in told]
    for changing in (event["argv"] for event in live.programs() if event["changes"]):
        # What a script starts by itself is in the line of the script.
        assert any(changing[0] in argv or "-s" in argv for argv in argvs), changing
    words = ("qm clone", "qm destroy", "qm start", "qm template")
    assert all(any(word in argv for argv in argvs) for word in words)
    runs = {row["run"] for row in live.must("run", "list", "-o", "json").rows}
    assert {entry["run"] for entry in told} == runs
    assert all(entry["fingerprint"].startswith("SHA256:") for entry in told)
    assert {entry["user"] for entry in told} == {"root"}
    ended = entries(live, "ended")
    assert all(entry["ms"] >= 0 and entry["op"] and entry["rc"] is not None for entry in ended)
    assert {entry["of"] for entry in ended} == {entry["number"] for entry in told}
    script = next(entry for entry in told if entry["argv"][0] == "sh")
    assert len(script["stdin_sha256"]) == 64
    answer = live.must("run", "verify-log", "-o", "json")
    found = json.loads(answer.out)
    assert (found["whole"], found["lines"]) == (True, len(told) + len(ended))


def test_every_line_that_was_sent_and_is_no_question_is_in_the_log(live):
    live.forget()
    before = len(entries(live))
    live.must("-q", *CREATE[:-1], "exact")
    sent = [event["line"] for event in live.site.log.of("exec") if not event.get("vmid")]
    logged = [entry["argv"] for entry in entries(live)[before:]]
    acts = [
        line for line in sent if line.startswith("env LC_ALL=C.UTF-8 sh -s -- ") and " qm " in line
    ]
    assert len(acts) == sum("qm" in argv for argv in logged)
    live.must("vm", "delete", "exact", "--yes")


def test_looking_and_dry_runs_log_nothing(live):
    before = entries(live)
    live.must("vm", "list")
    live.must("node", "list")
    live.must(*CREATE, "--dry-run")
    assert entries(live) == before


def test_a_broken_log_is_told(live):
    path = live.home / "state/pvekit/audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"op":"', b'"op":"x', 1))
    try:
        answer = live.pvekit("run", "verify-log")
        assert answer.status == 6
        assert "audit.jsonl:1: the line was changed" in answer.out
    finally:
        path.write_bytes(whole)


def test_what_cannot_be_written_down_is_not_done(live, tmp_path):
    path = live.home / "state/pvekit/audit.jsonl"
    aside = path.rename(tmp_path / "aside")
    path.mkdir()
    live.forget()
    try:
        answer = live.pvekit("-q", *CREATE)
        assert answer.status == 1
        assert "AUDIT-UNWRITABLE" in answer.err
        assert live.changes() == []
    finally:
        path.rmdir()
        aside.rename(path)
    quiet = live.configured("quiet", audit=False)
    before = entries(live)
    quiet.must("-q", *CREATE)
    quiet.must("vm", "delete", "audited", "--yes")
    assert entries(live) == before
