"""What a lab keeps in its directory between two runs: the site, its settings and addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pvekit.lab.clock import Clock, clock_of
from pvekit.lab.figures import ProfileError
from pvekit.lab.home import Home, LabError
from pvekit.lab.log import Log
from pvekit.lab.settings import Wanted
from pvekit.lab.site import Site, SiteSpec

VERSION = 1


@dataclass(frozen=True)
class Lab:
    """A site and the addresses that its nodes had, if it has been up before."""

    site: Site
    addresses: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def load(home: Home, wanted: Wanted) -> Lab:
    """Return the lab that a directory holds, or a new one; raises :class:`LabError`.

    Going on with a site whose settings are not the wanted ones is refused; only the profile may
    change. Needs a running event loop.
    """
    if wanted.fresh or not home.state.exists():
        home.log.unlink(missing_ok=True)
        spec = _new_spec(wanted)
        return Lab(Site(spec, log=Log(home.log), clock=_clock(spec.profile)))
    data = _read(home)
    kept = SiteSpec(**data["site"]["spec"])
    asked = replace(kept, **wanted.settings())
    if replace(asked, profile=kept.profile) != kept:
        raise LabError(
            f"{home.path} holds a lab with other settings ({_words(kept)}): "
            "`--fresh` starts anew, another `--dir` starts a second one"
        )
    site = Site.from_data(data["site"], log=Log(home.log), clock=_clock(asked.profile))
    _boot(site)
    return Lab(site, {name: (host, port) for name, (host, port) in data["addresses"].items()})


def save(home: Home, lab: Lab) -> None:
    """Write a lab's state into its directory."""
    data = {"version": VERSION, "addresses": lab.addresses, "site": lab.site.to_data()}
    home.write(home.state, json.dumps(data))


def _boot(site: Site) -> None:
    """Start the nodes: no process lives on from before, but the VMs that ran are started."""
    for node in site.nodes.values():
        if node.machine.up:
            node.machine.reboot()
    site.resume()


def _clock(profile: str) -> Clock:
    try:
        return clock_of(profile)
    except ProfileError as error:
        raise LabError(str(error), 2) from error


def _new_spec(wanted: Wanted) -> SiteSpec:
    spec = SiteSpec(**wanted.settings())
    if wanted.clustered is None and spec.nodes == 1:
        return replace(spec, clustered=False)
    return spec


def _read(home: Home) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(home.state.read_text())
    except ValueError as error:
        raise LabError(f"{home.state} is damaged ({error}): `--fresh` starts anew") from error
    if data.get("version") != VERSION:
        raise LabError(f"{home.state} is of another version of pvekit: `--fresh` starts anew")
    return data


def _words(spec: SiteSpec) -> str:
    kind = "cluster" if spec.clustered else "standalone"
    tools = ", virt-customize" if spec.virt_customize else ""
    return f"{spec.nodes} nodes, {kind}, {spec.storage}, Proxmox VE {spec.pve}{tools}"
