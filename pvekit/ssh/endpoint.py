"""Where a machine is and how to get in: the config's words merged with ``~/.ssh/config``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pvekit.errors import UsageError
from pvekit.ssh.hostkeys import SSH_PORT

MAX_JUMPS = 8
_HOP = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<v6>[^]\s]+)\]|(?P<host>[^:@\s]+))(?::(?P<port>\d+))?"
)
_BARE_V6 = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*:[^@\s]*)")


@dataclass(frozen=True)
class Endpoint:
    """One machine, everything about it decided: address, user, keys, and the hop before it.

    ``wrapper``: a user who is not root may run nothing there by sudo but pvekit's wrapper.
    """

    alias: str
    host: str
    port: int = SSH_PORT
    user: str = "root"
    key_paths: tuple[Path, ...] = ()
    jump: Endpoint | None = None
    known_hosts: tuple[Path, ...] = ()
    wrapper: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.alias} ({self.user}@{host}:{self.port})"


@dataclass(frozen=True)
class Wanted:
    """What was said about one machine; None leaves it to the defaults and to ``~/.ssh/config``."""

    host: str
    alias: str | None = None
    port: int | None = None
    user: str | None = None
    key_path: Path | None = None
    jump: str | None = None


@dataclass(frozen=True)
class Defaults:
    """What holds for every machine. A user of None leaves it to ``~/.ssh/config``, then root."""

    user: str | None = None
    key_path: Path | None = None
    known_hosts: tuple[Path, ...] = ()
    home: Path | None = None
    wrapper: bool = False

    @property
    def own_keys(self) -> tuple[Path, ...]:
        """The keys that OpenSSH tries unasked, as far as they are there."""
        if self.home is None:
            return ()
        names = ("id_ed25519", "id_ecdsa", "id_rsa")
        return tuple(path for name in names if (path := self.home / ".ssh" / name).is_file())


def resolve(
    wanted: Sequence[Wanted], defaults: Defaults, ssh_config_text: str = ""
) -> tuple[Endpoint, ...]:
    """Decide how to reach each machine; a jump may name another one of them by its alias.

    What is said about the machine wins, then the defaults, then ``~/.ssh/config``. Raises
    :class:`UsageError` for an SSH config that cannot be read and for jumps that lead in a circle.
    """
    resolver = _Resolver(wanted, defaults, ssh_config_text)
    return tuple(resolver.endpoint(machine, depth=0) for machine in wanted)


class _Resolver:
    def __init__(self, wanted: Sequence[Wanted], defaults: Defaults, text: str) -> None:
        self._machines = {machine.alias: machine for machine in wanted if machine.alias}
        self._defaults = defaults
        self._text = text

    def endpoint(self, wanted: Wanted, depth: int) -> Endpoint:
        if depth > MAX_JUMPS:
            raise UsageError(
                f"The jump hosts of {wanted.host} lead in a circle.", id="SSH-CONFIG-INVALID"
            )
        said = _lookup(self._text, wanted.host)
        here = self._plain(wanted, said)
        jump = wanted.jump or said.get("proxyjump") or "none"
        if jump.lower() != "none":
            return replace(here, jump=self._chain(jump, here, depth))
        if said.get("proxycommand") and wanted.jump is None:
            raise UsageError(
                f"~/.ssh/config reaches {wanted.host} by a ProxyCommand; pvekit runs none.",
                hint="Use ProxyJump there, or the node's key `jump` in pvekit's configuration.",
                id="SSH-CONFIG-INVALID",
            )
        return here

    def _plain(self, wanted: Wanted, said: Mapping[str, str]) -> Endpoint:
        return Endpoint(
            alias=wanted.alias or wanted.host,
            host=said.get("hostname", wanted.host),
            port=wanted.port or _port(said.get("port"), wanted.host) or SSH_PORT,
            user=wanted.user or self._defaults.user or said.get("user") or "root",
            key_paths=self._keys(wanted, said.get("identityfile", "")),
            known_hosts=self._defaults.known_hosts,
            wrapper=self._defaults.wrapper,
        )

    def _keys(self, wanted: Wanted, identity_files: str) -> tuple[Path, ...]:
        if path := wanted.key_path or self._defaults.key_path:
            return (path,)
        files = (Path(name) for name in identity_files.splitlines() if name.lower() != "none")
        return tuple(path.expanduser() for path in files) or self._defaults.own_keys

    def _chain(self, jump: str, target: Endpoint, depth: int) -> Endpoint | None:
        """Follow ``A,B``: A is reached first (by its own jump, if it has one), B through A."""
        before: Endpoint | None = None
        for word in jump.split(","):
            hop = self._hop(word.strip())
            here = self._plain(hop, _lookup(self._text, hop.host))
            if (here.host, here.port) == (target.host, target.port):
                # `Host *` with a ProxyJump matches the jump host itself.
                continue
            before = replace(here, jump=before) if before else self.endpoint(hop, depth + 1)
        return before

    def _hop(self, text: str) -> Wanted:
        """Return a machine by its alias, or a host; its user is the site's only if none is said."""
        if machine := self._machines.get(text):
            return machine
        hop = _hop(text)
        return replace(hop, user=hop.user or _lookup(self._text, hop.host).get("user"))


def _hop(text: str) -> Wanted:
    """Read ``[user@]host[:port]``; an IPv6 address with a port stands in brackets."""
    found = _BARE_V6.fullmatch(text) or _HOP.fullmatch(text.removeprefix("ssh://").rstrip("/"))
    if found is None:
        raise UsageError(
            f"This is no jump host: {text!r}.",
            hint="Write [user@]host[:port].",
            id="SSH-CONFIG-INVALID",
        )
    parts = found.groupdict()
    host = parts.get("v6") or parts["host"] or ""
    return Wanted(host, user=parts["user"], port=_port(parts.get("port"), text))


def _port(text: str | None, host: str) -> int | None:
    if text is None:
        return None
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise UsageError(f"The port of {host} is no port: {text!r}.", id="SSH-CONFIG-INVALID")
    return int(text)


def _lookup(text: str, host: str) -> Mapping[str, str]:
    """Return what an SSH config says about a host; identity files are joined by newlines."""
    if not text.strip():
        return {}
    from pvekit.ssh.library import paramiko, parsed

    try:
        found: Mapping[str, object] = parsed(text).lookup(host)
    except (paramiko.ConfigParseError, paramiko.CouldNotCanonicalize, ValueError) as error:
        raise UsageError(
            f"Cannot read ~/.ssh/config for {host}: {error}.", id="SSH-CONFIG-INVALID"
        ) from error
    return {key: _one_text(value) for key, value in found.items() if value is not None}


def _one_text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
