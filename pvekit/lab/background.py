"""Starting the lab's daemon, and seeing it off without a trace."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pvekit.lab.control import Request, ask
from pvekit.lab.home import Hold, Home, LabError, serving, watched
from pvekit.lab.settings import Wanted

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Orders:
    """What the daemon is started with.

    It writes its report to the descriptor ``report``; it ends when ``lifeline``, if there is one,
    comes to its end: with the process that keeps the other side.
    """

    directory: str
    wanted: Wanted
    report: int
    lifeline: int | None = None

    def to_text(self) -> str:
        """Return the orders as one word for a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Orders:
        """Read :meth:`to_text`."""
        data = json.loads(text)
        return cls(**{**data, "wanted": Wanted(**data["wanted"])})


@dataclass(frozen=True)
class Report:
    """How the start went: an empty ``error`` says that the lab is up."""

    error: str = ""
    status: int = 0


def require() -> None:
    """Check that a lab can run here; raises :class:`LabError`."""
    if not sys.platform.startswith("linux"):
        raise LabError("the lab runs on Linux only: it needs the whole of 127.0.0.0/8")
    if importlib.util.find_spec("asyncssh") is None:
        raise LabError("the lab needs asyncssh: pip install 'pvekit[lab]'")


def start(home: Home, wanted: Wanted, lifeline: int | None = None) -> None:
    """Start a lab's daemon and wait until it serves; raises :class:`LabError`."""
    require()
    home.prepare()
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as report, os.fdopen(writing, "wb") as theirs:
        orders = Orders(str(home.path), wanted, writing, lifeline)
        _launch(orders, home)
        theirs.close()
        text = _await(report.fileno())
    if not text:
        raise LabError(f"the lab did not start: {_last_words(home)}")
    told = Report(**json.loads(text))
    if told.error:
        raise LabError(told.error, told.status)


def _launch(orders: Orders, home: Home) -> None:
    """Run the daemon's first process, which leaves the second one behind and ends."""
    package_root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    kept = [orders.report, *([orders.lifeline] if orders.lifeline is not None else [])]
    with home.output.open("wb") as output:
        subprocess.run(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-m", "pvekit.lab.daemon", orders.to_text()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [known, package_root]))},
            pass_fds=kept,
            start_new_session=True,
            check=False,
        )


def _await(descriptor: int) -> bytes:
    parts: list[bytes] = []
    deadline = time.monotonic() + _START_SECONDS
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(descriptor, 65536) if ready else b""
        if not part:
            return b"".join(parts)
        parts.append(part)


def _last_words(home: Home) -> str:
    lines = home.output.read_text(errors="replace").split("\n")
    said = [line for line in lines if line.strip()]
    return f"{said[-1]} (see {home.output})" if said else "it said nothing in time"


def stop(home: Home) -> None:
    """End a lab and wait until nothing of it is left; raises :class:`LabError` if it is not up."""
    pid = serving(home)
    if pid is None:
        raise LabError(f"no lab is up in {home.path}{_swept(home)}")
    with watched(home) as ended:
        try:
            ask(home, Request("down"))
        except LabError:
            _signal(pid, signal.SIGTERM)
        if not _in_time(ended):
            _signal(pid, signal.SIGKILL)
            _in_time(ended)
            _swept(home)


def _swept(home: Home) -> str:
    """Remove what a crashed daemon left, and say so."""
    if not (home.pid.exists() or home.socket.exists()):
        return ""
    hold = Hold.take(home)
    if hold is not None:
        hold.release()
    return ": removed what a crashed one had left"


def _in_time(ended: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while not ended():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
