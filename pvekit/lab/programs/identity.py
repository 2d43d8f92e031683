"""``su`` and ``ssh-keygen``."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from dataclasses import dataclass

from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import Options, options
from pvekit.lab.streams import absolute

_NOLOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
_BITS = {"rsa": 3072, "ecdsa": 256, "ed25519": 256}


async def su(process: Process) -> int:
    """Run a shell as another user; only root need not give a password."""
    words = list(process.argv[1:])
    user, login = "root", False
    while words and (words[0] in {"-", "-l", "--login"} or not words[0].startswith("-")):
        word = words.pop(0)
        login = login or word.startswith("-")
        user = user if word.startswith("-") else word
    given = options(words, "m p l login", "s shell c command g G")
    machine = process.machine
    user = given.operands[0] if given.operands else user
    account = machine.account(user)
    if account is None:
        return await fail(process, f"user {user} does not exist or the user entry does not "
                                   "contain all the required fields")  # fmt: skip
    if process.user != "root":
        return await fail(process, "Authentication failure")
    command = given.value("c", "command")
    if command is None:
        raise NotSimulated("an interactive shell")
    shell = given.value("s", "shell") or machine.shell(user)
    if shell in _NOLOGIN:
        await process.say("This account is currently not available.\n")
        return 1
    env = machine.environment(user)
    if not login:
        env = {**process.env, **{name: env[name] for name in ("HOME", "USER", "LOGNAME")}}
        env["SHELL"] = shell
    name = posixpath.basename(shell)
    cwd = account[2] if login and machine.files.is_dir(account[2]) else process.cwd
    return await machine.spawn(process, [name, "-c", command], user=user, env=env, cwd=cwd)


@dataclass(frozen=True)
class _Made:
    """A key pair as files hold it."""

    private: bytes
    public: str
    fingerprint: str


async def ssh_keygen(process: Process) -> int:
    """Make a key pair, print a key's public half (``-y``) or its fingerprint (``-l``)."""
    given = options(process.argv[1:], "q y l", "t b C f N P")
    if given.operands:
        raise NotSimulated(" ".join(given.operands))
    if given.has("l") or given.has("y"):
        return await _show(process, given)
    kind = given.value("t") or "ed25519"
    if kind not in _BITS:
        await process.complain(f"unknown key type {kind}\n")
        return 255
    path = given.value("f") or f"{process.machine.home(process.user)}/.ssh/id_{kind}"
    place = absolute(process, path)
    if given.value("N"):
        raise NotSimulated("a passphrase")
    if process.machine.files.exists(place) and not await _may_overwrite(process, path):
        return 1
    comment = given.value("C")
    if comment is None:
        comment = f"{process.user}@{process.machine.hostname}"
    made = _make(kind, given.number("b", default=_BITS[kind]), comment)
    _write(process, place, made)
    if not given.has("q"):
        await process.say(
            f"Generating public/private {kind} key pair.\n"
            f"Your identification has been saved in {path}\n"
            f"Your public key has been saved in {path}.pub\n"
            f"The key fingerprint is:\n{made.fingerprint} {comment}\n"
        )
    return 0


async def _may_overwrite(process: Process, path: str) -> bool:
    await process.say(f"{path} already exists.\nOverwrite (y/n)? ")
    return (await process.stdin.readline()).strip().lower() in {b"y", b"yes"}


def _write(process: Process, place: str, made: _Made) -> None:
    files = process.machine.files
    for path, data, mode in (
        (place, made.private, 0o600),
        (f"{place}.pub", made.public.encode(), 0o644),
    ):
        files.write(path, data, mode=mode)
        files.chown(path, process.user)


def _make(kind: str, bits: int, comment: str) -> _Made:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    curves: dict[int, ec.EllipticCurve] = {
        256: ec.SECP256R1(),
        384: ec.SECP384R1(),
        521: ec.SECP521R1(),
    }
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    elif kind == "ecdsa":
        key = ec.generate_private_key(curves.get(bits, curves[256]))
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    line = f"{public.decode()} {comment}".rstrip()
    return _Made(private, f"{line}\n", fingerprint(line))


def fingerprint(line: str) -> str:
    """Return a public key's fingerprint as OpenSSH prints it."""
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


async def _show(process: Process, given: Options) -> int:
    path = given.value("f") or ""
    files = process.machine.files
    place = absolute(process, path)
    if not files.is_file(place):
        await process.complain(f"{path}: No such file or directory\n")
        return 255
    text = files.read(place).decode(errors="replace")
    if given.has("y"):
        await process.say(f"{_public_of(text)}\n")
        return 0
    line = text.strip() if text.startswith(("ssh-", "ecdsa-")) else _public_of(text)
    if len(line.split()) < 2:
        await process.complain(f"{path} is not a public key file.\n")
        return 255
    kind, _, comment = [*line.split(maxsplit=2), "no comment"][:3]
    name = {"ssh-rsa": "RSA", "ssh-ed25519": "ED25519"}.get(kind, "ECDSA")
    bits = _size(line)
    await process.say(f"{bits} {fingerprint(line)} {comment} ({name})\n")
    return 0


def _public_of(text: str) -> str:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_ssh_private_key(text.encode(), password=None)
    return key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()


def _size(line: str) -> int:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_ssh_public_key(line.encode())
    return int(getattr(key, "key_size", 256))


IDENTITY: dict[str, Program] = {"su": su, "ssh-keygen": ssh_keygen}
