"""Whether an image is handed on: what is compared, and how it is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pvekit.templates.origins import GAIN, Rates, quick

MB = 10**6
SIZE = 600 * MB

rate = st.floats(1e3, 1e10)
count = st.integers(2, 64)


def rates(**changed) -> Rates:
    found = {"nodes": 4, "together": 3 * MB, "alone": 12 * MB, "between": 100 * MB, "asked": 3}
    return Rates(SIZE, **(found | changed))


def test_one_download_and_copies_beat_downloads_that_share_a_line():
    found = rates()
    assert (found.downloading, found.copying) == (200, 50 + 6)
    assert found.worth
    assert found.why("pve1") == (
        "measured: 56 s if pve1 hands it on, 200 s if all 4 nodes download "
        "(3 MB/s each at once, 12 MB/s alone, 100 MB/s from pve1)"
    )


def test_where_the_server_is_what_limits_all_download():
    found = rates(alone=3 * MB)
    assert not found.worth
    assert found.why("pve1").startswith("measured: 200 s if all 4 nodes download, 206 s if pve1 ")


def test_where_the_nodes_are_far_from_each_other_all_download():
    assert not rates(between=2 * MB).worth


def test_who_has_the_image_hands_it_on_at_once():
    found = rates(nodes=1, alone=None, asked=1)
    assert found.copying == 6
    assert found.why("pve1") == (
        "measured: 6 s if pve1 hands it on, 200 s if it is downloaded "
        "(3 MB/s from the internet, 100 MB/s from pve1)"
    )


def test_more_copies_than_were_measured_share_the_sources_link():
    assert rates(nodes=17, asked=8).copying == 50 + 2 * 6


def test_what_takes_few_seconds_is_not_compared():
    assert quick(SIZE, 100 * MB, 4) == (
        "measured: 6 s if all 4 nodes download, there is little to gain"
    )
    assert quick(SIZE, 60 * MB, 4) == ""


@given(together=rate, alone=rate, between=rate, nodes=count)
def test_it_is_worth_it_only_where_it_is_faster(together, alone, between, nodes):
    found = Rates(SIZE, nodes, together, alone, between, min(nodes - 1, 8))
    assert found.worth == (found.copying <= GAIN * found.downloading)
    assert found.copying > SIZE / alone
    assert not (found.worth and found.copying > found.downloading)


@given(together=rate, alone=rate, between=rate, nodes=count, faster=st.floats(1, 100))
def test_faster_nodes_never_make_copying_slower(together, alone, between, nodes, faster):
    asked = min(nodes - 1, 8)
    slow = Rates(SIZE, nodes, together, alone, between, asked)
    fast = Rates(SIZE, nodes, together, alone, between * faster, asked)
    assert fast.worth or not slow.worth
