from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from guest_lab import ROCKY, boot, fails, image, like_pve, new_world, run, seed

from pvekit.lab.guests.guest import Guest

KUBERNETES = """\
set -eu
install -d -m 0755 /etc/apt/keyrings
base=https://pkgs.k8s.io/core:/stable:/v1.33/deb
curl -fsSL $base/Release.key | gpg --dearmor -o /etc/apt/keyrings/kubernetes-apt-keyring.gpg
echo "deb [signed-by=/etc/apt/keyrings/kubernetes-apt-keyring.gpg] $base/ /" \
  | tee /etc/apt/sources.list.d/kubernetes.list
apt-get update
apt-get install -y containerd socat conntrack 'kubelet=1.33.4-*' 'kubeadm=1.33.4-*' kubectl
apt-mark hold kubelet kubeadm kubectl
mkdir -p /etc/containerd
containerd config default > /etc/containerd/config.toml
sed -i 's/SystemdCgroup = false/SystemdCgroup = true/' /etc/containerd/config.toml
systemctl enable --now containerd kubelet
swapoff -a
printf 'overlay\\nbr_netfilter\\n' > /etc/modules-load.d/kubernetes.conf
modprobe overlay
modprobe br_netfilter
printf 'net.ipv4.ip_forward = 1\\nnet.bridge.bridge-nf-call-iptables = 1\\n' \
  > /etc/sysctl.d/99-kubernetes.conf
sysctl --system
"""


def on(
    work: Callable[[Guest], Awaitable[None]], url: str = "", user: dict[str, object] | None = None
) -> None:
    async def whole() -> None:
        world = new_world()
        disk = image(world, url) if url else image(world)
        guest = await boot(world, disk, seed(user or like_pve()))
        await work(guest)

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_the_recipe_for_kubernetes() -> None:
    async def work(guest: Guest) -> None:
        await run(guest, "sh -s", stdin=KUBERNETES.encode())
        config = "/etc/containerd/config.toml"
        assert await run(guest, f"grep -c 'SystemdCgroup = true' {config}") == "1\n"
        versions = "dpkg-query -W -f='${db:Status-Abbrev}${Version} ' kubelet kubeadm kubectl"
        assert await run(guest, versions) == "hi 1.33.4-1.1 hi 1.33.4-1.1 hi 1.33.10-1.1 "
        assert await run(guest, "systemctl is-enabled containerd kubelet") == "enabled\nenabled\n"
        status, _ = await fails(guest, "systemctl is-active --quiet kubelet")
        assert status == 3
        assert await run(guest, "systemctl is-active containerd") == "active\n"
        assert await run(guest, "kubeadm version -o short") == "v1.33.4\n"
        assert await run(guest, "cat /proc/sys/net/ipv4/ip_forward") == "1\n"
        assert await run(guest, "sysctl -n net.bridge.bridge-nf-call-iptables") == "1\n"
        assert "br_netfilter" in await run(guest, "lsmod")
        assert await run(guest, "ls /var/cache/apt/archives | grep -c deb") != "0\n"
        await run(guest, "apt-get clean")
        assert await run(guest, "ls /var/cache/apt/archives") == ""

    on(work)


@pytest.mark.parametrize(
    ("before", "line", "status", "text"),
    [
        ("true", "apt-get install -y socat", 100, "Unable to locate package socat"),
        ("apt-get update", "apt-get install -y nosuch", 100, "Unable to locate package nosuch"),
        ("apt-get update", "apt-get install -y kubeadm", 100, "Unable to locate package kubeadm"),
        ("apt-get update", "apt-get install socat", 100, ""),
        ("apt-get update", "apt-get install -y socat=9.*", 100, "'9.*' for 'socat' was not found"),
        (
            "echo 'deb https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /' "
            "> /etc/apt/sources.list.d/k.list",
            "apt-get update",
            100,
            "NO_PUBKEY",
        ),
        ("true", "systemctl start nosuch", 5, "Unit nosuch.service not found"),
        ("true", "systemctl enable nosuch", 1, "Unit file nosuch.service does not exist"),
        ("systemctl mask apt-daily.timer", "systemctl start apt-daily.timer", 1, "is masked"),
        (
            "printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/own.service",
            "systemctl start own",
            99,
            "lab: not simulated",
        ),
        ("true", "systemctl frobnicate", 99, "lab: not simulated"),
        ("true", "cloud-init query", 99, "lab: not simulated"),
        ("true", "apt-get --frobnicate", 99, "lab: not simulated"),
        ("true", "echo nonsense | gpg --dearmor -o /root/k", 2, "no valid OpenPGP data"),
        ("true", "sysctl net.bridge.bridge-nf-call-iptables=1", 1, "cannot stat"),
        ("true", "containerd", 127, "not found"),
        ("apt-get update; apt-get install -y socat", "socat -V", 99, "lab: not simulated"),
    ],
)
def test_what_fails(before: str, line: str, status: int, text: str) -> None:
    async def work(guest: Guest) -> None:
        await run(guest, before)
        found = await fails(guest, line)
        assert found[0] == status
        assert text in found[1]

    on(work)


def test_apt_without_a_network() -> None:
    async def work(guest: Guest) -> None:
        assert "Temporary failure" not in await run(guest, "apt-get update")
        guest.system.online = False
        assert "Ign:1" in await run(guest, "apt-get update")
        await fails(guest, "apt-get install -y socat")
        assert (await fails(guest, "curl -fsSL https://pkgs.k8s.io/x/Release.key"))[0] == 6

    on(work)


def test_held_packages_stay() -> None:
    async def work(guest: Guest) -> None:
        await run(guest, "sh -s", stdin=KUBERNETES.encode())
        assert await run(guest, "apt-mark showhold") == "kubeadm\nkubectl\nkubelet\n"
        _, text = await fails(guest, "apt-get install -y kubeadm=1.33.5-*")
        assert "Held packages were changed" in text
        await run(guest, "apt-mark unhold kubeadm; apt-get install -y kubeadm=1.33.5-*")
        assert await run(guest, "kubeadm version -o short") == "v1.33.5\n"
        await run(guest, "apt-get purge -y kubeadm")
        assert (await fails(guest, "kubeadm version -o short"))[0] == 127

    on(work)


def test_dnf() -> None:
    async def work(guest: Guest) -> None:
        await run(guest, "dnf install -y -q socat")
        assert (await run(guest, "rpm -q socat")).startswith("socat-")
        assert (await fails(guest, "dnf -y install nosuch"))[0] == 1
        assert (await fails(guest, "rpm -q htop"))[0] == 1
        await run(guest, "dnf clean all")
        assert (await fails(guest, "apt-get update"))[0] == 127

    on(work, ROCKY)


def test_units_are_files_and_links() -> None:
    async def work(guest: Guest) -> None:
        unit = "[Install]\\nWantedBy=multi-user.target\\n"
        await run(guest, f"printf '{unit}' > /etc/systemd/system/mine.service")
        await run(guest, "systemctl daemon-reload; systemctl enable --now mine")
        link = "/etc/systemd/system/multi-user.target.wants/mine.service"
        assert guest.machine.files.readlink(link) == "/etc/systemd/system/mine.service"
        assert await run(guest, "systemctl is-active mine") == "active\n"
        await run(guest, "systemctl disable --now mine")
        assert (await fails(guest, "systemctl is-enabled mine"))[0] == 1
        await run(guest, "systemctl disable apt-daily.timer; systemctl mask apt-daily.timer")
        status, _ = await fails(guest, "systemctl is-enabled apt-daily.timer")
        assert status == 1
        await run(guest, "systemctl unmask apt-daily.timer")
        assert await run(guest, "hostnamectl set-hostname other; cat /etc/hostname") == "other\n"

    on(work)


def test_systemd_run_outlives_its_caller() -> None:
    async def work(guest: Guest) -> None:
        script = "#!/bin/sh\\ncloud-init status --wait\\necho $1 > /root/done\\n"
        await run(guest, f"printf '{script}' > /usr/local/sbin/job; chmod 755 /usr/local/sbin/job")
        await run(guest, "systemd-run --no-block --unit=job /usr/local/sbin/job text")
        while not guest.machine.files.exists("/root/done"):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)
        assert guest.machine.files.read("/root/done") == b"text\n"
        assert (await fails(guest, "systemd-run /nosuch"))[0] == 1

    on(work)


def test_the_kubernetes_recipe_as_user_data() -> None:
    user: dict[str, object] = {
        "packages": ["qemu-guest-agent"],
        "write_files": [
            {"path": "/etc/modules-load.d/k8s.conf", "content": "overlay\nbr_netfilter\n"},
            {"path": "/etc/sysctl.d/95-k8s.conf", "content": "net.ipv4.ip_forward=1\n"},
            {"path": "/root/setup", "content": KUBERNETES, "permissions": "0700"},
        ],
        "runcmd": ["/root/setup", ["systemctl", "start", "qemu-guest-agent"]],
    }

    async def work(guest: Guest) -> None:
        assert guest.cloud.errors == []
        assert guest.agent_ready
        assert "Setting up kubeadm" in await run(guest, "cat /var/log/cloud-init-output.log")
        await guest.reset()
        assert "br_netfilter" in await run(guest, "lsmod")
        assert await run(guest, "containerd --version") != ""

    on(work, user=user)
