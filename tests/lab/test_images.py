from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest
from guest_lab import DEBIAN, JAMMY, ROCKY, new_world

from pvekit.lab.commands import customize, download, iso
from pvekit.lab.guests.disk import read_image, read_iso
from pvekit.lab.guests.software import base_programs
from pvekit.lab.guests.world import World
from pvekit.lab.machine import Machine, collect

PLAIN = "https://example.invalid/jammy.img"
MISSING = "https://cloud-images.ubuntu.com/nosuch.tar"


def node(world: World) -> Machine:
    machine = Machine("pve1", world.clock, world.log, base_programs())
    machine.programs |= download.programs(world.internet)
    machine.programs |= iso.PROGRAMS
    machine.programs |= customize.programs(world.internet)
    return machine


def on(work: Callable[[Machine, World], Awaitable[None]]) -> None:
    world = new_world()
    asyncio.run(asyncio.wait_for(work(node(world), world), 20))


async def ok(machine: Machine, line: str, stdin: bytes = b"") -> str:
    status, out, err = await collect(machine, line, stdin)
    assert status == 0, (line, status, out, err)
    return out.decode()


@pytest.mark.parametrize(
    ("image", "sums", "algorithm", "line"),
    [
        (JAMMY, "SHA256SUMS", "sha256", "{sum} *{name}\n"),
        (DEBIAN, "SHA512SUMS", "sha512", "{sum}  {name}\n"),
        (ROCKY, "CHECKSUM", "sha256", "SHA256 ({name}) = {sum}\n"),
        (ROCKY, "{name}.sha256", "sha256", "SHA256 ({name}) = {sum}\n"),
        (JAMMY.replace("jammy-server", "my-own"), "SHA256SUMS", "sha256", "{sum} *{name}\n"),
    ],
)
@pytest.mark.parametrize("fetch", ["wget -q -O /root/i {}", "curl -fsSL -o /root/i {}"])
def test_checksum_files_agree_with_images(
    image: str, sums: str, algorithm: str, line: str, fetch: str
) -> None:
    async def work(machine: Machine, world: World) -> None:
        directory, _, name = image.rpartition("/")
        await ok(machine, fetch.format(image))
        data = machine.files.read("/root/i")
        text = await ok(machine, f"wget -qO- {directory}/{sums.format(name=name)}")
        wanted = line.format(sum=hashlib.new(algorithm, data).hexdigest(), name=name)
        assert wanted in text.splitlines(keepends=True)
        assert read_image(data) is not None

    on(work)


@pytest.mark.parametrize(
    ("url", "os", "mebibytes"),
    [
        (JAMMY, "ubuntu-22.04", 2252),
        (JAMMY.replace("jammy", "noble"), "ubuntu-24.04", 3584),
        (DEBIAN, "debian-12", 3072),
        (ROCKY, "rocky-9", 10240),
    ],
)
def test_an_image_holds_the_system_of_its_url(url: str, os: str, mebibytes: int) -> None:
    disk = read_image(new_world().internet.fetch(url))
    assert disk is not None
    assert (disk.os, disk.size_bytes) == (os, mebibytes << 20)
    assert disk.files["/etc/machine-id"] == b""


def test_a_corrupt_download_shows_in_its_sum_and_the_next_one_is_right() -> None:
    async def work(machine: Machine, world: World) -> None:
        world.faults.order("download-corrupt", "jammy")
        await ok(machine, f"wget -q -O a {JAMMY}; curl -fsS -o b {JAMMY}")
        bad, good = machine.files.read("/root/a"), machine.files.read("/root/b")
        digest = hashlib.sha256(good).hexdigest()
        sums = await ok(machine, f"wget -qO - {JAMMY.rpartition('/')[0]}/SHA256SUMS")
        assert digest in sums
        assert bad != good
        assert read_image(bad) is None

    on(work)


def test_a_newer_release_has_another_sum() -> None:
    world = new_world()
    old = world.internet.fetch(JAMMY)
    assert world.internet.fetch(JAMMY) == old
    world.internet.serial += 1
    assert world.internet.fetch(JAMMY) != old


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        (f"wget -q -O x {PLAIN}", 4, ""),
        (f"wget -nv -O x {PLAIN}", 4, "unable to resolve host address"),
        (f"wget -nv -O x {MISSING}", 8, "ERROR 404: Not Found."),
        (f"curl -fsSL -o x {PLAIN}", 6, "curl: (6) Could not resolve host: example.invalid"),
        (f"curl -fsSL -o x {MISSING}", 22, "curl: (22) The requested URL returned error: 404"),
        (f"curl -fsSL -o /nosuch/x {JAMMY}", 23, "curl: (23)"),
        (f"curl --frobnicate {JAMMY}", 99, "lab: not simulated"),
        (f"wget --mirror {JAMMY}", 99, "lab: not simulated"),
    ],
)
def test_downloads_that_fail(line: str, status: int, text: str) -> None:
    async def work(machine: Machine, world: World) -> None:
        found, _, err = await collect(machine, line)
        assert found == status
        assert text in err.decode()

    on(work)


def test_a_download_goes_on_where_it_stopped() -> None:
    async def work(machine: Machine, world: World) -> None:
        whole = world.internet.fetch(JAMMY)
        for line in (f"wget -q -c -O part {JAMMY}", f"curl -fsS -C - -o part {JAMMY}"):
            machine.files.write("/root/part", whole[:100])
            await ok(machine, line)
            assert machine.files.read("/root/part") == whole

    on(work)


def test_genisoimage_packs_a_seed() -> None:
    async def work(machine: Machine, world: World) -> None:
        await ok(machine, "mkdir d; echo u > d/user-data; echo m > d/meta-data")
        for line in (
            "genisoimage -quiet -output s.iso -volid cidata -joliet -rock d/user-data d/meta-data",
            "genisoimage -quiet -o s.iso -V cidata -J -r d",
            "genisoimage -quiet -V cidata -r -graft-points user-data=d/user-data "
            "meta-data=d/meta-data > s.iso",
        ):
            await ok(machine, line)
            found = read_iso(machine.files.read("/root/s.iso"))
            assert found is not None
            assert found.volume_id == "cidata"
            assert found.files == {"user-data": b"u\n", "meta-data": b"m\n"}

    on(work)


def test_without_rock_ridge_names_are_mangled() -> None:
    async def work(machine: Machine, world: World) -> None:
        await ok(machine, "echo u > user-data; genisoimage -V cidata -o s.iso user-data")
        found = read_iso(machine.files.read("/root/s.iso"))
        assert found is not None
        assert "user-data" not in found.files
        assert (await collect(machine, "genisoimage -o s.iso nosuch"))[0] == 2

    on(work)


CLEAN = (
    "--run-command 'cloud-init clean --logs --machine-id' --run-command 'apt-get clean'"
    " --truncate /etc/machine-id --delete '/etc/ssh/ssh_host_*'"
)


def test_virt_customize_changes_the_image() -> None:
    async def work(machine: Machine, world: World) -> None:
        await ok(machine, f"wget -q -O i.img {JAMMY}; echo local > f")
        await ok(
            machine,
            "virt-customize -a i.img --install qemu-guest-agent,socat --upload f:/etc/f "
            "--write '/etc/w:a:b' --mkdir /srv/d --run-command 'echo run > /etc/r'"
            f" --run-command 'systemctl enable fstrim.timer' {CLEAN}",
        )
        disk = read_image(machine.files.read("/root/i.img"))
        assert disk is not None
        assert disk.files["/etc/f"] == b"local\n"
        assert disk.files["/etc/w"] == b"a:b"
        assert disk.files["/etc/r"] == b"run\n"
        assert "/srv/d" in disk.directories
        assert "/usr/bin/qemu-ga" in disk.files
        assert disk.files["/etc/machine-id"] == b""
        assert not [path for path in disk.files if path.endswith(".deb")]

    on(work)


def test_virt_customize_leaves_a_machine_id_unless_it_is_emptied() -> None:
    async def work(machine: Machine, world: World) -> None:
        await ok(machine, f"wget -q -O i.img {JAMMY}; virt-customize -q -a i.img --mkdir /srv/d")
        disk = read_image(machine.files.read("/root/i.img"))
        assert disk is not None
        assert len(disk.files["/etc/machine-id"].strip()) == 32

    on(work)


@pytest.mark.parametrize(
    ("option", "status", "text"),
    [
        ("--install nosuch", 1, "Unable to locate package nosuch"),
        ("--run-command 'systemctl start ssh'", 1, "not been booted with systemd"),
        ("--run-command false", 1, "command exited with an error"),
        ("--no-network --install socat", 1, "virt-customize: error"),
        ("--frobnicate", 99, "lab: not simulated"),
    ],
)
def test_virt_customize_fails_without_touching_the_image(
    option: str, status: int, text: str
) -> None:
    async def work(machine: Machine, world: World) -> None:
        await ok(machine, f"wget -q -O i.img {JAMMY}")
        before = machine.files.read("/root/i.img")
        found, _, err = await collect(machine, f"virt-customize -a i.img {option}")
        assert (found, machine.files.read("/root/i.img")) == (status, before)
        assert text in err.decode()

    on(work)


def test_the_internet_survives_a_restart_of_the_lab() -> None:
    world, again = new_world(), new_world()
    own = JAMMY.replace("jammy-server", "my-own")
    world.internet.fetch(own)
    world.internet.serial = 20270101
    again.internet.restore(**world.internet.to_data())
    sums = f"{JAMMY.rpartition('/')[0]}/SHA256SUMS"
    assert again.internet.fetch(sums) == world.internet.fetch(sums)
    assert b"my-own" in again.internet.fetch(sums)
