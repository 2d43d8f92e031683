"""Reviews that are kept: the newest of each VM, whatever became of the file."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.journal import Store
from pvekit.reviews import Book, Reviewed
from pvekit.reviews.book import MOST
from pvekit.reviews.reviewed import from_data
from pvekit.sizing import Evidence, Size

SEEN = Evidence("own", 1, 7.0, 336, 0.4, 0.9, 1.2, 1.5)
REVIEW = Reviewed(
    domain="site",
    vmid=101,
    name="db-1",
    role="db",
    workload="postgresql",
    tags=("team-a",),
    template="ubuntu",
    source="model",
    proposed=Size(4, 8192, 60),
    cpus=4.0,
    memory_mb=8192,
    cpu=SEEN,
    memory=None,
    signs=("oom",),
    at=1_800_000_000.0,
    days=7.0,
)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path / "pvekit" / "reviews", "a site")


def test_what_was_written_is_read(book):
    reviews = (REVIEW, replace(REVIEW, vmid=102, proposed=None, cpu=None, memory=SEEN, tags=()))
    book.write(reviews)
    assert book.read() == reviews
    assert book.path.stat().st_mode & 0o777 == 0o600
    assert book.directory.stat().st_mode & 0o777 == 0o700
    assert Book(book.directory, "another site").read() == ()


def test_a_book_lies_beside_the_journals(tmp_path):
    book = Book.of(Store(tmp_path / "runs", "a site"))
    assert book.path == Book(tmp_path / "reviews", "a site").path


def test_the_newest_review_of_each_vm_is_kept(book):
    later = replace(REVIEW, at=REVIEW.at + 5, memory_mb=4096)
    book.write([later])
    book.write([REVIEW])
    assert book.read() == (later,)
    again = replace(REVIEW, name="web-1", at=REVIEW.at + 9)  # the vmid was used again
    book.write([again])
    assert book.read() == (later, again)


def test_the_oldest_are_forgotten(book):
    many = [replace(REVIEW, vmid=100 + n, at=float(n)) for n in range(MOST + 3)]
    book.write(many)
    assert book.read() == tuple(many[3:])


def test_nothing_is_there_before_the_first_review(book):
    assert book.read() == ()


def test_a_damaged_line_is_passed_over(book):
    book.write([REVIEW])
    good = book.path.read_text()
    book.path.write_text(f"{good[:40]}\n{good}[]\n{'[' * 100_000}\nnull\n{good[:-30]}")
    assert book.read() == (REVIEW,)
    book.write([replace(REVIEW, vmid=102)])
    assert len(book.path.read_text().splitlines()) == 2


def test_a_file_that_is_none_of_ours_says_nothing(book, tmp_path):
    book.write([REVIEW])
    elsewhere = tmp_path / "elsewhere"
    book.path.rename(elsewhere)
    book.path.symlink_to(elsewhere)
    assert book.read() == ()


def test_many_may_write_at_once(book):
    writers = [
        threading.Thread(target=book.write, args=([replace(REVIEW, vmid=100 + n)],))
        for n in range(8)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert {each.vmid for each in book.read()} == set(range(100, 108))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


def test_what_another_version_adds_is_passed_over():
    line = json.loads(json.dumps(asdict(REVIEW)))
    assert from_data({**line, "mood": "good"}) == REVIEW


@given(st.sampled_from(sorted(asdict(REVIEW))), ANYTHING)
def test_a_line_is_a_review_or_nothing(key, value):
    line = json.loads(json.dumps(asdict(REVIEW)))
    try:
        found = from_data({**line, key: value})
    except ValueError:
        return
    assert json.loads(json.dumps(asdict(found))) == {**line, key: value}
