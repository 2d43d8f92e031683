"""The lab answers as the real programs did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from tests.lab.parity import known, recordings, table
from tests.lab.parity.replay import Result, replay

pytestmark = pytest.mark.skipif(
    not recordings.names(), reason=f"the recordings are not in {recordings.DIRECTORY}"
)
LEAST = 0.95  # of the commands that are compared


@pytest.fixture(scope="module")
def results() -> Mapping[str, Sequence[Result]]:
    return {name: replay(name) for name in recordings.names()}


def test_enough_commands_agree(results: Mapping[str, Sequence[Result]]):
    compared = [r for found in results.values() for r in found if not r.excluded]
    agreeing = sum(result.agrees for result in compared)
    assert agreeing >= LEAST * len(compared), f"{agreeing} of {len(compared)}"


def test_every_difference_is_explained(results: Mapping[str, Sequence[Result]]):
    differing = [
        result.entry.about
        for found in results.values()
        for result in found
        if not (result.agrees or result.excluded or known.reason(result.entry))
    ]
    assert differing == []


def test_nothing_is_answered_by_the_lab_itself(results: Mapping[str, Sequence[Result]]):
    """What is not simulated says so; that must not hide among the differences."""
    unsimulated = [
        result.entry.about
        for found in results.values()
        for result in found
        if "lab: not simulated" in result.found.stderr
        and not any(re.search(pattern, result.entry.about) for pattern, _ in known.UNSIMULATED)
    ]
    assert unsimulated == []


def test_the_page_in_the_docs_is_current(results: Mapping[str, Sequence[Result]]):
    assert table.PATH.read_text() == table.page(results), "run python -m tests.lab.parity --table"
