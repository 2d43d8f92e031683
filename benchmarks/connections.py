"""What reading many nodes at once takes of this machine, and what one dead node costs the others.

A lab in a process of its own serves the nodes of a PVE cluster over SSH. They are read twice: all
of them well, and with one more that accepts connections and never says a word.
Run: python benchmarks/connections.py [--nodes N]
"""

from __future__ import annotations

import argparse
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pvekit.config.load import load
from pvekit.config.model import Config, NodeEntry
from pvekit.inventory.read import assemble
from pvekit.lab.inprocess import served_site
from pvekit.lab.site import SiteSpec
from pvekit.operations.machines import Machines, Sent, endpoints
from pvekit.operations.site_reading import readings
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.ssh.deadline import Limits
from pvekit.ssh.site import Connections

DEAD = "silent"
DESCRIPTORS = Path("/proc/self/fd")


@dataclass
class Use:
    """The most that this process has had at once: file descriptors, threads, memory in MB."""

    descriptors: int = 0
    threads: int = 0
    memory: float = 0.0

    def look(self) -> None:
        """Take note of how much there is now."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.descriptors = max(self.descriptors, sum(1 for _ in DESCRIPTORS.iterdir()))
        self.threads = max(self.threads, threading.active_count())
        self.memory = max(self.memory, pages * resource.getpagesize() / 1e6)


@contextmanager
def watched(use: Use) -> Iterator[None]:
    """Look every hundredth of a second."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            use.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Reading:
    """How a site was read: seconds until each node had told, and in all."""

    told: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    processor: float = 0.0
    problems: tuple[str, ...] = ()


def read(config: Config, home: Path, patience: float) -> Reading:
    """Read a site once over new connections; a node may take so many seconds to say a word."""
    found, began, before = Reading(), time.monotonic(), time.process_time()

    def note(sent: Sent) -> None:
        if sent.status == 0:
            found.told[sent.name] = time.monotonic() - began

    connections = Connections(endpoints(config, home), limits=Limits(handshake=patience))
    machines = Machines(connections, note)
    try:
        names = [node.alias for node in config.nodes]
        policy = Policy(retries=0)
        answers = readings(machines, names, config.image_dir, Clock(), policy)
    finally:
        machines.close()
    found.seconds = time.monotonic() - began
    found.processor = time.process_time() - before
    found.problems = assemble(answers).problems
    return found


@contextmanager
def lab(nodes: int, directory: Path) -> Iterator[Path]:
    """Have a lab in a process of its own; yields the path of its config."""
    words = (sys.executable, __file__, "--nodes", str(nodes), "--serve", str(directory))
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield directory / "config.yaml"
    finally:
        process.stdin.close()
        process.wait()


def serve(nodes: int, directory: Path) -> None:
    """Serve a lab until nobody listens any more."""
    with served_site(directory, SiteSpec(nodes=nodes)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


def compare(config: Config, home: Path, patience: float) -> None:
    """Read with and without a dead node, and print both."""
    sys.stdout.write(
        f"{'':12}{'living read, s':>16}{'in all, s':>11}{'processor, s':>14}"
        f"{'descriptors':>13}{'threads':>9}{'memory, MB':>12}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = NodeEntry("127.0.0.1", name=DEAD, port=silent.getsockname()[1])
        sites = {"all well": config, "one dead": replace(config, nodes=(entry, *config.nodes))}
        for name, site in sites.items():
            use = Use()
            use.look()
            with watched(use):
                found = read(site, home, patience)
            living = max(found.told.values())
            sys.stdout.write(
                f"{name:12}{living:16.1f}{found.seconds:11.1f}{found.processor:14.1f}"
                f"{use.descriptors:13}{use.threads:9}{use.memory:12.0f}\n"
            )
            for problem in found.problems:
                sys.stdout.write(f"  {problem}\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--patience", type=float, default=Limits().handshake)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.nodes, given.serve)
        return
    with tempfile.TemporaryDirectory() as name, lab(given.nodes, Path(name) / "lab") as path:
        compare(load(path), Path(name), given.patience)


if __name__ == "__main__":
    main()
