"""``vm ssh``: hand over to OpenSSH, with everything pinned that it must know."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pvekit import private
from pvekit.cli.app import App
from pvekit.errors import PvekitError
from pvekit.operations.entering import locate
from pvekit.operations.machines import guest_keys
from pvekit.plan import Guest
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.hostkeys import HostKey
from pvekit.ssh.pins import Pins


def enter(app: App, name: str, command: Sequence[str], user: str, *, accept_new: bool) -> None:
    """Replace this process by OpenSSH, logged in to a VM.

    Raises :class:`PvekitError` where OpenSSH is not installed, and what keeps the VM from being
    found.
    """
    guest = locate(app.desk(), name, user, accept_new=accept_new)
    node = app.machines.connections.endpoint(guest.node)
    app.machines.close()
    known = pinned(guest, app.pins)
    words = ["ssh", *_options(guest, node, known, guest_keys(app.config, Path.home()))]
    try:
        os.execvp("ssh", [*words, f"{guest.user}@{guest.address}", *command])  # noqa: S606, S607
    except FileNotFoundError:
        hint = f"The address is {guest.address}, through {guest.node}."
        raise PvekitError(
            "OpenSSH's `ssh` is not installed here.", hint=hint, id="SSH-PROGRAM-MISSING"
        ) from None


def pinned(guest: Guest, pins: Pins) -> Path:
    """Return the file that OpenSSH is to find the guest's key in, with the key in it.

    Raises :class:`HostKeyChanged` for another key than the one that was pinned.
    """
    if guest.host_key and guest.pin:
        pins.check(guest.pin, f"guest {guest.address}", HostKey.parse(guest.host_key))
    if guest.pin:
        private.make(pins.path.parent)
        return pins.path
    # A VM that is not pvekit's: what its node says of it now, and nothing is kept.
    descriptor, name = tempfile.mkstemp(prefix="pvekit-", suffix=".known_hosts")
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{guest.address} {guest.host_key}\n" if guest.host_key else "")
    return Path(name)


def _options(guest: Guest, node: Endpoint, known: Path, keys: Sequence[Path]) -> list[str]:
    strict = "yes" if guest.host_key else "accept-new"
    options = ["-o", f"UserKnownHostsFile={known}", "-o", f"StrictHostKeyChecking={strict}"]
    if guest.pin:
        options += ["-o", f"HostKeyAlias={guest.pin}"]
    options += [word for key in keys for word in ("-i", str(key))]
    return [*options, "-p", str(guest.port), "-o", f"ProxyCommand={_through(node)}"]


def _through(node: Endpoint) -> str:
    known = " ".join(map(str, node.known_hosts))
    keys = [word for key in node.key_paths for word in ("-i", str(key))]
    words = ["ssh", "-o", f"UserKnownHostsFile={known}", *keys, "-p", str(node.port)]
    if node.jump is not None:
        words += ["-o", f"ProxyCommand={_through(node.jump)}"]
    return f"{shlex.join([*words, '-W'])} %h:%p {shlex.quote(f'{node.user}@{node.host}')}"
