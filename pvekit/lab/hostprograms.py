"""Programs that a Proxmox VE node has besides its own: ``ssh``, ``systemctl``, and some refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.options import options
from pvekit.lab.sshclient import GuestAt, NodeAt, SshClient

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_UNITS = (
    *("pve-cluster", "pvedaemon", "pveproxy", "pvestatd", "pvescheduler", "pve-firewall"),
    *("pve-ha-crm", "pve-ha-lrm", "pve-guests", "spiceproxy", "qmeventd", "watchdog-mux"),
    *("pve-lxc-syscalld", "lxcfs", "ssh", "cron", "chrony", "postfix", "rrdcached", "ksmtuned"),
    *("systemd-journald", "systemd-logind", "systemd-udevd", "dbus", "networking", "smartmontools"),
)
# What a node has and the lab has not: it must not look as if it were missing.
_REFUSED = """
apt apt-cache apt-get apt-key arp arping awk brctl bridge bunzip2 bzip2 ceph chpasswd chroot
comm corosync-cfgtool corosync-quorumtool crontab csplit curl dialog diff dig dmesg dnsmasq dpkg
ed ethtool ex expand expr factor fallocate fdisk file findmnt fmt fold free fsck fuser gpg
groupadd gunzip gzip host hostnamectl hwclock ifconfig ifdown ifreload ifup ip iptables join
journalctl kpartx ksmtuned last less locale localectl loginctl losetup lsblk lscpu lsmod lsof
lspci lsusb lvchange lvcreate lvdisplay lvextend lvremove lvs man mawk mkfifo mkfs mkfs.ext4
modprobe more mount mountpoint nano netstat nft nsenter numfmt od openssl parted partprobe
passwd patch pct perl ping pmxcfs poweroff proxmox-backup-client proxmox-boot-tool pvcreate
pve-firewall pveam pveceph pvecm pvenode pveperf pvereport pvesr pvesubscription pveupdate
pveupgrade pvremove pvs python3 qemu-nbd qmrestore reboot resize2fs rev route rsync scp script
service sftp sgdisk shred shuf shutdown smartctl socat split ss ssh-add ssh-agent ssh-copy-id
ssh-keyscan strace stty swapon sysctl tar taskset tcpdump timedatectl top tput traceroute tree
udevadm umount unshare unxz useradd userdel usermod vgcreate vgremove vgs vi vim vmstat vzdump w
watch wget who wipefs xxd xz zcat zfs zpool zstd zstdcat
"""
_ALIASES = {"sshd": "ssh", "chronyd": "chrony"}


def host_programs(node: Node, guest_at: GuestAt, node_at: NodeAt) -> dict[str, Program]:
    """Return the programs by name."""
    client = SshClient(node, guest_at, node_at)
    units = Units(set(_UNITS) | ({"corosync"} if node.cluster.name else set()))
    refused = set(_REFUSED.split()) - set(node.machine.programs)
    return {
        **dict.fromkeys(refused, _refuse),
        "ssh": client.ssh,
        "systemctl": units.systemctl,
    }


async def _refuse(process: Process) -> int:
    raise NotSimulated(" ".join(process.argv[1:])[:80])


@dataclass
class Units:
    """The services of a node; ``stopped`` and ``disabled`` hold until they are told otherwise."""

    names: set[str]
    stopped: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)

    async def systemctl(self, process: Process) -> int:
        """Tell and change the state of services."""
        given = options(process.argv[1:], "q quiet no-pager now f force no-block", "", least=1)
        verb, *words = given.operands
        if verb == "daemon-reload":
            return 0
        if verb in {"is-active", "is-enabled", "is-failed"}:
            quiet = given.has("q", "quiet")
            return await self._tell(process, verb, words, quiet=quiet)
        if verb not in {"start", "stop", "restart", "reload", "try-restart", "reload-or-restart",
                        "enable", "disable"}:  # fmt: skip
            raise NotSimulated(verb)
        return await self._change(process, verb, words, now=given.has("now"))

    async def _tell(self, process: Process, verb: str, words: list[str], *, quiet: bool) -> int:
        statuses = []
        for word in words:
            name = _unit(word)
            known = name in self.names
            if verb == "is-enabled":
                text = "disabled" if name in self.disabled else "enabled"
                if not known:
                    message = f"Failed to get unit file state for {name}.service"
                    await process.complain(f"{message}: No such file or directory\n")
                    statuses.append(1)
                    continue
            else:
                text = "active" if known and name not in self.stopped else "inactive"
            statuses.append(_TOLD[verb](text))
            if not quiet:
                await process.say(f"{text}\n")
        return 0 if 0 in statuses else max(statuses, default=1)

    async def _change(self, process: Process, verb: str, words: list[str], *, now: bool) -> int:
        for word in words:
            name = _unit(word)
            if name not in self.names:
                shown = {"enable": "enable unit: Unit file", "disable": "disable unit: Unit file"}
                text = f"Failed to {shown.get(verb, f'{verb} {name}.service: Unit')} {name}.service"
                end = "does not exist." if verb in shown else "not found."
                await process.complain(f"{text} {end}\n")
                return 1 if verb in shown else 5
            if name == "pve-cluster" and verb == "stop":
                raise NotSimulated("a node without its cluster file system")
            self._set(verb, name, now=now)
        return 0

    def _set(self, verb: str, name: str, *, now: bool) -> None:
        if verb in {"enable", "disable"}:
            (self.disabled.add if verb == "disable" else self.disabled.discard)(name)
        if verb == "stop" or (verb == "disable" and now):
            self.stopped.add(name)
        elif verb in {"start", "restart", "reload-or-restart"} or (verb == "enable" and now):
            self.stopped.discard(name)


def _unit(word: str) -> str:
    name = word.removesuffix(".service")
    return _ALIASES.get(name, name)


_TOLD: dict[str, Callable[[str], int]] = {
    "is-active": lambda text: 0 if text == "active" else 3,
    "is-enabled": lambda text: int(text != "enabled"),
    "is-failed": lambda text: 1,  # noqa: ARG005
}
