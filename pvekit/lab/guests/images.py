"""The lab's internet: it answers the URLs of cloud images, checksum files and package keys."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from pvekit.lab.figures import Figures, realistic
from pvekit.lab.guests.disk import image_bytes
from pvekit.lab.guests.distros import Distro, distro_of, image_disk
from pvekit.lab.guests.signing import IMAGES, STRANGER
from pvekit.lab.line import Line

_IMAGES = (".img", ".qcow2", ".raw")
REASONS = {
    206: "Partial Content",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
_SIGNATURES = ("gpg", "sign", "asc")
_UNSIGNED = ("Debian GNU/Linux",)  # no checksum file of its cloud images
_KEYS = (".key", ".asc", ".gpg")
_USUAL = {
    "Ubuntu": "{codename}-server-cloudimg-amd64.img {codename}-minimal-cloudimg-amd64.img",
    "Debian GNU/Linux": "{os}-genericcloud-amd64.qcow2 {os}-generic-amd64.qcow2"
    " {os}-genericcloud-amd64.raw {os}-generic-amd64.raw",
    "Rocky Linux": "Rocky-9-GenericCloud.latest.x86_64.qcow2"
    " Rocky-9-GenericCloud-Base.latest.x86_64.qcow2",
    "AlmaLinux": "AlmaLinux-9-GenericCloud-latest.x86_64.qcow2",
}


class HttpError(Exception):
    """A server's refusal: its status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Redirect(Exception):
    """The server sends on to another URL."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class ResolveError(Exception):
    """The name of a URL's host cannot be resolved."""


class Strike(Protocol):
    """The part of an ordered fault that matters here."""

    @property
    def detail(self) -> Mapping[str, str]:
        """What was told of it."""
        ...


class Strikes(Protocol):
    """The part of the site's faults that matters here."""

    def take(self, kind: str, subject: str) -> Strike | None:
        """Let an ordered fault strike, if there is one."""
        ...


@dataclass(frozen=True)
class _Address:
    host: str
    directory: str
    name: str

    @classmethod
    def of(cls, url: str) -> _Address:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ResolveError(parts.hostname or url)
        directory, name = posixpath.split(parts.path)
        return cls(parts.hostname, f"{parts.hostname}{directory}", name)


class Internet:
    """Every server there is; ``serial`` numbers the releases of all images.

    ``line`` is the site's way to it, ``figures`` how long things take on it.
    """

    def __init__(
        self,
        faults: Strikes | None = None,
        serial: int = 20261101,
        figures: Figures | None = None,
    ) -> None:
        self._faults = faults
        self.line = Line()
        self.figures = figures or realistic()
        self._asked: dict[str, set[str]] = {}
        self.serial = serial

    def to_data(self) -> dict[str, object]:
        """Return what it remembers as data for JSON."""
        asked = {directory: sorted(names) for directory, names in self._asked.items()}
        return {"serial": self.serial, "asked": asked}

    def restore(self, serial: int, asked: Mapping[str, Iterable[str]]) -> None:
        """Take over what :meth:`to_data` gave."""
        self.serial = serial
        self._asked = {directory: set(names) for directory, names in asked.items()}

    def fetch(self, url: str) -> bytes:
        """Return what is at a URL.

        Raises :class:`HttpError`, :class:`Redirect` or :class:`ResolveError`.
        """
        address = _Address.of(url)
        if address.host.endswith(".invalid"):
            raise ResolveError(address.host)
        error = self._strike("download-error", url)
        if error is not None:
            status = int(error.detail.get("status", "500"))
            raise HttpError(status, REASONS.get(status, "Error"))
        if url.startswith("https:") and self._strike("download-redirect", url):
            raise Redirect(f"http{url.removeprefix('https')}")
        data = self._found(url, address)
        if self._strike("download-truncated", url):
            return data[: len(data) // 2]
        if self._strike("download-corrupt", url):
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    def gives_pieces(self, url: str) -> bool:
        """Whether the server answers with a piece of a file where only that is asked for."""
        return self._strike("download-whole", url) is None

    def _strike(self, kind: str, url: str) -> Strike | None:
        return None if self._faults is None else self._faults.take(kind, url)

    def _found(self, url: str, address: _Address) -> bytes:
        if address.name.endswith(_IMAGES):
            return self._image(url, address)
        algorithm = checksum_algorithm(address.name)
        if algorithm:
            return self._sums(url, address, algorithm)
        signed, dot, kind = address.name.rpartition(".")
        if dot and kind in _SIGNATURES and checksum_algorithm(signed):
            return self._signature(url, replace(address, name=signed))
        if address.name.endswith(_KEYS):
            return _armoured(url)
        raise HttpError(404, "Not Found")

    def _image(self, url: str, address: _Address) -> bytes:
        distro = distro_of(url)
        if distro is None:
            raise HttpError(404, "Not Found")
        self._asked.setdefault(address.directory, set()).add(address.name)
        return self._content(distro, address.directory, address.name)

    def _content(self, distro: Distro, directory: str, name: str) -> bytes:
        disk = image_disk(distro_of(f"{directory}/{name}") or distro, self.serial)
        # The name makes images of one distribution differ, as their build dates do in reality.
        disk.files["/etc/cloud/build.info"] += f"name: {name}\n".encode()
        return image_bytes(disk)

    def _signature(self, url: str, address: _Address) -> bytes:
        """Return the signature of a checksum file as it is without faults."""
        distro = distro_of(url)
        if distro is None or distro.name in _UNSIGNED:
            raise HttpError(404, "Not Found")
        algorithm = checksum_algorithm(address.name)
        signer = STRANGER if self._strike("signature-other", url) else IMAGES
        return signer.sign(self._listed(distro, address, algorithm).encode())

    def _sums(self, url: str, address: _Address, algorithm: str) -> bytes:
        distro = distro_of(url)
        if distro is None:
            raise HttpError(404, "Not Found")
        text = self._listed(distro, address, algorithm)
        if self._strike("checksum-wrong", url):
            text = re.sub(r"(?m)([0-9a-f])([0-9a-f]{63,})", _other_digit, text)
        return text.encode()

    def _listed(self, distro: Distro, address: _Address, algorithm: str) -> str:
        single = posixpath.splitext(address.name)[0]
        if single.endswith(_IMAGES):
            names = [single]
        else:
            names = sorted(self._asked.get(address.directory, set()) | set(_usual(distro)))
        lines = (
            _line(distro, name, algorithm, self._content(distro, address.directory, name))
            for name in names
        )
        return "".join(lines)


def _other_digit(found: re.Match[str]) -> str:
    return f"{15 - int(found[1], 16):x}{found[2]}"


def checksum_algorithm(name: str) -> str:
    """Return the algorithm of a checksum file, or nothing if its name is not one of such."""
    upper = name.upper()
    for algorithm in ("SHA256", "SHA512"):
        if upper in {f"{algorithm}SUMS", f"{algorithm}SUM"} or upper.endswith(f".{algorithm}"):
            return algorithm
    return "SHA256" if upper.endswith("CHECKSUM") else ""


def _usual(distro: Distro) -> list[str]:
    names = _USUAL.get(distro.name, "")
    return names.format(codename=distro.codename, os=distro.os).split()


def _line(distro: Distro, name: str, algorithm: str, data: bytes) -> str:
    digest = hashlib.new(algorithm.lower(), data).hexdigest()
    if distro.family == "redhat":
        return f"{algorithm} ({name}) = {digest}\n"
    return f"{digest} {'*' if distro.name == 'Ubuntu' else ' '}{name}\n"


def _armoured(url: str) -> bytes:
    body = base64.b64encode(hashlib.sha512(url.encode()).digest()).decode()
    begin, end = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    return f"{begin}\n\n{body}\n{end}\n".encode()
