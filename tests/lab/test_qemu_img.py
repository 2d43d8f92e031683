"""``qemu-img`` and ``qemu-io``: contents, sizes and formats of image files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.commands.qemu_contents import byte_at, first_difference, with_pattern
from pvekit.lab.commands.qemu_img import qemu_img, qemu_io
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import Image, image_file, read_image_file, shape_of
from tests.lab.machines import machine, run

SIZE = 64


def node():
    found = machine()
    found.programs |= {"qemu-img": qemu_img, "qemu-io": qemu_io}
    return found


def told(on, line):
    status, out, err = run(line, on=on)
    assert (status, err) == (0, "")
    return out


@pytest.mark.parametrize("image_format", ["raw", "qcow2", "vmdk"])
def test_conversion_keeps_the_content_and_tells_the_format(image_format):
    on = node()
    told(on, "qemu-img create -q -f raw a 48M; qemu-io -f raw -c 'write -P 9 0 4M' a")
    told(on, f"qemu-img convert -f raw -O {image_format} a b")
    assert told(on, "qemu-img compare -f raw a b") == "Images are identical.\n"
    facts = json.loads(told(on, "qemu-img info --output json b"))
    assert (facts["format"], facts["virtual-size"]) == (image_format, 48 << 20)
    told(on, f"qemu-io -f {image_format} -c 'write -P 9 1M 1k' b")
    assert run("qemu-img compare -f raw a b", on=on)[:2] == (0, "Images are identical.\n")
    told(on, f"qemu-io -f {image_format} -c 'write -P 8 1M 1k' b")
    assert run("qemu-img compare -f raw a b", on=on)[:2] == (
        1,
        f"Content mismatch at offset {1 << 20}!\n",
    )


def test_files_show_the_size_that_they_would_have():
    on = node()
    told(on, "qemu-img create -q -f qcow2 a 64M; qemu-img create -q -f raw b 48M")
    told(on, "qemu-io -f raw -c 'write -P 9 0 4M' b; cp b c")
    told(on, "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized b s.vmdk")
    told(on, "qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse b t.vmdk")
    sizes = told(on, "stat -c '%n %s' a b c s.vmdk t.vmdk t-s001.vmdk")
    assert dict(line.split() for line in sizes.splitlines()) == {
        "a": "196616",
        "b": "50331648",
        "c": "50331648",
        "s.vmdk": "163328",
        "t.vmdk": "512",
        "t-s001.vmdk": "4259840",
    }


def test_shrinking_must_be_asked_for():
    on = node()
    told(on, "qemu-img create -q -f qcow2 a 64M")
    assert told(on, "qemu-img resize a +1M") == "Image resized.\n"
    status, _, err = run("qemu-img resize a 1M", on=on)
    assert (status, err.splitlines()[0]) == (
        1,
        "qemu-img: Use the --shrink option to perform a shrink operation.",
    )
    told(on, "qemu-img resize --shrink a 1M")
    assert json.loads(told(on, "qemu-img info --output json a"))["virtual-size"] == 1 << 20


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "info no",
            "qemu-img: Could not open 'no': Could not open 'no': No such file or directory",
        ),
        ("info -f qcow2 text", "qemu-img: Could not open 'text': Image is not in qcow2 format"),
        ("create -f foo x 1G", "qemu-img: x: Unknown file format 'foo'"),
        ("create x", "qemu-img: x: Image creation needs a size parameter"),
    ],
)
def test_refusals(line, why):
    on = node()
    told(on, "echo hello > text")
    status, _, err = run(f"qemu-img {line}", on=on)
    assert (status, err) == (1, f"{why}\n")


WRITES = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.integers(1, SIZE), st.integers(0, 3)), max_size=12
)


def written(raw, writes):
    disk, plain = Disk(SIZE, raw=raw), bytearray(raw.ljust(SIZE, b"\0"))
    for at, wanted, byte in writes:
        length = min(wanted, SIZE - at)
        disk = with_pattern(disk, at, length, byte)
        plain[at : at + length] = bytes([byte]) * length
    return disk, bytes(plain)


@given(st.binary(max_size=16), WRITES, st.binary(max_size=16), WRITES)
def test_what_is_written_is_read_and_compared_as_in_plain_bytes(raw, writes, other_raw, others):
    disk, plain = written(raw, writes)
    other, other_plain = written(other_raw, others)
    assert bytes(byte_at(disk, at) for at in range(SIZE)) == plain
    pairs = zip(plain, other_plain, strict=True)
    wanted = next((at for at, (a, b) in enumerate(pairs) if a != b), None)
    assert first_difference(disk, other) == wanted


@given(st.integers(1, 1 << 40), WRITES, st.sampled_from(["raw", "qcow2", "vmdk"]))
def test_image_files_are_read_back(size, writes, image_format):
    disk = Disk(size, patterns=written(b"", writes)[0].patterns)
    image = Image(disk, shape_of(disk, image_format))
    assert read_image_file(image_file(image)) == image


@given(st.binary(max_size=2000))
def test_any_other_file_is_a_raw_disk(data):
    image = read_image_file(data)
    assert image.shape.format == "raw"
    assert image.disk.size_bytes % 512 == 0
    assert bytes(byte_at(image.disk, at) for at in range(len(data))) == data
