"""The keys that we can sign with: from files and from the SSH agent."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pvekit.deadlines import bounded
from pvekit.ssh.hostkeys import HostKey
from pvekit.ssh.library import paramiko


@dataclass(frozen=True)
class Identity:
    """A key that can sign, and where it is from."""

    origin: str
    key: paramiko.PKey

    def __str__(self) -> str:
        return f"{HostKey(self.key.get_name(), self.key.asbytes())} from {self.origin}"


@contextmanager
def offered(
    paths: tuple[Path, ...], seconds: float, problems: list[str]
) -> Iterator[tuple[Identity, ...]]:
    """Yield each key once, the configured ones first: servers stop listening after a few.

    What could not be used is added to the problems, in words. The agent is asked for so many
    seconds, and stays connected while the keys are in use.
    """
    agent = _agent(seconds, problems)
    try:
        held = [Identity("the agent", key) for key in agent.get_keys()] if agent else []
        wanted = {half.blob for path in paths if (half := _public_half(path))}
        first = [identity for identity in held if identity.key.asbytes() in wanted]
        files = [identity for path in paths if (identity := _from_file(path, problems))]
        once = {identity.key.asbytes(): identity for identity in (*first, *files, *held)}
        yield tuple(once.values())
    finally:
        if agent:
            agent.close()


def _agent(seconds: float, problems: list[str]) -> paramiko.Agent | None:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return None
    try:
        return bounded(_connect_agent, seconds)
    except TimeoutError:
        problems.append(f"the SSH agent did not answer in {seconds:g} s")
    except (paramiko.SSHException, OSError) as error:
        problems.append(f"the SSH agent cannot be asked: {error}")
    return None


def _connect_agent() -> paramiko.Agent:
    # Tried first, since paramiko leaves its socket open when nobody is there.
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(os.environ["SSH_AUTH_SOCK"])
    return paramiko.Agent()


def _public_half(path: Path) -> HostKey | None:
    try:
        return HostKey.parse(Path(f"{path}.pub").read_text(errors="replace"))
    except (OSError, ValueError):
        return None


def _from_file(path: Path, problems: list[str]) -> Identity | None:
    try:
        return Identity(str(path), _load(path))
    except FileNotFoundError:
        problems.append(f"there is no {path}")
    except OSError as error:
        problems.append(f"cannot read {path}: {error.strerror}")
    except TypeError:
        # That is how cryptography says that a passphrase is missing.
        problems.append(f"{path} needs a passphrase: run `ssh-add {path}` first")
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException) as error:
        problems.append(f"{path} is no private key that pvekit can use: {error}")
    return None


def _load(path: Path) -> paramiko.PKey:
    """Read a private key in any form that cryptography reads, with its certificate beside it.

    paramiko 5.1 reads neither PKCS #8 nor an OpenSSH key without comment that needs no padding.
    """
    data = path.read_bytes()
    try:
        private = serialization.load_ssh_private_key(data, None)
    except ValueError:
        private = serialization.load_pem_private_key(data, None)  # type: ignore[assignment]
    key = _as_paramiko(private)
    certificate = Path(f"{path}-cert.pub")
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _as_paramiko(private: object) -> paramiko.PKey:
    if isinstance(private, rsa.RSAPrivateKey):
        return paramiko.RSAKey(key=private)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(private, private.public_key()))
    if isinstance(private, ed25519.Ed25519PrivateKey):
        text = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        return paramiko.Ed25519Key(file_obj=io.StringIO(text.decode()))
    raise ValueError("its type is none of ed25519, ecdsa and rsa")
