"""Deployments while commands fail at random: none leaves anything behind."""

from __future__ import annotations

import re
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


def test_a_few_deployments_need_nobody_and_leave_nothing():
    said = soaked("-n", "4", "--seed", "3", "--fatal", "0")
    assert said.startswith("seed 3\n")
    assert "4 of 4" in said
    assert int(re.search(r"(\d+) x link-cut", said)[1]) > 5


@pytest.mark.slow
def test_the_seed_is_told_and_a_deployment_can_be_repeated():
    said = soaked("-n", "1", "--first", "7", "--fatal", "1", "--rate", "0")
    assert re.match(r"seed \d+\n", said)
    assert "deployment 7: " in said
    assert "1 met what does not pass and failed" in said


@pytest.mark.slow
def test_what_passes_by_itself_needs_nobody():
    assert "100 of 100" in soaked("-n", "100", "--seed", "4", "--fatal", "0")


@pytest.mark.slow
def test_what_fails_for_good_is_told_and_taken_back():
    assert "10 met what does not pass and failed" in soaked("-n", "10", "--fatal", "1")
