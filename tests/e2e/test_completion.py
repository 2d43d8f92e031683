"""Completion in real shells against a served lab, well, slow, dead or not configured at all."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from live import CREATE, Live, templated_site

LONG = "60"
"""So many seconds to answer in, where the answer is what is tested."""


@dataclass(frozen=True)
class Prompt:
    """A user's shell: ``pvekit`` is on the path and notes the words it is called with."""

    live: Live
    directory: Path

    @property
    def called(self) -> Path:
        return self.directory / "called"

    def environ(self, seconds: str = LONG, **more: str) -> dict[str, str]:
        own = {
            "PATH": f"{self.directory}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "_PVEKIT_COMPLETE_SECONDS": seconds,
            "TERM": "dumb",
        }
        return {**os.environ, **self.live.environ, **own, **more}

    def completed(self, *words: str, seconds: str = LONG, **more: str) -> list[str]:
        """Ask as a script does; whatever happens, nothing is said and it ends well or in 1."""
        asking = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        asking |= {"_PVEKIT_COMPLETE": "bash_complete"}
        done = subprocess.run(
            ["pvekit"],
            env=self.environ(seconds, **asking, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.directory,
        )
        assert done.stderr == ""
        assert done.returncode in (0, 1)
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    def shell(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environ(), capture_output=True, text=True, cwd=self.directory
        )
        assert done.returncode == 0, done
        return done.stdout

    def typed(self, shell: list[str], keys: str) -> list[list[str]]:
        """Type at a shell on a terminal of its own; return with what words pvekit was called."""
        self.called.unlink(missing_ok=True)
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            shell,
            env=self.environ(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.directory,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            os.write(ours, keys.encode())
            said = b""
            while process.poll() is None:
                try:
                    said += os.read(ours, 4096)
                except OSError:
                    break
        os.close(ours)
        assert self.called.exists(), said.decode(errors="replace")
        return [line.split("\0") for line in self.called.read_text().splitlines()]

    @property
    def cache(self) -> Path:
        (path,) = (self.directory / "cache/pvekit/names").glob("*.json")
        return path

    def age(self, seconds: float) -> None:
        """Let the cache be so much older."""
        data = json.loads(self.cache.read_text())
        data["asked"] -= seconds
        for told in data["told"].values():
            told["when"] -= seconds
        self.cache.write_text(json.dumps(data))

    def readings(self) -> int:
        return sum("sh -s" in line for line in self.live.lines())


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("completion")) as site:
        site.must("-q", *CREATE, "--name", "web-1", "--node", "pve1")
        site.must("-q", *CREATE, "--name", "store-1", "--node", "pve2")
        site.must("-q", "vm", "snapshot", "create", "web-1", "before-upgrade")
        site.on("pve1", "qm create 700 --name stranger --memory 512")
        yield site


@pytest.fixture
def prompt(live, tmp_path):
    program = tmp_path / "pvekit"
    note = f"""#!{sys.executable}
import os, sys
if "_PVEKIT_COMPLETE" not in os.environ and sys.argv[1:2] != ["completion"]:
    open({str(tmp_path / "called")!r}, "a").write("\\0".join(sys.argv[1:]) + "\\n")
    sys.exit()
from pvekit.cli import main
main()
"""
    program.write_text(note)
    program.chmod(0o755)
    source = str(Path(__file__).parents[2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", source)
        yield Prompt(live, tmp_path)
    live.clear()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


# The real scripts in the real shells

LINES = {
    "vm sta\t web\t": ["vm", "start", "web-1"],
    "vm show --outp\tjs\t str\t": ["vm", "show", "--output", "json", "stranger"],
    "vm migrate sto\t --to pve1": ["vm", "migrate", "store-1", "--to", "pve1"],
    "vm snapshot rollback web-1 bef\t": ["vm", "snapshot", "rollback", "web-1", "before-upgrade"],
}


def keys(line: str) -> str:
    """Return a line for a shell that itself puts a space after a whole word."""
    return line.replace("\t ", "\t")


def test_bash(prompt):
    shell = program("bash")
    script = prompt.directory / "script"
    script.write_text(prompt.shell("pvekit", "completion", "bash"))
    typed = "".join(f"pvekit {keys(line)}\n" for line in LINES)
    words = [shell, "--noprofile", "--norc", "-i"]
    assert prompt.typed(words, f". ./script\n{typed}exit\n") == list(LINES.values())


def test_zsh(prompt):
    shell = program("zsh")
    (prompt.directory / "_pvekit").write_text(prompt.shell("pvekit", "completion", "zsh"))
    typed = "".join(f"pvekit {keys(line)}\n" for line in LINES)
    # Without the style a TAB with more keys behind it would be one that was pasted.
    begin = (
        "zstyle ':completion:*' insert-tab false; fpath=($PWD $fpath)\n"
        "autoload -Uz compinit; compinit -u -D\n"
    )
    assert prompt.typed([shell, "-f", "-i"], f"{begin}{typed}exit\n") == list(LINES.values())


def test_fish(prompt):
    shell = program("fish")
    script = prompt.directory / "pvekit.fish"
    script.write_text(prompt.shell("pvekit", "completion", "fish"))

    def offered(line: str) -> list[str]:
        asked = f"source {script}; complete -C {line!r}"
        return prompt.shell(shell, "--no-config", "-c", asked).splitlines()

    assert "start\tStart VMs." in offered("pvekit vm sta")
    assert offered("pvekit vm start ") == ["store-1\tVM 101 on pve2", "web-1\tVM 100 on pve1"]
    assert offered("pvekit vm snapshot rollback web-1 ") == ["before-upgrade\tof web-1"]
    (told,) = [line for line in offered("pvekit vm ") if line.startswith("wait\t")]
    assert told == "wait\tWait until VMs are ready, run, are off or gone.", "commas and all"


# What is offered


def test_names_of_every_kind(prompt):
    completed = prompt.completed
    runs = completed("pvekit", "run", "show", "")
    assert len(runs) == len(prompt.live.must("run", "list", "-o", "name").out.split())
    assert completed("pvekit", "run", "resume", "") == []
    assert completed("pvekit", "raw", "") == ["pve1", "pve2"]
    assert completed("pvekit", "vm", "create", "--avoid", "") == ["pve1", "pve2"]
    assert completed("pvekit", "vm", "create", "--size", "") == ["small", "medium", "large", "auto"]
    assert completed("pvekit", "size", "show", "m") == ["medium"]
    assert "worker" in completed("pvekit", "vm", "stop", "--role", "")
    assert completed("pvekit", "vm", "show", "") == ["store-1", "stranger", "web-1"]
    assert completed("pvekit", "vm", "show", "10") == ["101", "100"]
    assert completed("pvekit", "vm", "start", "pve2/") == ["pve2/store-1", "pve2/101"]
    assert completed("pvekit", "vm", "start", "web-1", "") == ["store-1"], "each once"
    assert completed("pvekit", "template", "show", "")
    assert completed("pvekit", "explain", "VM-NOT-F") == ["VM-NOT-FOUND"]
    assert completed("pvekit", "vm", "wait", "--for", "st") == ["stopped"]
    contexts = prompt.directory / "config/pvekit/contexts"
    contexts.mkdir(parents=True)
    (contexts / "home.yaml").write_text("{}")
    assert completed("pvekit", "--context", "") == ["home"]
    assert completed("pvekit", "config", "use", "h") == ["home"]


def test_bash_parts_an_option_from_its_value(prompt):
    assert prompt.completed("pvekit", "size", "show", "--output", "=", "js") == ["json"]
    assert prompt.completed("pvekit", "vm", "stop", "--role", "=") == ["master", "worker"]


def test_a_file_is_left_to_the_shell(prompt):
    assert prompt.completed("pvekit", "apply", "-f", "fl") == ["fl"]


def test_the_cache_is_the_users_alone_and_spares_the_site(prompt):
    prompt.completed("pvekit", "vm", "show", "")
    before = prompt.readings()
    assert prompt.completed("pvekit", "vm", "show", "w") == ["web-1"]
    assert prompt.readings() == before
    assert stat.S_IMODE(prompt.cache.stat().st_mode) == 0o600
    assert stat.S_IMODE(prompt.cache.parent.stat().st_mode) == 0o700
    prompt.age(16)
    assert prompt.completed("pvekit", "vm", "show", "w") == ["web-1"]
    assert prompt.readings() == before + 3, "one to each node, one for what both share"


# A site that does not answer


def test_what_does_not_answer_is_left_behind_and_the_cache_told(prompt):
    prompt.completed("pvekit", "vm", "show", "")
    prompt.age(16)
    prompt.live.order("hang", "sh -s", count=-1)
    before = prompt.readings()
    assert prompt.completed("pvekit", "vm", "show", "w", seconds="6") == ["web-1"]
    assert prompt.readings() == before + 2, "both were asked, neither has ever answered"
    assert prompt.completed("pvekit", "vm", "show", "w", seconds="6") == ["web-1"]
    assert prompt.readings() == before + 2, "and neither is asked again at once"


def test_what_is_too_old_is_not_told(prompt):
    prompt.completed("pvekit", "vm", "show", "")
    prompt.age(8 * 86400)
    prompt.live.order("hang", "sh -s", count=-1)
    assert prompt.completed("pvekit", "vm", "show", "w", seconds="1") == []


def test_a_hanging_site_ends_within_the_usual_patience(prompt):
    prompt.live.order("hang", "sh -s", count=-1)
    assert prompt.completed("pvekit", "vm", "show", "w", seconds="") == []


def test_the_living_nodes_tell_what_a_dead_one_does_not(prompt):
    prompt.live.order("node-down", "pve2")
    found = prompt.completed("pvekit", "vm", "show", "", seconds="8")
    assert found == ["store-1", "stranger", "web-1"], "the PVE cluster knows them all"


# No fault is seen


def test_no_configuration(prompt, tmp_path):
    nowhere = {"PVEKIT_CONFIG": str(tmp_path / "none.yaml")}
    assert prompt.completed("pvekit", "vm", "show", "", **nowhere) == []
    assert prompt.completed("pvekit", "vm", "sho", **nowhere) == ["show"]


def test_a_host_key_that_nobody_trusts(prompt):
    live = prompt.live.configured("untrusted", ssh_known_hosts_path="/nonexistent")
    before = prompt.readings()
    other = Prompt(live, prompt.directory)
    assert other.completed("pvekit", "vm", "show", "") == []
    assert prompt.readings() == before


def test_a_node_that_nobody_knows_how_to_reach(prompt):
    prompt.completed("pvekit", "vm", "show", "")
    prompt.age(16)
    settings = prompt.live.home / ".ssh" / "config"
    settings.parent.mkdir()
    settings.write_text("Host *\n  ProxyCommand ssh elsewhere -W %h:%p\n")
    before = prompt.readings()
    try:
        assert prompt.completed("pvekit", "vm", "show", "w") == ["web-1"]
        assert prompt.readings() == before
    finally:
        settings.unlink()
        settings.parent.rmdir()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"asked": 1, "told": [1]}', '{"told": {}}'])
def test_a_cache_that_is_none(prompt, text):
    prompt.completed("pvekit", "vm", "show", "")
    prompt.cache.write_text(text)
    assert prompt.completed("pvekit", "vm", "show", "w") == ["web-1"]


def test_a_cache_that_cannot_be(prompt):
    (prompt.directory / "cache").write_text("a file")
    assert prompt.completed("pvekit", "vm", "show", "w") == ["web-1"]


@pytest.mark.parametrize(
    "words", [("pvekit", "bogus", ""), ("pvekit", "vm", "show", "--bogus", "")]
)
def test_a_wrong_line(prompt, words):
    prompt.completed(*words)


def test_a_shell_that_there_is_no_script_for(prompt):
    asked = prompt.environ(_PVEKIT_COMPLETE="tcsh_complete")
    done = subprocess.run(["pvekit"], env=asked, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_commands_are_completed_without_importing_them():
    code = (
        "import sys\n"
        "from pvekit.cli.root import root\n"
        "from pvekit.cli.shells import speaker\n"
        "asked = speaker('bash', root)\n"
        "found = [*asked.get_completions([], ''), *asked.get_completions(['vm'], 's')]\n"
        "print(*[each.value for each in found])\n"
        "print(*[name for name in sys.modules if name.startswith('pvekit.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words, modules = map(str.split, done.stdout.splitlines())
    assert {"vm", "template", "snapshot", "stop"} <= set(words)
    assert "trust" not in words, "what help does not list is not offered"
    assert "pvekit.cli.vm" in modules
    assert not {"pvekit.cli.template", "pvekit.cli.snapshots", "pvekit.cli.runs"} & set(modules)
