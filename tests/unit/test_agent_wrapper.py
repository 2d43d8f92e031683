"""The wrapper for sudo, run by a real shell in a sandbox: what it lets through, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pvekit.leftovers.files import _forgotten
from pvekit.plan import Change, Guard
from pvekit.pve import act, agent, qm, scripts
from pvekit.pve.agent import Allowance
from pvekit.shell import Command, Secret

SH = shutil.which("dash") or shutil.which("sh")
IMAGES = "/var/lib/vz/pvekit"
PROGRAMS = ("qm", "pveversion", "install", "rm", "genisoimage", "ha-manager", "stat", "sh")
RAN = "ran: "


@dataclass(frozen=True)
class Sandbox:
    program: Path
    folder: Path

    def run(
        self, *words: str, stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [SH, str(self.program), *words],
            input=stdin,
            capture_output=True,
            env={"PATH": "/nowhere", **env},
            timeout=30,
        )

    def send(self, command: Command) -> subprocess.CompletedProcess[bytes]:
        return self.run(*map(str, command.words), stdin=command.input())


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Sandbox:
    folder = tmp_path_factory.mktemp("agent")
    files = agent.installed(Allowance("kit", 100, 9999, IMAGES))
    (folder / "conf").write_text(files[0].content)
    (folder / "scripts").write_text(files[1].content)
    programs = folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        text = f'#!/bin/sh\nprintf "{RAN}{name}"\nprintf " [%s]" "$@"\nprintf "\\n"\n'
        if name == "sh":
            text = f'#!/bin/sh\nshift\nprintf "{RAN}script"\nprintf " [%s]" "$@"\nprintf "\\n"\n'
        if name == "rm":  # the wrapper's own
            text = text.replace("\n", '\n[ "$1" != -f ] || exec /bin/rm "$@"\n', 1)
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    text = files[2].content.replace("/etc/pvekit/agent.conf", str(folder / "conf"))
    text = text.replace("/etc/pvekit/agent.scripts", str(folder / "scripts"))
    text = text.replace("PATH=/usr/sbin", f"PATH={programs}:/usr/sbin")
    program = folder / "agent"
    program.write_text(text)
    return Sandbox(program, folder)


VM = Guard("vm", 100, "web", "0123abcd")
BUILD = Guard("build", 9000, "tpl", "0123abcd")
JOB = "0123456789abcdef0123"
B64 = base64.b64encode
URLS = ("https://a/b.img", "https://a/SUMS")
DRIVE = f"local-lvm:0,import-from={IMAGES}/images/ab-jammy.img,discard=on"


def acting(change: Change) -> Command:
    return act.sent(change, JOB)


def asked_of_a_job() -> Command:
    """What ``gc`` asks of a job that it has removed."""
    asked = next(_forgotten("pve1", JOB).look())
    return replace(asked.query.command, words=(*asked.query.command.words, *asked.topics))


def script(name: str, *args: object) -> Command:
    return scripts.script(name, *args)


ALLOWED = {
    "version": Command(("pveversion",)),
    "clone": acting(
        qm.clone(
            Guard("template", 9000, "tpl", "-"),
            100,
            {"name": "web", "description": "pvekit:v1 kind=vm vmid=100 name=web", "full": 1},
        )
    ),
    "create": acting(
        qm.create(
            9000, {"name": "tpl", "scsi0": DRIVE, "efidisk0": "x:1,efitype=4m", "vga": "serial0"}
        )
    ),
    "set": acting(
        qm.configure(
            VM,
            {
                "cores": 2,
                "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5",
                "ipconfig0": "ip=10.0.0.2/24,gw=10.0.0.1",
                "tags": "pvekit;worker",
                "sshkeys": "/dev/stdin",
                "nameserver": "1.1.1.1 ::1",
                "boot": "order=scsi0",
                "agent": "enabled=1",
            },
            stdin="ssh-ed25519 AAAA me\n",
        )
    ),
    "describe": acting(qm.describe(VM, "Ask Ann; $(reboot)\npvekit:v1 kind=vm")),
    "password": acting(qm.password(VM, Secret("$6$salt$hash"))),
    "resize": acting(qm.resize(VM, "scsi0", 20)),
    "start": acting(qm.start(VM)),
    "shutdown": acting(qm.shutdown(VM, 60, force=True)),
    "destroy": acting(qm.destroy(Guard("deleting", 100, "web", "0123abcd", maker="4567cdef"))),
    "destroy as it was": acting(qm.destroy(Guard("deleting", 100, "web", "0123abcd"))),
    "template": acting(qm.template(BUILD)),
    "read": script("read-site", IMAGES),
    "sparing": scripts.joined(("sparing", "read-site"), IMAGES),
    "doctor": scripts.joined(("doctor", "read-site"), IMAGES, *URLS),
    "doctor of several": scripts.joined(("sparing", "doctor", "read-site"), IMAGES, *URLS),
    "names": scripts.joined(("names", "volumes"), "local-lvm", "nas"),
    "state": script("state", 100, 150, "name-web", "ip-10.0.0.2"),
    "agents": script("agents", "sight", 100, 101),
    "claim": script(
        "claim", "0123abcd", '{"run":"0123abcd"}', "vmid-100", "name-web", "ip-10.0.0.2"
    ),
    "release": script("release", "0123abcd", "vmid-100"),
    "jobs": script("jobs", JOB),
    "a job that gc has removed": asked_of_a_job(),
    "symptoms": script("symptoms", 100),
    "signs": script("signs", 100, 101),
    "use": script("use", "pve1", "week", "month", 100, 101),
    "sample": script("sample", 100, 101, "-", 102),
    "tasklog": script("tasklog", "UPID:pve1:00001234:00AB12CD:6561F3AA:qmclone:100:root@pam:", 100),
    "sums": script("sums", "https://a.example/SHA256SUMS", "-", "-"),
    "fetch": acting(
        act.detached(
            "fetch", "https://a/b.img", "sha256", "ab" * 32, f"{IMAGES}/images/b", shown=""
        )
    ),
    "fetch from a member": acting(
        act.detached(
            *("fetch", "https://a/b.img", "sha256", "ab" * 32, f"{IMAGES}/images/b", "pve1", JOB),
            shown="",
        )
    ),
    "download-rate": script("download-rate", "https://a/b.img"),
    "copy-rate": script("copy-rate", "pve1"),
    "free": acting(act.detached("free", "0123abcd", 100, "local-lvm:vm-100-disk-0", shown="")),
    "seed": Command(
        ("install", "-D", "-m", "600", "/dev/stdin", f"{IMAGES}/build/9000-ab/user-data"), stdin="x"
    ),
    "tidy": Command(("rm", "-rf", f"{IMAGES}/build/9000-ab")),
    "iso": Command(
        (
            *("genisoimage", "-quiet", "-output", f"{IMAGES}/build/9000-ab/seed.iso"),
            *("-volid", "cidata", "-joliet", "-rock", f"{IMAGES}/build/9000-ab/user-data"),
        )
    ),
    "dump": Command(("qm", "cloudinit", "dump", 100, "user")),
}


@pytest.mark.parametrize("command", ALLOWED.values(), ids=ALLOWED)
def test_what_pvekit_sends_is_let_through_as_it_is(sandbox, command):
    done = sandbox.send(command)
    assert done.returncode == 0, done.stderr.decode()
    words = [str(word) for word in command.words]
    words = words[3:] if words[0] == "sh" else words[1:]
    shown = "".join(f" [{word}]" for word in words) or " []"
    assert done.stdout.decode().strip().partition(" ")[0] == RAN.strip()
    assert done.stdout.decode().rstrip("\n").endswith(shown)


def doing(*words: object, guard: Guard = VM, stdin: str = "") -> Command:
    return acting(Change(Command(words, stdin=stdin), guard=guard))


def made(*options: object) -> Command:
    return doing("qm", "set", 100, *options)


SHADOW = "/etc/shadow"
SCRIPT = "sh", "-s", "--"
STRANGE = "id\n"

FORBIDDEN = {
    "another program": Command(("cat", SHADOW)),
    "a shell with a line": Command(("sh", "-c", "id")),
    "a shell without a script": Command(("sh",)),
    "bash": Command(("bash", "-s")),
    "env before": Command(("env", "LC_ALL=C", "qm", "start", 100)),
    "a variable before": Command(("PATH=/tmp", "qm", "start", 100)),
    "python": Command(("python3", "-c", "1")),
    "pvesh": Command(("pvesh", "create", "/access/users")),
    "pveum": Command(("pveum", "user", "add", "x@pam")),
    "its own path": Command(("/usr/sbin/qm", "start", 100)),
    "a script that is not pvekit's": Command(SCRIPT, stdin=STRANGE),
    "a changed script": Command((*SCRIPT, "100"), stdin=scripts.text("state") + "\nid\n"),
    "a script cut short": Command(SCRIPT, stdin=scripts.text("state")[:-1]),
    "two scripts": scripts.joined(("state", "free"), 100),
    "a line before a script": Command((*SCRIPT, "100"), stdin="id\n" + scripts.text("state")),
    "more than a secret": Command((*SCRIPT, "100"), stdin="secret=$(id)\n" + scripts.text("state")),
    "a strange script inside": doing("sh", "-s", "--", 100, stdin=STRANGE),
    "act inside act": doing("sh", "-s", "--", 100, stdin=scripts.text("act")),
    "reading as a job": doing("sh", "-s", "--", IMAGES, stdin=scripts.text("read-site")),
    "--args": made("--args", "-device x"),
    "--hookscript": made("--hookscript", "local:snippets/x"),
    "--hookscript=": made("--hookscript=local:snippets/x"),
    "--cicustom": made("--cicustom", "user=local:snippets/x"),
    "--scsi1 a device": made("--scsi1", "/dev/sda"),
    "--scsi1 another's disk": made("--scsi1", "local-lvm:vm-200-disk-0"),
    "--scsi1 a file": made("--scsi1", f"local-lvm:0,import-from={SHADOW}"),
    "--scsi1 a way out": made(
        "--scsi1", f"local-lvm:0,import-from={IMAGES}/../../../../etc/shadow"
    ),
    "--scsi1 a property": made("--scsi1", "local-lvm:0,file=/dev/sda"),
    "--virtio0 a device": made("--virtio0", "/dev/sda"),
    "--hostpci0": made("--hostpci0", "0000:00:01.0"),
    "--usb0": made("--usb0", "host=1-1"),
    "--serial0 a device": made("--serial0", "/dev/ttyS0"),
    "--net0 a second option": made("--net0", "virtio", "--args", "x"),
    "an option as value": made("--name", "--args"),
    "one dash": made("-args", "x"),
    "--sshkeys a file": made("--sshkeys", SHADOW),
    "--skiplock": made("--skiplock", "1"),
    "--cipassword with one": made("--cipassword", "geheim"),
    "--delete two": made("--delete", "scsi1,protection"),
    "an option without a value": made("--name"),
    "importdisk": doing("qm", "importdisk", 100, SHADOW, "local"),
    "disk import": doing("qm", "disk", "import", 100, SHADOW, "local"),
    "guest exec": doing("qm", "guest", "exec", 100, "--", "id"),
    "monitor": doing("qm", "monitor", 100),
    "terminal": Command(("qm", "terminal", 100)),
    "sendkey": doing("qm", "sendkey", 100, "ctrl-alt-delete"),
    "vmid too low": doing("qm", "start", 99),
    "vmid too high": doing("qm", "start", 10000),
    "vmid with a sign": doing("qm", "start", "+100"),
    "vmid with a zero": doing("qm", "start", "0100"),
    "vmid of many digits": doing("qm", "start", "9" * 30),
    "vmid that is arithmetic": doing("qm", "start", "a[$(id)]"),
    "the guard's vmid": doing("qm", "start", 100, guard=Guard("vm", 200000, "x", "ab")),
    "the target of a clone": doing("qm", "clone", 9000, 20000),
    "destroying more": doing("qm", "destroy", 100, "--destroy-unreferenced-disks", 1),
    "a semicolon": doing("qm", "start", "100;id"),
    "a substitution": made("--name", "$(id)"),
    "backticks": made("--description", "`id`"),
    "a pipe": made("--name", "a|id"),
    "a glob": made("--name", "*"),
    "an agent question": script("agents", "exec", 100),
    "an agent out of range": script("agents", "sight", 5),
    "a job that leads out": script("forget", "../../../etc"),
    "a job that is none": script("forget", ".."),
    "a claim that leads out": script("claim", "ab", "x", "vmid-100/../../x"),
    "a claim asked for that leads out": script("state", 100, "name-../../x"),
    "a file asked for that is no claim": script("state", "authkey"),
    "a claim of another kind": script("claim", "ab", "x", "authkey"),
    "a claim out of range": script("claim", "ab", "x", "vmid-5"),
    "a task that leads out": script("tasklog", "UPID:../../../etc/shadow"),
    "symptoms of others": script("symptoms", 5),
    "use of others": script("use", "pve1", "week", "month", 5),
    "samples of others": script("sample", 100, "-", 5),
    "use on a path": script("use", "../pve1", "week", "month", 100),
    "use of a span that is none": script("use", "pve1", "week", "--cf", 100),
    "a local URL": script("sums", "file:///etc/shadow", "-", "-"),
    "a URL that is an option": script("sums", "--post-file=/etc/shadow", "-", "-"),
    "a file elsewhere": script("files", "/root/x"),
    "an image elsewhere": acting(
        act.detached("fetch", "https://a/b", "sha256", "ab", "/etc/cron.d/x", shown="")
    ),
    "an image that leads out": acting(
        act.detached("fetch", "https://a/b", "sha256", "ab", f"{IMAGES}/images/../../x", shown="")
    ),
    "an image from an option": acting(
        act.detached(
            *(
                "fetch",
                "https://a/b",
                "sha256",
                "ab",
                f"{IMAGES}/images/b",
                "-oProxyCommand=id",
                JOB,
            ),
            shown="",
        )
    ),
    "an image from a pattern": acting(
        act.detached(
            *("fetch", "https://a/b", "sha256", "ab", f"{IMAGES}/images/b", ".*", JOB), shown=""
        )
    ),
    "an image of no job": acting(
        act.detached(
            *("fetch", "https://a/b", "sha256", "ab", f"{IMAGES}/images/b", "pve1", "../../x"),
            shown="",
        )
    ),
    "an image from a node alone": acting(
        act.detached("fetch", "https://a/b", "sha256", "ab", f"{IMAGES}/images/b", "pve1", shown="")
    ),
    "the rate of a local URL": script("download-rate", "file:///etc/shadow"),
    "the rate of an option": script("copy-rate", "-oProxyCommand=id"),
    "another directory": script("read-site", "/root"),
    "installing elsewhere": Command(
        ("install", "-D", "-m", "600", "/dev/stdin", "/root/.ssh/authorized_keys")
    ),
    "installing a program": Command(
        ("install", "-D", "-m", "4755", "/dev/stdin", f"{IMAGES}/build/9000-ab/x")
    ),
    "installing from a file": Command(
        ("install", "-D", "-m", "600", SHADOW, f"{IMAGES}/build/9000-ab/x")
    ),
    "removing all": Command(("rm", "-rf", IMAGES)),
    "removing what leads out": Command(("rm", "-rf", f"{IMAGES}/build/9000-ab/../..")),
    "removing two": Command(("rm", "-rf", f"{IMAGES}/build/9000-ab", "/")),
    "an ISO of other files": Command(
        (
            *("genisoimage", "-quiet", "-output", f"{IMAGES}/build/9000-ab/x"),
            *("-volid", "cidata", "-joliet", "-rock", SHADOW),
        )
    ),
    "other options of genisoimage": Command(("genisoimage", "-o", "/etc/x", SHADOW)),
    "other words of stat": Command(("stat", "-c", "%a", SHADOW)),
    "adding to HA": Command(("ha-manager", "add", "vm:100")),
    "the first boot of others": acting(
        act.detached("first-boot", 100, 60, "-", "sh", "-c", "id", shown="")
    ),
    "a shell's own words": acting(Change(Command(("sh", "-c", "id", "describe", 100)), guard=VM)),
    "a description with more words": acting(
        Change(Command((*qm.describe(VM, "x").command.words, "--hookscript", "x")), guard=VM)
    ),
    "a description of a vmid out of range": acting(qm.describe(Guard("vm", 99, "web"), "x")),
}


@pytest.mark.parametrize("command", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_is_refused(sandbox, command):
    done = sandbox.send(command)
    assert done.returncode == 126, done
    assert done.stderr.startswith(b"pvekit-agent: refused: ")
    assert done.stdout == b""


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x1bb", "ä", "a\tb", "\n", "100\n--args\nx"])
def test_control_characters_are_refused(sandbox, text):
    """Words that no Command would hold: sent as another client would."""
    words = ("qm", "set", "100", "--name", text)
    head = ("sh", "-s", "--", "vm", "100", "web", "-", "no", "-", "-")
    done = sandbox.run(*head, *words, stdin=scripts.text("act").encode())
    assert (done.returncode, done.stdout) == (126, b"")
    assert b"\x1b" not in done.stderr


def test_no_words_and_much_input(sandbox):
    assert sandbox.run().returncode == 126
    text = scripts.text("state").encode()
    assert sandbox.run(*SCRIPT, "100", stdin=text + b"#" * 300000).returncode == 126
    assert sandbox.run(*SCRIPT, "100", stdin=b"\0" + text).returncode == 126
    assert sandbox.run(*SCRIPT, "100", stdin=text).returncode == 0


def test_variables_of_the_caller_change_nothing(sandbox):
    text = scripts.text("state").encode()
    for env in ({"IFS": "0"}, {"ENV": "/tmp/x"}, {"SCRIPTS": "/dev/null"}, {"first": "1"}):
        assert sandbox.run(*SCRIPT, "100", stdin=text, **env).returncode == 0
    assert sandbox.run("qm", "start", "100", PATH="/tmp").returncode == 0
    assert sandbox.run("qm", "start", "5", first="1", last="9").returncode == 126


def test_without_its_settings_it_does_nothing(sandbox, tmp_path):
    text = sandbox.program.read_text().replace(str(sandbox.folder / "conf"), str(tmp_path / "none"))
    program = tmp_path / "agent"
    program.write_text(text)
    assert Sandbox(program, tmp_path).run("qm", "start", "100").returncode not in (0, 1)


def test_every_script_of_pvekit_has_rules():
    """A new script is refused until the wrapper knows what it may be told."""
    text = agent.program()
    set_up = {"set-up-agent"}  # sent by root
    known = {line.split()[1] for line in agent.known_scripts().splitlines()}
    for name in known - set_up:
        assert f" {name})" in text or f" {name} |" in text or f"| {name}" in text, name


def test_the_list_is_of_what_is_sent():
    sums = dict(line.split() for line in agent.known_scripts().splitlines())
    for name in scripts.names():
        if name not in ("doctor", "sparing", "names"):
            assert sums[hashlib.sha256(scripts.text(name).encode()).hexdigest()] == name


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_the_rule_is_one_that_sudo_takes(tmp_path):
    path = tmp_path / "rule"
    path.write_text(agent.rule("kit"))
    path.chmod(0o440)
    done = subprocess.run(["visudo", "-cf", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
