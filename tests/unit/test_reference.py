"""The command reference is that of the commands, and its man pages are well formed."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MAN = sorted((REPOSITORY / "man").glob("*.1"))


@pytest.fixture(scope="module")
def reference():
    """The script that writes it: it is no part of the package."""
    spec = importlib.util.spec_from_file_location("reference", REPOSITORY / "docs/reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["reference"]


def test_it_is_current(reference):
    kept = [REPOSITORY / "docs/cli.md", *MAN]
    there = {str(path.relative_to(REPOSITORY)): path.read_text() for path in kept}
    wanted = reference.written()
    differing = sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )
    assert not differing, f"out of date: {differing}; run `make docs` and commit what it writes"


def test_it_is_written_where_it_is_asked_for(reference, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "man").mkdir()
    gone = tmp_path / "man/pvekit-gone.1"
    gone.touch()
    reference.main(tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert found == set(reference.written())


def test_every_command_is_in_both(reference):
    pages = list(reference.pages(reference.root))
    markdown, man = reference.markdown(pages), "".join(path.read_text() for path in MAN)
    assert len(pages) > 40
    for page in pages:
        assert f"## {page.path}\n" in markdown
        assert reference.roff(page.usage[len(page.path) :]) in man
        for option in page.options:
            assert all(reference.roff(name) in man for name in option.names)


@pytest.mark.parametrize("path", MAN, ids=lambda path: path.stem)
def test_a_man_page_is_well_formed(path):
    if shutil.which("mandoc"):
        words = ["mandoc", "-Tlint", "-Wstyle", str(path)]
    elif shutil.which("groff"):
        words = ["groff", "-man", "-Tutf8", "-ww", "-z", str(path)]
    else:
        pytest.skip("neither mandoc nor groff is here")
    done = subprocess.run(words, capture_output=True, text=True)
    told = (done.stdout + done.stderr).splitlines()
    # A date would be that of the last run, and each run a change.
    assert [line for line in told if not re.search("missing date|referenced manual", line)] == []
