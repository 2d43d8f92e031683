"""`pvekit-lab` as it is typed: what it says, what it leaves behind, and its exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ssh_clients import Paramiko

from pvekit.lab.cli import execute
from pvekit.lab.home import Home, LabError, serving

ROOT = Path(__file__).parents[2]
LAB = [sys.executable, "-m", "pvekit.lab"]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str = ""
    stderr: str = ""


def lab(*words: str, directory: Path) -> Done:
    """Call the command line within this process, as `main` does."""
    try:
        outcome = execute([words[0], "--dir", str(directory), *words[1:]], os.environ)
    except LabError as error:
        return Done(error.status, stderr=f"pvekit-lab: {error}\n")
    return Done(outcome.status, outcome.text and f"{outcome.text}\n")


def shell(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Call the command line as a program."""
    return subprocess.run([*LAB, *words], cwd=ROOT, capture_output=True, text=True, **options)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def pid_of(directory: Path) -> int:
    pid = serving(Home(directory))
    assert pid is not None
    return pid


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "lab"
    yield path
    lab("down", directory=path)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a lab of one node that is up, for those who do not end it."""
    path = tmp_path_factory.mktemp("standing") / "lab"
    assert lab("up", "--nodes", "1", directory=path).returncode == 0
    yield path
    lab("down", directory=path)


def client_of(directory: Path) -> Paramiko:
    config = yaml.safe_load((directory / "config.yaml").read_text())
    addresses = {node["name"]: (node["host"], node["port"]) for node in config["proxmox_nodes"]}
    return Paramiko(directory, addresses)


def test_up_status_down(directory: Path):
    up = shell("up", "--nodes", "3", "--dir", str(directory))
    assert (up.returncode, up.stderr) == (0, "")
    assert f"export PVEKIT_CONFIG={directory}/config.yaml" in up.stdout
    status = lab("status", directory=directory)
    assert status.stdout == up.stdout
    found = json.loads(lab("status", "--json", directory=directory).stdout)
    assert [node["name"] for node in found["nodes"]] == ["pve1", "pve2", "pve3"]
    assert client_of(directory).run("pve3", "hostname").out == b"pve3\n"
    down = shell("down", "--dir", str(directory))
    assert (down.returncode, down.stderr) == (0, "")
    assert not alive(found["pid"])
    assert not (directory / "lab.pid").exists()
    assert not (directory / "control.sock").exists()
    assert (directory / "daemon.log").read_text() == ""


def test_what_it_writes_is_for_its_owner_alone(standing: Path):
    directory = standing
    assert directory.stat().st_mode & 0o077 == 0
    assert (directory / "id_ed25519").stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert config["ssh_private_key_path"] == str(directory / "id_ed25519")
    assert config["cloud_init"]["ssh_public_key"].startswith("ssh-ed25519 ")


def test_state_survives_down_and_up(directory: Path):
    lab("up", "--nodes", "1", directory=directory)
    before = client_of(directory)
    before.run("pve1", "echo kept >/root/note")
    lab("down", directory=directory)
    again = lab("up", directory=directory)
    assert again.returncode == 0, again.stderr
    after = client_of(directory)
    assert after.run("pve1", "cat /root/note").out == b"kept\n"
    assert after.addresses == before.addresses
    lab("down", directory=directory)
    other = lab("up", "--nodes", "2", directory=directory)
    assert other.returncode == 1
    assert "1 nodes, standalone, lvmthin" in other.stderr
    fresh = lab("up", "--fresh", "--nodes", "2", directory=directory)
    assert fresh.returncode == 0
    assert client_of(directory).run("pve1", "cat /root/note").status == 1


def test_guests_that_ran_are_started_again(directory: Path):
    lab("up", "--nodes", "1", directory=directory)
    image = "https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-amd64.img"
    commands = [
        f"wget -q -O /var/lib/vz/jammy.img {image}",
        "qm create 101 --name web --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single",
        "qm disk import 101 /var/lib/vz/jammy.img local-lvm",
        "qm set 101 --scsi0 local-lvm:vm-101-disk-0 --ide2 local-lvm:cloudinit --boot order=scsi0",
        "qm set 101 --ipconfig0 ip=10.20.0.5/24",
        "qm start 101",
    ]
    assert client_of(directory).run("pve1", " && ".join(commands)).status == 0
    for _ in range(2):
        wait_until(lambda: "101  web  10.20.0.5" in lab("status", directory=directory).stdout)
        lab("down", directory=directory)
        lab("up", directory=directory)
    assert client_of(directory).run("pve1", "qm status 101").out == b"status: running\n"


def test_a_second_up_is_refused_and_changes_nothing(standing: Path):
    pid = pid_of(standing)
    second = lab("up", directory=standing)
    assert second.returncode == 1
    assert "a lab is up already" in second.stderr
    assert second.stderr.count("\n") == 1
    assert pid_of(standing) == pid


def test_two_labs_side_by_side(standing: Path, directory: Path):
    assert lab("up", directory=directory).returncode == 0
    assert client_of(standing).run("pve1", "touch /root/x").status == 0
    assert client_of(directory).run("pve1", "test -e /root/x").status == 1
    assert lab("down", directory=directory).returncode == 0
    assert client_of(standing).run("pve1", "test -e /root/x").status == 0


def test_several_ups_at_once_give_one_lab(directory: Path):
    words = [*LAB, "up", "--dir", str(directory)]
    started = [
        subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in "123"
    ]
    assert sorted(process.wait() for process in started) == [0, 1, 1]
    assert lab("status", directory=directory).returncode == 0


def test_leftovers_of_a_crash_do_not_matter(directory: Path):
    lab("up", directory=directory)
    os.kill(pid_of(directory), signal.SIGKILL)
    wait_until(lambda: serving(Home(directory)) is None)
    assert (directory / "control.sock").exists()
    assert lab("status", directory=directory).returncode == 1
    assert lab("up", directory=directory).returncode == 0
    assert lab("status", directory=directory).returncode == 0
    os.kill(pid_of(directory), signal.SIGKILL)
    wait_until(lambda: serving(Home(directory)) is None)
    down = lab("down", directory=directory)
    assert "removed what a crashed one had left" in down.stderr
    assert not (directory / "control.sock").exists()


def test_a_daemon_that_is_told_to_end_leaves_nothing(directory: Path):
    lab("up", directory=directory)
    os.kill(pid_of(directory), signal.SIGTERM)
    wait_until(lambda: serving(Home(directory)) is None)
    assert not (directory / "lab.pid").exists()
    assert not (directory / "control.sock").exists()


def test_a_long_path_is_no_problem(tmp_path: Path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    assert lab("up", "--nodes", "1", directory=deep).returncode == 0
    assert lab("down", directory=deep).returncode == 0


def test_run_gives_the_command_a_lab_and_its_status(tmp_path: Path):
    script = 'test -e "$PVEKIT_CONFIG" && echo "$PVEKIT_LAB_DIR"; exit 3'
    done = shell(
        "run", "--nodes", "1", "--", "sh", "-c", script, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 3
    assert done.stdout.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_run_keeps_a_given_directory(directory: Path):
    assert shell("run", "--dir", str(directory), "--", "true").returncode == 0
    assert (directory / "state.json").exists()
    assert serving(Home(directory)) is None


@pytest.mark.parametrize(("word", "status"), [("/nowhere/x", 127), ("/", 126)])
def test_run_of_what_cannot_run(tmp_path: Path, word: str, status: int):
    done = shell("run", "--nodes", "1", "--", word, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == status
    assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_run_passes_signals_on_and_ends_the_lab(directory: Path, number: signal.Signals):
    script = "trap 'exit 42' TERM INT HUP; echo ready; while :; do sleep 0.01; done"
    with Run(directory, script) as run:
        run.process.send_signal(number)
        assert run.process.wait() == 42
    assert serving(Home(directory)) is None


def test_a_run_that_is_killed_takes_its_lab_along(directory: Path):
    with Run(directory, "echo ready; exec sleep 1000") as run:
        daemon = pid_of(directory)
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not alive(daemon))
        run.end_orphan()
    assert not (directory / "lab.pid").exists()


@dataclass
class Run:
    directory: Path
    script: str

    def __enter__(self) -> Run:
        self.process = subprocess.Popen(
            [
                *LAB,
                "run",
                "--dir",
                str(self.directory),
                "--",
                "sh",
                "-c",
                f"echo $$; {self.script}",
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.child = int(self.process.stdout.readline())
        assert self.process.stdout.readline() == "ready\n"
        return self

    def end_orphan(self) -> None:
        os.kill(self.child, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_faults_are_ordered_listed_and_cleared(standing: Path):
    directory = standing
    words = ["--match", "qm clone", "--when", "after", "--count", "2", "--set", "skip=1"]
    assert lab("fault", "link-cut", *words, directory=directory).returncode == 0
    assert lab("fault", "storage-full", directory=directory).returncode == 0
    listed = lab("fault", "list", directory=directory).stdout.splitlines()
    assert listed == [
        "link-cut --match 'qm clone' --when after --count 2 --set skip=1",
        "storage-full --when before --count 1",
    ]
    assert "Cleared: 1" in lab("fault", "clear", "link-cut", directory=directory).stdout
    assert "Cleared: 1" in lab("fault", "clear", directory=directory).stdout
    assert "No faults" in lab("fault", "list", directory=directory).stdout


def test_the_log_tells_what_was_asked(directory: Path):
    lab("up", "--nodes", "1", directory=directory)
    client_of(directory).run("pve1", "qm list")
    client_of(directory).run("pve1", "qm create 100 --name one")
    assert "root$ qm list" in lab("log", directory=directory).stdout
    programs = lab("log", "--program", "--json", directory=directory).stdout.splitlines()
    assert [json.loads(line)["argv"][:2] for line in programs] == [["qm", "list"], ["qm", "create"]]
    lab("down", directory=directory)
    changes = lab("log", "--changes", directory=directory).stdout.splitlines()
    assert [line.split("!")[1] for line in changes] == [" qm create 100 --name one"]


MISTAKES = [
    (["status"], 1, "no lab is up in"),
    (["down"], 1, "no lab is up in"),
    (["fault", "link-cut"], 1, "no lab is up in"),
    (["fault", "list"], 1, "no lab is up in"),
    (["log"], 1, "no lab has been in"),
    (["fault", "nonsense"], 2, "unknown kind of fault 'nonsense': link-cut, "),
    (["fault", "clear", "nonsense"], 2, "unknown kind of fault 'nonsense'"),
    (["run", "--"], 2, "nothing to run"),
]


@pytest.mark.parametrize(("words", "status", "text"), MISTAKES)
def test_mistakes_are_one_clear_line(tmp_path: Path, words: list[str], status: int, text: str):
    with pytest.raises(LabError, match=text) as caught:
        execute(words, {"PVEKIT_LAB_DIR": str(tmp_path / "lab")})
    assert caught.value.status == status
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["up", "--nodes", "0"],
        ["up", "--storage", "tape"],
        ["up", "--cluster", "--standalone"],
        ["up", "--", "true"],
        ["run", "true"],
        ["run"],
        ["fault", "link-cut", "--when", "later"],
        ["fault", "link-cut", "--count", "0"],
        ["fault", "link-cut", "--set", "skip"],
    ],
)
def test_bad_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        execute(words, {})
    assert caught.value.code == 2
    assert "pvekit-lab" in capsys.readouterr().err


def test_the_messages_reach_the_terminal(tmp_path: Path):
    done = shell("status", "--dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"pvekit-lab: no lab is up in {tmp_path}: `pvekit-lab up` starts one\n"


def test_a_directory_that_cannot_be(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    done = lab("up", directory=file / "lab")
    assert (done.returncode, done.stderr) == (
        1,
        f"pvekit-lab: cannot make {file}/lab: Not a directory\n",
    )


def test_damaged_state_is_named(tmp_path: Path):
    (tmp_path / "state.json").write_text("{")
    done = lab("up", directory=tmp_path)
    assert done.returncode == 1
    assert "--fresh" in done.stderr
    assert serving(Home(tmp_path)) is None


def test_without_asyncssh_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"pip install 'pvekit\[lab\]'"):
        execute(["up", "--dir", str(tmp_path)], {})


def test_elsewhere_than_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match="Linux only"):
        execute(["up", "--dir", str(tmp_path)], {})


def test_the_command_line_loads_without_the_servers_library():
    code = "import sys, pvekit.lab.cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"asyncssh", "paramiko", "click"}
    ours = {name for name in loaded if name.startswith("pvekit.")}
    assert all(name == "pvekit.lab" or name.startswith("pvekit.lab.") for name in ours)
