"""What starting costs: processor time and wall time, as ratios to what nobody can do without.

``pvekit --help`` against ``python -c "import click"``, and ``pvekit vm list`` on one node of a lab
against a program that imports click, paramiko and yaml and does the same read by one plain exec of
paramiko. In turns, medians; the bars are for processor time, which other work disturbs least.
Run: python benchmarks/startup.py [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvekit.config.load import load
from pvekit.inventory.read import site_query
from pvekit.lab.inprocess import served_site
from pvekit.lab.site import SiteSpec
from pvekit.operations.machines import endpoints

NO_BYTECODE = ("PYTHONDONTWRITEBYTECODE",)
"""What would have each start compile all modules anew, as no installed program does."""

PLAIN = """
import sys
import click, paramiko, yaml
host, port, key, known, line, script = sys.argv[1:]
client = paramiko.SSHClient()
client.load_host_keys(known)
client.connect(host, int(port), "root", key_filename=key, look_for_keys=False, allow_agent=False)
stdin, stdout, _ = client.exec_command(line)
stdin.write(script)
stdin.channel.shutdown_write()
sys.stdout.write(str(len(stdout.read())))
client.close()
"""


@dataclass(frozen=True)
class Program:
    """A command line, what it is compared with, and the ratio that it may have (0: none)."""

    name: str
    words: tuple[str, ...]
    base: str = ""
    bar: float = 0.0


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds."""

    processor: float
    wall: float


def measure(words: Sequence[str], environ: Mapping[str, str]) -> Cost:
    """Run a program to its end and return what it took."""
    began = time.perf_counter()
    done = subprocess.Popen(
        words,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(done.pid, 0)
    wall = time.perf_counter() - began
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)[:80]}: exit status {done.returncode}")
    return Cost(used.ru_utime + used.ru_stime, wall)


def programs(config: Path) -> tuple[Program, ...]:
    """Return what is measured, on the site of a config file with one node."""
    python = sys.executable
    loaded = load(config)
    at = endpoints(loaded, config.parent)[0]
    read = site_query(loaded.image_dir).command
    plain = (at.host, str(at.port), str(at.key_paths[0]), str(at.known_hosts[0]))
    sent = (f"env LC_ALL=C.UTF-8 {read.line()}", read.input().decode())
    return (
        Program("import click", (python, "-c", "import click")),
        Program("pvekit --help", (python, "-m", "pvekit", "--help"), "import click", 1.5),
        Program(
            "pvekit vm create --help",
            (python, "-m", "pvekit", "vm", "create", "--help"),
            "import click",
            2.0,
        ),
        Program("one paramiko exec", (python, "-c", PLAIN, *plain, *sent)),
        Program("pvekit vm list", (python, "-m", "pvekit", "vm", "list"), "one paramiko exec", 1.3),
    )


def medians(listed: Sequence[Program], environ: Mapping[str, str], rounds: int) -> dict[str, Cost]:
    """Measure in turns, so that what else the machine does falls on all alike."""
    for each in listed:
        measure(each.words, environ)
    turns = [{p.name: measure(p.words, environ) for p in listed} for _ in range(rounds)]
    return {
        each.name: Cost(
            statistics.median(turn[each.name].processor for turn in turns),
            statistics.median(turn[each.name].wall for turn in turns),
        )
        for each in listed
    }


def table(listed: Sequence[Program], found: Mapping[str, Cost]) -> str:
    """Return the figures as text: milliseconds, and ratios with their bars."""
    lines = [f"{'':24}{'processor':>12}{'wall':>12}   ratio: processor, wall"]
    for each in listed:
        cost = found[each.name]
        line = f"{each.name:24}{cost.processor * 1000:9.1f} ms{cost.wall * 1000:9.1f} ms"
        if each.base:
            base = found[each.base]
            cpu, wall = cost.processor / base.processor, cost.wall / base.wall
            line += f"   {cpu:.2f}, {wall:.2f} (bar: {each.bar:.2f} x {each.base})"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        with served_site(Path(name) / "lab", SiteSpec(nodes=1, clustered=False)):
            config = Path(name) / "lab" / "config.yaml"
            listed = programs(config)
            environ = {
                **{name: value for name, value in os.environ.items() if name not in NO_BYTECODE},
                "PYTHONPYCACHEPREFIX": str(Path(name) / "bytecode"),
                "HOME": str(home),
                "PVEKIT_CONFIG": str(config),
                "XDG_STATE_HOME": str(home),
            }
            sys.stdout.write(f"{table(listed, medians(listed, environ, given.rounds))}\n")


if __name__ == "__main__":
    main()
