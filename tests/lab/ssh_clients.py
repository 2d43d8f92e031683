"""Two clients that are not the server's library: OpenSSH's `ssh` and paramiko."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import paramiko


@dataclass(frozen=True)
class Answer:
    status: int
    out: bytes
    err: bytes = b""


class Refused(Exception):
    pass


class Client(Protocol):
    def run(self, node: str, line: str, stdin: bytes = b"", user: str = "root") -> Answer: ...


@dataclass(frozen=True)
class OpenSsh:
    directory: Path
    addresses: dict[str, tuple[str, int]]

    def words(self, node: str, user: str = "root") -> list[str]:
        host, port = self.addresses[node]
        return ["ssh", *self.options(), "-p", str(port), f"{user}@{host}"]

    def options(self) -> list[str]:
        options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.directory / 'known_hosts'}",
        ]
        key = ["-F", "none", "-i", str(self.directory / "id_ed25519")]
        return key + [word for option in options for word in ("-o", option)]

    def run(self, node: str, line: str, stdin: bytes = b"", user: str = "root") -> Answer:
        done = subprocess.run([*self.words(node, user), line], input=stdin, capture_output=True)
        if done.returncode == 255:
            raise Refused(done.stderr.decode())
        return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Paramiko:
    directory: Path
    addresses: dict[str, tuple[str, int]]

    def connect(self, node: str, user: str = "root") -> paramiko.SSHClient:
        host, port = self.addresses[node]
        client = paramiko.SSHClient()
        client.load_host_keys(str(self.directory / "known_hosts"))
        key = paramiko.Ed25519Key.from_private_key_file(str(self.directory / "id_ed25519"))
        try:
            client.connect(
                host, port, user, pkey=key, allow_agent=False, look_for_keys=False, timeout=10
            )
        except paramiko.SSHException as error:
            raise Refused(str(error)) from error
        return client

    def run(self, node: str, line: str, stdin: bytes = b"", user: str = "root") -> Answer:
        with self.connect(node, user) as client:
            try:
                channel_in, channel_out, channel_err = client.exec_command(line)
                with suppress(OSError):  # a command may end without reading all of it
                    channel_in.write(stdin)
                    channel_in.channel.shutdown_write()
                out, err = channel_out.read(), channel_err.read()
                status = channel_out.channel.recv_exit_status()
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise Refused(str(error)) from error
        if status == -1:
            raise Refused("no exit status")
        return Answer(status, out, err)
