"""What the command line and the daemon say to each other: one JSON line each way."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pvekit.lab.home import Home, LabError

_LONGEST_LINE = 1 << 20
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class FaultOrder:
    """A fault as ordered at the command line."""

    kind: str
    match: str = ""
    when: str = "before"
    count: int = 1
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One question or order; ``fault`` belongs to ``fault``, ``kind`` to ``clear`` (or all)."""

    verb: Literal["status", "fault", "clear", "down"]
    fault: FaultOrder | None = None
    kind: str = ""


@dataclass(frozen=True)
class GuestStatus:
    """A powered-on guest; ``name`` is empty for a VM without one."""

    vmid: int
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class NodeStatus:
    """A node and where its SSH server listens."""

    name: str
    host: str
    port: int
    guests: tuple[GuestStatus, ...]


@dataclass(frozen=True)
class Status:
    """A lab that is up; ``faults`` are the orders still open."""

    pid: int
    nodes: tuple[NodeStatus, ...]
    faults: tuple[FaultOrder, ...]


@dataclass(frozen=True)
class Reply:
    """The daemon's answer; ``error`` says what was wrong with the request."""

    error: str = ""
    status: Status | None = None
    cleared: int = 0


def ask(home: Home, request: Request) -> Reply:
    """Send a request to a lab's daemon; raises :class:`LabError` where none answers or it errs."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, _short(home) as path:
            sock.settimeout(_PATIENCE_SECONDS)
            sock.connect(path)
            with sock.makefile("rwb") as file:
                file.write(json.dumps(asdict(request)).encode() + b"\n")
                file.flush()
                line = file.readline(_LONGEST_LINE)
    except OSError as error:
        raise LabError(f"the lab in {home.path} does not answer: {error}") from error
    if not line:
        raise LabError(f"the lab in {home.path} broke off: see {home.output}")
    reply = _reply(json.loads(line))
    if reply.error:
        raise LabError(reply.error, 2)
    return reply


async def serve(home: Home, handle: Callable[[Request], Reply]) -> asyncio.Server:
    """Answer requests on a lab's control socket; a crashed daemon's socket is replaced."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line:
                reply = handle(_request(json.loads(line)))
                writer.write(json.dumps(asdict(reply)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # the other side left, or speaks something else
            pass
        finally:
            writer.close()

    home.socket.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(home) as path:
        sock.bind(path)
    home.socket.chmod(0o600)
    return await asyncio.start_unix_server(answer, sock=sock, limit=_LONGEST_LINE)


@contextmanager
def _short(home: Home) -> Iterator[str]:
    """Give the socket's path through an open directory: a socket address holds 108 bytes."""
    descriptor = os.open(home.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{home.socket.name}"
    finally:
        os.close(descriptor)


def _request(data: Mapping[str, Any]) -> Request:
    order = data["fault"]
    return Request(data["verb"], FaultOrder(**order) if order else None, data["kind"])


def _reply(data: Mapping[str, Any]) -> Reply:
    status = data["status"]
    return Reply(data["error"], _status(status) if status else None, data["cleared"])


def _status(data: Mapping[str, Any]) -> Status:
    return Status(
        data["pid"],
        tuple(
            NodeStatus(
                node["name"],
                node["host"],
                node["port"],
                tuple(
                    GuestStatus(guest["vmid"], guest["name"], tuple(guest["addresses"]))
                    for guest in node["guests"]
                ),
            )
            for node in data["nodes"]
        ),
        tuple(FaultOrder(**order) for order in data["faults"]),
    )
