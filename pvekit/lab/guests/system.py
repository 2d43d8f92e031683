"""The operating system on a machine's disk, running or not: what guest programs know and change."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pvekit.lab.guests.images import Internet
    from pvekit.lab.machine import Machine

Family = Literal["debian", "redhat"]


class Halt(Protocol):
    """What takes a running system down, soon."""

    def __call__(self, *, reboot: bool) -> None:
        """Shut down; ``reboot`` boots again."""
        ...


class System:
    """An installed operating system.

    ``booted`` tells whether its service manager runs (it does not in an image that is customised),
    ``online`` whether it reaches the internet, ``agent_port`` whether the VM has the guest agent's
    port; ``active`` are the running units, ``modules`` the loaded kernel modules;
    ``on_packages`` is called when packages came or went.
    """

    def __init__(self, machine: Machine, internet: Internet, halt: Halt | None = None) -> None:
        self.machine = machine
        self.files = machine.files
        self.internet = internet
        self.halt = halt
        self.booted = False
        self.online = False
        self.agent_port = False
        self.active: set[str] = set()
        self.modules: set[str] = set()
        self.on_packages: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Forget all that lives in memory only."""
        self.booted = self.online = False
        self.active.clear()
        self.modules.clear()

    @property
    def release(self) -> Mapping[str, str]:
        """The pairs of ``/etc/os-release``."""
        lines = self.text("/etc/os-release").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {key: "".join(shlex.split(value)) for key, _, value in pairs}

    @property
    def family(self) -> Family:
        """Which package manager it has."""
        return "debian" if self.files.is_file("/var/lib/dpkg/status") else "redhat"

    def text(self, path: str) -> str:
        """Return a file's text, empty if there is none."""
        return self.files.read(path).decode() if self.files.is_file(path) else ""

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file and the directories above it."""
        self.files.mkdir(path.rpartition("/")[0] or "/", parents=True)
        self.files.write(path, text.encode(), mode=mode)
        self.files.chmod(path, mode)
