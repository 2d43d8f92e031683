"""The benchmarks of what reading costs run, on small sites: their figures are for people."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("scale.py", "--nodes", "2", "--vms", "32", "--place", "16", "--sizes", "2"), "33 lines"),
        (
            ("templates.py", "--nodes", "2", "--line", "100 Mbit/s"),
            "copies; measured: 56 s if pve1",
        ),
        (("connections.py", "--nodes", "3", "--patience", "0.5"), "sent no SSH banner in 0.5 s"),
    ],
    ids=["scale", "templates", "connections"],
)
def test_a_benchmark_runs(words, told):
    script, *more = words
    done = subprocess.run(
        [sys.executable, FOLDER / script, *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
