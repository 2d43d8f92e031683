"""The packages that can be installed in guests: their versions, programs and services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Repository = Literal["os", "kubernetes", "docker"]

BINARY = "\x7fELF simulated\n"
WANTS = "/etc/systemd/system"
UNITS = "/usr/lib/systemd/system"

# EL's agent refuses to run programs unless told otherwise.
EL_AGENT_CONFIG = (
    'FILTER_RPC_ARGS="--block-rpcs=guest-file-open,guest-file-close,guest-file-read,'
    'guest-file-write,guest-file-seek,guest-file-flush,guest-exec,guest-exec-status"\n'
)


@dataclass(frozen=True)
class Unit:
    """A unit file; without ``wanted_by`` it cannot be enabled (it is static)."""

    name: str
    wanted_by: str = "multi-user.target"
    enabled: bool = True

    @property
    def path(self) -> str:
        """Where the unit file lies."""
        return f"{UNITS}/{self.name}"

    @property
    def text(self) -> str:
        """The unit file, as much of it as matters here."""
        install = f"\n[Install]\nWantedBy={self.wanted_by}\n" if self.wanted_by else ""
        return f"[Unit]\nDescription={self.name.partition('.')[0]}\n{install}"


@dataclass(frozen=True)
class Package:
    """A package; ``programs`` are put into ``/usr/bin``."""

    version: str
    programs: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    depends: tuple[str, ...] = ()
    repository: Repository = "os"

    @property
    def binaries(self) -> tuple[str, ...]:
        """The paths of its programs."""
        return tuple(f"/usr/bin/{name}" for name in self.programs)

    def files(self, name: str, *, enterprise: bool) -> Iterator[tuple[str, str]]:
        """Return the files that the package of this name brings."""
        yield from ((path, BINARY) for path in self.binaries)
        yield from ((unit.path, unit.text) for unit in self.units)
        if enterprise and name == "qemu-guest-agent":
            yield "/etc/sysconfig/qemu-ga", EL_AGENT_CONFIG

    def wants(self) -> Iterator[tuple[str, str]]:
        """Return the links that enable its services: (link, target)."""
        for unit in self.units:
            if unit.enabled and unit.wanted_by:
                yield f"{WANTS}/{unit.wanted_by}.wants/{unit.name}", unit.path


def _kubernetes(*programs: str, units: tuple[Unit, ...] = ()) -> Package:
    return Package("1.33.10-1.1", programs, units, repository="kubernetes")


PACKAGES: dict[str, Package] = {
    "apt": Package(
        "2.4.14",
        (),
        (
            Unit("apt-daily.timer", "timers.target"),
            Unit("apt-daily-upgrade.timer", "timers.target"),
        ),
    ),
    "apt-transport-https": Package("2.4.14"),
    "bash-completion": Package("1:2.11-5"),
    "ca-certificates": Package("20240203"),
    "chrony": Package("4.2-2", ("chronyc",), (Unit("chrony.service"),)),
    "cloud-init": Package("25.1.4-0", (), (Unit("cloud-init.service", "cloud-init.target"),)),
    "conntrack": Package("1:1.4.6-2", ("conntrack",)),
    "containerd": Package(
        "1.7.28-0", ("containerd", "ctr"), (Unit("containerd.service"),), ("runc",)
    ),
    "containerd.io": Package(
        "1.7.29-1", ("containerd", "ctr", "runc"), (Unit("containerd.service"),), (), "docker"
    ),
    "cri-tools": Package("1.33.0-1.1", ("crictl",), repository="kubernetes"),
    "curl": Package("7.81.0-1"),
    "docker-ce": Package(
        "5:29.0.2-1", ("docker", "dockerd"), (Unit("docker.service"),), ("containerd.io",), "docker"
    ),
    "docker.io": Package(
        "28.2.2-0", ("docker", "dockerd"), (Unit("docker.service"),), ("containerd", "runc")
    ),
    "ebtables": Package("2.0.11-4", ("ebtables",)),
    "ethtool": Package("1:5.16-1", ("ethtool",)),
    "git": Package("1:2.34.1-1", ("git",)),
    "gnupg": Package("2.2.27-3", depends=("gpg",)),
    "gpg": Package("2.2.27-3"),
    "htop": Package("3.0.5-7", ("htop",)),
    "ipset": Package("7.15-1", ("ipset",)),
    "iptables": Package("1.8.7-1", ("iptables",)),
    "ipvsadm": Package("1:1.31-1", ("ipvsadm",)),
    "jq": Package("1.6-2", ("jq",)),
    "kubeadm": Package("1.33.10-1.1", ("kubeadm",), (), ("cri-tools", "kubelet"), "kubernetes"),
    "kubectl": _kubernetes("kubectl"),
    "kubelet": Package(
        "1.33.10-1.1", ("kubelet",), (Unit("kubelet.service"),), ("kubernetes-cni",), "kubernetes"
    ),
    "kubernetes-cni": _kubernetes(),
    "lsb-release": Package("11.1.0"),
    "lvm2": Package("2.03.11-2", ("lvs", "vgs", "pvs")),
    "net-tools": Package("1.60", ("ifconfig", "netstat")),
    "nfs-common": Package("1:2.6.1-1", ("mount.nfs",)),
    "nfs-utils": Package("1:2.5.4-1", ("mount.nfs",)),
    "open-iscsi": Package("2.1.5-1", ("iscsiadm",), (Unit("open-iscsi.service"),)),
    "openssh-server": Package("1:8.9p1-3", (), (Unit("ssh.service"),)),
    "python3": Package("3.10.6-1", ("python3",)),
    "qemu-guest-agent": Package(
        # Static: udev starts it once the virtio port is there.
        "1:6.2+dfsg-2",
        ("qemu-ga",),
        (Unit("qemu-guest-agent.service", ""),),
    ),
    "runc": Package("1.3.3-0", ("runc",)),
    "socat": Package("1.7.4.1-3", ("socat",)),
    "software-properties-common": Package("0.99.22", ("add-apt-repository",)),
    "sudo": Package("1.9.9-1"),
    "systemd": Package(
        "249.11-0",
        (),
        (
            Unit("systemd-networkd.service"),
            Unit("fstrim.timer", "timers.target"),
        ),
    ),
    "tmux": Package("3.2a-4", ("tmux",)),
    "unattended-upgrades": Package("2.8", (), (Unit("unattended-upgrades.service"),)),
    "vim": Package("2:8.2.3995-1", ("vim",)),
    "wget": Package("1.21.2-2"),
}
