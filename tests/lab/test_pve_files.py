"""The cluster file system, the site's state, and what the log says of programs."""

import asyncio
import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.vmconfig import Drive, VmConfig, encode_text, format_size, parse_size


def files(site, node="pve1"):
    return site.nodes[node].machine.files


def refused(number, function, *arguments, **options):
    with pytest.raises(OSError) as caught:  # noqa: PT011
        function(*arguments, **options)
    assert caught.value.errno == number


def test_all_members_see_one_content():
    site = Site(SiteSpec(nodes=3))
    files(site).write("/etc/pve/nodes/pve2/qemu-server/100.conf", b"name: a\n")
    assert files(site, "pve2").read("/etc/pve/qemu-server/100.conf") == b"name: a\n"
    assert files(site, "pve3").names("/etc/pve/qemu-server") == []
    assert files(site, "pve2").names("/etc/pve/local/qemu-server") == ["100.conf"]


def test_standalone_nodes_are_worlds_of_their_own():
    site = Site(SiteSpec(clustered=False))
    for node in ("pve1", "pve2"):
        files(site, node).write("/etc/pve/qemu-server/100.conf", b"name: a\n", exclusive=True)
        told = json.loads(files(site, node).read("/etc/pve/.members"))
        assert told == {"nodename": node, "version": 0}


def test_exclusive_creation_has_one_winner():
    site = Site(SiteSpec())
    path = "/etc/pve/priv/claim"
    files(site).write(path, b"a", exclusive=True)
    refused(errno.EEXIST, files(site, "pve2").write, path, b"b", exclusive=True)
    files(site).mkdir("/etc/pve/priv/lock/x")
    refused(errno.EEXIST, files(site, "pve2").mkdir, "/etc/pve/priv/lock/x")


def test_a_vmid_has_one_configuration_in_the_cluster():
    site = Site(SiteSpec())
    files(site).write("/etc/pve/qemu-server/100.conf", b"name: a\n")
    refused(errno.EEXIST, files(site, "pve2").write, "/etc/pve/qemu-server/100.conf", b"")
    refused(errno.EEXIST, files(site, "pve2").write, "/etc/pve/lxc/100.conf", b"")
    files(site).write("/etc/pve/aside", b"")
    refused(
        errno.EEXIST,
        files(site).rename,
        "/etc/pve/aside",
        "/etc/pve/nodes/pve2/qemu-server/100.conf",
    )
    moved = "/etc/pve/nodes/pve2/qemu-server/100.conf"
    files(site).rename("/etc/pve/nodes/pve1/qemu-server/100.conf", moved)
    assert '"100": { "node": "pve2"' in files(site).read("/etc/pve/.vmlist").decode()


def test_without_quorum_it_is_read_only_and_says_so_in_its_modes():
    site = Site(SiteSpec())
    assert files(site).stat("/etc/pve/local").mode & 0o200
    site.faults.order("quorum-lost")
    assert not files(site).stat("/etc/pve/local").mode & 0o200
    refused(errno.EACCES, files(site).write, "/etc/pve/x", b"")
    refused(errno.EACCES, files(site).mkdir, "/etc/pve/priv/lock/x")
    assert '"quorate": 0' in files(site).read("/etc/pve/.members").decode()
    site.faults.clear("quorum-lost")
    files(site).write("/etc/pve/x", b"")


def test_links_large_files_and_odd_modes_are_refused():
    site = Site(SiteSpec())
    refused(errno.EPERM, files(site).symlink, "/etc/passwd", "/etc/pve/x")
    refused(errno.EFBIG, files(site).write, "/etc/pve/x", bytes((1 << 20) + 1))
    files(site).write("/etc/pve/priv/secret", b"", mode=0o600)
    files(site).chmod("/etc/pve/priv/secret", 0o600)
    refused(errno.EPERM, files(site).chmod, "/etc/pve/priv/secret", 0o777)


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        ("8.4", ("pve2.3-vm/100:", "pve2-node/pve1:", "pve2-storage/pve1/local-lvm:")),
        ("9.2", ("pve-vm-9.0/100:", "pve-node-9.0/pve1:", "pve-storage-9.0/pve1/local-lvm:")),
    ],
)
def test_figures_of_all_guests_nodes_and_storages(version, keys):
    site = Site(SiteSpec(pve=version))
    files(site).write("/etc/pve/qemu-server/100.conf", b"name: a\nmemory: 2048\ntemplate: 1\n")
    told = files(site, "pve2").read("/etc/pve/.rrd").decode()
    for key in keys:
        assert f"\n{key}" in f"\n{told}"
    vm = next(line for line in told.splitlines() if "/100:" in line)
    assert vm.split(":")[1:5] == ["0", "a", "stopped", "1"]
    assert vm.split(":")[8] == str(2048 << 20)


def test_the_state_survives_in_json():
    async def main():
        site = Site(SiteSpec(nodes=2, storage="rbd"))
        machine = site.nodes["pve1"].machine
        await collect(machine, "qm create 100 --scsi0 ceph:2 --scsi1 local-lvm:1 --agent 1")
        await collect(machine, "echo me > /root/note; qm start 100")
        site.faults.order("link-cut", "qm list", count=2, skip="1")
        data = json.loads(json.dumps(site.to_data()))
        again = Site.from_data(data)
        again.resume()
        kept = ("spec", "pools", "leases", "faults", "internet")
        told = again.to_data()
        assert {key: told[key] for key in kept} == {key: data[key] for key in kept}
        node = again.nodes["pve1"]
        assert node.machine.files.read("/root/note") == b"me\n"
        assert (await collect(node.machine, "qm status 100"))[1] == b"status: running\n"
        other = again.nodes["pve2"]
        assert other.storages.pool("ceph") is node.storages.pool("ceph")
        assert (await collect(node.machine, "qm stop 100 && qm destroy 100"))[0] == 0

    asyncio.run(main())


def test_the_log_tells_changes_from_reading():
    async def main():
        site = Site(SiteSpec())
        machine = site.nodes["pve1"].machine
        lines = {
            "qm list": False,
            "qm config 100": False,
            "qm agent 100 ping": False,
            "qm guest exec 100 -- true": False,
            "pvesh get /version": False,
            "pvesm status": False,
            "qm create 100": True,
            "qm resize 100 scsi0 1G": True,
            "qm nonsense": False,
        }
        for line in lines:
            await collect(machine, line)
        told = {" ".join(event["argv"]): event["changes"] for event in site.log.of("program")}
        assert told == lines

    asyncio.run(main())


@pytest.mark.parametrize(
    "line",
    [
        "qm help",
        "pvesh get /nodes/pve1/report",
        "pvesm export local:100/vm-100-disk-0.raw raw+size -",
    ],
)
def test_what_is_not_simulated_is_said_aloud(line):
    site = Site(SiteSpec())
    status, _, err = asyncio.run(collect(site.nodes["pve1"].machine, line))
    assert status == 99
    assert err.startswith(b"lab: not simulated: ")


def test_only_root_may():
    async def main():
        site = Site(SiteSpec())
        machine = site.nodes["pve1"].machine
        machine.files.write("/etc/passwd", b"admin:x:1000:1000::/home/admin:/bin/sh\n", append=True)
        assert (await collect(machine, "qm list", user="admin"))[0] == 255
        assert (await collect(machine, "sudo -n qm list", user="admin"))[0] == 0

    asyncio.run(main())


TEXT = st.text(
    st.characters(
        exclude_categories=("Cs",), exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    )
)


@given(TEXT, st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\d?\Z"), st.from_regex(r"\A[!-~]{1,9}\Z")))
def test_configurations_round_trip(description, values):
    config = VmConfig(values, description.rstrip())
    again = VmConfig.parse(config.text())
    assert (again.values, again.description) == (config.values, config.description)


@given(TEXT)
def test_encoded_text_is_one_line_of_plain_characters(text):
    encoded = encode_text(text)
    assert encoded.isascii()
    assert "\n" not in encoded
    assert ":" not in encoded


@given(st.integers(1, 1 << 44))
def test_sizes_round_trip(size):
    rounded = size - size % 1024 or 1024
    assert parse_size(format_size(rounded)) == rounded


def test_drives_keep_their_properties():
    drive = Drive.parse("local-lvm:vm-1-disk-0,ssd=1,discard=on,size=2G")
    assert str(drive) == "local-lvm:vm-1-disk-0,discard=on,size=2G,ssd=1"
    assert drive.size_bytes == 2 << 30
