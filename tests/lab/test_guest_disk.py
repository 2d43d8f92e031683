from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.files import FileSystem
from pvekit.lab.guests import content
from pvekit.lab.guests.disk import (
    Disk,
    Iso,
    image_bytes,
    iso_bytes,
    read_image,
    read_iso,
)

names = st.text("abcXYZ._-", min_size=1, max_size=8).filter(lambda name: name.strip("."))
contents = st.binary(max_size=40)
disks = st.builds(
    Disk,
    size_bytes=st.integers(1, 1 << 45),
    files=st.dictionaries(names.map("/etc/{}".format), contents, max_size=5),
    os=st.sampled_from(["ubuntu-22.04", "blank"]),
    modes=st.just({}),
    directories=st.sets(names.map("/srv/{}".format), max_size=3),
    links=st.dictionaries(names.map("/opt/{}".format), names, max_size=3),
    root_bytes=st.integers(0, 1 << 40),
)


@given(disks)
def test_an_image_file_gives_its_disk_back(disk: Disk) -> None:
    assert read_image(image_bytes(disk)) == disk


@given(names, st.dictionaries(names, contents, max_size=4))
def test_an_iso_file_gives_its_cd_back(volume_id: str, files: dict[str, bytes]) -> None:
    iso = Iso(volume_id, files)
    assert read_iso(iso_bytes(iso)) == iso


@given(st.binary(max_size=60))
def test_other_files_are_neither_image_nor_iso(data: bytes) -> None:
    assert read_image(data) is None
    assert read_iso(data) is None


def test_a_truncated_image_is_none() -> None:
    data = image_bytes(Disk(1, {"/etc/hostname": b"x"}))
    assert read_image(data[: len(data) // 2]) is None


def test_a_copy_is_independent_and_may_be_larger() -> None:
    disk = Disk(10, {"/a": b"1"}, "ubuntu-22.04")
    copy = disk.copy(20)
    copy.files["/a"] = b"2"
    copy.directories.add("/b")
    assert (disk.size_bytes, disk.files, disk.directories) == (10, {"/a": b"1"}, set())
    assert copy.size_bytes == 20


@given(disks)
def test_a_disk_survives_being_loaded_and_saved(disk: Disk) -> None:
    files = FileSystem(lambda: 0.0)
    content.load(disk, files)
    saved = Disk(disk.size_bytes, os=disk.os, root_bytes=disk.root_bytes)
    content.save(files, saved)
    assert (saved.files, saved.links) == (disk.files, disk.links)
    assert disk.directories <= saved.directories


def test_modes_owners_and_links_survive() -> None:
    files = FileSystem(lambda: 0.0)
    files.mkdir("/root/.ssh", parents=True, mode=0o700)
    files.write("/root/.ssh/key", b"k", mode=0o600)
    files.chown("/root/.ssh/key", "bench")
    files.symlink("/root/.ssh/key", "/root/link")
    files.mkdir("/run", parents=True)
    files.write("/run/volatile", b"")
    disk = Disk(1)
    content.save(files, disk)
    again = FileSystem(lambda: 0.0)
    content.load(disk, again)
    assert again.stat("/root/.ssh").mode == 0o700
    assert again.stat("/root/.ssh/key").mode == 0o600
    assert again.stat("/root/.ssh/key").owner == "bench"
    assert again.read("/root/link") == b"k"
    assert not again.exists("/run/volatile")
