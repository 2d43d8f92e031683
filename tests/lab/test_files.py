import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab import patterns
from pvekit.lab.files import FileSystem, MemoryTree


def clock():
    return 1000.0


@pytest.fixture
def files():
    return FileSystem(clock)


def errno_of(call, *args, **options):
    with pytest.raises(OSError) as raised:  # noqa: PT011
        call(*args, **options)
    return raised.value.errno


names = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name not in {".", ".."})


def test_what_is_written_is_read(files):
    files.write("/a", b"1")
    files.write("/a", b"2", append=True)
    assert files.read("/a") == b"12"
    assert files.stat("/a").size == 2
    files.write("/a", b"3")
    assert files.read("/a") == b"3"


def test_an_existing_file_keeps_its_mode(files):
    files.write("/a", b"", mode=0o600)
    files.write("/a", b"x", mode=0o644)
    assert files.stat("/a").mode == 0o600


def test_exclusive_creation_happens_once(files):
    files.write("/a", b"1", exclusive=True)
    assert errno_of(files.write, "/a", b"2", exclusive=True) == errno.EEXIST
    assert files.read("/a") == b"1"


def test_errors_are_those_of_linux(files):
    files.mkdir("/d/e", parents=True)
    files.write("/f", b"")
    assert errno_of(files.read, "/none") == errno.ENOENT
    assert errno_of(files.read, "/d") == errno.EISDIR
    assert errno_of(files.read, "/f/x") == errno.ENOTDIR
    assert errno_of(files.write, "/none/f", b"") == errno.ENOENT
    assert errno_of(files.write, "/d", b"") == errno.EISDIR
    assert errno_of(files.mkdir, "/d") == errno.EEXIST
    assert errno_of(files.rmdir, "/d") == errno.ENOTEMPTY
    assert errno_of(files.rmdir, "/f") == errno.ENOTDIR
    assert errno_of(files.unlink, "/d") == errno.EISDIR
    assert errno_of(files.rename, "/d", "/d/e/x") == errno.EINVAL
    assert errno_of(files.rename, "/f", "/d") == errno.EISDIR
    assert errno_of(files.read, "/f/") == errno.ENOTDIR


def test_a_full_file_system_says_so(files):
    files.root.total = 10
    files.write("/a", b"12345678")
    assert errno_of(files.write, "/b", b"123") == errno.ENOSPC
    files.unlink("/a")
    files.write("/b", b"123")
    assert files.root.used == 3


def test_rename_replaces_and_an_open_file_follows(files):
    add = files.open("/part")
    add(b"one")
    files.write("/whole", b"old")
    files.rename("/part", "/whole")
    add(b" two")
    assert files.read("/whole") == b"one two"
    assert not files.exists("/part")


def test_links_are_followed_but_not_by_unlink(files):
    files.mkdir("/run/lock", parents=True)
    files.mkdir("/var")
    files.symlink("/run/lock", "/var/lock")
    files.write("/var/lock/a", b"x")
    assert files.read("/run/lock/a") == b"x"
    assert files.resolve("/var/lock/a") == "/run/lock/a"
    files.symlink("loop", "/loop")
    assert errno_of(files.read, "/loop") == errno.ELOOP
    files.unlink("/var/lock")
    assert files.exists("/run/lock/a")


def test_a_mounted_tree_is_shared(files):
    other = FileSystem(clock)
    tree = MemoryTree(clock)
    for one in (files, other):
        one.mount("/etc/pve", tree)
    files.mkdir("/etc/pve/priv")
    other.write("/etc/pve/priv/a", b"x")
    assert files.read("/etc/pve/priv/a") == b"x"
    assert "pve" in files.names("/etc")
    assert errno_of(files.rename, "/etc/pve/priv/a", "/etc/a") == errno.EXDEV


def test_hidden_names_need_a_dot_in_the_pattern(files):
    for name in ("/a", "/b1", "/.h", "/c d"):
        files.write(name, b"")
    files.mkdir("/x/y", parents=True)
    files.write("/x/y/1.conf", b"")
    assert files.glob("/*") == ["/a", "/b1", "/c d", "/x"]
    assert files.glob("/.*") == ["/.h"]
    assert files.glob("/[!a]?") == ["/b1"]
    assert files.glob("/*/*/*.conf") == ["/x/y/1.conf"]
    assert files.glob("/*/") == ["/x/"]
    assert files.glob("/none*") == []


@given(st.dictionaries(names, st.binary(max_size=20), max_size=5))
def test_data_survives_being_stored(content):
    files = FileSystem(clock)
    files.mkdir("/d", mode=0o700)
    for name, data in content.items():
        files.write(f"/d/{name}", data, mode=0o640)
    again = FileSystem(clock)
    again.from_data(json.loads(json.dumps(files.to_data())))
    assert {name: again.read(f"/d/{name}") for name in again.names("/d")} == content
    assert again.stat("/d") == files.stat("/d")
    assert again.root.used == files.root.used


@given(st.text(max_size=20))
def test_an_escaped_pattern_matches_only_itself(text):
    pattern = patterns.escape(text)
    assert not patterns.has_pattern(pattern)
    assert patterns.compiled(pattern).fullmatch(text)
    assert patterns.unescape(pattern) == text


@given(st.text(max_size=20))
def test_any_text_is_a_pattern(text):
    patterns.compiled(text)
