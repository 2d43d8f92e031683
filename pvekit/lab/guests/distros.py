"""The operating systems of the lab's cloud images, and what is on their disks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvekit.lab.guests import catalogue, packagedb
from pvekit.lab.guests.disk import Disk

_MIB = 1 << 20
_COMMON = ("/root", "/home", "/etc/netplan", "/etc/modules-load.d", "/etc/sysctl.d", "/var/log")
_DIRECTORIES = {
    "debian": (
        *_COMMON,
        *("/etc/apt/keyrings", "/etc/apt/sources.list.d", "/usr/share/keyrings"),
        *("/var/lib/apt/lists", "/var/cache/apt/archives"),
    ),
    "redhat": (*_COMMON, "/etc/sysconfig", "/etc/yum.repos.d", "/var/cache/dnf"),
}
_BASE_PACKAGES = ("cloud-init", "openssh-server", "systemd", "sudo", "curl", "wget", "gpg")


@dataclass(frozen=True)
class Distro:
    """A system as its cloud image has it: ``root_mb`` is the size of the image in MiB."""

    os: str
    name: str
    pretty: str
    version: str
    codename: str
    user: str
    kernel: str
    root_mb: int
    family: str = "debian"
    packages: tuple[str, ...] = ()
    cloud_init: str = "25.1.4-0"

    @property
    def id(self) -> str:
        """The ``ID`` of os-release(5)."""
        return self.os.partition("-")[0].replace("alma", "almalinux")


def _ubuntu(version: str, codename: str, title: str, kernel: str, root_mb: int) -> Distro:
    pretty = f"Ubuntu {version}.5 LTS"
    version_text = f"{version}.5 LTS ({title})"
    return Distro(
        f"ubuntu-{version}", "Ubuntu", pretty, version_text, codename, "ubuntu", kernel, root_mb,
        packages=("apt", "unattended-upgrades"),
    )  # fmt: skip


def _debian(version: str, codename: str, kernel: str, cloud_init: str) -> Distro:
    pretty = f"Debian GNU/Linux {version} ({codename})"
    version_text = f"{version} ({codename})"
    return Distro(
        f"debian-{version}", "Debian GNU/Linux", pretty, version_text, codename, "debian", kernel,
        3072, packages=("apt",), cloud_init=cloud_init,
    )  # fmt: skip


def _enterprise(os: str, name: str, title: str, user: str, root_mb: int = 10240) -> Distro:
    version = os.partition("-")[2]
    kernel = f"5.14.0-503.el{version}.x86_64"
    return Distro(
        os, name, f"{name} {version} ({title})", f"{version} ({title})", "", user, kernel, root_mb,
        "redhat", ("qemu-guest-agent",),
    )  # fmt: skip


# By what the URL of an image holds, the first match counts.
DISTROS: tuple[tuple[str, Distro], ...] = (
    ("noble", _ubuntu("24.04", "noble", "Noble Numbat", "6.8.0-87-generic", 3584)),
    ("jammy", _ubuntu("22.04", "jammy", "Jammy Jellyfish", "5.15.0-161-generic", 2252)),
    ("focal", _ubuntu("20.04", "focal", "Focal Fossa", "5.4.0-216-generic", 2252)),
    ("24.04", _ubuntu("24.04", "noble", "Noble Numbat", "6.8.0-87-generic", 3584)),
    ("ubuntu", _ubuntu("22.04", "jammy", "Jammy Jellyfish", "5.15.0-161-generic", 2252)),
    ("debian-13-genericcloud", _debian("13", "trixie", "6.12.57+deb13-cloud-amd64", "25.1.4-1")),
    ("trixie", _debian("13", "trixie", "6.12.57+deb13-amd64", "25.1.4-1")),
    ("debian-12-genericcloud", _debian("12", "bookworm", "6.1.0-56-cloud-amd64", "22.4.2-1")),
    ("debian", _debian("12", "bookworm", "6.1.0-56-amd64", "22.4.2-1")),
    ("rocky", _enterprise("rocky-9", "Rocky Linux", "Blue Onyx", "rocky")),
    ("alma", _enterprise("alma-9", "AlmaLinux", "Seafoam Ocelot", "almalinux")),
    ("centos", _enterprise("centos-9", "CentOS Stream", "CentOS Stream", "cloud-user")),
    ("fedora", _enterprise("fedora-42", "Fedora Linux", "Cloud Edition", "fedora", 5120)),
)


def distro_of(url: str) -> Distro | None:
    """Return the system that an image's URL speaks of, if the lab has it."""
    lower = url.lower()
    return next((distro for mark, distro in DISTROS if mark in lower), None)


def image_disk(distro: Distro, serial: int) -> Disk:
    """Return the disk of a distribution's cloud image; ``serial`` numbers its releases."""
    size = distro.root_mb * _MIB
    packages = (*_BASE_PACKAGES, *distro.packages)
    texts = dict(_texts(distro, serial))
    disk = Disk(
        size_bytes=size,
        files={path: text.encode() for path, text in texts.items()},
        os=distro.os,
        directories=set(_DIRECTORIES[distro.family]),
        root_bytes=size,
    )
    for name in packages:
        package = catalogue.PACKAGES[name]
        for path, text in package.files(name, enterprise=distro.family == "redhat"):
            disk.files[path] = text.encode()
        disk.modes |= dict.fromkeys(package.binaries, 0o755)
        disk.links |= dict(package.wants())
    disk.modes["/etc/machine-id"] = 0o444
    versions = {name: catalogue.PACKAGES[name].version for name in packages}
    versions["cloud-init"] = distro.cloud_init
    disk.files[packagedb.path(distro.family)] = packagedb.to_text(
        packagedb.Installed(name, version) for name, version in versions.items()
    ).encode()
    return disk


def _texts(distro: Distro, serial: int) -> Iterator[tuple[str, str]]:
    yield "/etc/os-release", _os_release(distro)
    yield "/etc/hostname", "ubuntu\n" if distro.user == "ubuntu" else "localhost\n"
    yield "/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
    yield "/etc/machine-id", ""
    yield "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"
    yield "/etc/group", "root:x:0:\nsudo:x:27:\n"
    yield "/etc/fstab", "LABEL=cloudimg-rootfs\t/\text4\tdiscard,errors=remount-ro\t0 1\n"
    yield "/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n"
    yield "/etc/cloud/cloud.cfg", f"system_info:\n  default_user:\n    name: {distro.user}\n"
    yield "/etc/cloud/build.info", f"serial: {serial}\n"
    yield f"/boot/vmlinuz-{distro.kernel}", "Linux\n"
    if distro.family == "debian":
        yield "/etc/apt/sources.list", _sources(distro)


def _os_release(distro: Distro) -> str:
    like = {"Ubuntu": "debian", "Debian GNU/Linux": ""}.get(distro.name, "rhel centos fedora")
    return (
        f'PRETTY_NAME="{distro.pretty}"\nNAME="{distro.name}"\n'
        f'VERSION_ID="{distro.os.partition("-")[2]}"\nVERSION="{distro.version}"\n'
        f'VERSION_CODENAME={distro.codename}\nID={distro.id}\nID_LIKE="{like}"\n'
    )


def _sources(distro: Distro) -> str:
    if distro.name == "Ubuntu":
        return f"deb http://ubuntu.mirror.example/ubuntu {distro.codename} main universe\n"
    return f"deb http://debian.mirror.example/debian {distro.codename} main\n"


_BUILDS = (
    ("-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"),
    ("-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"),
    ("-generic", "#1-Ubuntu SMP PREEMPT_DYNAMIC"),
)


def kernel_build(release: str) -> str:
    """Return the build that a kernel tells besides its release."""
    found = (build for ending, build in _BUILDS if release.endswith(ending))
    return next(found, "#1 SMP PREEMPT_DYNAMIC")
