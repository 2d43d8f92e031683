"""SSH into a guest of the lab, through its node, as pvekit and as a person does it."""

from __future__ import annotations

import base64
import shlex
import subprocess
import time
from dataclasses import dataclass

import asyncssh
import paramiko
import pytest
from ssh_clients import OpenSsh, Paramiko

from pvekit.lab.inprocess import ServedSite

IMAGE = "https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-amd64.img"
ADDRESS = "10.20.0.5"
SETUP = f"""
set -e
wget -q -O /var/lib/vz/jammy.img {IMAGE}
cat >/tmp/key.pub
qm create 101 --name web --memory 2048 --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single
qm disk import 101 /var/lib/vz/jammy.img local-lvm
qm set 101 --scsi0 local-lvm:vm-101-disk-0 --scsi1 local-lvm:cloudinit --boot order=scsi0
qm set 101 --ciuser ubuntu --sshkeys /tmp/key.pub --ipconfig0 ip={ADDRESS}/24,gw=10.20.0.1
qm start 101
"""


@dataclass(frozen=True)
class RunningGuest:
    served: ServedSite
    host_key: str

    @property
    def known_host(self) -> str:
        return f"{ADDRESS} {self.host_key}\n"


@pytest.fixture(scope="module")
def guest(served: ServedSite) -> RunningGuest:
    key = (served.directory / "id_ed25519.pub").read_bytes()
    answer = served.shell.run_line("pve1", f"sh -c {shlex.quote(SETUP)}", key, 30)
    assert answer[0] == 0, answer

    def ready() -> bool:
        found = served.site.guest_at(ADDRESS)
        return found is not None and found.ssh_ready and found.authorized_keys("ubuntu") != ""

    deadline = time.monotonic() + 20
    while not served.shell.loop.do(ready):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    private = served.shell.loop.do(lambda: served.site.guest_at(ADDRESS).host_key)
    public = asyncssh.import_private_key(private).export_public_key().decode()
    return RunningGuest(served, " ".join(public.split()[:2]))


def through_node(openssh: OpenSsh, guest: RunningGuest, *words: str, user: str = "ubuntu"):
    (openssh.directory / "guests").write_text(guest.known_host)
    node = openssh.words("pve1")
    jump = shlex.join([*node[:-1], "-W", "%h:%p", node[-1]])
    options = [word.replace("known_hosts", "guests") for word in openssh.options()]
    return subprocess.run(
        ["ssh", *options, "-o", f"ProxyCommand={jump}", f"{user}@{ADDRESS}", *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )


def test_openssh_reaches_a_guest_through_its_node(openssh: OpenSsh, guest: RunningGuest):
    done = through_node(openssh, guest, "hostname; whoami; exit 4")
    assert (done.returncode, done.stdout) == (4, b"web\nubuntu\n"), done.stderr


def test_only_the_injected_key_of_that_user_is_accepted(openssh: OpenSsh, guest: RunningGuest):
    assert b"Permission denied" in through_node(openssh, guest, "true", user="root").stderr
    assert b"Permission denied" in through_node(openssh, guest, "true", user="nobody").stderr


def test_a_guest_has_a_host_key_of_its_own(openssh: OpenSsh, guest: RunningGuest):
    other = RunningGuest(guest.served, " ".join(node_key(guest.served)))
    assert b"Host key verification failed" in through_node(openssh, other, "true").stderr


def node_key(served: ServedSite) -> list[str]:
    return (served.directory / "known_hosts").read_text().split()[1:3]


def test_paramiko_reaches_a_guest_through_any_node(with_paramiko: Paramiko, guest: RunningGuest):
    for node in ("pve1", "pve2"):
        with with_paramiko.connect(node) as hop, paramiko.SSHClient() as client:
            channel = hop.get_transport().open_channel("direct-tcpip", (ADDRESS, 22), ("", 0))
            kind, text = guest.host_key.split()
            key = paramiko.PKey.from_type_string(kind, base64.b64decode(text))
            client.get_host_keys().add(ADDRESS, kind, key)
            path = str(with_paramiko.directory / "id_ed25519")
            client.connect(
                ADDRESS,
                username="ubuntu",
                sock=channel,
                key_filename=path,
                allow_agent=False,
                look_for_keys=False,
            )
            assert client.exec_command("sudo -n whoami")[1].read() == b"root\n"
            check_transfers(client, node)


def check_transfers(client: paramiko.SSHClient, node: str) -> None:
    with client.open_sftp() as sftp:
        with sftp.open(node, "w") as file:
            file.write(b"copied")
        with pytest.raises(PermissionError):
            sftp.open("/etc/shadow2", "w")
    copied = client.exec_command(f"cat /home/ubuntu/{node}; stat -c ' %U' {node}")[1]
    assert copied.read() == b"copied ubuntu\n"
    assert b"lab: not simulated" in client.exec_command("scp -t file")[2].read()


def test_other_ports_of_a_guest_are_closed(openssh: OpenSsh, guest: RunningGuest):
    node = openssh.words("pve1")
    done = subprocess.run(
        [*node[:-1], "-W", f"{ADDRESS}:6443", node[-1]],
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert b"Connection refused" in done.stderr


def test_a_cut_link_to_a_guest_leaves_the_node_connected(
    served: ServedSite, openssh: OpenSsh, guest: RunningGuest
):
    served.shell.loop.do(lambda: served.site.faults.order("link-cut", "touch /tmp/cut", "after"))
    assert through_node(openssh, guest, "touch /tmp/cut").returncode == 255
    assert through_node(openssh, guest, "test -e /tmp/cut").returncode == 0


def test_guests_are_reached_without_ssh_too(served: ServedSite, guest: RunningGuest):
    assert served.shell.run_guest_line(ADDRESS, "whoami; hostname")[1] == b"ubuntu\nweb\n"
    with pytest.raises(ConnectionRefusedError):
        served.shell.run_guest_line("10.20.0.99", "true")
