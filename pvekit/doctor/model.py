"""Findings, and all that the checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pvekit.doctor.reading import Answer
from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory

Level = Literal["ok", "warn", "fail"]
HERE = "here"


@dataclass(frozen=True)
class Finding:
    """What one check found in one place.

    ``where`` is a node's alias, a PVE cluster's name or ``here``; ``mend`` says by which command
    it is mended; ``id`` is the error that it leads to. ``passing``: it may be over by itself.
    """

    check: str
    where: str
    level: Level
    says: str
    mend: str = ""
    id: str = ""
    passing: bool = False


@dataclass(frozen=True)
class Source:
    """An image and its checksum file, and the templates that are made of it."""

    image_url: str
    checksum_url: str


@dataclass(frozen=True)
class Network:
    """A bridge that VMs or builds are to use, with its VLAN tag if they have one."""

    bridge: str
    vlan: int | None = None


@dataclass(frozen=True)
class Wanted:
    """What the configuration needs of the nodes.

    ``storages`` maps each storage to the GiB that a template and one VM take on it; ``tools`` are
    programs that it names.
    """

    image_dir: str = ""
    storages: Mapping[str, int] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    sources: tuple[Source, ...] = ()
    tools: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Here:
    """What this machine has: keys, agent, runs.

    ``public_key`` says what is wrong with the configured one, ``private_half`` whether its other
    half can be used here; ``unfinished`` and ``dead`` are runs that can be gone on with;
    ``unpriced`` says why a model's costs cannot be limited.
    """

    public_key: str = ""
    private_half: bool = True
    agent: str = "none"
    agent_problem: str = ""
    keys: int = 1
    unfinished: tuple[str, ...] = ()
    dead: frozenset[str] = frozenset()
    unpriced: str = ""


@dataclass(frozen=True)
class GuestWay:
    """How one running VM of a node was reached: ``way`` is direct, node, or empty."""

    node: str
    vm: str
    way: str = ""
    why: str = ""
    id: str = "GUEST-UNREACHABLE"


@dataclass(frozen=True)
class View:
    """Everything that was read: each node's answer by alias, or why there is none.

    ``logins`` are the words by which OpenSSH gets to each node, such as ``-p 2222 root@10.0.0.1``.
    """

    answers: Mapping[str, Answer | PvekitError]
    inventory: Inventory = field(default_factory=Inventory)
    wanted: Wanted = field(default_factory=Wanted)
    here: Here = field(default_factory=Here)
    guests: tuple[GuestWay, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    logins: Mapping[str, str] = field(default_factory=dict)

    @property
    def answered(self) -> Mapping[str, Answer]:
        """The answers of the nodes that gave one."""
        return {alias: each for alias, each in self.answers.items() if isinstance(each, Answer)}
