"""Garbage in the answers of a site: a classed error or a right answer, never a traceback."""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from labsite import lab_site

import pvekit
from pvekit.doctor import reading as doctor
from pvekit.errors import PvekitError
from pvekit.guest import agent, inside, symptoms
from pvekit.guest.ready import judge_cloud_init
from pvekit.inventory import reading
from pvekit.inventory.model import Inventory
from pvekit.inventory.read import assemble
from pvekit.lab.site import SiteSpec
from pvekit.pve import (
    act,
    claims,
    conf,
    counters,
    faults,
    ha,
    holders,
    local,
    mark,
    rates,
    signs,
    state,
    storage_states,
    stored,
    tasklog,
    use,
    volumes,
)
from pvekit.pve.holders import Holders
from pvekit.pve.scripts import joined, script
from pvekit.shell import Command, Result
from pvekit.templates import sums

MAC = "BC:24:11:00:00:01"
MARK = "pvekit:v1 kind=vm vmid=100 name=web role=worker run=7f3a need=x"
CLAIM = '{"run":"7f3a","vmid":100,"name":"web","node":"pve1","memory_mb":512,"host":"h","pid":7,"time":1700000000.5}'
UPID = "UPID:pve1:0003A1F2:0012D687:65A8F3C0:qmclone:9000:root@pam:"
EXEC = json.dumps({"exitcode": 0, "exited": 1, "out-data": "ssh-ed25519 AAAA x\n"})
LINKS = json.dumps(
    [{"hardware-address": MAC, "ip-addresses": [{"ip-address": "10.0.0.5", "prefix": 24}]}]
)
SIGHT = json.dumps(
    {
        "exitcode": 0,
        "out-data": f"2: ens18: <UP>\n    link/ether {MAC}\n    inet 10.0.0.5/24 scope global\n"
        "ssh-ed25519 AAAA root@web\n",
    }
)
CONF = (
    f"name: web\nmemory: 512\nscsi0: local-lvm:vm-100-disk-0,size=8G\nnet0: virtio={MAC}\n#{MARK}\n"
)


def inventoried(out: str) -> Inventory:
    """Read as the inventory does, to its end: what is made of it must hold, too."""
    found = assemble({"pve1": reading.parse(out)})
    for node in found.nodes:
        assert found.memory_given_mb(node) >= 0 <= found.vm_count(node)
    for vm in found.vms:
        made = vm.ours, vm.volumes, vm.macs, vm.addresses_configured, vm.cpus, vm.memory_mb
        assert len(made) == 6
    return found


def addressed(out: str) -> list[list[str]]:
    return [agent.addresses(reply, MAC) for reply in agent.replies(out).values()]


def seen(out: str) -> list[object]:
    return [inside.read(agent.printed(reply, vmid)) for vmid, reply in agent.replies(out).items()]


def executed(out: str) -> list[str]:
    return [agent.executed(reply, vmid) for vmid, reply in agent.replies(out).items()]


def failed(out: str) -> str:
    result = Result(Command(("qm", "clone", 9000, 100)), 255, err=out)
    return str(faults.failure(result, what="clone", node="pve1", vmid=100))


def held(out: str) -> str:
    found: Holders = holders.read(out)
    return found.says((100,), "storage")


def claimed(out: str) -> object:
    return claims.parse("lab", "/etc/pve/priv/pvekit/vmid-100", out)


def configured(out: str) -> object:
    found = conf.parse(out)
    return mark.from_description(found.description), volumes.volumes(found), found.has("net0", "x")


UP = "100.00 90.00\nfull avg10=0.00 avg60=0.00 avg300=1.50 total=7\n"
KILLED = "[   90.000000] Out of memory: Killed process 7 (java) total-vm:1kB\n"
SIGNS = json.dumps({"exitcode": 0, "exited": 1, "out-data": UP + KILLED})


RATE = "Content-Range: bytes 0-16777215/700000000\r\n\nrate 206 16777216 0.100000 0.500000\nend 0\n"
READERS: dict[str, tuple[Callable[[str], object], str, str]] = {
    # name: reader, what starts it on a node, and an answer where the lab's is not asked for
    "read-site": (inventoried, "read-site /var/lib/vz/pvekit", ""),
    "doctor": (doctor.parse, "doctor /var/lib/vz/pvekit", ""),
    "state": (state.read, "state 100", ""),
    "local": (local.read, "local /var/lib/vz/pvekit", ""),
    "volumes": (stored.read, "volumes local-lvm", ""),
    "storages": (storage_states._read, "storages", ""),
    "tasklog": (tasklog.read, "", f"task {UPID}\nlog clone failed\n"),
    "signs": (lambda out: signs.parse(out, 86400), "", f"signs 100 {SIGNS}\nsigns 101 \n"),
    "use": (use.parse, "use pve1 week month 100", ""),
    "sample": (counters.parse, "sample 100 101", ""),
    "ha": (ha._read, "", "ha 100\nha 101\nend\n"),
    "jobs": (act.jobs, "", "job a1 done 0\nout a1 hello\nerr a1 x\njob b2 running\n"),
    "holders": (held, "", f"lock 100 clone\ntask {UPID}\n"),
    "symptoms": (symptoms.read, "", f"state 100 running\nagent 100 {EXEC}\n"),
    "agents": (addressed, "", f"id 100 0\nout 100 {LINKS}\n"),
    "sight": (seen, "", f"id 100 0\nout 100 {SIGHT}\n"),
    "exec": (executed, "", f"id 100 0\nout 100 {EXEC}\n"),
    "sums": (lambda out: sums.find(out, "x.img"), "", "0" * 64 + "  x.img\n"),
    "download-rate": (rates.read_download, "", RATE),
    "copy-rate": (rates.read_copy, "", "rate 33554432 52000000\n"),
    "claims": (claimed, "", CLAIM),
    "config": (configured, "", CONF),
    "cloud-init": (judge_cloud_init, "", "status: done\nexit=0\n"),
    "failure": (failed, "", f"pvekit-held: vmid-100 {CLAIM}\n"),
}
READ_OTHERWISE = {"files", "forget", "free"}
"""Scripts whose answer is a line that is there or is not."""


@cache
def answers() -> dict[str, str]:
    """What the lab's programs answer, of a site with a template, VMs and a claim."""
    with lab_site(SiteSpec(nodes=2)) as site:
        for line in (
            "qm create 100 --name web --memory 512 --scsi0 local-lvm:8 --net0 virtio,bridge=vmbr0 "
            f"--description '{MARK}' --ipconfig0 ip=10.0.0.9/24 --agent 1",
            "qm create 101 --name theirs --memory 512 && qm start 101",
            f"mkdir -p /etc/pve/priv/pvekit && printf '%s' '{CLAIM}' >/etc/pve/priv/pvekit/vmid-105",
        ):
            assert site.lab.run_line("pve1", line)[0] == 0, line
        found = {}
        for name, (_, started, given_answer) in READERS.items():
            if not started:
                found[name] = given_answer
                continue
            words = started.split()
            command = script(*words)
            if name == "doctor":
                command = joined(("doctor", "read-site"), *words[1:])
            status, out, err = site.lab.run_line("pve1", command.line(), command.input())
            assert status == 0, err
            found[name] = out.decode()
        return found


NOISE = (
    "perl: warning: Setting locale failed.",
    "bash: Warnung: setlocale: LC_ALL: Locale de_DE.UTF-8 kann nicht geändert werden",
    "Запрещено: нет прав",
    "",
    "\x00\x01\x1b[31m\x7f",
    "���",
    "Welcome to pve1!",
    "[" * 5000,
    "9" * 5000,
    "²: ٣",
)
WRONG = ("null", "[]", "{}", '"x"', "-1", "1e999", "9" * 5000, "[" * 3000, "true", "²", "٣")


def garbled(text: str, kind: str, chance: random.Random) -> str:
    """Return an answer in which something went wrong of one kind."""
    cut = chance.randrange(len(text) + 1)
    lines = text.split("\n")
    place = chance.randrange(len(lines) + 1)
    match kind:
        case "cut":
            return text[:cut]
        case "headless":
            return text[cut:]
        case "noise":
            return "\n".join([*lines[:place], chance.choice(NOISE), *lines[place:]])
        case "lost":
            return "\n".join(lines[:place] + lines[place + 1 :])
        case "shuffled":
            chance.shuffle(lines)
            return "\n".join(lines)
        case "wrong":
            values = list(re.finditer(r"\d+|\"[^\"]*\"|\{|\}|\btrue\b", text))
            if not values:
                return chance.choice(WRONG)
            found = chance.choice(values)
            return text[: found.start()] + chance.choice(WRONG) + text[found.end() :]
        case "replaced":
            letters = list(text)
            for _ in range(chance.randrange(1, 9)):
                if letters:
                    letters[chance.randrange(len(letters))] = chance.choice("\0\n {}[]:,²�x9-")
            return "".join(letters)
        case _:
            return text * 40


KINDS = ("cut", "headless", "noise", "lost", "shuffled", "wrong", "replaced", "huge")


def read(name: str, text: str) -> object:
    """Read an answer; what is no classed error is a failure of the test."""
    reader = READERS[name][0]
    try:
        return reader(text)
    except PvekitError as error:
        return error


@pytest.mark.parametrize("name", READERS)
def test_a_whole_answer_is_read(name):
    assert not isinstance(read(name, answers()[name]), PvekitError)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["", "\n", *NOISE, *WRONG, "x" * 1_000_000])
def test_what_is_no_answer_at_all_is_told_or_empty(name, text):
    read(name, text)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_in_which_something_is_wrong(name, kind):
    chance = random.Random(f"{name} {kind}")
    for _ in range(12):
        read(name, garbled(answers()[name], kind, chance))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=15, derandomize=True, deadline=None, database=None)
@given(text=st.text(max_size=300))
def test_any_text(name, text):
    read(name, text)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(), kinds=st.lists(st.sampled_from(KINDS[:-1]), min_size=1, max_size=4))
def test_many_wrongs_at_once(name, seed, kinds):
    chance = random.Random(seed)
    text = answers()[name]
    for kind in kinds:
        text = garbled(text, kind, chance)
    read(name, text)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=1500, deadline=None, database=None)
@given(data=st.binary(max_size=600))
def test_any_bytes(name, data):
    read(name, data.decode(errors="replace"))


@pytest.mark.parametrize("name", ["state", "local", "volumes", "storages", "ha", "jobs", "agents"])
@pytest.mark.parametrize("noise", ["perl: warning: Setting locale failed.", "Welcome!"])
def test_warnings_between_the_lines_change_nothing(name, noise):
    lines = answers()[name].split("\n")
    for place in range(len(lines)):
        mixed = "\n".join([*lines[:place], noise, *lines[place:]])
        assert read(name, mixed) == read(name, answers()[name])


def test_every_script_that_is_asked_has_a_reader_here():
    asked = set()
    for path in Path(pvekit.__file__).parent.rglob("*.py"):
        if "lab" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Query":
                for inner in ast.walk(node):
                    named = isinstance(inner, ast.Call) and ast.unparse(inner.func).endswith(
                        "script"
                    )
                    if named and inner.args and isinstance(inner.args[0], ast.Constant):
                        asked.add(inner.args[0].value)
    assert asked
    assert asked <= READERS.keys() | READ_OTHERWISE
