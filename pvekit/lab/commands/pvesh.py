"""``pvesh get``: the paths of the API that are simulated, each with its options and its data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pvekit.lab import formats
from pvekit.lab.commands import api
from pvekit.lab.commands.call import Call, PveProgram
from pvekit.lab.commands.qm_agent import ask, pretty
from pvekit.lab.failure import Failure
from pvekit.lab.options import Arguments, Command, Refused, Spec, table
from pvekit.lab.process import NotSimulated, Process

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_VMID = Spec(type="integer", format="pve-vmid", minimum=100, maximum=999999999)
_TEXT = Spec()
_NUMBER = Spec(type="integer", minimum=0)
_FLAG = Spec(type="boolean")

Data = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """One path: a pattern whose groups are parameters, its own options, and what it answers."""

    pattern: str
    data: Data
    options: Mapping[str, Spec] = field(default_factory=dict)


_NODE = r"/nodes/(?P<node>[^/]+)"
_VM = rf"{_NODE}/qemu/(?P<vmid>[^/]+)"
_STORAGE = rf"{_NODE}/storage/(?P<storage>[^/]+)"
_TASK_LIST: Mapping[str, Spec] = {
    "errors": _FLAG,
    "limit": _NUMBER,
    "source": Spec(enum=("archive", "active", "all")),
    "start": _NUMBER,
    "since": _NUMBER,
    "until": _NUMBER,
    "typefilter": _TEXT,
    "vmid": _VMID,
}
ROUTES: Sequence[Route] = (
    Route("/version", api.version),
    Route(
        "/cluster/resources",
        api.resources,
        {"type": Spec(enum=("vm", "storage", "node", "sdn"))},
    ),
    Route("/cluster/nextid", api.next_id, {"vmid": _VMID}),
    Route("/cluster/status", api.cluster_status),
    Route("/cluster/tasks", api.cluster_tasks),
    Route("/nodes", api.nodes),
    Route("/pools", api.pools),
    Route("/storage", api.storages, {"type": _TEXT}),
    Route(f"{_NODE}/version", api.version),
    Route(f"{_NODE}/status", api.node_status),
    Route(f"{_NODE}/qemu", api.vms, {"full": _FLAG}),
    Route(f"{_NODE}/lxc", api.containers),
    Route(f"{_NODE}/network", api.networks, {"type": _TEXT}),
    Route(
        f"{_NODE}/storage",
        api.node_storages,
        {"storage": _TEXT, "content": _TEXT, "enabled": _FLAG, "target": _TEXT, "format": _FLAG},
    ),
    Route(f"{_STORAGE}/status", api.storage_status),
    Route(f"{_STORAGE}/content", api.storage_content, {"content": _TEXT, "vmid": _VMID}),
    Route(f"{_NODE}/tasks", api.tasks, _TASK_LIST),
    Route(rf"{_NODE}/tasks/(?P<upid>[^/]+)/status", api.task_status),
    Route(
        rf"{_NODE}/tasks/(?P<upid>[^/]+)/log", api.task_log, {"limit": _NUMBER, "start": _NUMBER}
    ),
    Route(f"{_VM}/config", api.vm_config, {"current": _FLAG, "snapshot": _TEXT}),
    Route(f"{_VM}/pending", api.vm_pending),
    Route(f"{_VM}/status/current", api.vm_status),
)
_AGENT = Route(rf"{_VM}/agent/(?P<command>[a-z-]+)", lambda _: None)


class Pvesh(PveProgram):
    """The program: its options depend on the path."""

    async def run(self, process: Process) -> None:
        """Run ``pvesh get PATH``."""
        plain, rest = table("pvesh").find(process.argv[1:])
        if plain.name != "get":
            raise NotSimulated(plain.name)
        if not rest:
            raise Refused(f"400 not enough arguments\n{plain.usage()}")
        path = "/" + rest[0].strip("/")
        route, found = _route(path)
        values = _read(plain, route, [path, *rest[1:]], found.groupdict())
        node = self._node(values.get("node", ""))
        call = Call(node, process, plain, values)
        answer = await _agent(call) if route is _AGENT else route.data(call)
        if not call.on("quiet") and answer is not None:
            await process.say(_text(answer, call.get("output-format", "text")))

    def _node(self, name: str) -> Node:
        node = self.node.peers.get(name or self.node.name)
        if node is None:
            lookup = f"failed to get address info for: {name}: Temporary failure in name resolution"
            raise Failure(f"hostname lookup '{name}' failed - {lookup}", 11)
        return node


def pvesh(node: Node) -> Pvesh:
    """Return the program as it is on a node."""
    return Pvesh(node, "pvesh", {}, frozenset({"get", "ls", "usage"}))


def _read(
    plain: Command, route: Route, words: Sequence[str], found: Mapping[str, str]
) -> Mapping[str, str]:
    command = replace(plain, options={**plain.options, **route.options})
    values = {**command.read(words).values, **found}
    # The usage line shows the plain command, not the options of the path.
    formats.check_all(command, Arguments(values), usage=plain.usage())
    return values


def _route(path: str) -> tuple[Route, re.Match[str]]:
    for route in (*ROUTES, _AGENT):
        if found := re.fullmatch(route.pattern, path):
            return route, found
    if re.match(r"/(access|cluster|nodes|pools|storage|version)(/|$)", path):
        raise NotSimulated(f"get {path}")
    raise Failure(f"No 'get' handler defined for '{path}'", 1)


async def _agent(call: Call) -> dict[str, Any]:
    return {"result": await ask(call, call.vmid, call.values["command"])}


def _text(answer: Any, form: str) -> str:  # noqa: ANN401
    if form == "json":
        return json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    if form == "json-pretty":
        return pretty(answer)
    if form == "text" and isinstance(answer, str | int):
        return f"{answer}\n"
    raise NotSimulated(f"--output-format {form}")
