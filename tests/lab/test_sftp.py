"""Files copied over SFTP, by OpenSSH's clients and by paramiko's."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from ssh_clients import OpenSsh, Paramiko

from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import Image, image_file, shape_of
from pvekit.lab.inprocess import ServedSite

BIG = bytes(range(256)) * (5 << 12)  # 5 MiB
Done = subprocess.CompletedProcess[str]


def content(served: ServedSite, path: str, node: str = "pve1") -> bytes:
    return served.shell.loop.do(lambda: served.site.nodes[node].machine.files.read(path))


def put(served: ServedSite, path: str, data: bytes) -> None:
    served.shell.loop.do(lambda: served.site.nodes["pve1"].machine.files.write(path, data))


def scp(openssh: OpenSsh, *words: str, user: str = "root") -> Done:
    """Run scp; a word that starts with a colon is a path on pve1."""
    if shutil.which("scp") is None:
        pytest.skip("OpenSSH's scp is not installed")
    host, port = openssh.addresses["pve1"]
    places = [f"{user}@{host}{word}" if word.startswith(":") else word for word in words]
    command = ["scp", *openssh.options(), "-P", str(port), *places]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def batch(openssh: OpenSsh, text: str, user: str = "root") -> Done:
    if shutil.which("sftp") is None:
        pytest.skip("OpenSSH's sftp is not installed")
    host, port = openssh.addresses["pve1"]
    command = ["sftp", *openssh.options(), "-P", str(port), "-b", "-", f"{user}@{host}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


@pytest.fixture
def sftp(with_paramiko: Paramiko) -> Iterator[paramiko.SFTPClient]:
    with with_paramiko.connect("pve1") as client, client.open_sftp() as session:
        yield session


@pytest.fixture
def as_admin(with_paramiko: Paramiko) -> Iterator[paramiko.SFTPClient]:
    with with_paramiko.connect("pve1", "admin") as client, client.open_sftp() as session:
        yield session


@pytest.mark.parametrize("data", [b"", b"one\n", BIG], ids=["empty", "small", "big"])
def test_scp_copies_up_and_down(served: ServedSite, openssh: OpenSsh, tmp_path: Path, data: bytes):
    (tmp_path / "up").write_bytes(data)
    up = scp(openssh, str(tmp_path / "up"), ":/root/scp file")
    assert (up.returncode, up.stderr) == (0, "")
    assert content(served, "/root/scp file") == data
    down = scp(openssh, ":/root/scp file", str(tmp_path / "down"))
    assert (down.returncode, (tmp_path / "down").read_bytes()) == (0, data)


@pytest.mark.parametrize("data", [b"", b"one\n", BIG], ids=["empty", "small", "big"])
def test_paramiko_copies_up_and_down(
    served: ServedSite, sftp: paramiko.SFTPClient, tmp_path: Path, data: bytes
):
    (tmp_path / "up").write_bytes(data)
    assert sftp.put(str(tmp_path / "up"), "put").st_size == len(data)
    assert content(served, "/root/put") == data
    sftp.get("put", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == data


def test_a_shorter_file_replaces_a_longer_one_and_keeps_its_mode(
    served: ServedSite, sftp: paramiko.SFTPClient, openssh: OpenSsh, tmp_path: Path
):
    put(served, "/root/over", b"long " * 100)
    sftp.chmod("/root/over", 0o600)
    (tmp_path / "short").write_bytes(b"short")
    (tmp_path / "short").chmod(0o755)
    assert scp(openssh, str(tmp_path / "short"), ":over").returncode == 0
    assert scp(openssh, str(tmp_path / "short"), ":fresh").returncode == 0
    assert content(served, "/root/over") == b"short"
    modes = [stat.S_IMODE(sftp.stat(name).st_mode or 0) for name in ("over", "fresh")]
    assert modes == [0o600, 0o755]


def test_a_big_file_is_overwritten_in_place(served: ServedSite, openssh: OpenSsh, tmp_path: Path):
    put(served, "/root/large", b"y" * (len(BIG) + 1000))
    (tmp_path / "big").write_bytes(BIG)
    assert scp(openssh, str(tmp_path / "big"), ":large").returncode == 0
    assert content(served, "/root/large") == BIG


def test_times_and_modes_come_along(openssh: OpenSsh, sftp: paramiko.SFTPClient, tmp_path: Path):
    file = tmp_path / "kept"
    file.write_bytes(b"x")
    file.chmod(0o640)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert scp(openssh, "-p", str(file), ":/tmp/kept").returncode == 0
    found = sftp.stat("/tmp/kept")
    assert (stat.S_IMODE(found.st_mode or 0), found.st_mtime) == (0o640, 1_700_000_000)


def test_directories_are_copied_whole(openssh: OpenSsh, tmp_path: Path):
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/below/file").write_bytes(b"deep")
    assert scp(openssh, "-r", str(tmp_path / "tree"), ":/tmp/copy").returncode == 0
    assert scp(openssh, "-r", ":/tmp/copy", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back/below/file").read_bytes() == b"deep"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("get /root/missing", 'File "/root/missing" not found.'),
        (
            "put /etc/hostname /missing/there",
            'dest open "/missing/there": No such file or directory',
        ),
        ("mkdir /tmp", 'remote mkdir "/tmp": Failure'),
        ("rmdir /etc", 'remote rmdir "/etc": Failure'),
        ("rm /missing", "No such file or directory"),
        ("rename /missing /tmp/x", "No such file or directory"),
        ("ls /missing", 'Can\'t ls: "/missing" not found'),
    ],
)
def test_refusals_are_openssh_s_own(openssh: OpenSsh, command: str, told: str):
    done = batch(openssh, f"{command}\n")
    assert done.returncode == 1
    assert told in done.stderr


def test_a_batch_of_changes(served: ServedSite, openssh: OpenSsh):
    put(served, "/root/batch", b"moved")
    lines = "mkdir d\nrename batch d/new\nsymlink new d/link\nln d/new d/hard\nchmod 600 d/new\ncd d\nls -l\npwd\ndf\n"
    done = batch(openssh, lines)
    assert (done.returncode, done.stderr) == (0, "")
    assert "-rw-------    2 root     root            5 " in done.stdout
    assert "Remote working directory: /root/d" in done.stdout
    assert content(served, "/root/d/link") == content(served, "/root/d/hard") == b"moved"


def test_permissions_count(
    served: ServedSite, as_admin: paramiko.SFTPClient, sftp: paramiko.SFTPClient
):
    put(served, "/tmp/of-root", b"x")
    attempts = [
        lambda: as_admin.open("/etc/pve/priv/authkey.key"),
        lambda: as_admin.open("/etc/new", "w"),
        lambda: as_admin.listdir("/root"),
        lambda: as_admin.remove("/tmp/of-root"),
        lambda: as_admin.chmod("/tmp/of-root", 0o777),
        lambda: as_admin.chown("/tmp/of-root", 1000, 1000),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionError):
            attempt()
    with as_admin.open("mine", "w") as file:
        file.write(b"home")
    assert as_admin.normalize("mine") == "/home/admin/mine"
    assert sftp.stat("/home/admin/mine").st_uid == 1000


def test_rename_replaces_only_if_told_so(served: ServedSite, sftp: paramiko.SFTPClient):
    put(served, "/root/from", b"new")
    put(served, "/root/to", b"old")
    with pytest.raises(OSError, match="Failure"):
        sftp.rename("from", "to")
    sftp.posix_rename("from", "to")
    assert content(served, "/root/to") == b"new"


def test_pieces_go_where_they_belong(served: ServedSite, sftp: paramiko.SFTPClient):
    put(served, "/root/pieces", b"0123456789")
    with sftp.open("pieces", "r+") as file:
        file.seek(3)
        file.write(b"ABC")
        file.seek(12)
        file.write(b"Z")
        file.seek(0)
        assert file.read(7) == b"012ABC6"
    with sftp.open("pieces", "a") as file:
        file.write(b"+")
    assert content(served, "/root/pieces") == b"012ABC6789\0\0Z+"
    sftp.truncate("pieces", 4)
    assert content(served, "/root/pieces") == b"012A"


def test_the_cluster_file_system_keeps_its_rules(
    served: ServedSite, sftp: paramiko.SFTPClient, openssh: OpenSsh, tmp_path: Path
):
    (tmp_path / "conf").write_bytes(b"memory: 512\n")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    place = ":/etc/pve/qemu-server/4711.conf"
    assert scp(openssh, str(tmp_path / "conf"), place).returncode == 0
    assert content(served, "/etc/pve/nodes/pve1/qemu-server/4711.conf", "pve2") == b"memory: 512\n"
    with pytest.raises(OSError, match="Failure"):
        sftp.open("/etc/pve/nodes/pve2/qemu-server/4711.conf", "w")
    with pytest.raises(PermissionError):
        sftp.symlink("/tmp", "/etc/pve/link")
    done = scp(openssh, str(tmp_path / "large"), ":/etc/pve/large")
    assert (done.returncode, "Failure" in done.stderr) == (1, True)
    sftp.remove("/etc/pve/qemu-server/4711.conf")


def test_an_image_comes_down_and_goes_up_unchanged(
    served: ServedSite, sftp: paramiko.SFTPClient, tmp_path: Path
):
    disk = Disk(32 << 30)
    data = image_file(Image(disk, shape_of(disk, "qcow2")))
    put(served, "/root/disk.qcow2", data)
    sftp.get("disk.qcow2", str(tmp_path / "disk"))
    assert (tmp_path / "disk").read_bytes() == data
    sftp.put(str(tmp_path / "disk"), "again.qcow2")
    assert content(served, "/root/again.qcow2") == data


def test_a_volume_s_file_becomes_another_volume(
    served: ServedSite, openssh: OpenSsh, tmp_path: Path
):
    setup = "pvesm set local --content images,iso && qm create 100 --scsi0 local:1,format=qcow2"
    assert served.shell.run_line("pve1", setup)[0] == 0
    images = ":/var/lib/vz/images/100/vm-100-disk"
    assert scp(openssh, f"{images}-0.qcow2", str(tmp_path / "disk")).returncode == 0
    assert scp(openssh, str(tmp_path / "disk"), f"{images}-1.qcow2").returncode == 0
    _, listed, _ = served.shell.run_line("pve1", "pvesm list local --vmid 100")
    volumes = [line.split()[0::3][:2] for line in listed.decode().splitlines()[1:]]
    assert volumes == [
        ["local:100/vm-100-disk-0.qcow2", "1073741824"],
        ["local:100/vm-100-disk-1.qcow2", "1073741824"],
    ]


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_cut_link_ends_a_transfer(
    served: ServedSite, openssh: OpenSsh, tmp_path: Path, when: str
):
    (tmp_path / "big").write_bytes(BIG)
    put(served, "/root/cut", b"old")
    served.shell.loop.do(lambda: served.site.faults.order("link-cut", "sftp-server", when))
    assert scp(openssh, str(tmp_path / "big"), ":/root/cut").returncode != 0
    left = content(served, "/root/cut")
    if when == "before":
        assert left == b"old"
    elif when == "during":
        assert 0 < len(left) < len(BIG)
    else:
        assert left == BIG
    assert BIG.startswith(left) or when == "before"
    assert scp(openssh, str(tmp_path / "big"), ":/root/cut").returncode == 0


def test_a_node_that_loses_power_ends_its_transfers(served: ServedSite, sftp: paramiko.SFTPClient):
    file = sftp.open("/root/lost", "w")
    file.write(b"before")
    served.shell.loop.do(lambda: served.site.outages.reboot("pve1"))
    with pytest.raises((OSError, EOFError, paramiko.SSHException)):
        sftp.stat("/root/lost")
    processes = served.shell.loop.do(
        lambda: [live.argv for live in served.site.nodes["pve1"].machine.processes.values()]
    )
    assert all("sftp-server" not in argv[0] for argv in processes)


def test_transfers_are_logged_and_seen(served: ServedSite, with_paramiko: Paramiko):
    served.shell.loop.do(served.site.log.events.clear)
    with with_paramiko.connect("pve1") as client, client.open_sftp():
        _, out, _ = client.exec_command("ps -e -o args")
        assert b"/usr/lib/openssh/sftp-server\n" in out.read()
    told = served.shell.loop.do(lambda: list(served.site.log.of("exec")))
    assert told[0]["line"] == "/usr/lib/openssh/sftp-server"


def test_the_old_protocol_is_refused_loudly(openssh: OpenSsh, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x")
    done = scp(openssh, "-O", str(tmp_path / "file"), ":/tmp/old")
    assert done.returncode != 0
    assert "lab: not simulated: scp" in done.stderr
