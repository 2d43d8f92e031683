"""``/access/groups`` and ``/access/roles``."""

from __future__ import annotations

from typing import Any

from pvekit.lab.access import roles as privileges
from pvekit.lab.access import store
from pvekit.lab.access.model import Team, UserConfig
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list

Data = dict[str, Any]


# Groups


async def list_groups(call: Call) -> list[Data]:
    """``/access/groups``."""
    config = await store.read(call)
    return [
        {"groupid": name, "users": ",".join(sorted(team.users)), **_comment(team)}
        for name, team in sorted(config.groups.items())
    ]


def _comment(team: Team) -> Data:
    return {"comment": team.comment} if team.comment else {}


def group_of(config: UserConfig, name: str) -> Team:
    """Return a group; the program dies if there is none."""
    if name not in config.groups:
        raise Failure(f"group '{name}' does not exist")
    return config.groups[name]


async def read_group(call: Call) -> Data:
    """``GET /access/groups/GROUP``."""
    team = group_of(await store.read(call), call.values["groupid"])
    return {"members": sorted(team.users), **_comment(team)}


async def create_group(call: Call) -> None:
    """Make a group."""
    name = call.values["groupid"]
    async with store.update(call, "create group failed") as config:
        if name in config.groups:
            raise Failure(f"group '{name}' already exists")
        config.groups[name] = Team(comment=call.get("comment"))


async def update_group(call: Call) -> None:
    """Change a group's comment."""
    async with store.update(call, "update group failed") as config:
        team = group_of(config, call.values["groupid"])
        team.comment = call.get("comment", team.comment)


async def delete_group(call: Call) -> None:
    """Remove a group with its permissions."""
    async with store.update(call, "delete group failed") as config:
        group_of(config, call.values["groupid"])
        del config.groups[call.values["groupid"]]
        config.acl.forget("group", call.values["groupid"])


# Roles


async def list_roles(call: Call) -> list[Data]:
    """``/access/roles``: the built-in ones too."""
    builtin = privileges.builtin(call.node.capacity.pve)
    known = {**(await store.read(call)).roles, **builtin}
    return [
        {"privs": ",".join(sorted(privs)), "roleid": name, "special": int(name in builtin)}
        for name, privs in sorted(known.items())
    ]


async def read_role(call: Call) -> Data:
    """``GET /access/roles/ROLE``: its privileges."""
    name = call.values["roleid"]
    known = {**(await store.read(call)).roles, **privileges.builtin(call.node.capacity.pve)}
    if name not in known:
        raise Failure(f"role '{name}' does not exist")
    return dict.fromkeys(sorted(known[name]), 1)


async def create_role(call: Call) -> None:
    """Make a role; Proxmox VE keeps the names that begin with its own to itself."""
    name = call.values["roleid"]
    if name.upper().startswith("PVE"):
        space = "the (case-insensitive) 'PVE' namespace"
        raise call.refuse(roleid=f"cannot use role ID starting with {space}")
    async with store.update(call, "create role failed") as config:
        if name in config.roles or name in privileges.builtin(call.node.capacity.pve):
            raise Failure(f"role '{name}' already exists")
        config.roles[name] = _privileges(call)


def _privileges(call: Call) -> set[str]:
    given = split_list(call.get("privs"))
    for name in given:
        if name not in privileges.privileges(call.node.capacity.pve):
            raise Failure(f"invalid privilege '{name}'")
    return set(given)


def _check_own(call: Call, verb: str) -> None:
    if call.values["roleid"] in privileges.builtin(call.node.capacity.pve):
        raise Failure(f"auto-generated role '{call.values['roleid']}' cannot be {verb}")


def _role(config: UserConfig, name: str) -> set[str]:
    if name not in config.roles:
        raise Failure(f"role '{name}' does not exist")
    return config.roles[name]


async def update_role(call: Call) -> None:
    """Replace a role's privileges, or add to them."""
    _check_own(call, "modified")
    name = call.values["roleid"]
    async with store.update(call, "update role failed") as config:
        before = _role(config, name)
        config.roles[name] = _privileges(call) | (before if call.on("append") else set())


async def delete_role(call: Call) -> None:
    """Remove a role; what was granted with it stays in the file until somebody writes it."""
    _check_own(call, "deleted")
    async with store.update(call, "delete role failed") as config:
        _role(config, call.values["roleid"])
        del config.roles[call.values["roleid"]]


ROUTES = (
    Route("get", "/access/groups", list_groups),
    Route("create", "/access/groups", create_group),
    Route("get", "/access/groups/{groupid}", read_group),
    Route("set", "/access/groups/{groupid}", update_group),
    Route("delete", "/access/groups/{groupid}", delete_group),
    Route("get", "/access/roles", list_roles),
    Route("create", "/access/roles", create_role),
    Route("get", "/access/roles/{roleid}", read_role),
    Route("set", "/access/roles/{roleid}", update_role),
    Route("delete", "/access/roles/{roleid}", delete_role),
)
