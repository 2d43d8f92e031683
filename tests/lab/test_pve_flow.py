"""A template and a VM by hand: all that a client sends for them, on each kind of storage."""

import asyncio
import json

import pytest

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFMwZPJ13NvvKZ3Nm6COzu0bYiEx0sGTqPRJtvtfxfuk me@here"
URL = "https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-amd64.img"
IMAGE = "/var/lib/vz/template/iso/jammy.img"


class Node:
    """A node's shell: each line must succeed."""

    def __init__(self, site, name="pve1"):
        self.machine = site.nodes[name].machine

    async def run(self, line, stdin=b""):
        status, out, err = await collect(self.machine, line, stdin, env={"LC_ALL": "C.UTF-8"})
        return status, out.decode(), err.decode()

    async def do(self, line, stdin=b""):
        status, out, err = await self.run(line, stdin)
        assert (status, err) == (0, ""), (line, status, out, err)
        return out

    async def wait_for(self, line):
        for _ in range(500):
            status, out, _ = await self.run(line)
            if status == 0:
                return out
            await asyncio.sleep(0.01)
        raise AssertionError(line)


async def template(node, storage, imported):
    await node.do(f"wget -q -O {IMAGE} {URL}")
    await node.do(f"virt-customize -q -a {IMAGE} --install qemu-guest-agent")
    await node.do(
        "qm create 9000 --name base --memory 1024 --cpu x86-64-v2-AES --ostype l26"
        " --scsihw virtio-scsi-single --net0 virtio,bridge=vmbr0 --agent enabled=1"
        " --serial0 socket --vga serial0"
    )
    if imported:
        out = await node.do(f"qm disk import 9000 {IMAGE} {storage}")
        volid = out.splitlines()[-1].split("'")[1]
        await node.do(f"qm set 9000 --scsi0 {volid},discard=on,iothread=1,ssd=1")
    else:
        await node.do(f"qm set 9000 --scsi0 {storage}:0,import-from={IMAGE},discard=on")
    out = await node.do(f"qm set 9000 --scsi1 {storage}:cloudinit --boot order=scsi0")
    assert "generating cloud-init ISO" in out
    await node.do("qm set 9000 --ipconfig0 ip=dhcp")
    assert "generating cloud-init ISO" in await node.do("qm start 9000")
    await node.wait_for("qm agent 9000 ping")
    await node.do("qm guest exec 9000 --timeout 60 -- cloud-init status --wait")
    await node.do("qm guest exec 9000 -- cloud-init clean --logs --machine-id")
    await node.do("qm shutdown 9000 --timeout 60")
    assert await node.do("qm status 9000") == "status: stopped\n"
    await node.do("qm template 9000")


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.parametrize("kind", ["lvmthin", "dir", "rbd"])
def test_template_and_vm_by_hand(kind, imported):
    asyncio.run(by_hand(kind, imported))


async def by_hand(kind, imported):
    site = Site(SiteSpec(storage=kind, virt_customize=True))
    node = Node(site)
    storage = "ceph" if kind == "rbd" else "local-lvm"
    await template(node, storage, imported)
    config = await node.do("qm config 9000")
    name = "9000/base-9000-disk-0.raw" if kind == "dir" else "base-9000-disk-0"
    assert f"scsi0: {storage}:{name}," in config
    assert "template: 1" in config

    out = await node.do("qm clone 9000 101 --name web-1 --full 1 --description 'first\nmark'")
    assert f"create full clone of drive scsi0 ({storage}:{name})" in out
    assert "(100.00%)" in out
    out = await node.do("qm set 101 --sshkeys /dev/stdin --ciuser admin", f"{KEY}\n".encode())
    await node.do("qm set 101 --cores 2 --memory 2048 --tags 'pvekit;worker' --ciupgrade 0")
    await node.do("qm set 101 --ipconfig0 ip=10.20.0.5/24,gw=10.20.0.1 --nameserver 1.1.1.1")
    await node.do("qm disk resize 101 scsi0 20G")
    config = await node.do("qm config 101")
    assert "size=20G" in config
    assert "description: first%0Amark" in config
    assert KEY in await node.do("qm cloudinit dump 101 user")
    assert "address: '10.20.0.5'" in await node.do("qm cloudinit dump 101 network")

    await node.do("qm start 101")
    assert await node.do("qm status 101") == "status: running\n"
    assert await node.wait_for("qm agent 101 ping") == ""
    found = json.loads(
        await node.wait_for("qm agent 101 network-get-interfaces | grep 10.20")
        and await node.do("qm agent 101 network-get-interfaces")
    )
    mac = config.split("virtio=")[1][:17].lower()
    mine = next(entry for entry in found if entry["hardware-address"] == mac)
    assert mine["ip-addresses"][0]["ip-address"] == "10.20.0.5"
    assert site.guest_at("10.20.0.5") is not None
    done = await node.do("qm guest exec 101 -- cat /home/admin/.ssh/authorized_keys")
    assert KEY in json.loads(done)["out-data"]
    status = json.loads(await node.do("qm guest exec 101 --timeout 60 -- cloud-init status --wait"))
    assert "status: done" in status["out-data"]

    pid = (await node.do("cat /run/qemu-server/101.pid")).strip()
    assert "\0-id\0" + "101\0" in await node.do(f"cat /proc/{pid}/cmdline")
    await node.do("qm stop 101")
    status, _, _ = await node.run("test -e /run/qemu-server/101.pid")
    assert status == 1
    await node.do("qm destroy 101 --purge 1 --destroy-unreferenced-disks 0")
    assert "101" not in await node.do(f"pvesm list {storage}")
    assert (await node.do("pvesh get /cluster/nextid")).strip() == "100"


AGENT = [
    (400, "ping", "No QEMU guest agent configured\n"),
    (401, "ping", "VM 401 is not running\n"),
    (402, "ping", "QEMU guest agent is not running\n"),
    (999, "ping", "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist\n"),
]


def test_agents_that_do_not_answer():
    async def main():
        node = Node(Site(SiteSpec()))
        await node.do("qm create 400 --scsi0 local-lvm:1")
        await node.do("qm create 401 --scsi0 local-lvm:1 --agent enabled=1")
        await node.do("qm create 402 --scsi0 local-lvm:1 --agent 1 --start 1")
        for vmid, command, told in AGENT:
            status, out, err = await node.run(f"qm agent {vmid} {command}")
            assert (status != 0, out, err) == (True, "", told)

    asyncio.run(main())


def test_changes_to_a_running_vm_wait_for_its_next_start():
    async def main():
        node = Node(Site(SiteSpec()))
        await node.do("qm create 100 --memory 128 --scsi0 local-lvm:1 --start 1")
        await node.do("qm set 100 --memory 256 --name new")
        assert "cur memory: 128\nnew memory: 256\n" in await node.do("qm pending 100")
        assert "memory: 256" in await node.do("qm config 100")
        assert "memory: 128" in await node.do("qm config 100 --current 1")
        assert "name: new" in await node.do("qm config 100 --current 1")
        assert "[PENDING]\nmemory: 256" in await node.do("cat /etc/pve/qemu-server/100.conf")
        await node.do("qm stop 100; qm start 100")
        assert "[PENDING]" not in await node.do("cat /etc/pve/qemu-server/100.conf")
        await node.do("qm set 100 --delete memory --cores 2")
        assert "del memory: 256" in await node.do("qm pending 100")
        await node.do("qm set 100 --revert memory,cores")
        assert "[PENDING]" not in await node.do("cat /etc/pve/qemu-server/100.conf")

    asyncio.run(main())


def test_a_digest_guards_a_change():
    async def main():
        node = Node(Site(SiteSpec()))
        await node.do("qm create 100 --name a")
        shown = await node.do("pvesh get /nodes/pve1/qemu/100/config --output-format json")
        digest = json.loads(shown)["digest"]
        await node.do(f"qm set 100 --digest {digest} --cores 2")
        status, _, err = await node.run(f"qm set 100 --digest {digest} --cores 3")
        assert (status != 0, err) == (True, "checksum mismatch (file change by other user?)\n")

    asyncio.run(main())


def test_image_files():
    async def main():
        node = Node(Site(SiteSpec()))
        await node.do(f"wget -q -O /root/a.img {URL}")
        facts = json.loads(await node.do("qemu-img info --output json /root/a.img"))
        assert facts["format"] == "qcow2"
        await node.do("qemu-img resize -q /root/a.img 8G")
        facts = json.loads(await node.do("qemu-img info --output=json /root/a.img"))
        assert facts["virtual-size"] == 8 << 30
        status, _, err = await node.run("qemu-img info /root/nosuch")
        assert (status, "No such file" in err) == (1, True)

    asyncio.run(main())
