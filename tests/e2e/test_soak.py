"""Deployments while commands fail at random: none leaves anything behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


def soaked(*words: str) -> str:
    done = subprocess.run([sys.executable, SOAK, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was left behind" in done.stdout
    return done.stdout


@pytest.mark.slow
def test_what_passes_by_itself_needs_nobody():
    assert "20 of 20" in soaked("-n", "20", "--fatal", "0", "--rate", "0.02")


@pytest.mark.slow
def test_what_fails_for_good_is_told_and_taken_back():
    assert "0 of 3" in soaked("-n", "3", "--fatal", "1", "--rate", "0.02")
