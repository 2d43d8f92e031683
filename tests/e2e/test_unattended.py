"""What cron and timers start: never a question, one at a time, silent if all went well."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from live import CREATE, STANDALONE, templated_site

BUILDS = (("template", "build", "--if-newer"), ("template", "verify"))
CRON = Path(__file__).parents[2] / "docs" / "cron.md"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), STANDALONE) as site:
        yield site


def test_what_went_well_is_silent(live):
    for words in (*BUILDS, CREATE, ("gc", "--yes")):
        done = live.must("-q", "--lock-wait", "0", *words)
        assert (done.out, done.err) == ("", "")
    live.must("-q", "vm", "delete", "--all", "--yes")


def test_nothing_is_asked_even_on_a_terminal(live):
    live.must(*CREATE)
    mine, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "pvekit", "--non-interactive", "vm", "delete", "--all"],
        env={**os.environ, **live.environ},
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(mine)
    os.close(theirs)
    assert done.returncode == 2
    assert "nobody to ask" in done.stderr
    assert "--yes" in done.stderr
    live.must("-q", "vm", "delete", "--all", "--yes")


def test_the_same_command_waits_for_its_turn_or_gives_up(live):
    live.order("hang", "sh -s -- /var/lib/vz/pvekit", count=1)
    first = live.process("--lock-wait", "0", "vm", "list")
    while not live.lines() or live.open_faults():
        assert first.poll() is None
    refused = live.pvekit("--lock-wait", "0", "vm", "list")
    assert refused.status == 7
    assert f"process {first.pid}" in refused.err
    assert live.pvekit("--lock-wait", "0", "node", "list").status == 0
    assert live.pvekit("vm", "list").status == 0
    first.kill()
    first.communicate()
    assert live.pvekit("--lock-wait", "10s", "vm", "list").status == 0


def test_the_commands_of_the_document_are_run(live):
    """Each command line of the examples is given to pvekit, as cron or systemd would."""
    lines = re.findall(r"(?:pvekit) (-q --lock-wait .+?)(?:\s+\|\|.*)?$", CRON.read_text(), re.M)
    assert len(lines) >= 4
    for line in lines:
        assert live.pvekit(*line.split()).status == 0, line
