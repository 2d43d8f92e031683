"""Plans from inventories: each case of tests/cases says what goes in and which lines come out."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sites import GIB, guest, site, with_vms

from pvekit import errors
from pvekit.placement import Rules
from pvekit.pve.mark import Mark
from pvekit.sizing.size import Size
from pvekit.templates import build
from pvekit.templates import decide as copies
from pvekit.templates.recipe import File, Recipe
from pvekit.templates.spec import Copy, TemplateSpec
from pvekit.vms.create import Wait, create
from pvekit.vms.decide import claim_nodes, decide
from pvekit.vms.wishes import Wishes

CASES = Path(__file__).parents[1] / "cases"
RUN = "7f3a"
KEY = "ssh-ed25519 AAAAC3Nz test"
INVENTORY = {"nodes", "storage", "quorate", "templates", "vms"}
OUT = {"plan", "lines", "error", "status", "says"}
KEYS = {
    "vm_create": {"wishes", "wait"},
    "template_build": {"spec", "vmid", "customize", "reserved", "only", "rebuild"},
}
SUM = "fb2f8699ad5d5c9b" + "0" * 48


def cases(kind):
    return [
        pytest.param(case, id=f"{path.stem}: {title}")
        for path in sorted((CASES / kind).glob("*.yaml"))
        for title, case in yaml.safe_load(path.read_text()).items()
    ]


def expect(case, plan_of):
    """Compare a plan with the case's ``plan`` (all of it) and ``lines`` (of steps), or its error."""
    if "error" in case:
        with pytest.raises(errors.PvekitError) as refusal:
            plan_of(case)
        assert type(refusal.value).__name__ == case["error"]
        assert refusal.value.exit_status == case["status"]
        for words in case["says"]:
            assert words in str(refusal.value)
        return
    plan = plan_of(case)
    if "plan" in case:
        assert [line for step in plan for line in lines(step)] == case["plan"]
    found = {}
    for step in plan:
        found.setdefault(step.verb, []).extend(lines(step))
    for verb, wanted in case.get("lines", {}).items():
        several = wanted if isinstance(wanted, list) else [wanted]
        assert found.get(verb, [None]) == several, verb


def lines(step):
    """The lines of a step as a preview shows them."""
    if not step.changes:
        return [f"{step.node}: wait until {step.goal.says}"]
    shown = [line for change in step.changes for line in str(change).splitlines()]
    return [f"{step.node}: {line}" for line in shown]


def template(vmid=9000, node="pve1", disk="local-lvm:base-disk,size=16G", **values):
    """One of our templates as the inventory shows it."""
    name = values.pop("name", "base")
    mark = Mark("template", vmid, name, recipe="base", digest=values.pop("digest", "d1"))
    values = {"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "boot": "order=scsi0"} | values
    vm = guest(vmid, node, name=name, template=1, scsi0=disk, **values)
    return replace(vm, config=replace(vm.config, description=mark.to_line()))


def inventory_of(case):
    nodes = {name: {"has_template": False} | node for name, node in case["nodes"].items()}
    made = site(nodes, case.get("storage"), case.get("quorate", True))
    there = [template(**each) for each in case.get("templates", ())]
    return with_vms(made, *there, *(guest(**each) for each in case.get("vms", ())))


def create_plan(case):
    case = {"nodes": {"pve1": {}}, "templates": [{}]} | case
    wishes = {"role": "worker", "template": "base", "user": "ubuntu", "size": [1, 2048, 20]}
    wishes |= case.get("wishes", {})
    listed = {key: tuple(value) for key, value in wishes.items() if isinstance(value, list)}
    given = {"size": Size(*wishes["size"]), "avoid": frozenset(wishes.get("avoid", ()))}
    wished = Wishes(**{**wishes, **listed, **given, "keys": (KEY,)})
    found = decide(wished, inventory_of(case), Rules(), RUN)
    wait = Wait() if case.get("wait") else None
    return [step for spec, at in found for step in create(spec, at, wait)]


SPEC = TemplateSpec(
    name="base",
    recipe="base",
    digest="d1",
    image_url="https://images/jammy.img",
    image_algorithm="sha256",
    image_sum=SUM,
    image_dir="/var/lib/vz/pvekit",
    storage="local-lvm",
    cpus=1,
    memory_mb=2048,
    disk_gb=16,
    bridge="vmbr0",
    vlan=None,
    bios="seabios",
    machine="",
    cpu="x86-64-v2-AES",
    scsihw="virtio-scsi-single",
    disk_format="",
    cloud_init_slot="scsi1",
    way="boot",
    build_bridge="vmbr0",
    build_vlan=None,
    build_ip="dhcp",
    build_gateway="",
    build_dns=(),
    build_seconds=1800,
)
RECIPE = Recipe("base", packages=("qemu-guest-agent",), files=(File("/etc/motd", "hello\n"),))
TOOLS = {"tools": ["wget", "genisoimage"], "image_free": 50 * GIB}


def build_plan(case):
    case = {"nodes": {"pve1": {}}} | case
    case["nodes"] = {name: TOOLS | node for name, node in case["nodes"].items()}
    inventory = inventory_of(case)
    given = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in case.get("spec", {}).items()
    }
    spec = replace(SPEC, **given)
    wish = copies.Wish(
        name=spec.name,
        recipe=spec.recipe,
        digest=spec.digest,
        vmid=case.get("vmid", 9000),
        storage=spec.storage,
        bridges=(spec.bridge, spec.build_bridge),
        disk_gb=spec.disk_gb,
        customize=case.get("customize", "auto"),
        reserved=frozenset(case.get("reserved", ())),
    )
    only, rebuild = case.get("only", ()), case.get("rebuild", False)
    nodes = copies.missing(wish, inventory, only, rebuild=rebuild)
    copies.check(wish, inventory, nodes)
    claimers = claim_nodes(inventory, named=True)
    plan = []
    for node, vmid in zip(nodes, copies.vmids(wish, inventory, nodes), strict=True):
        at = Copy(RUN, node.alias, node.name, vmid, claimers)
        way, _ = copies.way(wish, node)
        plan += build.build(replace(spec, way=way), RECIPE, at)
    return plan


@pytest.mark.parametrize("case", cases("vm_create"))
def test_vm_create(case):
    expect(case, create_plan)


@pytest.mark.parametrize("case", cases("template_build"))
def test_template_build(case):
    expect(case, build_plan)


@pytest.mark.parametrize("kind", ["vm_create", "template_build"])
def test_each_case_expects_something(kind):
    found = [parameters.values[0] for parameters in cases(kind)]
    assert len(found) >= 20
    assert all({"plan", "lines", "error"} & case.keys() for case in found)
    assert {key for case in found for key in case} <= KEYS[kind] | OUT | INVENTORY


def test_every_line_of_a_plan_can_be_sent():
    """What a case shows is quoted by the one who quotes: it reads back as words."""
    for kind, plan_of in (("vm_create", create_plan), ("template_build", build_plan)):
        found = [parameters.values[0] for parameters in cases(kind)]
        steps = [step for case in found if "error" not in case for step in plan_of(case)]
        commands = [change.command for step in steps for change in step.changes]
        assert all(
            shlex.split(each.line()) == [str(word) for word in each.words] for each in commands
        )
