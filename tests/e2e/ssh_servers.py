"""SSH servers of another make (asyncssh) that answer, misbehave and break as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
from asyncssh.packet import UInt32

from pvekit.deadlines import bounded
from pvekit.ssh.deadline import Limits
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.hostkeys import HostKey, remember

# Short, so that a peer that says nothing is noticed soon; long enough for a busy machine.
LIMITS = Limits(connect=5.0, handshake=5.0, auth=5.0, channel=2.0, agent=2.0)
NEVER = 60.0


def soon(call):
    """Return what a call returns; fails instead of hanging."""
    return bounded(call, NEVER)


def public(key: asyncssh.SSHKey) -> HostKey:
    return HostKey.parse(key.export_public_key().decode())


class Loop:
    """One event loop in a thread for all servers of a test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, awaitable):
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(NEVER)

    def stop(self) -> None:
        async def cancel() -> None:
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.call(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(NEVER)
        self.loop.close()


class SshServer:
    """A server whose commands are the methods named ``do_...``; it keeps what was sent to it."""

    def __init__(self, loop: Loop, folder: Path, *, keys=None, host="127.0.0.1", **options) -> None:
        self.host_keys = keys or [asyncssh.generate_private_key("ssh-ed25519")]
        self.user_key = options.pop("user_key", None) or asyncssh.generate_private_key(
            "ssh-ed25519"
        )
        self.folder = folder
        self.lines: list[str] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.open_now = 0
        self.most_open = 0
        self.meeting = asyncio.Barrier(8)
        self._loop = loop
        self.window = options.pop("window", 2 << 20)
        self._auth_hangs = options.pop("auth_hangs", False)
        self._refuse_above = options.pop("refuse_above", None)
        self._listener = loop.call(self._listen(host, options))
        self.host, self.port = host, self._listener.get_port()

    async def _listen(self, host, options):
        trusted = asyncssh.import_authorized_keys(self.user_key.export_public_key().decode())
        return await asyncssh.listen(
            host,
            0,
            server_factory=lambda: _Accepting(self),
            server_host_keys=self.host_keys,
            authorized_client_keys=trusted,
            **options,
        )

    def endpoint(self, alias="n1", *, known=True, **fields) -> Endpoint:
        identity = self.folder / f"id-{self.port}"
        self.user_key.write_private_key(str(identity))
        identity.chmod(0o600)
        hosts = self.folder / f"known_hosts-{self.port}"
        if known and not hosts.exists():
            remember(hosts, self.host, self.port, [public(key) for key in self.host_keys])
        values = {"key_paths": (identity,), "known_hosts": (hosts,), **fields}
        return Endpoint(alias, self.host, self.port, **values)

    def drop_clients(self) -> None:
        async def drop() -> None:
            for connection in self.connections:
                connection.abort()
            self.connections.clear()

        self._loop.call(drop())

    def close(self) -> None:
        self.drop_clients()
        self._loop.loop.call_soon_threadsafe(self._listener.close)

    async def _process(self, process) -> None:
        self.lines.append(process.command)
        words = shlex.split(process.command)
        while words and words[0] in ("sudo", "-n", "env", "LC_ALL=C.UTF-8"):
            words.pop(0)
        try:
            await getattr(self, f"do_{words[0].replace('-', '_')}")(process, *words[1:])
        finally:
            self.open_now -= 1

    async def do_words(self, process, *words) -> None:
        process.stdout.write(json.dumps(words).encode())
        process.exit(0)

    async def do_fail(self, process, status) -> None:
        process.stderr.write(b"no such thing\n")
        process.exit(int(status))

    async def do_cat(self, process) -> None:
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    async def do_flood(self, process, size) -> None:
        async def fill(stream) -> None:
            for _ in range(int(size) // 65536):
                stream.write(b"x" * 65536)
                await stream.drain()

        await asyncio.gather(fill(process.stdout), fill(process.stderr))
        process.exit(7)

    async def do_hang(self, process) -> None:
        process.stdout.write(b"begun\n")
        await asyncio.Event().wait()

    async def do_deaf(self, process, status=None) -> None:
        if status is None:
            await asyncio.Event().wait()
        process.exit(int(status))

    async def do_meet(self, process) -> None:
        await self.meeting.wait()
        process.exit(0)

    async def do_cut(self, process) -> None:
        process.stdout.write(b"half of the out")
        process.channel.get_connection().abort()

    async def do_status_then_cut(self, process) -> None:
        # As real servers may: the status goes out before the output that is still to come.
        process.stdout.write(b"half of the out")
        process.channel._send_request(b"exit-status", UInt32(0))
        process.channel.get_connection().abort()

    async def do_end_then_cut(self, process) -> None:
        process.stdout.write(b"all of it")
        process.exit(0)
        process.channel.get_connection().abort()

    async def do_without_status(self, process) -> None:
        process.stdout.write(b"out")
        process.channel.close()

    async def do_killed(self, process) -> None:
        process.channel.exit_with_signal("KILL")


class _Accepting(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def connection_made(self, conn) -> None:
        self._connection = conn
        self._server.connections.append(conn)

    async def begin_auth(self, username) -> bool:
        if self._server._auth_hangs:
            await asyncio.Event().wait()
        return True

    def session_requested(self):
        server = self._server
        if server._refuse_above is not None and server.open_now >= server._refuse_above:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "too many sessions")
        server.open_now += 1
        server.most_open = max(server.most_open, server.open_now)
        session = asyncssh.SSHServerProcess(server._process, None, 3, False)
        return self._connection.create_server_channel(None, window=server.window), session

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port) -> bool:
        return True


class Proxy:
    """A TCP hop that can stop passing bytes on, as a machine that has hung does."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.passes = float("inf")
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._flowing.clear()

    def close(self) -> None:
        self._flowing.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passes -= len(data)
                if self.passes < 0:
                    self.freeze()
                self._flowing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def listener(banner: bytes = b"") -> Iterator[int]:
    """A server that accepts, says this much, and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = server.accept()
                    held.append(sock)
                    sock.sendall(banner)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for sock in held:
            sock.close()


def no_agent(monkeypatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
