"""The words of ``qm``: every command line that changes a VM.

What Proxmox VE runs as a task is a job: in the foreground it would die half-way with the link. A
resize that dies between volume and config even leaves a size that no further resize mends.
"""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.plan import Change, Guard
from pvekit.shell import Command, Secret

LONG = 4 * 3600.0
"""Seconds after which a job is given up; it goes on without us."""

Options = Mapping[str, str | int]


def _qm(*words: str | int, timeout: float = 120.0, stdin: str = "") -> Command:
    return Command(("qm", *words), stdin=stdin, timeout=timeout)


def _flags(options: Options) -> list[str | int]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def clone(source: Guard, vmid: int, options: Options) -> Change:
    """Clone our template to a free vmid."""
    command = _qm("clone", source.vmid, vmid, *_flags(options), timeout=LONG)
    return Change(command, guard=source, job=True)


def create(vmid: int, options: Options) -> Change:
    """Create a VM under a free vmid; importing its disk may take long."""
    return Change(_qm("create", vmid, *_flags(options), timeout=LONG), job=True)


def configure(vm: Guard, options: Options, stdin: str = "", *, job: bool = False) -> Change:
    """Set options, unless the config changes between the look at it and the change.

    As a job where it copies data into a new disk.
    """
    command = _qm("set", vm.vmid, *_flags(options), stdin=stdin, timeout=LONG if job else 120.0)
    return Change(command, guard=vm, digest=True, job=job)


def password(vm: Guard, hashed: Secret) -> Change:
    """Give a VM's cloud-init user a password, as its hash: ``qm`` asks for it twice on stdin."""
    twice = Secret(lambda: f"{hashed.value}\n" * 2)
    command = Command(("qm", "set", vm.vmid, "--cipassword"), stdin=twice, timeout=120.0)
    return Change(command, guard=vm, digest=True)


def describe(vm: Guard, description: str) -> Change:
    """Set a description of several lines, which no word of a command may hold: it goes by stdin."""
    words = ("sh", "-c", 'exec qm set "$@" --description "$(cat)"', "describe", vm.vmid)
    command = Command(words, stdin=description, timeout=120.0)
    told = _qm("set", vm.vmid, "--description", "\\n".join(description.split("\n")))
    return Change(command, guard=vm, digest=True, shown=told.line())


def resize(vm: Guard, slot: str, size_gb: int) -> Change:
    """Grow a disk to an absolute size in GiB; it cannot shrink again."""
    return resize_mb(vm, slot, size_gb * 1024)


def resize_mb(vm: Guard, slot: str, size_mb: int) -> Change:
    """Grow a disk to an absolute size in MiB; it cannot shrink again.

    Unless the config changes between the look at it and the change: another disk may be in the slot
    by then.
    """
    size = f"{size_mb}M" if size_mb % 1024 else f"{size_mb // 1024}G"
    command = _qm("disk", "resize", vm.vmid, slot, size, timeout=600.0)
    return Change(command, guard=vm, digest=True, job=True, mute=True)


def start(vm: Guard) -> Change:
    """Start a VM."""
    return Change(_qm("start", vm.vmid, timeout=300.0), guard=vm, job=True)


def shutdown(vm: Guard, seconds: int, *, force: bool = False) -> Change:
    """Ask the guest to shut down and wait for it so many seconds; ``force`` then cuts its power."""
    words: list[str | int] = ["shutdown", vm.vmid, "--timeout", seconds]
    if force:
        words += ["--forceStop", 1]
    return Change(_qm(*words, timeout=seconds + 60.0), guard=vm, job=True)


def stop(vm: Guard) -> Change:
    """Cut a VM's power."""
    return Change(_qm("stop", vm.vmid, timeout=120.0), guard=vm, job=True)


def template(vm: Guard) -> Change:
    """Make a VM a template; its disks become base images."""
    return Change(_qm("template", vm.vmid, timeout=LONG), guard=vm, job=True)


def destroy(vm: Guard) -> Change:
    """Destroy a VM with the disks that its config names, and nothing that a scan would find."""
    words = ("destroy", vm.vmid, "--purge", 1, "--destroy-unreferenced-disks", 0)
    return Change(_qm(*words, timeout=LONG), guard=vm, job=True)


def snapshot(vm: Guard, name: str, options: Options) -> Change:
    """Take a snapshot of a VM."""
    command = _qm("snapshot", vm.vmid, name, *_flags(options), timeout=LONG)
    return Change(command, guard=vm, job=True)


def remove_snapshot(vm: Guard, name: str) -> Change:
    """Remove a snapshot of a VM."""
    return Change(_qm("delsnapshot", vm.vmid, name, timeout=LONG), guard=vm, job=True)


def roll_back(vm: Guard, name: str) -> Change:
    """Bring a VM back to a snapshot; its power is cut for that."""
    return Change(_qm("rollback", vm.vmid, name, timeout=LONG), guard=vm, job=True)


def migrate(vm: Guard, target: str, options: Options) -> Change:
    """Move a VM to another node of its PVE cluster."""
    command = _qm("migrate", vm.vmid, target, *_flags(options), timeout=6 * LONG)
    return Change(command, guard=vm, job=True)
