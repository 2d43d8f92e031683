"""Writing a fleet file, which anybody may read, without overwriting one unasked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pvekit.errors import Conflict, PvekitError

_MODE = 0o644


def check(path: Path, *, force: bool) -> None:
    """Raise :class:`Conflict` for a file that is there, :class:`PvekitError` where none can be."""
    if not path.parent.is_dir():
        raise _unwritable(path, "there is no such directory")
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise _unwritable(path, "it is no regular file")
    if not force:
        raise _there(path)


def write(path: Path, text: str, *, force: bool) -> None:
    """Write the file; one that is there is replaced as a whole. Raises what :func:`check` does."""
    check(path, force=force)
    try:
        if force:
            _replace(path.resolve(), text)
        else:
            _make(path, text)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from None


def _make(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(path, flags, _MODE)
    try:
        _fill(handle, text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        _fill(handle, text)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _fill(handle: int, text: str) -> None:
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), _MODE)


def _there(path: Path) -> Conflict:
    return Conflict(
        f"{path} is there already.",
        hint="--force overwrites it; or name another file.",
        id="FILE-EXISTS",
    )


def _unwritable(path: Path, why: str) -> PvekitError:
    return PvekitError(
        f"Cannot write {path}: {why}.", hint="--out names the file.", id="FILE-UNWRITABLE"
    )
