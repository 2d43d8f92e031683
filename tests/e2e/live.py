"""A lab behind real SSH, and pvekit's command line on it: in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import yaml
from documents import checked
from labsite import LabSite, hurried

from pvekit.cli.handler import run
from pvekit.config.load import load
from pvekit.journal import Store
from pvekit.lab.inprocess import ServedSite, served_site
from pvekit.lab.site import Site, SiteSpec
from pvekit.operations.desk import Desk
from pvekit.operations.machines import connect
from pvekit.run.context import Policy
from pvekit.run.stop import Stop

STANDALONE = SiteSpec(nodes=1, clustered=False)
CREATE = ("vm", "create", "--role", "worker", "--size", "small")
AT_ONCE = Policy(retries=0, shortest=0.01, longest=0.01)
SETTLE = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done"


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def vms(self) -> list[dict[str, Any]]:
        return checked(json.loads(self.out))["items"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return checked(json.loads(self.out))["items"]


@dataclass(frozen=True)
class Live:
    """``home`` is the user's home directory, where pvekit also keeps its journals."""

    served: ServedSite
    home: Path
    config: Path

    @property
    def site(self) -> Site:
        return self.served.site

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PVEKIT_CONFIG": str(self.config),
            "XDG_STATE_HOME": str(self.home / "state"),
        }

    def pvekit(self, *words: str) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, self.environ), redirect_stdout(out), redirect_stderr(err):
            status = run(words, hurried)
        return Answer(status, out.getvalue(), err.getvalue())

    def must(self, *words: str) -> Answer:
        answer = self.pvekit(*words)
        assert answer.status == 0, answer
        return answer

    def process(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pvekit", *words],
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def in_parallel(self, *commands: tuple[str, ...]) -> list[Answer]:
        """Run command lines at once, each in a process of its own."""
        started = [self.process(*words) for words in commands]
        told = [process.communicate() for process in started]
        return [
            Answer(process.returncode, out, err)
            for process, (out, err) in zip(started, told, strict=True)
        ]

    @contextmanager
    def desk(self, policy: Policy = AT_ONCE) -> Iterator[Desk]:
        """What the commands work with, but with another patience for transient failures."""
        config = load(self.config)
        machines = connect(config, self.home)
        try:
            yield Desk(config, machines, Store(self.home / "runs"), hurried(Stop()), policy)
        finally:
            machines.close()

    def configured(self, name: str, **sections: Mapping[str, Any] | str | int | bool) -> Live:
        """The same site under another configuration: values, and sections changed key by key."""
        data = yaml.safe_load(self.config.read_text())
        for section, changes in sections.items():
            mapping = isinstance(changes, Mapping)
            data[section] = {**data.get(section, {}), **changes} if mapping else changes
        path = self.config.with_name(f"{name}.yaml")
        path.write_text(yaml.safe_dump(data))
        return replace(self, config=path)

    # What the lab is told, and what it tells

    def order(self, kind: str, match: str = "", when: str = "before", **more: Any) -> None:
        faults = self.site.faults
        self.served.shell.loop.do(lambda: faults.order(kind, match, when, **more))

    def open_faults(self) -> int:
        return len(self.served.shell.loop.do(self.site.faults.open))

    def clear(self) -> None:
        self.served.shell.loop.do(self.site.faults.clear)

    def on(self, node: str, line: str) -> str:
        status, out, err = self.served.shell.run_line(node, line)
        assert status == 0, (line, err.decode())
        return out.decode()

    def settle(self) -> None:
        """Let what still runs on the nodes come to its end."""
        for node in self.site.nodes:
            self.on(node, SETTLE)

    def picture(self) -> dict[str, list[str]]:
        """All that a run could leave on the site, but for what differs from run to run."""
        return LabSite(self.served.shell).picture()

    def cluster_files(self) -> list[dict[str, Any]]:
        """What lies under /etc/pve, with modes and times."""
        clusters = self.site.clusters
        return self.served.shell.loop.do(lambda: [each.to_data() for each in clusters])

    def programs(self) -> list[dict[str, Any]]:
        """The programs of Proxmox VE that were started, oldest first."""
        return list(self.site.log.of("program"))

    def changes(self) -> list[list[str]]:
        return [event["argv"] for event in self.programs() if event["changes"]]

    def lines(self) -> list[str]:
        """What was asked of nodes and guests over SSH, oldest first."""
        return [event["line"] for event in self.site.log.of("exec")]

    def forget(self) -> None:
        self.site.log.events.clear()


@contextmanager
def live_site(directory: Path, spec: SiteSpec | None = None, state: Any = None) -> Iterator[Live]:
    home = directory / "home"
    home.mkdir(parents=True)
    with served_site(directory / "lab", spec, state=state) as served:
        yield Live(served, home, directory / "lab" / "config.yaml")


@contextmanager
def templated_site(directory: Path, spec: SiteSpec | None = None) -> Iterator[Live]:
    """A site that has its templates, and a user who has not given any command yet."""
    with live_site(directory, state=_templated(spec or SiteSpec())) as live:
        yield live


@cache
def _templated(spec: SiteSpec) -> Any:
    with TemporaryDirectory() as directory, live_site(Path(directory) / "site", spec) as live:
        live.must("template", "build")
        live.settle()
        return live.served.shell.loop.do(live.site.to_data)
