"""Where things lie on every machine: directories, links, devices, programs."""

from __future__ import annotations

from pvekit.lab.files import FileSystem

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRECTORIES = (
    *("/root", "/home", "/etc", "/dev", "/run", "/sys", "/mnt", "/opt", "/srv"),
    *("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/lib", "/usr/share"),
    *("/var/lib", "/var/log", "/var/cache", "/var/spool"),
)
RUNTIME_DIRECTORIES = ("/run/lock",)
"""Directories that are made anew at each boot."""
LINKS = {
    "/bin": "usr/bin",
    "/sbin": "usr/sbin",
    "/lib": "usr/lib",
    "/var/run": "/run",
    "/var/lock": "/run/lock",
}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "stdin", "stdout", "stderr")
PROGRAM_DIRECTORIES = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin"})
_ADMINISTRATION = """
arp chpasswd chroot dmsetup ethtool fdisk ha-manager ifconfig ifdown ifreload ifup iptables
losetup lvs lvcreate lvremove lvextend lvchange lvdisplay mkfs mkfs.ext4 modprobe nft parted pct
poweroff pvesm pveum pvs pvcreate pvremove qm qmrestore reboot resize2fs route service sgdisk
shutdown smartctl sysctl tcpdump useradd userdel usermod vgs vgcreate vgremove zfs zpool
"""


def lay_out(files: FileSystem) -> None:
    """Make the directories, links and devices of a machine that was never used."""
    for path in DIRECTORIES:
        files.mkdir(path, parents=True)
    for path in ("/tmp", "/var/tmp"):  # noqa: S108
        files.mkdir(path, parents=True, mode=0o1777)
    files.chmod("/root", 0o700)
    for path, target in LINKS.items():
        files.symlink(target, path)
    for name in DEVICES:
        files.root.mknod(f"dev/{name}")


def home_of(program: str) -> str:
    """Return where a program that a machine comes with lies."""
    return f"/usr/{'sbin' if program in _SBIN else 'bin'}/{program}"


_SBIN = frozenset(_ADMINISTRATION.split())
