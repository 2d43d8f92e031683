"""Programs that were not written for the lab work on it as on a node."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from guest_lab import JAMMY
from ssh_clients import OpenSsh

from pvekit.lab.inprocess import ServedSite

proxmoxer = pytest.importorskip("proxmoxer")
PLAYBOOK = Path(__file__).with_name("playbook.yaml")
# The image has no agent: cloud-init brings it, by a snippet, as on any site.
TEMPLATE = f"""set -e
cd /var/lib/vz
pvesm set local --content iso,vztmpl,backup,snippets
printf '#cloud-config\\npackages: [qemu-guest-agent]\\nruncmd: [%s]\\n' \\
  'systemctl start qemu-guest-agent' > snippets/agent.yaml
wget -q -O image.img {JAMMY}
qm create 9000 --name tmpl --memory 512 --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single \\
  --scsi0 local-lvm:0,import-from=/var/lib/vz/image.img --scsi1 local-lvm:cloudinit \\
  --boot order=scsi0 --agent enabled=1 --cicustom vendor=local:snippets/agent.yaml \\
  --ipconfig0 ip=dhcp
qm template 9000
"""
AGENT = "for i in $(seq 100); do qm agent {} ping 2>/dev/null && exit 0; sleep 1; done; exit 1"


@pytest.fixture(scope="module")
def node(served: ServedSite, openssh: OpenSsh) -> OpenSsh:
    """A node with a template, built by OpenSSH's client alone."""
    built = openssh.run("pve1", "sh -s", TEMPLATE.encode())
    assert built.status == 0, built
    return openssh


@pytest.fixture
def vmid(node: OpenSsh) -> Iterator[int]:
    number = int(node.run("pve1", "pvesh get /cluster/nextid").out)
    yield number
    node.run("pve1", f"qm stop {number}; qm destroy {number} --purge 1; true")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory for a socket, whose path may have 108 characters."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


def test_openssh_clones_and_starts_over_one_shared_connection(
    node: OpenSsh, vmid: int, short_path: Path
):
    host, port = node.addresses["pve1"]
    script = f"""set -e
on() {{ ssh {" ".join(node.options())} -o ControlMaster=auto -o ControlPersist=5 \\
        -o ControlPath={short_path}/%C -p {port} root@{host} "$@"; }}
on qm clone 9000 {vmid} --name byhand
on qm set {vmid} --cores 2 --ipconfig0 ip=dhcp
on qm resize {vmid} scsi0 +1G
on qm start {vmid}
on '{AGENT.format(vmid)}'
on qm guest exec {vmid} -- hostname
on exit 7 || echo status $?
"""
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "create linked clone of drive scsi0" in done.stdout
    assert '"out-data" : "byhand\\n"' in done.stdout
    assert done.stdout.endswith("status 7\n")


def test_proxmoxer_clones_and_starts(node: OpenSsh, vmid: int):
    host, port = node.addresses["pve1"]
    key = str(node.directory / "id_ed25519")
    api = proxmoxer.ProxmoxAPI(
        host, user="root", port=port, private_key_file=key, backend="ssh_paramiko"
    )
    try:
        here = api.nodes("pve1")
        assert {entry["node"] for entry in api.nodes.get()} == {"pve1", "pve2"}
        task = here.qemu(9000).clone.create(newid=vmid, name="byapi")
        assert here.tasks(task).status.get()["exitstatus"] == "OK"
        here.qemu(vmid).config.set(cores=2, ipconfig0="ip=dhcp")
        here.qemu(vmid).resize.set(disk="scsi0", size="+1G")
        here.qemu(vmid).status.start.create()
        assert here.qemu(vmid).status.current.get()["status"] == "running"
        config = here.qemu(vmid).config.get()
        assert (config["name"], config["cores"]) == ("byapi", 2)
        with pytest.raises(proxmoxer.ResourceException, match="already exists"):
            here.qemu.create(vmid=vmid)
        with pytest.raises(proxmoxer.ResourceException, match="Parameter verification failed"):
            here.qemu.create(vmid=7)
    finally:
        api._backend.session.ssh_client.close()


def test_a_playbook_clones_and_starts(node: OpenSsh, vmid: int, tmp_path: Path, short_path: Path):
    host, port = node.addresses["pve1"]
    program = Path(sys.executable).with_name("ansible-playbook")
    if not program.exists():
        pytest.skip("Ansible is not installed")
    key, known = node.directory / "id_ed25519", node.directory / "known_hosts"
    inventory = tmp_path / "inventory"
    inventory.write_text(
        f"[nodes]\npve1 ansible_host={host} ansible_port={port} ansible_user=root "
        f"ansible_ssh_private_key_file={key} "
        f"ansible_ssh_common_args='-F none -o UserKnownHostsFile={known}'\n"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(short_path),
        "LC_ALL": "C.UTF-8",
    }
    words = [str(program), "-i", str(inventory), str(PLAYBOOK)]
    done = subprocess.run(
        [*words, "-e", f"vmid={vmid}", "-e", "vm_name=byplay"],
        capture_output=True,
        text=True,
        env=environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unreachable=0    failed=0" in done.stdout
