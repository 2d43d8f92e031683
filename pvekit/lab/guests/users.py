"""The users that cloud-init makes in a guest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pvekit.lab.guests.system import System


@dataclass(frozen=True)
class User:
    """A user to make; ``keys`` are lines of ``authorized_keys``."""

    name: str
    keys: tuple[str, ...] = ()
    sudo: bool = True


def default_name(system: System) -> str:
    """Return the name of the distribution's own user."""
    config = yaml.safe_load(system.text("/etc/cloud/cloud.cfg")) or {}
    name: str = config["system_info"]["default_user"]["name"]
    return name


def wanted(system: System, config: Mapping[str, Any]) -> Iterator[User]:
    """Return the users that the user data asks for; ``users: []`` asks for none."""
    keys = tuple(map(str, config.get("ssh_authorized_keys") or []))
    old_style = config.get("user")  # it renames the default user
    for entry in config.get("users", ["default"]):
        if entry == "default":
            name = old_style.get("name") if isinstance(old_style, Mapping) else old_style
            yield User(str(name or default_name(system)), keys)
        elif isinstance(entry, Mapping):
            own = tuple(map(str, entry.get("ssh_authorized_keys") or []))
            yield User(str(entry["name"]), own, sudo=bool(entry.get("sudo")))
        else:
            yield User(str(entry), sudo=False)


def make(system: System, user: User) -> None:
    """Make a user, or add the keys of one that exists."""
    if system.machine.account(user.name) is None:
        number = _free_number(system)
        line = f"{user.name}:x:{number}:{number}::/home/{user.name}:/bin/bash\n"
        system.files.write("/etc/passwd", line.encode(), append=True)
        group = f"{user.name}:x:{number}:\n"
        system.files.write("/etc/group", group.encode(), append=True)
    home = system.machine.home(user.name)
    _own_directory(system, home, user.name, 0o750)
    if user.keys:
        _own_directory(system, f"{home}/.ssh", user.name, 0o700)
        path = f"{home}/.ssh/authorized_keys"
        present = system.text(path).splitlines()
        lines = dict.fromkeys([*present, *user.keys])
        system.write(path, "".join(f"{line}\n" for line in lines), mode=0o600)
        system.files.chown(path, user.name)
    if user.sudo:
        rule = f"{user.name} ALL=(ALL) NOPASSWD:ALL\n"
        system.write("/etc/sudoers.d/90-cloud-init-users", rule, mode=0o440)


def _own_directory(system: System, path: str, owner: str, mode: int) -> None:
    system.files.mkdir(path, parents=True)
    system.files.chmod(path, mode)
    system.files.chown(path, owner)


def _free_number(system: System) -> int:
    fields = (line.split(":") for line in system.text("/etc/passwd").splitlines())
    used = [int(field[2]) for field in fields if len(field) > 2]
    return max([999, *(number for number in used if number < 60000)]) + 1


def set_password(system: System, user: str, password: str, *, crypted: bool) -> None:
    """Set a user's password, as ``chpasswd`` does; nobody can log in with it."""
    digest = password if crypted else f"$6${hashlib.sha512(password.encode()).hexdigest()[:86]}"
    lines = [line for line in system.text("/etc/shadow").splitlines() if line.split(":")[0] != user]
    lines.append(f"{user}:{digest}:20000:0:99999:7:::")
    system.write("/etc/shadow", "".join(f"{line}\n" for line in lines), mode=0o640)
