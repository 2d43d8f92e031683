"""Secrets that are planted where a user has them turn up nowhere else; what is written is private."""

from __future__ import annotations

import os
from pathlib import Path

from live import STANDALONE, live_site

CANARY = "canary-Tr0ub4dor-7931"
CREATE = ("-vv", "vm", "create", "--role", "worker", "--size", "small", "--name", "canary")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() or path.is_dir()]


def test_a_whole_deployment_leaks_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_CANARY", CANARY)
    before = os.umask(0)
    try:
        with live_site(tmp_path, STANDALONE) as plain:
            live = plain.configured("canary", cloud_init={"password": "env:THE_CANARY"})
            live.config.chmod(0o600)
            key = (live.config.parent / "id_ed25519").read_text().splitlines()[2]
            told = [live.must("-vv", "template", "build"), live.must(*CREATE)]
            told += [live.must("-vv", "vm", "show", "canary"), live.must("run", "list")]
            told += [live.pvekit("-vv", "vm", "create", "--role", "worker", "--vmid", "100")]
            told += [live.must("vm", "delete", "canary", "--yes")]
            seen = [each.out + each.err for each in told]
            seen += [str(event) for event in list(live.site.log.events)]
            written = files(live.home)
            seen += [path.read_text() for path in written if path.is_file()]
            assert any("audit.jsonl" in path.name for path in written)
            assert any("--cipassword" in text for text in seen)
            for secret in (CANARY, key):
                assert not [text for text in seen if secret in text]
            machine = live.site.nodes["pve1"].machine
            left = live.on("pve1", "find /var/lib/vz/pvekit /run/pvekit /tmp -type f").split()
            assert not [path for path in left if CANARY.encode() in machine.files.read(path)]
            loose = [path for path in written if path.stat().st_mode & 0o077]
            private = live.home / "state/pvekit"
            assert not [path for path in loose if path.is_relative_to(private)]
    finally:
        os.umask(before)
