"""Where a Debian or Ubuntu guest gets packages from: its sources, lists and their versions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pvekit.lab.guests import catalogue
from pvekit.lab.guests.catalogue import Repository
from pvekit.lab.guests.system import System
from pvekit.lab.process import NotSimulated

LISTS = "/var/lib/apt/lists"
_SOURCE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<url>\S+)\s+(?P<suite>\S+)")
_NEWEST_PATCH = 10


@dataclass(frozen=True)
class Source:
    """One line of the sources; ``keyring`` is its ``signed-by``."""

    url: str
    suite: str
    keyring: str = ""

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def repository(self) -> Repository | None:
        """Which of the lab's repositories is there."""
        hosts: dict[str, Repository] = {
            "pkgs.k8s.io": "kubernetes",
            "download.docker.com": "docker",
        }
        if self.host in hosts:
            return hosts[self.host]
        return (
            "os" if self.host.endswith((".ubuntu.com", ".debian.org", ".mirror.example")) else None
        )

    @property
    def minor(self) -> str:
        """The minor version in the path of a repository of Kubernetes, such as ``1.33``."""
        match = re.search(r"/v(\d+\.\d+)/", self.url)
        return match[1] if match else ""

    @property
    def list_path(self) -> str:
        """The file that an update leaves."""
        name = re.sub(r"[/:]+", "_", f"{self.url.partition('://')[2]}_{self.suite}")
        return f"{LISTS}/{name}_InRelease"


def sources(system: System) -> Iterator[Source]:
    """Return the configured sources."""
    if system.files.glob("/etc/apt/sources.list.d/*.sources"):
        raise NotSimulated("sources in deb822 format")
    for path in ("/etc/apt/sources.list", *system.files.glob("/etc/apt/sources.list.d/*.list")):
        for line in system.text(path).splitlines():
            if match := _SOURCE.match(line.strip()):
                keyring = re.search(r"signed-by=(\S+)", match["options"] or "")
                yield Source(match["url"], match["suite"], keyring[1] if keyring else "")


def fetched(system: System) -> list[Source]:
    """Return the sources whose lists are there."""
    return [source for source in sources(system) if system.files.exists(source.list_path)]


def signature_fault(system: System, source: Source) -> str:
    """Return apt's complaint about a source whose key is not there, or nothing."""
    if source.repository == "os":
        return ""
    if source.repository is None:
        return f"E: The repository '{source.url} {source.suite}' does not have a Release file."
    data = system.files.read(source.keyring) if system.files.is_file(source.keyring) else b""
    # apt reads an armoured key only from a file that is called .asc.
    if data and data.startswith(b"-----BEGIN") is source.keyring.endswith(".asc"):
        return ""
    return (
        f"E: The repository '{source.url} {source.suite}' is not signed.\n"
        "W: GPG error: The following signatures couldn't be verified because the public key is not"
        " available: NO_PUBKEY 234654DA9A296436"
    )


def candidates(system: System, name: str) -> list[str]:
    """Return the versions of a package that can be had now, newest first; none if unknown."""
    package = catalogue.PACKAGES.get(name)
    if package is None:
        return []
    origins = [one for one in fetched(system) if one.repository == package.repository]
    if package.repository != "kubernetes":
        return [package.version] if origins else []
    if name in {"cri-tools", "kubernetes-cni"}:
        return [f"{source.minor}.0-1.1" for source in origins]
    patches = range(_NEWEST_PATCH, -1, -1)
    return [f"{source.minor}.{patch}-1.1" for source in origins for patch in patches]


def choose(versions: list[str], pattern: str) -> str | None:
    """Return the newest version that fits a pattern like ``1.33.4-*``; any without a pattern."""
    return next((one for one in versions if fnmatch.fnmatchcase(one, pattern or "*")), None)
