"""How long things take: the figures, and the files that change them."""

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.clock import SkewedClock, clock_of
from pvekit.lab.figures import NAMES, SPEEDS, ProfileError, read, realistic
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from tests.lab.parity.virtual import VirtualClock, run


def profile(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    return path


def test_each_figure_is_explained_in_the_file_and_in_the_docs():
    text = resources.files("pvekit.lab.data").joinpath("figures.toml").read_text()
    docs = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()
    for name in NAMES:
        assert re.search(rf"(?m)^{name} = ", text)
        assert f"`{name}`" in docs
    assert set(tomllib.loads(text)) == set(NAMES)


def test_a_file_changes_the_scale_and_single_figures(tmp_path):
    clock = clock_of(str(profile(tmp_path, "scale = 0.1\nprogram_start = 3\n")))
    assert (clock.scale, clock.figures.program_start) == (0.1, 3.0)
    assert clock.figures.vm_start == realistic().vm_start


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("progam_start = 3", "unknown figure 'progam_start'"),
        ("program_start = 'x'", "expected a number"),
        ("program_start = true", "expected a number"),
        ("scale = -1", "expected a number from 0 on"),
        ("copy_one = 0", "never ends"),
        ("program_start =", "profile.toml"),
    ],
)
def test_mistakes_in_a_file_are_told(tmp_path, text, told):
    with pytest.raises(ProfileError, match=told):
        read(profile(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ProfileError, match="No such file"):
        read(tmp_path / "nope.toml")


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(0.5, 1e6)))
def test_what_is_written_is_what_counts(tmp_path_factory, changed):
    path = tmp_path_factory.mktemp("profile") / "p.toml"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in changed.items()))
    figures = read(path).figures
    for name in NAMES:
        assert getattr(figures, name) == changed.get(name, getattr(realistic(), name))


def test_commands_take_the_time_of_the_profile(tmp_path):
    path = profile(tmp_path, "scale = 1\nprogram_start = 0.3\npvesm_start = 0.01\n")

    async def durations():
        clock = VirtualClock(figures=read(path).figures, start=0.0)
        machine = Site(SiteSpec(nodes=1, clustered=False), clock=clock).nodes["pve1"].machine
        before = clock.now()
        await collect(machine, "qm list")
        slow = clock.now() - before
        await collect(machine, "pvesm status")
        return slow, clock.now() - before - slow

    slow, quick = run(durations())
    assert slow >= 0.3
    assert quick < 0.2


def test_speeds_are_figures():
    assert set(SPEEDS) < set(NAMES)


def test_a_skewed_clock_runs_as_fast_as_the_true_one():
    true = clock_of("realistic")
    skewed = SkewedClock(true.scale, true.figures, true)
    skewed.ahead[0] = -3600.0
    assert skewed.now() == pytest.approx(true.now() - 3600, abs=1)
