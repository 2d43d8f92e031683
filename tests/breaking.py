"""Commands that are broken off at a chosen point, and what the site looks like afterwards.

What breaks is the link, the process, its journal or the node. Points are counted: the commands
that are sent, the lines that the journal gets, or what a node writes down for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from labsite import Cut, Killed, LabSite, desk_for

from pvekit.errors import PvekitError
from pvekit.journal import Journal
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk

LINK = ("before", "during", "after")
DEATH = ("killed before", "killed after")
APPEND = ("dead before a line", "dead in a line", "dead after a line")
NODE = ("rebooted before", "rebooted after", "power lost")
MOMENTS = (*LINK, *DEATH, *APPEND, *NODE)

LASTING = ("/etc/pve/", "/var/lib/vz/pvekit/")
PASSING = ("/run/pvekit/", "/run/qemu-server/")
"""Where a node writes down what a run depends on, for good and until it loses its power."""


def fresh_desk(site: LabSite, directory: Path, name: str, more: str = "") -> Desk:
    (directory / name).mkdir()
    return desk_for(site, directory / name, more=more)


@dataclass(frozen=True)
class Broken:
    """Whether it came to the break, and whether the command went well all the same."""

    struck: bool
    well: bool


def broken(
    do: Callable[[Desk], Report], desk: Desk, site: LabSite, at: int, when: str, match: str = ""
) -> Broken:
    """Run a command that breaks once: its link, its process, its journal or its node."""
    cut = Cut(at, when, match)
    with _breaking(site, cut):
        try:
            well = do(desk).status == 0
        except (PvekitError, Killed):
            well = False
    settle(site)
    return Broken(cut.struck, well)


def points(do: Callable[[Desk], Report], desk: Desk, site: LabSite) -> dict[str, int]:
    """Run a command undisturbed, and count at how many points it could break, by moment."""
    cuts = {when: Cut(-1, when) for when in MOMENTS}  # they never cut, but count
    with ExitStack() as stack:
        # Whatever breaks at the same points is counted once.
        for when in ("before", "dead before a line", "power lost"):
            stack.enter_context(_breaking(site, cuts[when]))
        report = do(desk)
        assert report.status == 0, report.errors
    settle(site)
    lines, writes, commands = (
        next(cuts[when].count) for when in ("dead before a line", "power lost", "before")
    )
    others = {"power lost": writes}
    return {when: lines if when in APPEND else others.get(when, commands) for when in MOMENTS}


def _breaking(site: LabSite, cut: Cut) -> AbstractContextManager[None]:
    if cut.when in APPEND:
        return _dying_at_a_line(cut)
    if cut.when == "power lost":
        return _power_lost_at_a_write(site, cut)
    return _at_a_command(site, cut)


@contextmanager
def _at_a_command(site: LabSite, cut: Cut) -> Iterator[None]:
    site.cut = cut
    try:
        yield
    finally:
        site.cut = None


@contextmanager
def _dying_at_a_line(cut: Cut) -> Iterator[None]:
    """Let the process die as it writes a line of a journal."""
    write = Journal._write

    def dying(journal: Journal, line: bytes) -> None:
        if not cut.due(""):
            write(journal, line)
            return
        whole = {"dead before a line": 0, "dead in a line": len(line) // 2}
        write(journal, line[: whole.get(cut.when, len(line))])
        raise Killed

    with patch.object(Journal, "_write", dying):
        yield


@contextmanager
def _power_lost_at_a_write(site: LabSite, cut: Cut) -> Iterator[None]:
    """Let a node lose its power right after it has written down something that lasts."""
    lab = site.lab.site

    def wrapped(name: str, change: Callable[..., Any], *, counts: Callable[..., bool]) -> Any:
        def changing(*args: Any, **kwargs: Any) -> Any:
            done = change(*args, **kwargs)
            if counts(*args) and cut.due(""):
                lab.outages.reboot(name)
            return done

        return changing

    def made(path: str, *_: object) -> bool:
        return path.startswith(LASTING + PASSING)

    def unmade(path: str, *_: object) -> bool:
        return path.startswith(LASTING)

    patches = []
    for name, node in lab.nodes.items():
        files, storages = node.machine.files, node.storages
        for verb in ("write", "open", "mkdir", "unlink", "rename"):
            counts = unmade if verb == "unlink" else made
            change = wrapped(name, getattr(files, verb), counts=counts)
            patches.append(patch.object(files, verb, change))
        for verb in ("add", "remove"):
            change = wrapped(name, getattr(storages, verb), counts=lambda *_: True)
            patches.append(patch.object(storages, verb, change))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


AT_WORK = """\
for d in /run/pvekit/jobs/*; do
  if [ -d "$d" ] && [ ! -e "$d/rc" ] && read -r pid _ <"$d/pid" && [ -d "/proc/$pid" ]; then
    echo "$d"
  fi
done 2>/dev/null"""


def settle(site: LabSite) -> None:
    """Let what still runs or boots on the nodes come to its end."""
    for node in site.lab.site.nodes:
        for _ in range(1000):
            try:
                site.on(node, "for i in 1 2 3 4 5; do sleep 1; done")
                if not site.on(node, AT_WORK) and not _is_to_start(site, node):
                    break
            except ConnectionError:
                continue
        else:
            raise AssertionError(f"{node} does not come to rest")


def _is_to_start(site: LabSite, node: str) -> bool:
    """Whether the stranger's VM that starts with its node, as the last one, does not run yet."""
    wanted = site.on(node, "grep -ls '^name: theirs$' /etc/pve/local/qemu-server/*.conf").split()
    running = site.on(node, "ls /run/qemu-server").split()
    return any(f"{Path(path).stem}.pid" not in running for path in wanted)


def difference(found, wanted) -> list[str]:
    """What is there too much (+) and what is missing (-)."""
    flat = [{f"{node} {line}" for node in side for line in side[node]} for side in (found, wanted)]
    return [f"+ {x}" for x in sorted(flat[0] - flat[1])] + [
        f"- {x}" for x in sorted(flat[1] - flat[0])
    ]


def same(found, wanted) -> None:
    """See that two pictures are the same."""
    told = difference(found, wanted)
    assert not told, "; ".join(told)
