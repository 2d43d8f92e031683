"""A reader of the documents, who types what they show: in a home of their own, at a lab."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import yaml
from labsite import hurried
from live import Live, live_site, templated_site
from shown import Block, Shown, commands

from pvekit.cli.handler import run
from pvekit.lab.site import SiteSpec

PATIENCE = 120
"""After so many seconds a command fails; none of them measures time."""
SCRIPT = "#!/bin/sh\nhostname\n"


@dataclass(frozen=True)
class Wanted:
    """The words of a ``lab:`` remark.

    ``nodes=N``, ``storage=KIND``, ``standalone``: the site. ``template``: built; ``vms=A,B:ROLE``:
    made, of the role "worker" without another. ``project``: the lab's configuration is the user's, so that a
    project's file may lie over it. ``newcomer``: there is no configuration, nor are the
    host keys known; ~/.ssh/config knows the nodes as pve1.example.org and so on. WORD=VALUE in capitals: what stands for a
    placeholder of the document. RUN is always a run that is not finished.
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Wanted:
        pairs = [word.partition("=") for word in text.split()]
        values = {key: value for key, equals, value in pairs if equals}
        return cls(tuple(key for key, equals, _ in pairs if not equals), values)

    @property
    def spec(self) -> SiteSpec:
        nodes = int(self.values.get("nodes", "2"))
        spec = SiteSpec(nodes=nodes, clustered="standalone" not in self.words)
        return replace(spec, storage=self.values.get("storage", spec.storage))

    @property
    def placeholders(self) -> dict[str, str]:
        return {key: value for key, value in self.values.items() if key.isupper()}


class Keyboard(io.StringIO):
    """Somebody at a terminal: what they type is echoed there; without answers, always yes."""

    def __init__(self, answers: str | None, echo: io.StringIO) -> None:
        super().__init__()
        self.answers = None if answers is None else [each.strip() for each in answers.split(",")]
        self.echo = echo

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        if self.answers == []:
            return ""
        typed = "yes" if self.answers is None else self.answers.pop(0)
        self.echo.write(f"{typed}\n")
        return f"{typed}\n"


@dataclass
class Reader:
    live: Live
    work: Path
    wanted: Wanted
    exported: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        found = {**os.environ, **self.live.environ, "COLUMNS": "200"}
        found["PATH"] = f"{self.programs}:{found['PATH']}"
        if {"newcomer", "project"} & set(self.wanted.words):
            found.pop("PVEKIT_CONFIG")
        if "newcomer" in self.wanted.words and (self.live.home / ".config/pvekit").exists():
            key = yaml.safe_load(self.live.config.read_text())["vm_template"]["signing_key"]
            found["PVEKIT_VM_TEMPLATE__SIGNING_KEY"] = str(key)
        return found | self.exported

    @property
    def programs(self) -> Path:
        return self.work.parent / "programs"

    def prepare(self) -> None:
        self.work.mkdir(parents=True)
        self.programs.mkdir()
        for name, module in (("pvekit", "pvekit"), ("pvekit-lab", "pvekit.lab")):
            self._write(
                self.programs / name, f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n'
            )
        for name in ("my-script.sh", "script.sh"):
            self._write(self.work / name, SCRIPT)
        self._write_ssh_files()
        if "project" in self.wanted.words:
            folder = self.live.home / ".config" / "pvekit"
            folder.mkdir(parents=True, mode=0o700)
            shutil.copy(self.live.config, folder)
        for vm in filter(None, self.wanted.values.get("vms", "").split(",")):
            name, _, role = vm.partition(":")
            role = role or "worker"
            self.live.must("vm", "create", "--role", role, "--size", "small", "--name", name)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def _write_ssh_files(self) -> None:
        ssh = self.live.home / ".ssh"
        ssh.mkdir(mode=0o700)
        key = yaml.safe_load(self.live.config.read_text())["ssh_private_key_path"]
        for end, mode in (("", 0o600), (".pub", 0o644)):
            shutil.copy(f"{key}{end}", ssh / f"id_ed25519{end}")
            (ssh / f"id_ed25519{end}").chmod(mode)
        spec = self.wanted.spec
        if "newcomer" in self.wanted.words:
            (ssh / "config").write_text(
                "".join(
                    f"Host {name} {name}.example.org {spec.network}.{number}\n  HostName {host}\n  Port {port}\n"
                    for number, name in enumerate(self.live.site.nodes, 1)
                    for host, port in [self.live.served.addresses[name]]
                )
            )

    # What is typed

    def follow(self, block: Block) -> Iterator[tuple[Shown, int, str]]:
        """Type a block; yields each command with its exit status and what it printed."""
        typed = [replace(each, line=self.filled(each.line)) for each in commands(block)]
        if not all(self.is_simple(each.line) for each in typed):
            script = Shown(f"{block.document}:{block.first}", self.filled(block.text), None)
            yield script, *self.by_shell(script.line)
            return
        for each in typed:
            yield each, *self.type(each.line, block.remarks.get("answers"))

    def filled(self, text: str) -> str:
        for word, value in self.wanted.placeholders.items():
            text = re.sub(rf"\b{word}\b", value, text)
        return text

    @staticmethod
    def is_simple(line: str) -> bool:
        words = line.split()
        return words[0] == "export" or (
            words[0] in ("pvekit", "pvekit-lab")
            and not set(words) & {"|", "&&", "||", "&", "2>&1"}
            and "$(" not in line
        )

    def type(self, line: str, answers: str | None) -> tuple[int, str]:
        if re.search(r"\bRUN\b", line):
            line = re.sub(r"\bRUN\b", self.unfinished_run(), line)
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.exported[name] = value.replace("$PWD", str(self.work))
            return 0, ""
        if words[0] == "pvekit-lab" or words[1:3] == ["vm", "ssh"] or set(line) & set("<>"):
            return self.by_shell(line)
        out = io.StringIO()
        with (
            self.in_its_place(),
            patch("sys.stdin", Keyboard(answers, out)),
            redirect_stdout(out),
            redirect_stderr(out),
        ):
            return run(words[1:], hurried), out.getvalue()

    @contextmanager
    def in_its_place(self) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.work)
        try:
            with patch.dict(os.environ, self.environ, clear=True):
                yield
        finally:
            os.chdir(before)

    def by_shell(self, text: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-eu", "-c", text],
            cwd=self.work,
            env={**self.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout

    def unfinished_run(self) -> str:
        found = self.live.must("run", "list", "--unfinished", "-o", "json").rows
        if not found:
            self.live.order("start-fails")
            self.live.pvekit("vm", "create", "--role", "worker", "--size", "small")
            self.live.clear()
            found = self.live.must("run", "list", "--unfinished", "-o", "json").rows
        return str(found[0]["run"])

    def leave(self) -> None:
        """End the labs that were started from the user's directory."""
        for directory in (self.work / "lab", self.work / ".pvekit-lab"):
            if directory.exists():
                self.by_shell(f"pvekit-lab down --dir {directory}")


@contextmanager
def reading(directory: Path, wanted: Wanted) -> Iterator[Reader]:
    started = templated_site if "template" in wanted.words else live_site
    with started(directory, wanted.spec) as live:
        reader = Reader(live, directory / "home" / "work", wanted)
        reader.prepare()
        try:
            yield reader
        finally:
            reader.leave()
