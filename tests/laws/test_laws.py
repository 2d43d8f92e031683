"""The laws of previews: they send no change, and show exactly what is sent then.

What holds wherever a command is broken off is in the crash matrix and the roll-back matrix.
"""

from __future__ import annotations

import re
import shlex

import pytest
from plans import CASES

from pvekit.run.apply import preview


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def world(request, worlds):
    return worlds.of(request.param)


def comparable(line: str) -> str:
    """A command line without what is drawn anew for each run, or read on the node."""
    line = re.sub(r" --digest [0-9a-f]{40}", "", line)
    line = re.sub(r"run=[0-9a-z]+", "run=R", line)
    return re.sub(r"BC:24:11(:[0-9A-F]{2}){3}", "MAC", line)


def test_preview_sends_no_change(world):
    site, desk = world.start()
    assert preview(world.case.plan(desk), site).pending
    assert site.programs(changes=True) == []
    assert site.picture() == world.before


def test_preview_shows_exactly_what_apply_sends(world):
    site, desk = world.start()
    pending = preview(world.case.plan(desk), site).pending
    lines = [line for step in pending for c in step.changes for line in str(c).splitlines()]
    shown = [comparable(line) for line in lines if line.startswith("qm ")]
    site.forget_programs()
    assert world.case.do(desk).status == 0
    sent = [comparable(shlex.join(argv)) for argv in site.programs(changes=True)]
    assert sorted(line for line in sent if line.startswith("qm ")) == sorted(shown)
