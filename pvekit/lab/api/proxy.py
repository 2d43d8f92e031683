"""Calls of ``pvesh`` that another node must answer: it runs there, over SSH as root."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvekit.lab.failure import Failure
from pvekit.lab.process import Process
from pvekit.lab.streams import BytesReader, BytesWriter

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_NO_NODE = "failed to get address info for: {0}: Temporary failure in name resolution"
_LOCALE = ("LANG", "LC_")  # what ssh hands on


@dataclass(frozen=True)
class Request:
    """One call for another node: ``values`` are the options of the method."""

    node: str
    verb: str
    path: str
    values: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> list[str]:
        """The words of the command on the other node."""
        words = ["pvesh", "--noproxy", self.verb, self.path, "--output-format", "json"]
        for name, value in self.values.items():
            for one in self.lists.get(name, (value,)):
                words += [f"--{name}", one]
        return words


async def ask(node: Node, process: Process, request: Request) -> Any:  # noqa: ANN401
    """Return another node's answer; what is no JSON document comes as text, line ends lost."""
    peer = _peer(node, request.node)
    if not peer.machine.up:
        await node.machine.clock.sleep(node.machine.clock.figures.no_route)
        address = next(m.address for m in node.cluster.members if m.name == peer.name)
        raise _failed(f"ssh: connect to host {address} port 22: No route to host")
    await node.machine.clock.sleep(node.machine.clock.figures.node_connection)
    out, err = BytesWriter(), BytesWriter()
    env = {k: v for k, v in process.env.items() if k.startswith(_LOCALE)}
    line = shlex.join(request.words)
    status = await peer.machine.execute(line, BytesReader(b""), out, err, env=env)
    await _pass_on(process, err.data.decode(errors="replace"), status)
    return _decoded("".join(out.data.decode(errors="replace").splitlines()))


def _peer(node: Node, name: str) -> Node:
    if name not in node.peers:
        raise Failure(f"hostname lookup '{name}' failed - {_NO_NODE.format(name)}", 11)
    return node.peers[name]


async def _pass_on(process: Process, text: str, status: int) -> None:
    """Pass the errors on; of a call that failed, the last line is the reason."""
    last = ""
    for line in text.splitlines():
        if last:
            await process.complain(f"{last}\n")
        last = line
    if status != 0:
        raise _failed(last or f"exit code {status}")
    if last:
        await process.complain(f"{last}\n")


def _failed(why: str) -> Failure:
    return Failure(f"proxy handler failed: {why}")


def _decoded(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except ValueError:
        return text
