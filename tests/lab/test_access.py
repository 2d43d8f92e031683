"""Users, roles, tokens, the ACL and pools: what the files say, and what follows from it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from pvekit.lab.access import roles, usercfg
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

Answer = tuple[int, str, str]


def run(lines: Sequence[str], spec: SiteSpec | None = None) -> list[Answer]:
    """Run lines on pve1 of a new site, one after the other."""
    site = Site(spec or SiteSpec(storage="dir", seed=1))

    async def all_lines() -> list[Answer]:
        found = []
        for line in lines:
            status, out, err = await collect(
                site.nodes["pve1"].machine, line, env={"LC_ALL": "C.UTF-8"}
            )
            found.append((status, out.decode(), err.decode()))
        return found

    return asyncio.run(all_lines())


def data(answer: Answer) -> Any:
    """Return the JSON document that a command printed."""
    return json.loads(answer[1])


USERS = (
    "pveum role add Kit --privs 'VM.Audit,Sys.Audit'",
    "pveum group add staff",
    "pveum user add a@pve --groups staff",
    "pveum user token add a@pve tok --privsep 1",
)


def permissions(*lines: str, of: str = "a@pve", path: str) -> dict[str, int]:
    """Return the privileges of somebody on a path after some more commands."""
    asked = f"pveum user permissions '{of}' --path {path} --output-format json"
    found: dict[str, int] = data(run([*USERS, *lines, asked])[-1])[path]
    return found


def test_a_role_propagates_downwards_unless_it_is_told_not_to() -> None:
    above = "pveum acl modify /vms --users a@pve --roles Kit"
    assert permissions(above, path="/vms/100") == {"Sys.Audit": 1, "VM.Audit": 1}
    assert permissions(f"{above} --propagate 0", path="/vms/100") == {}
    assert permissions(f"{above} --propagate 0", path="/vms") == {"Sys.Audit": 0, "VM.Audit": 0}


def test_the_nearest_entry_and_a_users_own_entry_win() -> None:
    group = "pveum acl modify /vms/100 --groups staff --roles PVETemplateUser"
    user = "pveum acl modify /vms/100 --users a@pve --roles NoAccess"
    above = "pveum acl modify / --users a@pve --roles Kit"
    assert permissions(above, group, path="/vms/100") == {"VM.Audit": 1, "VM.Clone": 1}
    assert permissions(above, group, user, path="/vms/100") == {}


def test_a_token_has_no_more_than_its_user() -> None:
    own = "pveum acl modify /vms --tokens 'a@pve!tok' --roles PVEVMAdmin"
    theirs = "pveum acl modify /vms --users a@pve --roles Kit"
    assert permissions(own, of="a@pve!tok", path="/vms") == {}
    assert permissions(own, theirs, of="a@pve!tok", path="/vms") == {"VM.Audit": 1}


def test_a_pool_hands_its_roles_to_its_members() -> None:
    lines = (
        "qm create 100 --memory 64",
        "pveum pool add p",
        "pveum pool modify p --vms 100",
        "pveum acl modify /pool/p --users a@pve --roles Kit",
    )
    assert permissions(*lines, path="/vms/100") == {"Sys.Audit": 0, "VM.Audit": 0}


def test_the_file_is_read_back_as_it_was_written() -> None:
    lines = [
        *USERS,
        "pveum user modify a@pve --comment 'x: 100%' --email a@b.c",
        "pveum acl modify /vms/100 --groups staff --roles Kit,PVEAuditor --propagate 0",
        "pveum acl modify / --tokens 'a@pve!tok' --users a@pve --roles Kit",
        "pveum pool add p --comment ü",
        "cat /etc/pve/user.cfg",
    ]
    text = run(lines)[-1][1]
    config = usercfg.parse(text, "8.4")
    assert usercfg.render(config) == text
    assert config.warnings == []
    assert config.users["a@pve"].comment == "x: 100%"
    assert "acl:1:/:a@pve,a@pve!tok:Kit:\n" in text


def test_an_entry_for_a_removed_token_is_warned_of_until_the_file_is_written() -> None:
    lines = [
        *USERS,
        "pveum acl modify / --tokens 'a@pve!tok' --roles Kit",
        "pveum user token remove a@pve tok",
        "pveum acl list --output-format json",
        "pveum group add other",
        "pveum acl list --output-format json",
    ]
    answers = run(lines)
    warning = "user config - ignore invalid acl token 'a@pve!tok'\n"
    assert [answer[2] for answer in answers[-3:]] == [warning, warning, ""]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pveum role add pveX", "cannot use role ID starting with the (case-insensitive) 'PVE'"),
        ("pveum role modify PVEAdmin --privs VM.Audit", "'PVEAdmin' cannot be modified"),
        ("pveum user add a@pve", "create user failed: user 'a@pve' already exists"),
        ("pveum user token add a@pve t2 --expire x", "type check ('integer') failed - got 'x'"),
        ("pveum acl modify /nowhere --users a@pve --roles Kit", "invalid ACL path '/nowhere'"),
        ("pveum acl modify / --roles Kit", "either 'users', 'groups' or 'tokens' is required."),
        ("pveum pool modify none --vms 1000", "update pools failed: pool 'none' does not exist"),
    ],
)
def test_what_is_refused(line: str, why: str) -> None:
    status, out, err = run([*USERS, line])[-1]
    assert status != 0
    assert why in err
    assert not out


def test_without_quorum_nothing_can_be_changed() -> None:
    site = Site(SiteSpec(storage="dir"))
    site.faults.order("quorum-lost")
    answer = asyncio.run(collect(site.nodes["pve1"].machine, "pveum group add g"))
    assert answer[0] != 0
    assert b"create group failed: cfs-lock 'file-user_cfg' error: no quorum!" in answer[2]


def test_a_pool_forgets_what_is_destroyed() -> None:
    lines = [
        "pveum pool add p",
        "qm create 100 --memory 64 --pool p",
        "pveum pool delete p",
        "qm destroy 100",
        "cat /etc/pve/user.cfg",
        "pveum pool delete p",
    ]
    answers = run(lines)
    assert "is not empty (contains VM 100)" in answers[2][2]
    assert "pool:p:::" in answers[4][1]
    assert answers[5] == (0, "", "")


@pytest.mark.parametrize("version", ["8.4", "9.2"])
def test_roles_hold_only_known_privileges_and_the_administrator_all(version: str) -> None:
    known, builtin = roles.privileges(version), roles.builtin(version)
    assert builtin["Administrator"] == known
    assert all(granted <= known for granted in builtin.values())
    assert ("VM.Monitor" in known) == (version == "8.4")
