"""OpenSSH's client on a node: it reaches the PVE cluster's nodes as root, and running guests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.line import node_speed, weight
from pvekit.lab.process import NotSimulated, Process, Writer
from pvekit.lab.programs.options import Options, options
from pvekit.lab.streams import absolute

if TYPE_CHECKING:
    from pvekit.lab.guests.guest import Guest
    from pvekit.lab.machine import Machine
    from pvekit.lab.node import Node

GuestAt = Callable[[str], "Guest | None"]
NodeAt = Callable[[str], "Node | None"]

_FEW = 1 << 16  # bytes that take no time
_PIECE = 1 << 18


@dataclass(frozen=True)
class _Target:
    """Whom a connection is for, and the options (``-o``) by name."""

    host: str
    user: str
    key: str | None
    settings: Mapping[str, str]

    @property
    def accept_new(self) -> bool:
        """Whether an unknown key may be remembered."""
        checking = self.settings.get("StrictHostKeyChecking", "ask").lower()
        return checking in {"no", "off", "accept-new"}

    @property
    def alias(self) -> str:
        """The name under which the host's key is known."""
        return self.settings.get("HostKeyAlias", self.host)

    @property
    def patience(self) -> float | None:
        """How many seconds a server may say nothing; None is for ever."""
        interval = float(self.settings.get("ServerAliveInterval", 0))
        return interval * float(self.settings.get("ServerAliveCountMax", 3)) or None


@dataclass(frozen=True)
class SshClient:
    """``ssh`` of one node; ``node_at`` finds nodes of the site, members of its cluster or not."""

    node: Node
    guest_at: GuestAt
    node_at: NodeAt

    async def ssh(self, process: Process) -> int:
        """Run a command on another node or in a guest."""
        given = options(
            process.argv[1:],
            "q T n x a A v C 4 6 X Y",
            "o i l p F c m e",
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
        stranger = self.node_at(target.host)
        if stranger is not None:
            return await self._to_stranger(process, stranger, target)
        return await self._to_guest(process, target, line)

    def _peer(self, host: str) -> Node | None:
        for member in self.node.cluster.members:
            if host in {member.name, member.address} or host.startswith(f"{member.name}."):
                return self.node.peers[member.name]
        return None

    async def _to_node(self, process: Process, peer: Node, target: _Target, line: str) -> int:
        figures = process.machine.clock.figures
        if not peer.machine.up:
            return await self._no_route(process, target)
        if not self._knows(process, peer, target):
            return await _unknown_key(process, target)
        if process.user != "root" or target.user != "root":
            return await _denied(process, target)
        await process.machine.clock.sleep(figures.node_connection)
        passage = _Passage(process, self.node, peer, line)
        boot = peer.machine.boot_id
        status = await _execute(process, peer.machine, peer.name, target.user, line, passage)
        if passage.cut:
            return await _fail(process, f"Connection to {target.host} closed by remote host.")
        if peer.machine.boot_id != boot or not peer.machine.up:
            return await _silent(process, target)
        return status

    def _knows(self, process: Process, peer: Node, target: _Target) -> bool:
        """Compare a member's key to the file that was named; Proxmox VE's own has all keys."""
        if self.node.world.faults.holds("host-key", peer.name):
            return False
        path = target.settings.get("UserKnownHostsFile")
        if path is None:
            return True
        shown = self.node.world.host_keys.of(peer.name)
        files = process.machine.files
        text = files.read(path).decode() if files.is_file(path) else ""
        return f"{target.alias} {shown}" in text.splitlines()

    async def _no_route(self, process: Process, target: _Target) -> int:
        clock = process.machine.clock
        await clock.sleep(clock.figures.no_route)
        why = f"connect to host {target.host} port 22: No route to host"
        return await _fail(process, f"ssh: {why}")

    async def _to_stranger(self, process: Process, stranger: Node, target: _Target) -> int:
        """Knock at a node that is no member: neither knows the other."""
        if not stranger.machine.up:
            return await self._no_route(process, target)
        if not target.accept_new:
            return await _unknown_key(process, target)
        return await _denied(process, target)

    async def _to_guest(self, process: Process, target: _Target, line: str) -> int:
        guest = self.guest_at(target.host)
        if guest is None:
            return await self._no_route(process, target)
        if not guest.ssh_ready:
            where = f"ssh: connect to host {target.host} port 22:"
            return await _fail(process, f"{where} Connection refused")
        if not await self._trusts(process, target, guest):
            return await _fail(process, "Host key verification failed.")
        allowed = guest.authorized_keys(target.user)
        if not any(key in allowed for key in _keys(process, target)):
            return await _denied(process, target)
        clock = process.machine.clock
        await clock.sleep(clock.figures.node_connection)
        name, out = self.node.name, process.stdout
        return await _execute(process, guest.machine, name, target.user, line, out)

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


@dataclass
class _Passage:
    """What a command on another node says on its way here, at the pace of that node's link.

    It passes piece by piece, so that it can break off in the middle: it is ``cut`` then.
    """

    process: Process
    node: Node
    peer: Node
    line: str
    cut: bool = field(default=False)

    async def write(self, data: bytes) -> None:
        clock = self.process.machine.clock
        size = weight(data, clock.figures)
        if size <= _FEW:
            await self.process.stdout.write(data)
            return
        count = -(-len(data) // _PIECE) if size == len(data) else 2
        pieces = _pieces(data, count)
        speed, came = node_speed(clock.figures), 0
        for piece in pieces:
            came += await self.peer.link.carry(clock, size // count, speed)
            await self.process.stdout.write(piece)
            if self.node.world.faults.take("peer-cut", self.line):
                self.cut = True
                raise BrokenPipeError
        names = {"node": self.peer.name, "to": self.node.name}
        self.process.machine.log.add("transfer", **names, bytes=came)


def _pieces(data: bytes, count: int) -> list[bytes]:
    length = -(-len(data) // count)
    return [data[at : at + length] for at in range(0, len(data), length)]


async def _silent(process: Process, target: _Target) -> int:
    """Wait for a node that has lost its power: nothing comes any more."""
    if target.patience is None:
        raise NotSimulated("waiting for ever for a node that is gone")
    await process.machine.clock.sleep(target.patience)
    return await _fail(process, f"Timeout, server {target.host} not responding.")


async def _unknown_key(process: Process, target: _Target) -> int:
    if target.settings.get("StrictHostKeyChecking") == "yes":
        strict = "and you have requested strict checking."
        await process.complain(f"No ED25519 host key is known for {target.alias} {strict}\n")
    return await _fail(process, "Host key verification failed.")


async def _changed_key(process: Process, target: _Target) -> bool:
    line = "@" * 59
    await process.complain(
        f"{line}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{line}\n"
    )
    return target.accept_new and False


def _target(process: Process, given: Options, host: str) -> _Target:
    user, at, name = host.rpartition("@")
    settings: dict[str, str] = {}
    for word in given.repeated.get("o", []):
        option, mark, value = re.sub(r"[= ]", "=", word, count=1).partition("=")
        if mark:
            settings.setdefault(option, value)
    return _Target(
        name,
        user if at else settings.get("User") or given.value("l") or process.user,
        given.value("i") or settings.get("IdentityFile"),
        settings,
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


async def _execute(
    process: Process, machine: Machine, node: str, user: str, line: str, stdout: Writer
) -> int:
    machine.log.add("exec", user=user, node=node, line=line)
    env = {name: text for name, text in process.env.items() if name.startswith(("LANG", "LC_"))}
    return await machine.execute(line, process.stdin, stdout, process.stderr, user=user, env=env)
