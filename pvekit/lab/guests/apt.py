"""apt-get, apt-mark, dpkg and dpkg-query in a guest."""

from __future__ import annotations

import re
from dataclasses import replace

from pvekit.lab.guests import catalogue, packagedb, packages, repositories
from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import Words, grammar, split
from pvekit.lab.process import NotSimulated, Process

ARCHIVES = "/var/cache/apt/archives"
_APT = grammar(
    "-y=yes --yes=yes --assume-yes=yes -q=quiet --quiet=quiet -o=option= --option=option="
    " --no-install-recommends=lean --allow-downgrades=down --allow-change-held-packages=held"
    " --purge=purge --auto-remove=auto --fix-broken=fix -f=fix"
)


class _Failed(Exception):
    """apt gives up with this text."""


async def apt_get(system: System, process: Process) -> int:
    """Run ``apt-get`` or ``apt``."""
    words = split(process.argv[1:], _APT)
    verb, *names = words.operands or ("",)
    try:
        await _apt_verb(system, process, words, verb, names)
    except _Failed as failure:
        await process.complain(f"{failure}\n")
        return 100
    return 0


async def _apt_verb(
    system: System, process: Process, words: Words, verb: str, names: list[str]
) -> None:
    if verb == "update":
        await _update(system, process)
    elif verb == "install":
        await _install(system, process, words, names)
    elif verb in {"remove", "purge"}:
        for name in names:
            await _remove(system, process, name)
    elif verb in {"clean", "autoclean"}:
        for path in system.files.glob(f"{ARCHIVES}/*.deb"):
            system.files.unlink(path)
    elif verb in {"upgrade", "dist-upgrade", "full-upgrade", "autoremove"}:
        await process.say("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
    else:
        raise NotSimulated(f"'{verb}'")


async def _update(system: System, process: Process) -> None:
    await process.machine.clock.sleep(process.machine.clock.figures.package_lists)
    faults = []
    for number, source in enumerate(repositories.sources(system), 1):
        where = f"{source.url} {source.suite}"
        if not system.online:
            # Status 0: apt takes a server that it cannot reach for a passing trouble.
            await process.say(f"Ign:{number} {where}\n")
            reason = f"Temporary failure resolving '{source.host}'"
            await process.complain(f"W: Failed to fetch {source.url}  {reason}\n")
        elif fault := repositories.signature_fault(system, source):
            faults.append(fault)
        else:
            await process.say(f"Get:{number} {where} InRelease\n")
            system.write(source.list_path, f"Suite: {source.suite}\n")
    if faults:
        raise _Failed("\n".join(faults))
    await process.say("Reading package lists...\n")


async def _install(system: System, process: Process, words: Words, names: list[str]) -> None:
    versions = {
        name: _version(system, name, pattern)
        for name, _, pattern in (word.partition("=") for word in names)
    }
    for name in packages.with_dependencies(versions):
        versions.setdefault(name, _version(system, name, ""))
    present = packagedb.read(system)
    new = {
        name: version
        for name, version in versions.items()
        if name not in present or (present[name].version != version and _is_asked(name, names))
    }
    for name in versions.keys() - new.keys():
        await process.say(f"{name} is already the newest version ({present[name].version}).\n")
    if any(present[name].hold for name in new if name in present) and not words.has("held"):
        raise _Failed(
            "E: Held packages were changed and -y was used without --allow-change-held-packages."
        )
    if new and not words.has("yes"):
        await process.say("Do you want to continue? [Y/n] Abort.\n")
        raise _Failed("")
    await _fetch(system, process, new)


def _is_asked(name: str, names: list[str]) -> bool:
    return any(word.partition("=")[0] == name and "=" in word for word in names)


def _version(system: System, name: str, pattern: str) -> str:
    versions = repositories.candidates(system, name)
    present = packagedb.read(system).get(name)
    if present is not None and not pattern:
        return present.version
    if not versions:
        raise _Failed(f"E: Unable to locate package {name}")
    version = repositories.choose(versions, pattern)
    if version is None:
        raise _Failed(f"E: Version '{pattern}' for '{name}' was not found")
    return version


async def _fetch(system: System, process: Process, new: dict[str, str]) -> None:
    if new and not system.online:
        raise _Failed("E: Unable to fetch some archives, maybe run apt-get update?")
    for name, version in new.items():
        await process.machine.clock.sleep(process.machine.clock.figures.package_install)
        system.write(f"{ARCHIVES}/{name}_{version.replace(':', '%3a')}_amd64.deb", "deb\n")
        packages.install(system, name, version)
        await process.say(f"Setting up {name} ({version}) ...\n")
    count = f"0 upgraded, {len(new)} newly installed, 0 to remove and 0 not upgraded."
    await process.say(f"{count}\n")


async def _remove(system: System, process: Process, name: str) -> None:
    if name in packagedb.read(system):
        packages.remove(system, name)
        await process.say(f"Removing {name} ...\n")
    elif name in catalogue.PACKAGES:
        await process.say(f"Package '{name}' is not installed, so not removed\n")
    else:
        raise _Failed(f"E: Unable to locate package {name}")


async def apt_mark(system: System, process: Process) -> int:
    """Run ``apt-mark``: hold, unhold, showhold."""
    verb, *names = process.argv[1:] or ("",)
    installed = packagedb.read(system)
    if verb == "showhold":
        await process.say("".join(f"{name}\n" for name, one in installed.items() if one.hold))
        return 0
    if verb not in {"hold", "unhold"}:
        raise NotSimulated(f"'{verb}'")
    unknown = [name for name in names if name not in installed]
    if unknown:
        await process.complain(f"E: Unable to locate package {unknown[0]}\n")
        return 100
    for name in names:
        installed[name] = replace(installed[name], hold=verb == "hold")
        done = "set on hold" if verb == "hold" else "was already not on hold"
        await process.say(f"{name} {done}.\n")
    packagedb.write(system, installed)
    return 0


_QUERY = grammar("-W=show --show=show -f=format= --showformat=format= -s=status -l=list")


async def dpkg_query(system: System, process: Process) -> int:
    """Run ``dpkg-query -W`` or ``dpkg -s``/``-l`` for packages by name."""
    words = split(process.argv[1:], _QUERY)
    if words.has("list"):
        raise NotSimulated("option -l")
    form = "${Package}\\t${Version}\\n"
    if words.has("status"):
        form = "Package: ${Package}\\nStatus: ${Status}\\nVersion: ${Version}\\n"
    installed = packagedb.read(system)
    status = 0
    for name in words.operands or sorted(installed):
        if name in installed:
            await process.say(
                _formatted(installed[name], words.last("format", form).removeprefix("="))
            )
        else:
            await process.complain(f"dpkg-query: no packages found matching {name}\n")
            status = 1
    return status


def _formatted(one: packagedb.Installed, form: str) -> str:
    want = "hold" if one.hold else "install"
    values = {
        "Package": one.name,
        "binary:Package": one.name,
        "Version": one.version,
        "Status": f"{want} ok installed",
        "db:Status-Abbrev": f"{want[0]}i ",
        "db:Status-Status": "installed",
    }
    text = re.sub(r"\$\{([^}]*)\}", lambda match: values.get(match[1], ""), form)
    return text.replace("\\n", "\n").replace("\\t", "\t")
