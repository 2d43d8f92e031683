"""``/access``: users, groups, roles, the ACL, permissions, tokens and passwords."""

from __future__ import annotations

from typing import Any

from pvekit.lab.access import permissions as computed
from pvekit.lab.access import roles as known_roles
from pvekit.lab.access import store
from pvekit.lab.access.model import Entry, Kind, Token, User, UserConfig
from pvekit.lab.access.usercfg import TOKEN, normal_path
from pvekit.lab.api import realms, roles
from pvekit.lab.api.routes import Route
from pvekit.lab.api.tokens import TOKEN_ROUTES, token_data
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list

Data = dict[str, Any]
_TEXTS = ("firstname", "lastname", "email", "comment", "keys")
_PATHS = (
    *("/", "/access", "/access/groups", "/access/realm", "/nodes", "/pool", "/sdn", "/sdn/zones"),
    *("/storage", "/vms", "/mapping"),
)
_LONGEST = {"access": 3, "nodes": 2, "pool": 4, "sdn": 5, "storage": 2, "vms": 2, "mapping": 3}


async def index(_: Call) -> list[Data]:
    """``/access``."""
    names = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
    return [{"subdir": name} for name in names]


# Users


def user_data(user: User) -> Data:
    """Return what the API tells of a user: only what is known."""
    shown: Data = {"enable": int(user.enable)}
    if user.expire is not None:
        shown["expire"] = user.expire
    for name in ("firstname", "lastname", "comment", "keys"):
        if getattr(user, name):
            shown[name] = getattr(user, name)
    if user.email is not None:
        shown["email"] = user.email
    return shown


async def list_users(call: Call) -> list[Data]:
    """``/access/users``."""
    config = await store.read(call)
    types = {name: section.type for name, section in realms.load(call.node).ids.items()}
    found = []
    for name, user in sorted(config.users.items()):
        if "enabled" in call.values and user.enable != call.on("enabled"):
            continue
        entry = user_data(user)
        if call.on("full"):
            entry["groups"] = ",".join(config.groups_of(name))
            entry["tokens"] = [
                {"tokenid": token, **token_data(user.tokens[token])}
                for token in sorted(user.tokens)
            ] or None
        realm = name.rpartition("@")[2]
        if realm in types:
            entry["realm-type"] = types[realm]
        found.append({**entry, "userid": name})
    return found


async def read_user(call: Call) -> Data:
    """``GET /access/users/USER``."""
    config = await store.read(call)
    user = store.user(config, call.values["userid"])
    tokens = {name: token_data(token) for name, token in sorted(user.tokens.items())}
    groups = config.groups_of(call.values["userid"])
    return {**user_data(user), "groups": groups, "tokens": tokens or None}


def _join(config: UserConfig, name: str, groups: str) -> None:
    for group in split_list(groups):
        if group not in config.groups:
            raise Failure(f"no such group '{group}'")
        config.groups[group].users.add(name)


def _change(call: Call, user: User) -> None:
    if "enable" in call.values:
        user.enable = call.on("enable")
    if "expire" in call.values:
        user.expire = int(call.values["expire"])
    for name in _TEXTS:
        if name in call.values:
            setattr(user, name, call.values[name])


async def create_user(call: Call) -> None:
    """Make a user, in any realm."""
    name = call.values["userid"]
    async with store.update(call, "create user failed") as config:
        if name in config.users:
            raise Failure(f"user '{name}' already exists")
        if "password" in call.values:
            realms.set_password(call.node, name, call.values["password"])
        user = config.users[name] = User()
        _join(config, name, call.get("groups"))
        _change(call, user)


async def update_user(call: Call) -> None:
    """Change a user; groups replace those of before unless they are to be added."""
    name = call.values["userid"]
    async with store.update(call, "update user failed") as config:
        user = store.user(config, name)
        if "groups" in call.values and not call.on("append"):
            for team in config.groups.values():
                team.users.discard(name)
        _join(config, name, call.get("groups"))
        _change(call, user)


async def delete_user(call: Call) -> None:
    """Remove a user with all permissions; one that is not there is no error."""
    name = call.values["userid"]
    async with store.update(call, "delete user failed") as config:
        user = config.users.pop(name, None)
        for token in user.tokens if user else ():
            config.acl.forget("token", f"{name}!{token}")
            store.set_secret(call.node, f"{name}!{token}", "")
        for team in config.groups.values():
            team.users.discard(name)
        config.acl.forget("user", name)
        if name.endswith("@pve"):
            store.set_password(call.node, name.removesuffix("@pve"), "")


async def change_password(call: Call) -> None:
    """``PUT /access/password``."""
    name = call.values["userid"]
    store.user(await store.read(call), name)
    realms.set_password(call.node, name, call.values["password"])


# The ACL


async def read_acl(call: Call) -> list[Data]:
    """``/access/acl``."""
    config = await store.read(call)
    return [
        {
            "path": entry.path,
            "propagate": int(entry.propagate),
            "roleid": entry.role,
            "type": entry.kind,
            "ugid": entry.subject,
        }
        for entry in config.acl.entries()
    ]


def _is_known_path(path: str) -> bool:
    parts = path.strip("/").split("/")
    if path in _PATHS:
        return True
    if parts[0] == "access" and parts[1:2] not in (["groups"], ["realm"]):
        return False
    if parts[0] == "sdn" and parts[1:2] != ["zones"]:
        return False
    if parts[0] == "vms" and not (len(parts) > 1 and parts[1].isdecimal() and int(parts[1]) > 99):
        return False
    return 1 < len(parts) <= _LONGEST.get(parts[0], 0)


async def update_acl(call: Call) -> None:
    """Grant roles on a path, or take them back."""
    if not any(call.get(name) for name in ("users", "groups", "tokens")):
        why = "either 'users', 'groups' or 'tokens' is required."
        raise call.refuse(groups=why, tokens=why, users=why)
    path = normal_path(call.values["path"])
    if not path or (not call.on("delete") and not _is_known_path(path)):
        raise call.refuse(path=f"invalid ACL path '{call.values['path']}'")
    async with store.update(call, "ACL update failed") as config:
        for role in split_list(call.values["roles"]):
            if role not in config.roles and role not in known_roles.builtin(call.node.capacity.pve):
                raise Failure(f"role '{role}' does not exist")
            for kind, subject in _subjects(call, config):
                if call.on("delete"):
                    config.acl.remove(path, kind, subject, role)
                else:
                    propagate = call.get("propagate", "1") == "1"
                    config.acl.set(Entry(path, kind, subject, role, propagate))


def _subjects(call: Call, config: UserConfig) -> list[tuple[Kind, str]]:
    found: list[tuple[Kind, str]] = []
    for group in split_list(call.get("groups")):
        roles.group_of(config, group)
        found.append(("group", group))
    for user in split_list(call.get("users")):
        if user not in config.users:
            raise Failure(f"user '{user}' does not exist")
        found.append(("user", user))
    for token in split_list(call.get("tokens")):
        _check_token(config, token)
        found.append(("token", token))
    return found


def _check_token(config: UserConfig, full: str) -> Token:
    found = TOKEN.fullmatch(full)
    owner, name = (found["user"], found["token"]) if found else ("", "")
    user = store.user(config, owner)
    if name not in user.tokens:
        raise Failure(f"no such token '{name}' for user '{owner}'")
    return user.tokens[name]


async def permissions(call: Call) -> dict[str, Data]:
    """``/access/permissions``: of a user or token, everywhere or on one path."""
    found = computed.Permissions(await store.read(call), call.node.capacity.pve)
    who = call.get("userid", "root@pam")
    if path := call.get("path"):
        return {path: _flags(found.on(who, path))}
    return {where: _flags(granted) for where, granted in found.everywhere(who).items()}


def _flags(granted: dict[str, bool]) -> Data:
    return {name: int(propagate) for name, propagate in sorted(granted.items())}


ROUTES = (
    Route("get", "/access", index),
    Route("get", "/access/acl", read_acl),
    Route("set", "/access/acl", update_acl),
    Route("set", "/access/password", change_password),
    Route("get", "/access/permissions", permissions),
    Route("get", "/access/users", list_users),
    Route("create", "/access/users", create_user),
    Route("get", "/access/users/{userid}", read_user),
    Route("set", "/access/users/{userid}", update_user),
    Route("delete", "/access/users/{userid}", delete_user),
    *realms.ROUTES,
    *roles.ROUTES,
    *TOKEN_ROUTES,
)
