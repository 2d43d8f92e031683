"""Programs that a Proxmox VE node has besides its own: ``ssh``, ``systemctl``, and some refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.options import Options, options
from pvekit.lab.streams import absolute

if TYPE_CHECKING:
    from pvekit.lab.guests.guest import Guest
    from pvekit.lab.machine import Machine
    from pvekit.lab.node import Node

GuestAt = Callable[[str], "Guest | None"]

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


def host_programs(node: Node, guest_at: GuestAt) -> dict[str, Program]:
    """Return the programs by name."""
    client = _Client(node, guest_at)
    units = Units(set(_UNITS) | ({"corosync"} if node.cluster.name else set()))
    refused = set(_REFUSED.split()) - set(node.machine.programs)
    return {
        **dict.fromkeys(refused, _refuse),
        "ssh": client.ssh,
        "systemctl": units.systemctl,
    }


async def _refuse(process: Process) -> int:
    raise NotSimulated(" ".join(process.argv[1:])[:80])


@dataclass(frozen=True)
class _Target:
    """Whom a connection is for: ``accept_new`` is whether an unknown key may be remembered."""

    host: str
    user: str
    accept_new: bool
    key: str | None


@dataclass(frozen=True)
class _Client:
    """OpenSSH's client on a node: it reaches the cluster's nodes as root, and running guests."""

    node: Node
    guest_at: GuestAt

    async def ssh(self, process: Process) -> int:
        """Run a command on another node or in a guest."""
        given = options(
            process.argv[1:],
            "q T n x a A v C 4 6 X Y",
            "o i l p F c m",
            permute=False,
            least=1,
        )
        host, *words = given.operands
        if not words:
            raise NotSimulated("an interactive session")
        target = _target(process, given, host)
        line = " ".join(words)
        peer = self._peer(target.host)
        if peer is not None:
            return await self._to_node(process, peer, target, line)
        if re.fullmatch(r"[\d.]+|.*:.*", target.host) is None:
            why = f"Could not resolve hostname {target.host}: Name or service not known"
            return await _fail(process, f"ssh: {why}")
        return await self._to_guest(process, target, line)

    def _peer(self, host: str) -> Node | None:
        for member in self.node.cluster.members:
            if host in {member.name, member.address} or host.startswith(f"{member.name}."):
                return self.node.peers[member.name]
        return None

    async def _to_node(self, process: Process, peer: Node, target: _Target, line: str) -> int:
        clock, figures = process.machine.clock, process.machine.clock.figures
        if not peer.machine.up:
            await clock.sleep(figures.no_route)
            why = f"connect to host {target.host} port 22: No route to host"
            return await _fail(process, f"ssh: {why}")
        if process.user != "root" or target.user != "root":
            return await _denied(process, target)
        await clock.sleep(figures.node_connection)
        return await _execute(process, peer.machine, peer.name, target.user, line)

    async def _to_guest(self, process: Process, target: _Target, line: str) -> int:
        guest = self.guest_at(target.host)
        where = f"ssh: connect to host {target.host} port 22:"
        clock, figures = process.machine.clock, process.machine.clock.figures
        if guest is None:
            await clock.sleep(figures.no_route)
            return await _fail(process, f"{where} No route to host")
        if not guest.ssh_ready:
            return await _fail(process, f"{where} Connection refused")
        if not await self._trusts(process, target, guest):
            return await _fail(process, "Host key verification failed.")
        allowed = guest.authorized_keys(target.user)
        if not any(key in allowed for key in _keys(process, target)):
            return await _denied(process, target)
        await clock.sleep(figures.node_connection)
        return await _execute(process, guest.machine, self.node.name, target.user, line)

    async def _trusts(self, process: Process, target: _Target, guest: Guest) -> bool:
        """Compare the guest's key to the known ones, or remember a new one."""
        files = process.machine.files
        place = f"{process.machine.home(process.user)}/.ssh"
        path = f"{place}/known_hosts"
        text = files.read(path).decode() if files.exists(path) else ""
        kind, data = _public(guest.host_key.decode()).split()[:2]
        known = [line.split()[1:3] for line in text.splitlines() if line.startswith(target.host)]
        if known:
            return [kind, data] in known or await _changed_key(process, target)
        if not target.accept_new:
            return False
        name = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}.get(kind, "ECDSA")
        added = f"Permanently added '{target.host}' ({name}) to the list of known hosts."
        await process.complain(f"Warning: {added}\n")
        if not files.exists(place):
            files.mkdir(place, mode=0o700)
        files.write(path, f"{text}{target.host} {kind} {data}\n".encode(), mode=0o600)
        return True


async def _changed_key(process: Process, target: _Target) -> bool:
    line = "@" * 59
    await process.complain(
        f"{line}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{line}\n"
    )
    return target.accept_new and False


def _target(process: Process, given: Options, host: str) -> _Target:
    user, at, name = host.rpartition("@")
    settings = dict(
        re.split(r"[= ]", word, maxsplit=1)
        for word in given.repeated.get("o", [])
        if re.search(r"[= ]", word)
    )
    checking = settings.get("StrictHostKeyChecking", "ask").lower()
    return _Target(
        name,
        user if at else settings.get("User") or given.value("l") or process.user,
        checking in {"no", "off", "accept-new"},
        given.value("i") or settings.get("IdentityFile"),
    )


def _keys(process: Process, target: _Target) -> list[str]:
    """Return the public halves (base64) of the keys that the client would try."""
    home = process.machine.home(process.user)
    usual = [f"{home}/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ed25519")]
    found: list[str] = []
    for path in [target.key, *usual] if target.key else usual:
        place = absolute(process, path)
        if process.machine.files.is_file(place):
            found.append(_public(process.machine.files.read(place).decode()).split()[1])
    return found


def _public(private: str) -> str:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_ssh_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()


async def _denied(process: Process, target: _Target) -> int:
    why = "Permission denied (publickey,password)."
    return await _fail(process, f"{target.user}@{target.host}: {why}")


async def _fail(process: Process, message: str) -> int:
    await process.complain(f"{message}\n")
    return 255


async def _execute(process: Process, machine: Machine, node: str, user: str, line: str) -> int:
    machine.log.add("exec", user=user, node=node, line=line)
    env = {name: text for name, text in process.env.items() if name.startswith(("LANG", "LC_"))}
    return await machine.execute(
        line, process.stdin, process.stdout, process.stderr, user=user, env=env
    )


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
