"""Which files a configuration is read from, and the contexts that a user may choose between.

One file names the site: the one that was asked for, else the context that was asked for, else the
project's, else the current context. Under it lies the user's own file, unless a file was asked for
by name, which then is the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pvekit import private
from pvekit.config.asked import Asked
from pvekit.config.nearest import did_you_mean
from pvekit.errors import NotFound, PvekitError, UsageError

CONFIG = "PVEKIT_CONFIG"
CONTEXT = "PVEKIT_CONTEXT"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


@dataclass(frozen=True)
class Looked:
    """A place where a file was looked for: what for, and what came of it."""

    path: Path
    role: str
    state: str


@dataclass(frozen=True)
class Sources:
    """What a configuration is read from.

    ``files`` come least important first; ``settings`` are the ``KEY=VALUE`` of the command line.
    """

    files: tuple[Path, ...]
    context: str = ""
    looked: tuple[Looked, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)

    @property
    def main(self) -> Path | None:
        """The file that says most."""
        return self.files[-1] if self.files else None

    def __str__(self) -> str:
        lower = "".join(f" (over {file})" for file in reversed(self.files[:-1]))
        return f"{self.main}{lower}" if self.files else "The environment"


class Home:
    """The directory of a user's own files, ``$XDG_CONFIG_HOME/pvekit`` or ``~/.config/pvekit``."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        given = environ.get("XDG_CONFIG_HOME", "")
        base = Path(given) if given.startswith("/") else home / ".config"
        self.directory = base / "pvekit"
        self.file = self.directory / "config.yaml"
        self._current = self.directory / "context"

    def context(self, name: str) -> Path:
        """Return the file of a context; raises UsageError for what cannot be a name."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a context.",
                hint="A name has at most 60 letters, digits, '.', '_' and '-'.",
            )
        return self.directory / "contexts" / f"{name}.yaml"

    def contexts(self) -> dict[str, Path]:
        """Return the files of all contexts by name."""
        found = sorted((self.directory / "contexts").glob("*.yaml"))
        return {path.stem: path for path in found if _NAME.fullmatch(path.stem)}

    def existing(self, name: str) -> Path:
        """Return the file of a context; raises NotFound with the known ones."""
        path = self.context(name)
        if not _is_there(path):
            known = sorted(self.contexts())
            raise NotFound(
                f"There is no context {name!r}: no file {path}.",
                details=f"Known are: {', '.join(known)}." if known else "There is none yet.",
                hint=did_you_mean(name, known)
                or f"`pvekit config init --context {name}` makes it.",
                id="CONFIG-CONTEXT-UNKNOWN",
            )
        return path

    def current(self) -> str:
        """Return the name of the current context; empty if none was chosen."""
        try:
            with self._current.open("rb") as file:
                private.check_unwritable(file.fileno(), self._current, "The current context")
                return file.read(200).decode(errors="replace").strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _unusable("read", self._current, error) from None

    def choose(self, name: str) -> None:
        """Make a context the current one, or none."""
        if name:
            self.existing(name)
        try:
            if name:
                private.write(self._current, f"{name}\n")
            else:
                self._current.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable("write", self._current, error) from None


def _unusable(verb: str, path: Path, error: OSError) -> PvekitError:
    return PvekitError(f"Cannot {verb} {path}: {error.strerror}.", id="CONFIG-UNUSABLE")


def find(asked: Asked, environ: Mapping[str, str], cwd: Path, home: Path) -> Sources:
    """Return what the configuration is read from; raises UsageError, NotFound for a context.

    A file that was asked for is returned unseen: reading it says what is wrong with it.
    """
    own = Home(environ, home)
    if asked.file is not None and asked.context:
        raise UsageError("--config and --context both name a site: give one of them.")
    if asked.file is not None:
        return _only(asked.file, "--config", asked, environ, cwd)
    variable, context = environ.get(CONFIG, ""), environ.get(CONTEXT, "")
    if variable and context and not asked.context:
        raise UsageError(f"{CONFIG} and {CONTEXT} both name a site: unset one of them.")
    if variable and not asked.context:
        named = home / variable[2:] if variable.startswith("~/") else cwd / variable
        return _only(named, CONFIG, asked, environ, cwd)
    return _site(own, asked, environ, cwd)


def _only(file: Path, role: str, asked: Asked, environ: Mapping[str, str], cwd: Path) -> Sources:
    looked = (Looked(file, role, "read"),)
    return Sources((file,), "", looked, environ, asked.settings, cwd)


def _site(own: Home, asked: Asked, environ: Mapping[str, str], cwd: Path) -> Sources:
    user = Looked(own.file, "user", _state(own.file))
    name = asked.context or environ.get(CONTEXT, "")
    looked = [] if name else list(_project(cwd, own.file))
    if all(each.state != "read" for each in looked):
        name = name or own.current()
        if name:
            looked.append(Looked(own.existing(name), f"context {name}", "read"))
    looked.append(user)
    files = [each.path for each in reversed(looked) if each.state == "read"]
    return Sources(tuple(files), name, tuple(looked), environ, asked.settings, cwd)


def _state(path: Path) -> str:
    return "read" if _is_there(path) else "not there"


def _project(cwd: Path, user: Path) -> Iterator[Looked]:
    """Yield the places of a project's file: the first that is there is read."""
    found = False
    upward = (each / "pvekit.yaml" for each in (cwd, *cwd.parents))
    for path in (cwd / "config.yaml", *upward):
        there = _is_there(path) and not _same(path, user)
        if there and not found:
            private.check_owner(path, "The configuration")
        if there or path.parent == cwd:
            passed = "passed over" if found else "read"
            yield Looked(path, "project", passed if there else "not there")
        found = found or there


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _is_there(place: Path) -> bool:
    try:
        return place.is_file()
    except PermissionError:
        return True  # reading it says so, which is better than to pass it over


def nowhere(sources: Sources) -> UsageError:
    """Return the error that there is no configuration at all."""
    places = ", ".join(str(each.path) for each in sources.looked)
    return UsageError(
        "There is no configuration file.",
        details=f"Looked for --config, {CONFIG}, --context, {CONTEXT}, {places}"
        " and pvekit.yaml in the directories above.",
        hint="`pvekit config init` asks for what is needed and writes one.",
        id="CONFIG-NOT-FOUND",
    )
