"""cloud-init's modules: what each part of the user data does to the system."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pvekit.lab.guests import first_boot, packages, users
from pvekit.lab.guests.system import System
from pvekit.lab.streams import BytesReader, FileWriter

Config = Mapping[str, Any]
Module = Callable[[System, Config], Awaitable[None]]

OUTPUT = "/var/log/cloud-init-output.log"
CONSOLE = "/dev/ttyS0"
RUNCMD = "/var/lib/cloud/instance/scripts/runcmd"

# Those about passwords, growing the root and messages have no module here: the lab's guests know no
# passwords, and the root always grows.
KEYS = frozenset(
    [
        *("hostname", "fqdn", "manage_etc_hosts", "preserve_hostname"),
        *("user", "users", "ssh_authorized_keys", "password", "chpasswd", "ssh_pwauth"),
        *("disable_root", "ssh_deletekeys", "write_files", "bootcmd", "runcmd", "power_state"),
        *("package_update", "package_upgrade", "package_reboot_if_required", "packages"),
        *("growpart", "resize_rootfs", "final_message", "output"),
    ]
)


class ModuleError(Exception):
    """A module failed; the text is what cloud-init's status shows."""


async def set_hostname(system: System, config: Config) -> None:
    """Set the host name, and ``/etc/hosts`` where asked."""
    fqdn = str(config.get("fqdn") or config.get("hostname") or "")
    name = str(config.get("hostname") or fqdn).partition(".")[0]
    if not name or config.get("preserve_hostname"):
        return
    system.machine.hostname = name
    system.write("/etc/hostname", f"{name}\n")
    if config.get("manage_etc_hosts") is True:
        system.write(
            "/etc/hosts",
            f"127.0.1.1 {fqdn} {name}\n127.0.0.1 localhost\n"
            "::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n",
        )


async def boot_commands(system: System, config: Config) -> None:
    """Run ``bootcmd`` at every boot."""
    await _script(system, "bootcmd", config.get("bootcmd") or [])


async def write_files(system: System, config: Config) -> None:
    """Write the files that do not wait for packages and users."""
    _write_files(system, config, deferred=False)


async def write_deferred_files(system: System, config: Config) -> None:
    """Write the files marked ``defer``."""
    _write_files(system, config, deferred=True)


def _write_files(system: System, config: Config, *, deferred: bool) -> None:
    for entry in config.get("write_files") or []:
        if bool(entry.get("defer", False)) is not deferred:
            continue
        path = entry["path"]
        data = _decode(entry.get("content", ""), entry.get("encoding", "text/plain"))
        system.files.mkdir(path.rpartition("/")[0] or "/", parents=True)
        system.files.write(path, data, append=bool(entry.get("append", False)))
        system.files.chmod(path, int(str(entry.get("permissions", "0644")), 8))
        system.files.chown(path, str(entry.get("owner", "root:root")).partition(":")[0])


def _decode(content: str | bytes, encoding: str) -> bytes:
    data = content if isinstance(content, bytes) else content.encode()
    if encoding in {"b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64"}:
        data = base64.b64decode(data)
    if encoding.startswith(("gz", "gzip")):
        data = gzip.decompress(data)
    return data


async def make_users(system: System, config: Config) -> None:
    """Make the users and put their keys in place."""
    for user in users.wanted(system, config):
        users.make(system, user)


async def make_host_keys(system: System, config: Config) -> None:
    """Replace the SSH host keys: a new instance is a new host."""
    if config.get("ssh_deletekeys", True):
        for path in system.files.glob("/etc/ssh/ssh_host_*key*"):
            system.files.unlink(path)
    if not system.files.glob("/etc/ssh/ssh_host_*key"):
        first_boot.make_host_keys(system)


async def install_packages(system: System, config: Config) -> None:
    """Update the package lists, upgrade and install, as asked."""
    wanted = [str(name) for name in config.get("packages") or []]
    lines = []
    if config.get("package_update") or config.get("package_upgrade") or wanted:
        lines.append(packages.UPDATE[system.family])
    if config.get("package_upgrade"):
        lines.append(packages.UPGRADE[system.family])
    if wanted:
        lines.append(f"{packages.INSTALL[system.family]} {shlex.join(wanted)}")
    failed = [line for line in lines if await _run(system, line)]
    if failed:
        raise ModuleError(f"ProcessExecutionError('Unexpected error while running: {failed[-1]}')")


async def run_commands(system: System, config: Config) -> None:
    """Run ``runcmd``: one script, so that only its last command decides about failure."""
    await _script(system, "runcmd", config.get("runcmd") or [])


async def _script(system: System, name: str, commands: list[str | list[Any]]) -> None:
    if not commands:
        return
    lines = (
        shlex.join(map(str, command)) if isinstance(command, list) else str(command)
        for command in commands
    )
    path = RUNCMD if name == "runcmd" else f"/run/cloud-init/{name}"
    system.write(path, "#!/bin/sh\n" + "".join(f"{line}\n" for line in lines), mode=0o700)
    if await _run(system, path):
        raise ModuleError(f"RuntimeError('Runparts: 1 failures ({name}) in 1 attempted commands')")


async def _run(system: System, line: str) -> int:
    out = FileWriter(system.files.open(OUTPUT, append=True))
    return await system.machine.execute(line, BytesReader(), out, out)


def change_power(system: System, config: Config) -> None:
    """Power off or reboot at the very end, if asked."""
    mode = (config.get("power_state") or {}).get("mode")
    if mode is not None and system.halt is not None:
        system.halt(reboot=mode == "reboot")


EVERY_BOOT: Mapping[str, Module] = {"bootcmd": boot_commands, "set_hostname": set_hostname}
BEFORE_SERVICES: Mapping[str, Module] = {
    "write_files": write_files,
    "users_groups": make_users,
    "ssh": make_host_keys,
}
LAST: Mapping[str, Module] = {
    "package_update_upgrade_install": install_packages,
    "write_files_deferred": write_deferred_files,
    "scripts_user": run_commands,
}
