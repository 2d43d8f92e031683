"""The checks of the doctor, each by a table over what may have been read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pvekit.doctor import clusters, examine, here, images, networks, nodes, storages
from pvekit.doctor.model import Finding, GuestWay, Here, Network, Source, View, Wanted
from pvekit.doctor.reading import Answer, StorageRow, UrlAnswer, parse
from pvekit.errors import UnreadableAnswer
from pvekit.inventory.model import Domain, Inventory, Member, NodeState, Storage
from pvekit.inventory.reading import NodeReading
from pvekit.pve.claims import Claim
from pvekit.shell import Command, CommandFailed, Result, Unreachable
from pvekit.ssh.errors import AuthFailed, HostKeyUnknown

GIB = 1 << 30
SITE = NodeReading("pve1", None, True, (Member("pve1", True),))
WELL = Answer(
    site=SITE,
    version=(8, 4),
    run_free_bytes=GIB,
    vlan_aware={"vmbr0": False},
    storages={"data": StorageRow("lvm", "active", 100 * GIB)},
    urls={"https://i/x.img": UrlAnswer(True), "https://i/SUMS": UrlAnswer(True)},
    sums={"https://i/SUMS": "0" * 64 + "  x.img\n"},
)
NODE = NodeState(
    "pve1",
    "pve1",
    "host:pve1",
    online=True,
    writable=True,
    bridges=frozenset({"vmbr0"}),
    tools=frozenset({"wget"}),
    image_dir_free_bytes=50 * GIB,
)
STORAGE = Storage("host:pve1", "data", "lvm", frozenset({"images"}), None, False, False)
DOMAIN = Domain("host:pve1", False, True, (Member("pve1", True),))
INVENTORY = Inventory((DOMAIN,), (NODE,), (STORAGE,))
WANTED = Wanted(
    "/img",
    {"data": 32},
    (Network("vmbr0"),),
    (Source("https://i/x.img", "https://i/SUMS"),),
)
VIEW = View({"pve1": WELL}, INVENTORY, WANTED, users={"pve1": "root"})


def viewed(answer=None, node=None, storage=None, domain=None, **more):
    inventory = replace(
        INVENTORY,
        domains=(replace(DOMAIN, **(domain or {})),),
        nodes=(replace(NODE, **(node or {})),),
        storages=(replace(STORAGE, **(storage or {})),),
    )
    return replace(
        VIEW, answers={"pve1": replace(WELL, **(answer or {}))}, inventory=inventory, **more
    )


def worst(check, view):
    """The level and the words of the worst finding of a check."""
    order = ("ok", "warn", "fail")
    found = max(check(view), key=lambda each: order.index(each.level))
    return found.level, found.says


def test_a_well_site_has_no_complaint():
    findings = examine.examine(VIEW)
    assert {each.level for each in findings} == {"ok"}
    assert examine.status(findings) == 0


CASES = [
    (nodes.versions, {"answer": {"version": (7, 4)}}, "fail", "Proxmox VE 7.4"),
    (nodes.versions, {"answer": {"version": (9, 2)}}, "ok", "9.2"),
    (nodes.versions, {"answer": {"version": (10, 0)}}, "warn", "pvekit knows 8 and 9"),
    (nodes.versions, {"answer": {"version": None}}, "fail", "no Proxmox VE"),
    (nodes.shells, {"answer": {"noise": "Welcome!\nbye"}}, "warn", "'Welcome!'"),
    (nodes.permissions, {"answer": {"uid": "1000"}}, "fail", "user id 1000"),
    (nodes.permissions, {"answer": {"site": None, "unread": "Gone."}}, "fail", "Gone"),
    (nodes.run_space, {"answer": {"run_free_bytes": 1 << 20}}, "fail", "1 MiB"),
    (nodes.run_space, {"answer": {"claims": "regular file"}}, "fail", "regular file"),
    (nodes.run_space, {"answer": {"claims": "directory"}}, "ok", "free"),
    (clusters.quorum, {"domain": {"clustered": True, "quorate": False}}, "fail", "no quorum"),
    (clusters.quorum, {"node": {"writable": False}}, "fail", "takes no changes on pve1"),
    (
        clusters.quorum,
        {"domain": {"clustered": True, "members": (Member("pve1", True), Member("b", False))}},
        "warn",
        "not online: b",
    ),
    (storages.storages, {"storage": {"id": "x"}}, "fail", "no storage data (there: x)"),
    (storages.storages, {"storage": {"disabled": True}}, "fail", "disabled"),
    (storages.storages, {"storage": {"content": frozenset({"iso"})}}, "fail", "disk images"),
    (storages.storages, {"answer": {"storages": {}}}, "fail", "not listed"),
    (
        storages.storages,
        {
            "answer": {
                "storages": {"data": StorageRow("nfs", "inactive", 0)},
                "complaints": ("storage 'data' is not online",),
            }
        },
        "fail",
        "inactive: storage 'data' is not online",
    ),
    (
        storages.storages,
        {"answer": {"storages": {"data": StorageRow("lvm", "active", 31 * GIB)}}},
        "fail",
        "31 GiB free; a template and one VM take up to 32 GiB",
    ),
    (
        storages.storages,
        {
            "answer": {"storages": {"data": StorageRow("lvmthin", "active", 31 * GIB)}},
            "storage": {"type": "lvmthin"},
        },
        "warn",
        "31 GiB free",
    ),
    (storages.pools, {"answer": {"pools": {"pve/data": (79.9, 1.0)}}}, "ok", "80 %"),
    (storages.pools, {"answer": {"pools": {"pve/data": (80.0, 1.0)}}}, "warn", "data 80 %"),
    (storages.pools, {"answer": {"pools": {"pve/data": (1.0, 96.0)}}}, "fail", "metadata 96 %"),
    (
        storages.others,
        {"answer": {"storages": {"nas": StorageRow("nfs", "inactive", 0)}}},
        "warn",
        "nas does not answer",
    ),
    (networks.bridges, {"node": {"bridges": frozenset({"x"})}}, "fail", "no bridge vmbr0"),
    (
        networks.bridges,
        {"wanted": replace(WANTED, networks=(Network("vmbr0", 7),))},
        "warn",
        "vmbr0v7",
    ),
    (
        networks.bridges,
        {
            "wanted": replace(WANTED, networks=(Network("vmbr0", 7),)),
            "answer": {"vlan_aware": {"vmbr0": True}},
        },
        "ok",
        "takes VLAN tag 7",
    ),
    (networks.guests, {"guests": (GuestWay("pve1", "vm", "node"),)}, "ok", "only through"),
    (networks.guests, {"guests": (GuestWay("pve1", "vm", why="Silence."),)}, "warn", "Silence"),
    (
        images.urls,
        {"answer": {"urls": {"https://i/x.img": UrlAnswer(False, "ERROR 404.")}}},
        "fail",
        "ERROR 404",
    ),
    (images.urls, {"answer": {"urls": {}}}, "fail", "no answer in 20 s"),
    (images.urls, {"answer": {"sums": {}}}, "fail", "does not list 'x.img'"),
    (images.urls, {"answer": {"sums": {"https://i/SUMS": "0" * 64}}}, "ok", "reached"),
    (images.room, {"node": {"image_dir_free_bytes": GIB}}, "fail", "1 GiB free"),
    (images.tools, {"node": {"tools": frozenset()}}, "fail", "neither wget nor curl"),
    (
        images.tools,
        {"wanted": replace(WANTED, tools=frozenset({"virt-customize"}))},
        "fail",
        "virt-customize",
    ),
    (here.public_key, {"here": Here(public_key="no key")}, "fail", "no key"),
    (here.public_key, {"here": Here(private_half=False)}, "warn", "neither"),
    (here.agent, {"here": Here(agent_problem="it hangs")}, "warn", "it hangs"),
    (here.agent, {"here": Here(keys=0)}, "warn", "no private key"),
    (here.model, {"here": Here(unpriced="nobody knows what m costs")}, "warn", "what m costs"),
    (clusters.leftovers, {"here": Here(unfinished=("7f3a",))}, "warn", "7f3a"),
]


@pytest.mark.parametrize(("check", "given", "level", "says"), CASES)
def test_each_check_judges(check, given, level, says):
    view = viewed(**given)
    assert (level, True) == (worst(check, view)[0], says in worst(check, view)[1])
    for finding in check(view):
        assert (finding.level == "ok") is not bool(finding.mend), finding


def test_a_claim_of_a_dead_run_is_told_and_one_at_work_is_not():
    claim = Claim("host:pve1", "vmid", "100", run="dead")
    view = replace(VIEW, inventory=replace(INVENTORY, claims=(claim,)))
    assert [each.check for each in clusters.leftovers(view)] == ["runs"]
    told = replace(view, here=Here(dead=frozenset({"dead"})))
    assert [each.check for each in clusters.leftovers(told)] == ["runs", "claims"]


ERRORS = [
    (Unreachable("Cannot connect."), "ssh", True, "ssh -v root@pve1"),
    (AuthFailed("No key."), "ssh", False, "ssh-copy-id"),
    (HostKeyUnknown("Unknown."), "host-key", False, "pvekit node trust pve1"),
    (UnreadableAnswer("Not whole."), "shell", True, "chsh"),
    (
        CommandFailed(Result(Command(("sh",)), 1, err="sudo: a password is required")),
        "permissions",
        False,
        "NOPASSWD",
    ),
    (
        CommandFailed(Result(Command(("sh",)), 1, err="This account is not available.")),
        "shell",
        False,
        "ssh -v",
    ),
]


@pytest.mark.parametrize(("error", "check", "passing", "mend"), ERRORS)
def test_a_node_without_an_answer_is_told_by_its_error(error, check, passing, mend):
    (found,) = nodes.reached(replace(VIEW, answers={"pve1": error}))
    assert (found.level, found.check, found.passing) == ("fail", check, passing)
    assert mend in found.mend


def test_a_silent_guest_is_looked_at_by_its_console():
    silent = GuestWay("pve1", "vm", why="Silence.", id="GUEST-AGENT-SILENT")
    (found,) = networks.guests(replace(VIEW, guests=(silent,)))
    assert (found.id, found.mend) == (silent.id, "pvekit vm console-log vm says what it does")


def test_the_way_to_a_node_is_told_as_openssh_takes_it():
    error = Unreachable("Cannot connect.")
    view = replace(VIEW, answers={"pve1": error}, logins={"pve1": "-p 2222 root@10.0.0.1"})
    (found,) = nodes.reached(view)
    assert found.mend == "ssh -v -p 2222 root@10.0.0.1 true"


def test_a_node_that_answers_but_is_cut_off_from_its_cluster_fails_the_check_of_quorum():
    members = (Member("pve1", online=False), Member("pve2", online=True))
    view = viewed(
        node={"online": False, "writable": False},
        domain={"clustered": True, "quorate": True, "members": members},
    )
    assert worst(clusters.quorum, view) == ("fail", "/etc/pve takes no changes on pve1")


@pytest.mark.parametrize(
    ("began", "ended", "gap"),
    [
        (100, 104, 0.0),
        (99, 105, 0.0),
        (106, 110, 4.0),
        (400, 404, 298.0),
        (90, 94, -9.0),
        (98, 101, -1.0),
    ],
)
def test_a_clock_is_wrong_by_what_cannot_be_the_way(began, ended, gap):
    answer = Answer(began=began, ended=ended, asked=100, heard=106)
    assert nodes.behind_or_ahead(answer) == gap


@pytest.mark.parametrize(
    ("gaps", "places"),
    [
        ((0, 0), {"pve1": "ok", "pve2": "ok"}),
        ((300, 0), {"pve1": "fail", "pve2": "ok"}),
        ((300, 301), {"here": "fail"}),
        ((300, -300), {"pve1": "fail", "pve2": "fail"}),
        ((300, 200), {"pve1": "fail", "pve2": "fail"}),
    ],
)
def test_whose_clock_is_wrong(gaps, places):
    answers = {f"pve{n}": replace(WELL, began=gap, ended=gap) for n, gap in enumerate(gaps, 1)}
    found = {each.where: each.level for each in nodes.clocks(replace(VIEW, answers=answers))}
    assert found == places


def finding(level, *, passing=False):
    return Finding("x", "y", level, "z", passing=passing)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ((), 0),
        ((finding("ok"), finding("warn")), 0),
        ((finding("fail"),), 1),
        ((finding("warn", passing=True), finding("fail", passing=True)), 7),
        ((finding("fail", passing=True), finding("fail")), 1),
    ],
)
def test_the_exit_status(findings, status):
    assert examine.status(findings) == status


def test_an_answer_without_an_end_is_refused():
    with pytest.raises(UnreadableAnswer, match="not whole"):
        parse("doctor begin 1\ndoctor uid 0\n")


def test_text_of_login_scripts_is_kept_apart():
    answer = parse("Hello\nthere\ndoctor begin 5\ndoctor uid 0\ndoctor end 6\n")
    assert (answer.noise, answer.uid, answer.began) == ("Hello\nthere", "0", 5)
    assert answer.site is None
