"""A first look at a site through one node: what a configuration could name there, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pvekit.config.keys import NotAKey, read
from pvekit.config.model import CloudInitConfig, Config, NodeEntry, short_name
from pvekit.errors import PvekitError, UsageError
from pvekit.inventory.model import Inventory, Storage
from pvekit.inventory.read import assemble, site_query
from pvekit.operations.machines import Machines
from pvekit.shell import Command, CommandFailed, Shell, ask

_GIB = 1 << 30
_PUBLIC = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


class NotUsable(UsageError):
    """The host answers, but it is no Proxmox VE node that pvekit could work on as this user."""

    id = "NODE-NOT-USABLE"


@dataclass(frozen=True)
class Offer:
    """Something that could be taken, and the facts that speak for or against it."""

    name: str
    why: str


@dataclass(frozen=True)
class Survey:
    """What was seen: PVE's version, the nodes, and what can be taken, the best first.

    ``peers`` are the other members of the PVE cluster that are online, ``away`` the rest.
    """

    version: str
    cluster: str
    node: NodeEntry
    peers: tuple[NodeEntry, ...]
    away: tuple[str, ...]
    storages: tuple[Offer, ...]
    bridges: tuple[Offer, ...]


def host(text: str) -> str:
    """Return a host as it was given; raises :class:`UsageError` for what can be none."""
    port = text.count(":") == 1
    if text and not re.search(r"[/@\s]|^-", text) and not port:
        return text
    raise UsageError(
        f"{text!r} is no host name or address.",
        hint="Give it without https://, user and port; --user and --port name those.",
    )


def provisional(nodes: Sequence[NodeEntry], user: str, key: str) -> Config:
    """Return a configuration that knows no more than how to reach some nodes."""
    return Config(
        nodes=tuple(nodes),
        templates={},
        cloud_init=CloudInitConfig(""),
        sizes={},
        ssh_user=user or None,
        ssh_private_key_path=str(Path(key).expanduser().absolute()) if key else None,
    )


def survey(machines: Machines, node: NodeEntry) -> Survey:
    """Look at a site through one trusted node; changes nothing.

    Raises what keeps it from being reached, and NotUsable where it is none of ours to work on.
    """
    shell = machines.shell(node.alias)
    version = _version(shell, node)
    inventory = assemble({node.alias: ask(shell, site_query("/var/lib/vz/pvekit"))})
    here = inventory.node(node.alias)
    if here is None:
        raise NotUsable(f"{node.host} does not say which node it is.")
    domain = inventory.domain(here.domain)
    members = domain.members if domain else ()
    others = [m for m in members if m.name != here.name]
    reached = [m for m in others if m.online and m.address]
    return Survey(
        version=version,
        cluster=here.domain if domain and domain.clustered else "",
        node=replace(node, name=here.name) if short_name(node.host) != here.name else node,
        peers=tuple(NodeEntry(m.address, name=m.name, port=node.port) for m in reached),
        away=tuple(m.name for m in others if m not in reached),
        storages=_storages(inventory, [here.name, *(m.name for m in reached)]),
        bridges=_bridges(here.bridges),
    )


def _version(shell: Shell, node: NodeEntry) -> str:
    result = shell.run(Command(("pveversion",)))
    if result.ok and (found := re.search(r"pve-manager/([0-9][^/\s]*)", result.out)):
        return found[1]
    said = f"{result.out}{result.err}".strip()
    if "sudo" in said and "pveversion" not in said.partition("\n")[0]:
        raise NotUsable(
            f"The user of {node.host} may not use `sudo` without a password.",
            details=said,
            hint="Log in as root, or see docs/security.md on other users.",
        )
    if result.ok or result.exit_status == 127 or "not found" in said:
        raise NotUsable(
            f"{node.host} is no Proxmox VE node: it has no `pveversion`.",
            details=said,
            hint="Give the address of the Proxmox VE host itself, not of a VM or another machine.",
        )
    raise CommandFailed(result, where=node.host)


def _storages(inventory: Inventory, nodes: Sequence[str]) -> tuple[Offer, ...]:
    """Return what can hold images: what most nodes have first, then what has most space."""

    def rank(storage: Storage) -> tuple[int, int, str]:
        states = [storage.states[name] for name in nodes if name in storage.states]
        return -len(states), -min(state.free for state in states), storage.id

    fit = [
        each
        for each in inventory.storages
        if "images" in each.content and not each.disabled and set(nodes) & each.states.keys()
    ]
    return tuple(Offer(each.id, _why(each, nodes)) for each in sorted(fit, key=rank))


def _why(storage: Storage, nodes: Sequence[str]) -> str:
    there = [name for name in nodes if name in storage.states]
    free = min(storage.states[name].free for name in there) // _GIB
    where = "shared" if storage.shared else f"on {', '.join(there)}"
    least = "at least " if len(there) > 1 and not storage.shared else ""
    return f"{storage.type}, {least}{free} GiB free, {where}"


def _bridges(names: frozenset[str]) -> tuple[Offer, ...]:
    order = sorted(names, key=lambda name: (name != "vmbr0", len(name), name))
    usual = {"vmbr0": "the one that Proxmox VE's installer makes"}
    return tuple(Offer(name, usual.get(name, "a bridge of the node")) for name in order)


def public_keys(home: Path) -> tuple[Offer, ...]:
    """Return the public keys of this user, the most usual first."""
    found = []
    for name in _PUBLIC:
        path = home / ".ssh" / name
        try:
            read(str(path), None)
        except NotAKey:
            continue
        found.append(Offer(f"~/.ssh/{name}", "your own key"))
    return tuple(found)


def chosen(what: str, flag: str, wanted: str, offers: Sequence[Offer]) -> str:
    """Return what was asked for if it is there; :class:`UsageError` names what there is instead."""
    if wanted in {offer.name for offer in offers}:
        return wanted
    told = "\n".join(f"{offer.name}: {offer.why}" for offer in offers)
    raise UsageError(
        f"There is no {what} {wanted!r} that could be taken.",
        details=told or "There is none at all.",
        hint=f"{flag} names one of these." if offers else "",
    )


def none(what: str, node: NodeEntry, mend: str) -> PvekitError:
    """Return the error that a site has nothing of what is needed."""
    return NotUsable(f"{node.host} has no {what}.", hint=mend)
