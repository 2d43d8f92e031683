"""The guest's service manager: unit files, what is enabled by links to them, and what runs."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.lab.guests import catalogue, first_boot
from pvekit.lab.guests.system import System

_DIRECTORIES = (catalogue.WANTS, catalogue.UNITS)
_SSH = ("ssh.service", "sshd.service")
_ALIASES = {"sshd.service": "ssh.service"}
MASKED = "/dev/null"


class UnitError(Exception):
    """The service manager's refusal; ``status`` is systemctl's exit status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def full_name(name: str) -> str:
    """Return a unit's name with its type; a bare name is a service."""
    named = name if name.rpartition(".")[2] in {"service", "timer", "socket", "target"} else ""
    named = named or f"{name}.service"
    return _ALIASES.get(named, named)


def unit_path(system: System, unit: str) -> str | None:
    """Return where a unit's file lies, a mask included, or None without one."""
    paths = (f"{directory}/{unit}" for directory in _DIRECTORIES)
    return next((path for path in paths if system.files.exists(path)), None)


def is_masked(system: System, unit: str) -> bool:
    """Whether a unit must not run (systemd.unit(5): an empty file or a link to /dev/null)."""
    path = unit_path(system, unit)
    return path is not None and not system.files.read(path)


def install_targets(system: System, unit: str) -> list[str]:
    """Return the targets that an enabled unit belongs to; none if it is static."""
    path = unit_path(system, unit)
    lines = system.text(path).splitlines() if path else []
    wanted = (line.partition("=")[2] for line in lines if line.startswith("WantedBy="))
    return [target for value in wanted for target in value.split()]


def enabling_links(system: System, unit: str) -> list[str]:
    """Return the links that enabling a unit makes."""
    targets = install_targets(system, unit)
    return [f"{catalogue.WANTS}/{target}.wants/{unit}" for target in targets]


def is_enabled(system: System, unit: str) -> bool:
    """Whether a unit starts at boot by itself."""
    return any(_is_link(system, link) for link in enabling_links(system, unit))


def _is_link(system: System, path: str) -> bool:
    try:
        return system.files.stat(path, follow=False).kind == "link"
    except OSError:
        return False


def enable(system: System, unit: str) -> Iterator[str]:
    """Enable a unit and return a line for each link made; raises :class:`UnitError`."""
    path = unit_path(system, unit)
    if path is None:
        raise UnitError(f"Failed to enable unit: Unit file {unit} does not exist.")
    if is_masked(system, unit):
        raise UnitError(f"Failed to enable unit: Unit file {path} is masked.")
    for link in enabling_links(system, unit):
        if not _is_link(system, link):
            system.files.mkdir(link.rpartition("/")[0], parents=True)
            system.files.symlink(path, link)
            yield f"Created symlink {link} → {path}."


def disable(system: System, unit: str) -> Iterator[str]:
    """Disable a unit and return a line for each link removed; raises :class:`UnitError`."""
    if unit_path(system, unit) is None:
        raise UnitError(f"Failed to disable unit: Unit file {unit} does not exist.")
    for link in enabling_links(system, unit):
        if _is_link(system, link):
            system.files.unlink(link)
            yield f"Removed {link}."


def mask(system: System, unit: str) -> Iterator[str]:
    """Mask a unit and return the line about it."""
    path = f"{catalogue.WANTS}/{unit}"
    if not _is_link(system, path):
        system.files.mkdir(catalogue.WANTS, parents=True)
        system.files.symlink(MASKED, path)
        yield f"Created symlink {path} → {MASKED}."


def unmask(system: System, unit: str) -> Iterator[str]:
    """Take a unit's mask away and return the line about it."""
    path = f"{catalogue.WANTS}/{unit}"
    if _is_link(system, path) and system.files.readlink(path) == MASKED:
        system.files.unlink(path)
        yield f"Removed {path}."


def start(system: System, unit: str) -> bool:
    """Start a unit if it can run; returns whether it runs now."""
    if unit_path(system, unit) is None or is_masked(system, unit) or not _can_run(system, unit):
        return False
    system.active.add(unit)
    return True


def has_program(system: System, unit: str) -> bool:
    """Whether a unit names a program to run, which the lab's own units do not."""
    path = unit_path(system, unit)
    return path is not None and "\nExecStart=" in system.text(path)


def _can_run(system: System, unit: str) -> bool:
    if has_program(system, unit):
        return False
    if unit == "qemu-guest-agent.service":
        return system.agent_port
    if unit == "kubelet.service":
        # It is restarted again and again until kubeadm has written its configuration.
        return system.files.exists("/var/lib/kubelet/config.yaml")
    if unit in _SSH:
        return _has_host_keys(system)
    return True


def _has_host_keys(system: System) -> bool:
    if not system.files.glob("/etc/ssh/ssh_host_*_key") and system.family == "redhat":
        first_boot.make_host_keys(system)  # EL has a service for that, Debian and Ubuntu do not
    return bool(system.files.glob("/etc/ssh/ssh_host_*_key"))


def start_enabled(system: System) -> None:
    """Start what is enabled, as the boot does."""
    for link in system.files.glob(f"{catalogue.WANTS}/*.wants/*"):
        start(system, link.rpartition("/")[2])


def ssh_runs(system: System) -> bool:
    """Whether the SSH server runs."""
    return any(unit in system.active for unit in _SSH)
