"""What a system makes for itself when it boots without it: machine id and SSH host keys."""

from __future__ import annotations

import uuid

from pvekit.lab.guests.system import System

MACHINE_ID = "/etc/machine-id"


def prepare(system: System) -> None:
    """Do what happens before any service runs: machine id, host name, kernel modules."""
    set_machine_id(system)
    system.machine.hostname = system.text("/etc/hostname").strip() or "localhost"
    if system.files.is_dir("/etc/modules-load.d"):
        for path in system.files.glob("/etc/modules-load.d/*.conf"):
            lines = system.text(path).splitlines()
            system.modules |= {line.strip() for line in lines if line.strip()[:1] not in "#;"}


def set_machine_id(system: System) -> None:
    """Make a machine id where there is none (machine-id(5): empty or ``uninitialized``)."""
    if system.text(MACHINE_ID).strip() in {"", "uninitialized"}:
        system.write(MACHINE_ID, f"{uuid.uuid4().hex}\n", mode=0o444)


def make_host_keys(system: System) -> None:
    """Make the SSH server's key pair, in OpenSSH's formats."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
    )
    path = "/etc/ssh/ssh_host_ed25519_key"
    system.write(path, private, mode=0o600)
    system.write(f"{path}.pub", f"{public} root@{system.machine.hostname}\n")
