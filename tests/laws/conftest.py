"""Tells at the end how many break points were tried, wherever a test has counted them."""

from __future__ import annotations

import pytest
from breaking import fresh_desk
from plans import Worlds

BREAK_POINTS = "break points"


def pytest_terminal_summary(terminalreporter):
    counts = [
        (report.nodeid.partition("::")[2], count)
        for report in terminalreporter.getreports("passed")
        for name, count in report.user_properties
        if name == BREAK_POINTS
    ]
    if counts:
        terminalreporter.section("break points tried")
        for name, count in sorted(counts):
            terminalreporter.write_line(f"{count:5} {name}")
        terminalreporter.write_line(f"{sum(count for _, count in counts):5} in all")


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """The sites on which plans are broken off."""
    worlds = Worlds(lambda: tmp_path_factory.mktemp("world"))
    yield worlds
    worlds.close()


@pytest.fixture
def site(saved):
    """A fresh site, as the module's ``saved`` makes one."""
    return saved()


@pytest.fixture
def desk(site, tmp_path):
    """A desk without any runs before that site."""
    return fresh_desk(site, tmp_path, "desk")
