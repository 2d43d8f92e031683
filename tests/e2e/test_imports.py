"""Starting pvekit stays cheap: heavy libraries are imported by those commands only that use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from live import Live, live_site

from pvekit.cli.root import root

HEAVY = {"litellm", "paramiko", "jsonschema", "yaml", "asyncssh", "tabulate", "requests"}

# Notes every import that is tried, also of what is not installed.
TRIAL = """
import contextlib, io, json, sys
tried = set()
class Watcher:
    def find_spec(self, name, path=None, target=None):
        tried.add(name.partition(".")[0])
sys.meta_path.insert(0, Watcher())
from pvekit.cli.handler import run
with contextlib.redirect_stdout(io.StringIO()):
    statuses = [run(words) for words in json.loads(sys.argv[1])]
print(json.dumps([statuses, sorted(tried)]))
"""


def trial(*commands: list[str], **environ: str) -> tuple[list[int], set[str]]:
    """Run command lines in one process; return their statuses and what they tried to import."""
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, json.dumps(commands)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    statuses, tried = json.loads(done.stdout)
    return statuses, set(tried)


def paths(command: click.Command = root, before: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Yield the words of every command and group."""
    yield list(before)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from paths(found, (*before, name))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_site(tmp_path_factory.mktemp("imports")) as site:
        yield site


def test_help_imports_nothing_heavy():
    asked = [[*words, "--help"] for words in paths()]
    assert ["vm", "create", "--help"] in asked
    statuses, tried = trial(*asked)
    assert statuses == [0] * len(asked)
    assert tried & HEAVY == set()


def test_only_a_command_that_asks_a_model_imports_litellm(live: Live):
    asked = [["vm", "list"], ["template", "list"], ["run", "list"], ["config", "validate"]]
    statuses, tried = trial(*asked, **live.environ)
    assert statuses == [0] * len(asked)
    assert "paramiko" in tried
    assert tried & {"litellm", "asyncssh"} == set()
    # What is only needed for a fault of the configuration, and for one word of ~/.ssh/config.
    assert tried & {"jsonschema", "invoke"} == set()


def test_the_benchmark_runs():
    benchmark = Path(__file__).parents[2] / "benchmarks" / "startup.py"
    done = subprocess.run(
        [sys.executable, benchmark, "--rounds", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout
