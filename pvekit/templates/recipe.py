"""Recipes: what is installed into a template, as data.

A recipe is a YAML file in ``cloudinit/``. Its commands become one shell script, its packages and
files cloud-init user data; values reach the script as variables, never as text put into text.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pvekit.errors import UsageError
from pvekit.resources import folder

PROVISION = "/usr/local/sbin/pvekit-provision"
FINISH = "/usr/local/sbin/pvekit-finish"

CONSOLE = "/dev/ttyS0"
FINISHED = "pvekit-finished"
FAILED = "pvekit-failed"

_KEYS = {"description", "extends", "packages", "parameters", "files", "commands", "checks"}

# The state that a clone must not inherit: identity, keys, traces of this first boot. The last lines
# check it; the first that fails ends the script, and a build that boots then never powers off.
_CLEAN = """\
systemctl stop apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || true
systemctl stop apt-daily.service apt-daily-upgrade.service 2>/dev/null || true
if command -v apt-get >/dev/null; then apt-get clean; rm -rf /var/lib/apt/lists/*; fi
if command -v dnf >/dev/null; then dnf clean all; rm -rf /var/cache/dnf; fi
cloud-init clean --logs
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
truncate -s 0 /etc/machine-id
rm -f /usr/local/sbin/pvekit-provision
test ! -s /etc/machine-id
test ! -e /var/lib/cloud/data/instance-id
for key in /etc/ssh/ssh_host_*; do test ! -e "$key"; done
for list in /var/lib/apt/lists/*; do test ! -e "$list"; done
"""


_INSTALLED = (
    '  if command -v dpkg-query >/dev/null; then dpkg-query -W "$name"; else rpm -q "$name"; fi \\',
    '    >/dev/null || { echo "package $name is not installed"; exit 1; }',
)


@dataclass(frozen=True)
class File:
    """A file that a recipe puts into the image."""

    path: str
    content: str
    permissions: str = "0644"


@dataclass(frozen=True)
class Recipe:
    """What a template gets beyond its cloud image; whatever it extends is already merged in."""

    name: str
    description: str = ""
    packages: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    commands: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    def digest(self, **hardware: object) -> str:
        """Return what tells this recipe on this hardware from any other: 12 hex digits."""
        text = json.dumps([asdict(self), _CLEAN, hardware], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def provision_script(self) -> str:
        """Return the script that makes the image what the recipe says."""
        exports = [f"export {key}={shlex.quote(text)}" for key, text in self.parameters.items()]
        first = ("#!/bin/sh", "set -eu", "export DEBIAN_FRONTEND=noninteractive")
        return "\n".join((*first, *exports, *self.commands, ""))

    def finish_script(self) -> str:
        """Return the script that removes what clones must not inherit, and checks the image."""
        checks = [f"{{ {check}; }} >/dev/null" for check in self.checks]
        return "\n".join(("#!/bin/sh", "set -eu", *self._installed(), *checks, _CLEAN))

    def _installed(self) -> tuple[str, ...]:
        """Return the check that all packages are there: cloud-init goes on if none could be had."""
        names = [shlex.quote(package.partition("=")[0]) for package in self.packages]
        return (f"for name in {' '.join(names)}; do", *_INSTALLED, "done") if names else ()

    def user_data(self) -> str:
        """Return the user data of a build VM that provisions, finishes and powers itself off.

        Finishing waits for cloud-init's own end, hence it runs outside of cloud-init. How it went
        the serial console tells (see the script ``first-boot``).
        """
        failed = f"echo {FAILED} >>{CONSOLE}"
        done = f"rm -f {FINISH} && echo {FINISHED} >>{CONSOLE}"
        finish = f"sh -eu {FINISH} >>{CONSOLE} 2>&1 && {done}"
        waiting = f"cloud-init status --wait; {finish} && poweroff || {failed}"
        detached = f"systemd-run --no-block --unit=pvekit-finish sh -c {shlex.quote(waiting)}"
        files = [
            *self.files,
            File(PROVISION, self.provision_script(), "0755"),
            File(FINISH, self.finish_script(), "0755"),
        ]
        data = {
            "users": [],
            "package_update": True,
            "packages": list(self.packages),
            "write_files": [asdict(file) for file in files],
            "runcmd": [["sh", "-c", f"{PROVISION} && {detached} || {failed}"]],
        }
        return "#cloud-config\n" + _dump(data)


def load(name: str, parameters: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe by its name in ``cloudinit/`` or by a path ending in ``.yaml``.

    ``parameters`` replaces those that the recipe declares. Raises :class:`UsageError`.
    """
    recipe = _read(_path(name), seen=())
    given = dict(parameters or {})
    known = {**recipe.parameters, **{k: v for k, v in given.items() if k in recipe.parameters}}
    return Recipe(**{**_fields(recipe), "parameters": known})


def names() -> list[str]:
    """Return the names of the recipes that come with pvekit."""
    return sorted(path.stem for path in folder("cloudinit").glob("*.yaml"))


def is_path(name: str) -> bool:
    """Whether a recipe is named by its file, and not one of those that come with pvekit."""
    return name.endswith((".yaml", ".yml"))


def _path(name: str) -> Path:
    if is_path(name):
        return Path(name).expanduser()
    path = folder("cloudinit") / f"{name}.yaml"
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {name!r}.",
            hint=f"There are: {', '.join(names())}; or give a path.",
            id="RECIPE-INVALID",
        )
    return path


def _read(path: Path, seen: tuple[Path, ...]) -> Recipe:
    if path in seen:
        raise UsageError(f"Recipe {path.stem!r} extends itself.", id="RECIPE-INVALID")
    data = _mapping(path)
    own = Recipe(
        name=path.stem,
        description=str(data.get("description", "")),
        packages=tuple(map(str, data.get("packages") or ())),
        parameters={str(k): str(v) for k, v in (data.get("parameters") or {}).items()},
        files=tuple(_file(path, each) for each in data.get("files") or ()),
        commands=tuple(map(str, data.get("commands") or ())),
        checks=tuple(map(str, data.get("checks") or ())),
    )
    if "extends" not in data:
        return own
    return _merged(_read(_path(str(data["extends"])), (*seen, path)), own)


def _merged(base: Recipe, own: Recipe) -> Recipe:
    return Recipe(
        name=own.name,
        description=own.description or base.description,
        packages=tuple(dict.fromkeys(base.packages + own.packages)),
        parameters={**base.parameters, **own.parameters},
        files=base.files + own.files,
        commands=base.commands + own.commands,
        checks=base.checks + own.checks,
    )


def _mapping(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"Cannot read recipe {path}: {error}", id="RECIPE-INVALID") from None
    if not isinstance(data, dict):
        raise UsageError(f"Recipe {path} must be a mapping.", id="RECIPE-INVALID")
    unknown = sorted(map(str, data.keys() - _KEYS))
    if unknown:
        raise UsageError(
            f"Recipe {path} has unknown keys: {', '.join(unknown)}.",
            hint=f"Known are: {', '.join(sorted(_KEYS))}.",
            id="RECIPE-INVALID",
        )
    return data


def _file(path: Path, each: object) -> File:
    if not isinstance(each, dict) or not {"path", "content"} <= each.keys() <= {
        "path",
        "content",
        "permissions",
    }:
        raise UsageError(
            f"Recipe {path}: a file has path, content and perhaps permissions.", id="RECIPE-INVALID"
        )
    return File(**{key: str(value) for key, value in each.items()})


def _fields(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def _dump(data: object) -> str:
    import yaml

    return yaml.safe_dump(data, sort_keys=False, default_flow_style=False)
