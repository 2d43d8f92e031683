"""pvekit's own samples: lines, files, and what two of them say of the time between."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.errors import UsageError
from pvekit.samples import Sample, Samples, kept_under, measured
from pvekit.samples.sample import from_line
from pvekit.samples.store import NEAREST

NOVEMBER = 1793491200  # 2026-11-01 00:00 UTC
DECEMBER = NOVEMBER + 30 * 86400
HOUR = 3600

counts = st.integers(0, 10**12)
maybe = st.none() | counts
taken = st.builds(
    Sample, st.integers(NOVEMBER, DECEMBER - 1), counts, counts, maybe, maybe, maybe, maybe
)


def sample(at: int, cpu_ds: int = 0, **more: int) -> Sample:
    return Sample(at, 5, cpu_ds, **more)


@given(taken)
def test_a_line_says_what_was_counted(one):
    assert from_line(one.to_line(NOVEMBER), NOVEMBER) == one


@given(st.text(max_size=60))
def test_any_line_is_a_sample_or_none(text):
    assert isinstance(from_line(text, NOVEMBER), Sample | None)


def test_a_line_is_short():
    late = Sample(DECEMBER - 1, 10**9, 10**8, 10**6, 10**6, 10**6, 10**6)
    assert len(late.to_line(NOVEMBER)) <= 64


def test_samples_are_kept_by_vm_and_month(tmp_path):
    samples = Samples(tmp_path / "state" / "samples")
    one, other = kept_under(100, "7f3a", "web"), kept_under(100, "8e21", "web")
    for at in (DECEMBER - 600, DECEMBER - 300, DECEMBER, DECEMBER + 300):
        assert samples.add({one: sample(at)}) == {one}
    samples.add({other: sample(DECEMBER, 7)})
    # Another VM under the same vmid has samples of its own.
    assert [each.at - DECEMBER for each in samples.read(one, DECEMBER - 300, DECEMBER + 200)] == [
        -300,
        0,
    ]
    assert samples.read(other, 0, DECEMBER + HOUR) == (sample(DECEMBER, 7),)
    assert samples.read("none", DECEMBER, DECEMBER) == ()
    files = [path for path in samples.directory.iterdir() if path.name != "lock"]
    names = {path.name for path in files}
    assert names == {"100-7f3a.2026-11", "100-7f3a.2026-12", "100-8e21.2026-12"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert samples.directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["../../x", "a/b", "ä", "x" * 500, ".", "a b"])
def test_no_name_leads_out_of_the_directory(tmp_path, name):
    samples = Samples(tmp_path / "samples")
    key = kept_under(100, "", name)
    samples.add({key: sample(NOVEMBER)})
    assert samples.read(key, NOVEMBER, NOVEMBER) == (sample(NOVEMBER),)
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {samples.directory}


def test_a_line_that_was_torn_anywhere_goes_with_the_next_sample(tmp_path):
    samples = Samples(tmp_path)
    for n in range(3):
        samples.add({"100-a": sample(NOVEMBER + 300 * n, n, used_mb=1234, total_mb=4096)})
    path = tmp_path / "100-a.2026-11"
    whole = path.read_bytes()
    begun = whole[:-1].rfind(b"\n") + 1
    for cut in range(begun, len(whole)):
        path.write_bytes(whole[:cut])
        before = samples.read("100-a", NOVEMBER, DECEMBER)
        assert [each.cpu_ds for each in before] == [0, 1]
        samples.add({"100-a": sample(NOVEMBER + 1200, 4)})
        after = samples.read("100-a", NOVEMBER, DECEMBER)
        assert [each.cpu_ds for each in after] == [0, 1, 4]


@pytest.mark.parametrize("damage", [b"\0" * 5000, b"\xff\xfe nonsense\n", b"1 2\n\n\n", b"9 9 x\n"])
def test_damaged_lines_are_passed_over(tmp_path, damage):
    samples = Samples(tmp_path)
    samples.add({"100-a": sample(NOVEMBER, 1)})
    path = tmp_path / "100-a.2026-11"
    path.write_bytes(path.read_bytes() + damage)
    assert samples.add({"100-a": sample(NOVEMBER + 300, 2)}) == {"100-a"}
    found = samples.read("100-a", NOVEMBER, DECEMBER)
    assert [each.cpu_ds for each in found] == [1, 2]


def test_a_full_disk_leaves_whole_lines(tmp_path):
    samples = Samples(tmp_path)
    samples.add({"100-a": sample(NOVEMBER, 1)})
    path = tmp_path / "100-a.2026-11"
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 4, hard))
    try:
        with pytest.raises(OSError, match=r"full|large"):
            samples.add({"100-a": sample(NOVEMBER + 300, 2)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == whole


def test_two_at_once_mix_no_lines_and_take_one_sample(tmp_path):
    keys = [f"{vmid}-a" for vmid in range(100, 110)]

    def one(turn: int) -> int:
        at = NOVEMBER + turn // 2 * 300 + turn % 2
        return len(Samples(tmp_path).add({key: sample(at, turn // 2) for key in keys}))

    with ThreadPoolExecutor(4) as pool:
        for turn in range(0, 20, 2):
            assert sorted(pool.map(one, (turn, turn + 1))) == [0, len(keys)]
    for key in keys:
        found = Samples(tmp_path).read(key, NOVEMBER, DECEMBER)
        assert [each.cpu_ds for each in found] == list(range(10))


def test_what_came_just_now_is_not_taken_twice(tmp_path):
    samples = Samples(tmp_path)
    assert samples.add({"100-a": sample(NOVEMBER)})
    assert not samples.add({"100-a": sample(NOVEMBER + NEAREST - 1)})
    assert samples.add({"100-a": sample(NOVEMBER + NEAREST)})


def test_a_clock_that_went_back_hides_nothing_of_now(tmp_path):
    samples = Samples(tmp_path)
    for at in (0, 300, 90_000, 600, 900):
        samples.add({"100-a": sample(NOVEMBER + at)})
    found = samples.read("100-a", NOVEMBER, NOVEMBER + HOUR)
    assert [each.at - NOVEMBER for each in found] == [0, 300, 600, 900]
    found = samples.read("100-a", NOVEMBER, DECEMBER)
    assert [each.at - NOVEMBER for each in found] == [0, 300, 600, 900]


def test_only_months_that_ended_long_ago_are_removed(tmp_path):
    samples = Samples(tmp_path)
    assert samples.prune(DECEMBER) == 0
    samples.add({"100-a": sample(NOVEMBER), "101-b": sample(DECEMBER)})
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "100-a.2026-13").write_text("no month")
    assert samples.prune(DECEMBER - 1) == 0
    assert samples.prune(DECEMBER) == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"101-b.2026-12", "notes.txt", "100-a.2026-13", "lock"}


def test_what_others_could_change_is_neither_read_nor_written(tmp_path):
    samples = Samples(tmp_path / "samples")
    samples.add({"100-a": sample(NOVEMBER)})
    path = samples.directory / "100-a.2026-11"
    samples.directory.chmod(0o777)
    assert samples.read("100-a", NOVEMBER, DECEMBER) == ()
    samples.directory.chmod(0o700)
    assert samples.read("100-a", NOVEMBER, DECEMBER) == (sample(NOVEMBER),)
    path.chmod(0o666)
    assert samples.read("100-a", NOVEMBER, DECEMBER) == ()
    with pytest.raises(UsageError):
        samples.add({"100-a": sample(NOVEMBER + 300)})
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert samples.read("100-a", NOVEMBER, DECEMBER) == ()
    with pytest.raises(OSError, match="symbolic"):
        samples.add({"100-a": sample(NOVEMBER + 300)})
    assert not (tmp_path / "elsewhere").exists()


# What two samples say


def test_counters_become_rates():
    first = sample(NOVEMBER, 1000, used_mb=500, total_mb=2048, some_ms=0, full_ms=100)
    then = sample(NOVEMBER + 300, 1600, used_mb=600, total_mb=2048, some_ms=9, full_ms=3100)
    alone, both = measured((first, then))
    assert (alone.cpu, alone.used_mb, alone.pressure) == (None, 500, None)
    assert (both.since, both.until) == (NOVEMBER, NOVEMBER + 300)
    assert (both.cpu, both.used_mb, both.pressure) == (0.2, 600, 1.0)


def test_another_process_counts_from_its_own_beginning():
    first = sample(NOVEMBER, 1000, full_ms=900)
    then = replace(first, at=NOVEMBER + 300, process=6, cpu_ds=3000, full_ms=1500)
    found = measured((first, then))[1]
    # Nobody knows when it began; that its guest has waited is certain.
    assert (found.cpu, found.pressure) == (None, 0.5)
    assert measured((first, replace(first, at=NOVEMBER + 300, cpu_ds=10)))[1].cpu is None


def test_a_guest_that_has_booted_meanwhile_counts_anew():
    first, then = sample(NOVEMBER, full_ms=9000), sample(NOVEMBER + 300, full_ms=300)
    assert measured((first, then))[1].pressure == 0.1


def test_a_pause_is_a_gap():
    early, late = sample(NOVEMBER, 0, used_mb=1), sample(NOVEMBER + HOUR, 36000, used_mb=2)
    found = measured((early, late))[1]
    assert (found.since, found.cpu, found.used_mb) == (NOVEMBER + HOUR - 300, None, 2)


@settings(max_examples=50)
@given(st.lists(taken, max_size=8))
def test_any_samples_give_sensible_rates(found):
    for each in measured(found):
        assert each.since < each.until
        assert each.cpu is None or each.cpu >= 0
        assert each.pressure is None or 0 <= each.pressure <= 100
