"""The directory of one lab: what lies where, who holds it, and its mistakes in one line each."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEFAULT = ".pvekit-lab"


class LabError(Exception):
    """A mistake to tell in one line; ``status`` is the exit status (2: usage, 1: the rest)."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Home:
    """The files of a lab; ``path`` is absolute."""

    path: Path

    @classmethod
    def of(cls, given: str | None, environ: Mapping[str, str]) -> Home:
        """Return the lab that is meant: as given, else ``PVEKIT_LAB_DIR``, else ``DEFAULT``."""
        return cls(Path(given or environ.get("PVEKIT_LAB_DIR") or DEFAULT).absolute())

    @property
    def config(self) -> Path:
        """The configuration for pvekit."""
        return self.path / "config.yaml"

    @property
    def private_key(self) -> Path:
        """The key that the nodes accept; the public half lies beside it as ``.pub``."""
        return self.path / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys, in OpenSSH's format."""
        return self.path / "known_hosts"

    @property
    def signing_key(self) -> Path:
        """The public key that signs the checksum files of the lab's internet."""
        return self.path / "images.gpg"

    @property
    def host_keys(self) -> Path:
        """The directory of the nodes' private host keys, one file per node."""
        return self.path / "host_keys"

    @property
    def pid(self) -> Path:
        """The daemon's process id; who serves the lab holds this file's lock."""
        return self.path / "lab.pid"

    @property
    def socket(self) -> Path:
        """The daemon's control socket."""
        return self.path / "control.sock"

    @property
    def log(self) -> Path:
        """What was asked of the lab, one JSON line per event."""
        return self.path / "log.jsonl"

    @property
    def state(self) -> Path:
        """The simulated site between two runs of the daemon."""
        return self.path / "state.json"

    @property
    def output(self) -> Path:
        """What the daemon printed: empty unless the lab has a bug."""
        return self.path / "daemon.log"

    def prepare(self) -> None:
        """Make the directory, for its owner alone; raises :class:`LabError` where that fails."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"cannot make {self.path}: {error.strerror}") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise LabError(f"cannot write to {self.path}: Permission denied")

    def write(self, path: Path, text: str) -> None:
        """Replace a file as a whole, readable by its owner alone."""
        part = path.with_name(f".{path.name}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        part.replace(path)


class Hold:
    """The right to serve a lab: a lock that ends with its process, however that ends."""

    def __init__(self, home: Home, descriptor: int) -> None:
        self._home = home
        self._descriptor = descriptor

    @classmethod
    def take(cls, home: Home) -> Hold | None:
        """Take the lab, or return None where a living process has it."""
        for _ in range(10):
            descriptor = os.open(home.pid, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(descriptor, fcntl.LOCK_EX) and _is_still(home.pid, descriptor):
                return cls(home, descriptor)
            # Not the end: a look by `serving` holds the lock for an instant, and a daemon that
            # goes away removes the file under our hands.
            os.close(descriptor)
            time.sleep(0.01)
        return None

    def sign(self) -> None:
        """Write this process's id into the file."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def clear(self) -> None:
        """Remove what only a living daemon has; the lock ends with the process."""
        self._home.socket.unlink(missing_ok=True)
        self._home.pid.unlink(missing_ok=True)

    def release(self) -> None:
        """Clear, and give the lab back at once."""
        self.clear()
        os.close(self._descriptor)


@contextmanager
def watched(home: Home) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether the process that serves a lab now has ended."""
    try:
        descriptor = os.open(home.pid, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield lambda: True
        return
    try:
        yield lambda: _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def serving(home: Home) -> int | None:
    """Return the process id of the daemon that serves a lab, or None where it is down."""
    try:
        descriptor = os.open(home.pid, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return None if _locked(descriptor, fcntl.LOCK_SH) else int(os.pread(descriptor, 32, 0) or 0)
    finally:
        os.close(descriptor)
