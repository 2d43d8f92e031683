"""A first configuration as text: what is known about a site, with comments for its reader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pvekit.config.faults import Fault
from pvekit.config.model import NodeEntry

_BARE = re.compile(r"[A-Za-z/~][A-Za-z0-9_./~-]*")
_WORDS = frozenset(["y", "n", "yes", "no", "true", "false", "on", "off", "null"])


@dataclass(frozen=True)
class Image:
    """A cloud image to make a template of: its addresses, and the user that it is made for."""

    name: str
    image_url: str
    checksum_url: str
    user: str


_UBUNTU = "https://cloud-images.ubuntu.com"
_DEBIAN = "https://cloud.debian.org/images/cloud"
IMAGES: Mapping[str, Image] = {
    "ubuntu-24.04": Image(
        "ubuntu-2404-cloud-template",
        f"{_UBUNTU}/noble/current/noble-server-cloudimg-amd64.img",
        f"{_UBUNTU}/noble/current/SHA256SUMS",
        "ubuntu",
    ),
    "ubuntu-22.04": Image(
        "ubuntu-2204-cloud-template",
        f"{_UBUNTU}/jammy/current/jammy-server-cloudimg-amd64.img",
        f"{_UBUNTU}/jammy/current/SHA256SUMS",
        "ubuntu",
    ),
    "debian-12": Image(
        "debian-12-cloud-template",
        f"{_DEBIAN}/bookworm/latest/debian-12-genericcloud-amd64.qcow2",
        f"{_DEBIAN}/bookworm/latest/SHA512SUMS",
        "debian",
    ),
}


@dataclass(frozen=True)
class Draft:
    """All that a first configuration says; ``key`` is the private key's path, or empty.

    ``away`` are members of the PVE cluster that could not be reached.
    """

    nodes: tuple[NodeEntry, ...]
    image: Image
    storage: str
    bridge: str
    public_key: str
    user: str = ""
    key: str = ""
    away: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the file's text."""
        image = self.image
        return _TEXT.format(
            nodes="\n".join(line for node in self.nodes for line in _node(node)),
            away="".join(_AWAY.format(name) for name in self.away),
            user=_USER.format(_text(self.user)) if self.user else "",
            key=_KEY.format(_text(self.key)) if self.key else "",
            name=_text(image.name),
            image_url=_text(image.image_url),
            checksum_url=_text(image.checksum_url),
            image_user=_text(image.user),
            storage=_text(self.storage),
            bridge=_text(self.bridge),
            public_key=_text(self.public_key),
        )


_TEXT = """\
# pvekit's configuration, written by `pvekit config init`.
# All other keys are in config.example.yaml; `pvekit config view` shows their defaults.

# The Proxmox VE hosts. Of a PVE cluster: each member that may get VMs.
proxmox_nodes:
{nodes}
{away}{user}{key}
# The template that VMs are cloned from: `pvekit template build` makes it.
vm_template:
  name: {name}
  # The vmid. Where it belongs to something else, the next free one is taken.
  id: 9000
  # The nodes download the image and check it against the sums.
  image_url: {image_url}
  checksum_url: {checksum_url}
  # The storage for disks, and the bridge of the network card.
  storage_pool: {storage}
  network_bridge: {bridge}
  base_cpus: 1
  # In MiB and GiB. The disk of a VM cannot be smaller than this.
  base_memory_mb: 2048
  base_disk_gb: 16
  # The user that cloud-init makes in the VMs.
  user: {image_user}

cloud_init:
  # Who may log in on the VMs: the text of a public key, or the path of a .pub file.
  ssh_public_key: {public_key}
"""
_AWAY = "  # {} could not be reached: list it here once it can be.\n"
_USER = """
# Who logs in. Any user but root needs `sudo` without a password on the nodes.
ssh_user: {}
"""
_KEY = """
# The private key for the nodes.
ssh_private_key_path: {}
"""


def faults(text: str, file: Path) -> tuple[Fault, ...]:
    """Return what would be wrong with a file of this text."""
    from pvekit.config.document import parse
    from pvekit.config.load import faults_of

    return faults_of(parse(text.encode(), file))


def _node(node: NodeEntry) -> Iterator[str]:
    more = {"name": node.name, "port": node.port, "jump": node.jump}
    if not any(more.values()):
        yield f"  - {_text(node.host)}"
        return
    yield f"  - host: {_text(node.host)}"
    for key, value in more.items():
        if value is not None:
            yield f"    {key}: {_text(value) if isinstance(value, str) else value}"


def _text(value: str) -> str:
    """Return a text as YAML takes it for one: quoted (as in JSON) unless that is not needed."""
    bare = _BARE.fullmatch(value) and value.lower() not in _WORDS and value != "~"
    return value if bare else json.dumps(value, ensure_ascii=False)
