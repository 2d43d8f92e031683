"""The password of new VMs: there at the end, and nowhere else in any form on the way."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from labsite import Cut, desk_for, lab_site
from live import CREATE, STANDALONE, templated_site
from passlib.hash import sha512_crypt

from pvekit.operations import creating, templates, vm_wishes

CANARY = "hunter2-canary"
ASKED = vm_wishes.Request(role="worker", size="small")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("password"), STANDALONE) as site:
        secret = site.home / "secret"
        secret.write_text(f"{CANARY}\n")
        secret.chmod(0o600)
        yield site


def with_password(live, written):
    return live.configured("password", cloud_init={"password": written})


def stored(site, vmid):
    text = site.on("pve1", f"cat /etc/pve/qemu-server/{vmid}.conf")
    return re.findall(r"^cipassword: (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ["file", "cmd"])
def test_it_is_set_and_leaves_no_trace(live, kind):
    live.forget()
    secret = live.home / "secret"
    site = with_password(live, f"cmd:cat '{secret}'" if kind == "cmd" else f"file:{secret}")
    answers = [
        site.must(*CREATE, "--dry-run"),
        site.must("-v", *CREATE, "-o", "json"),
    ]
    (vm,) = json.loads(answers[1].out)["items"]
    (kept,) = stored(live, vm["vmid"])
    assert sha512_crypt.verify(CANARY, kept)
    assert f"password: {kept}" in live.on("pve1", f"qm cloudinit dump {vm['vmid']} user")
    answers += [
        site.must("run", "list", "-o", "json"),
        site.must("config", "view", "--origin"),
        site.must("vm", "show", vm["name"], "-o", "json"),
    ]
    journals = [path.read_text() for path in live.home.rglob("*.jsonl")]
    assert journals
    told = f"{answers} {journals} {live.site.log.events}"
    assert "--cipassword" in told
    assert "qm set" in answers[0].out
    for trace in (CANARY, kept, kept.rpartition("$")[2]):
        assert trace not in told
    tasks = live.on("pve1", "grep -rs . /var/log/pve/tasks /run/pvekit /tmp || true")
    assert CANARY not in tasks
    assert kept not in tasks


def test_two_machines_have_two_salts(live):
    site = with_password(live, f"file:{live.home / 'secret'}")
    vms = json.loads(site.must(*CREATE, "--count", "2", "--no-wait", "-o", "json").out)["items"]
    kept = [hashed for vm in vms for hashed in stored(live, vm["vmid"])]
    assert len({hashed.split("$")[2] for hashed in kept}) == 2


def test_without_one_none_is_set(live):
    (vm,) = json.loads(live.must(*CREATE, "--no-wait", "-o", "json").out)["items"]
    assert stored(live, vm["vmid"]) == []


@pytest.mark.parametrize("written", ["env:NO_SUCH_VARIABLE", "file:no-such-file", "cmd:false"])
def test_one_that_is_not_there_ends_the_command_before_anything_is_sent(live, written):
    live.forget()
    runs = len(list(live.home.rglob("*.jsonl")))
    answer = with_password(live, written).pvekit(*CREATE)
    assert answer.status == 2
    assert "cloud_init.password" in answer.err
    assert live.changes() == []
    assert len(list(live.home.rglob("*.jsonl"))) == runs


def test_showing_and_looking_need_no_secret(live):
    site = with_password(live, "env:NO_SUCH_VARIABLE")
    site.must("config", "validate")
    site.must("vm", "list")
    assert "--cipassword" in site.must(*CREATE, "--dry-run").out


class TestBrokenOff:
    @pytest.fixture
    def site(self):
        with lab_site(STANDALONE) as site:
            yield site

    @pytest.fixture
    def desk(self, site, tmp_path, monkeypatch):
        monkeypatch.setenv("VM_PASSWORD", CANARY)
        desk = desk_for(site, tmp_path)
        journal = templates.begin(
            desk, templates.Request(), templates.decided(desk, templates.Request())
        )
        templates.carry_out(desk, *journal)
        cloud_init = replace(desk.config.cloud_init, password="env:VM_PASSWORD")
        return replace(desk, config=replace(desk.config, cloud_init=cloud_init))

    @pytest.mark.parametrize("when", ["before", "during", "after"])
    def test_it_is_gone_on_with_and_set_once(self, site, desk, when):
        site.cut = Cut(0, when, match="--cipassword")
        journal = creating.begin(desk, ASKED)
        first = creating.carry_out(desk, ASKED, journal)[1]
        assert site.cut.struck
        assert first.status == 7
        again = creating.unfinished(replace(desk, found={}), ASKED)
        decided, report = creating.carry_out(desk, ASKED, again)
        assert report.status == 0, report.errors
        ((_, at),) = decided.decisions
        (kept,) = re.findall(
            r"^cipassword: (.*)$", site.on("pve1", f"cat /etc/pve/qemu-server/{at.vmid}.conf"), re.M
        )
        assert sha512_crypt.verify(CANARY, kept)
        set_ = [argv for argv in site.programs(changes=True) if "--cipassword" in argv]
        assert len(set_) <= (2 if when == "during" else 1)  # two of the same digest: one counts
