"""``pveum``: users, groups, roles, tokens, pools and the ACL on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pvekit.lab.api import access, pools, realms, roles, tokens
from pvekit.lab.api.routes import Method
from pvekit.lab.api.text import Look, render
from pvekit.lab.commands.answers import show
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.options import Returns
from pvekit.lab.process import NotSimulated

_TOKEN = "/access/users/{userid}/token"  # noqa: S105 - a path
_PERMISSIONS = Returns(
    "array",
    items=Returns(
        "object",
        properties={
            "path": Returns("string", title="ACL path"),
            "permissions": Returns("string", title="Permissions"),
        },
    ),
)


def _showing(method: Method, path: str, columns: Sequence[str] | None = None) -> Handler:
    async def handler(call: Call) -> None:
        await show(call, await method(call), path, columns)

    return handler


def _modify(delete: str) -> Handler:
    async def handler(call: Call) -> None:
        await access.update_acl(replace(call, values={**call.values, "delete": delete}))

    return handler


async def _user_permissions(call: Call) -> None:
    await _show_permissions(call, await access.permissions(call))


async def _token_permissions(call: Call) -> None:
    full = f"{call.values['userid']}!{call.values['tokenid']}"
    asked = replace(call, values={**call.values, "userid": full})
    await _show_permissions(call, await access.permissions(asked))


async def _show_permissions(call: Call, data: Mapping[str, Mapping[str, Any]]) -> None:
    if call.get("output-format", "text") != "text":
        await show(call, data, "get /access/permissions")
        return
    rows = [
        {"path": path, "permissions": "\n".join(_marked(granted))}
        for path, granted in sorted(data.items())
    ]
    look = Look.of(call.values, call.process.env)
    await call.process.say(render(rows, _PERMISSIONS, look))
    await call.process.say("Permissions marked with '(*)' have the 'propagate' flag set.\n")


def _marked(granted: Mapping[str, Any]) -> list[str]:
    return [f"{name} (*)" if below else name for name, below in sorted(granted.items())]


async def _interactive(_: Call) -> None:
    raise NotSimulated("a password asked for at the terminal")


HANDLERS: Mapping[str, Handler] = {
    "acl delete": _modify("1"),
    "acl list": _showing(access.read_acl, "get /access/acl"),
    "acl modify": _modify("0"),
    "group add": roles.create_group,
    "group delete": roles.delete_group,
    "group list": _showing(roles.list_groups, "get /access/groups"),
    "group modify": roles.update_group,
    "passwd": _interactive,
    "pool add": pools.create_pool,
    "pool delete": pools.delete_pool,
    "pool list": _showing(pools.list_pools, "get /pools"),
    "pool modify": pools.update_pool,
    "realm add": realms.create_realm,
    "realm delete": realms.delete_realm,
    "realm list": _showing(realms.list_realms, "get /access/domains"),
    "realm modify": realms.update_realm,
    "realm sync": realms.sync_realm,
    "role add": roles.create_role,
    "role delete": roles.delete_role,
    "role list": _showing(roles.list_roles, "get /access/roles"),
    "role modify": roles.update_role,
    "ticket": _interactive,
    "user add": access.create_user,
    "user delete": access.delete_user,
    "user list": _showing(access.list_users, "get /access/users"),
    "user modify": access.update_user,
    "user permissions": _user_permissions,
    "user token add": _showing(tokens.create_token, f"create {_TOKEN}/{{tokenid}}"),
    "user token delete": tokens.delete_token,
    "user token list": _showing(tokens.list_tokens, f"get {_TOKEN}"),
    "user token modify": _showing(tokens.update_token, f"set {_TOKEN}/{{tokenid}}"),
    "user token permissions": _token_permissions,
}
READING = frozenset(
    {
        *("acl list", "group list", "pool list", "realm list", "role list", "user list"),
        *("user permissions", "user token list", "user token permissions"),
    }
)
