"""``/access/users/USER/token``: API tokens."""

from __future__ import annotations

from typing import Any

from pvekit.lab.access import store
from pvekit.lab.access.model import Token, UserConfig
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure

Data = dict[str, Any]
_PATH = "/access/users/{userid}/token"


def token_data(token: Token) -> Data:
    """Return what the API tells of a token; its secret is told only once."""
    shown: Data = {"expire": token.expire or 0, "privsep": int(token.privsep)}
    return {**shown, "comment": token.comment} if token.comment else shown


def _full(call: Call) -> str:
    return f"{call.values['userid']}!{call.values['tokenid']}"


def _token(config: UserConfig, call: Call) -> Token:
    owner, name = call.values["userid"], call.values["tokenid"]
    tokens = store.user(config, owner).tokens
    if name not in tokens:
        raise Failure(f"no such token '{name}' for user '{owner}'")
    return tokens[name]


async def list_tokens(call: Call) -> list[Data]:
    """``GET``: all tokens of a user."""
    user = store.user(await store.read(call), call.values["userid"])
    return [{"tokenid": n, **token_data(token)} for n, token in sorted(user.tokens.items())]


async def read_token(call: Call) -> Data:
    """``GET``: one token."""
    return token_data(_token(await store.read(call), call))


async def create_token(call: Call) -> Data:
    """Make a token and tell its secret, for the only time."""
    name = call.values["tokenid"]
    if name in store.user(store.load(call.node), call.values["userid"]).tokens:
        raise call.refuse(tokenid="Token already exists.")
    secret = call.node.new_uuid()
    async with store.update(call, "generating token failed") as config:
        token = Token(call.get("privsep", "1") == "1", comment=call.get("comment"))
        if "expire" in call.values:
            token.expire = int(call.values["expire"])
        store.user(config, call.values["userid"]).tokens[name] = token
        store.set_secret(call.node, _full(call), secret)
    # As given: numbers from the command line are texts in the answer.
    info = {key: call.values[key] for key in ("comment", "expire", "privsep") if key in call.values}
    return {"full-tokenid": _full(call), "info": {"privsep": 1, **info}, "value": secret}


async def update_token(call: Call) -> Data:
    """Change a token."""
    _token(store.load(call.node), call)
    secret = ""
    async with store.update(call, "updating token info failed") as config:
        token = _token(config, call)
        if "privsep" in call.values:
            token.privsep = call.on("privsep")
        if "expire" in call.values:
            token.expire = int(call.values["expire"])
        token.comment = call.get("comment") or token.comment
        if call.on("regenerate"):
            secret = call.node.new_uuid()
            store.set_secret(call.node, _full(call), secret)
    given = {key: call.values[key] for key in ("expire", "privsep") if key in call.values}
    told = {"full-tokenid": _full(call), "value": secret} if secret else {}
    return {**token_data(token), **given, **told}


async def delete_token(call: Call) -> None:
    """Remove a token; entries of the ACL for it are left behind."""
    _token(store.load(call.node), call)
    async with store.update(call, "deleting token failed") as config:
        _token(config, call)
        store.set_secret(call.node, _full(call), "")
        del config.users[call.values["userid"]].tokens[call.values["tokenid"]]


TOKEN_ROUTES = (
    Route("get", _PATH, list_tokens),
    Route("get", f"{_PATH}/{{tokenid}}", read_token),
    Route("create", f"{_PATH}/{{tokenid}}", create_token),
    Route("set", f"{_PATH}/{{tokenid}}", update_token),
    Route("delete", f"{_PATH}/{{tokenid}}", delete_token),
)
