"""The text of ``user.cfg``, read and written as Proxmox VE does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from pvekit.lab.access import roles
from pvekit.lab.access.model import (
    Entry,
    Kind,
    ResourcePool,
    Team,
    Token,
    User,
    UserConfig,
)
from pvekit.lab.lists import split_list
from pvekit.lab.vmconfig import encode_text

NAME = re.compile(r"[A-Za-z0-9.\-_]+")
REALM = r"[A-Za-z][A-Za-z0-9.\-_]+"
USER = re.compile(rf"[^\s:/]+@{REALM}")
TOKEN = re.compile(rf"(?P<user>[^\s:/]+@{REALM})!(?P<token>{REALM})")
_STORAGE = re.compile(r"[a-z][a-z0-9\-_.]*[a-z0-9]", re.IGNORECASE)


def normal_path(path: str) -> str:
    """Return an ACL path in its normal form, or nothing if it can be none."""
    if not path:
        return ""
    path = "/" + re.sub("/+", "/", path).strip("/")
    return path if re.fullmatch(r"[A-Za-z0-9.\-_/]+", path) else ""


def parse(text: str, version: str) -> UserConfig:
    """Read the text; what makes no sense is left out and told in ``warnings``."""
    config = UserConfig(users={"root@pam": User()})
    readers: Mapping[str, Callable[[_Parser, list[str]], None]] = {
        "user": _Parser.user,
        "token": _Parser.token,
        "group": _Parser.group,
        "pool": _Parser.pool,
        "role": _Parser.role,
        "acl": _Parser.acl,
    }
    parser = _Parser(config, version)
    for line in filter(None, map(str.strip, text.splitlines())):
        kind, *fields = [part.strip() for part in line.split(":")]
        if kind in readers:
            readers[kind](parser, fields + [""] * (8 - len(fields)))
        else:
            parser.warn(f"ignore config line: {line}")
    return config


class _Parser:
    def __init__(self, config: UserConfig, version: str) -> None:
        self.config = config
        self._privileges = roles.privileges(version)
        self._builtin = roles.builtin(version)

    def warn(self, text: str) -> None:
        self.config.warnings.append(f"user config - {text}")

    def user(self, fields: list[str]) -> None:
        name, enable, expire, first, last, email, comment, keys = fields[:8]
        if not USER.fullmatch(name):
            self.warn(f"ignore user '{name}' - invalid user name")
            return
        if not (expire or "0").isdecimal():
            self.warn(f"ignore user '{name}' - (illegal characters in expire '{expire}')")
            return
        # The file's reader drops empty fields at the end of a line.
        told = any((email, comment, keys))
        self.config.users[name] = User(
            enable not in ("", "0"),
            int(expire or 0),
            unquote(first),
            unquote(last),
            email if told else None,
            unquote(comment),
            keys,
        )

    def token(self, fields: list[str]) -> None:
        name, expire, privsep, comment = fields[:4]
        found = TOKEN.fullmatch(name)
        if found is None:
            self.warn(f"ignore invalid tokenid '{name}'")
        elif found["user"] not in self.config.users:
            self.warn(f"ignore token '{name}' - user does not exist")
        else:
            token = Token(privsep not in ("", "0"), int(expire or 0), unquote(comment))
            self.config.users[found["user"]].tokens[found["token"]] = token

    def group(self, fields: list[str]) -> None:
        name, users, comment = fields[:3]
        team = self.config.groups.setdefault(name, Team())
        team.comment = unquote(comment)
        for user in split_list(users):
            if user not in self.config.users:
                self.warn(f"ignore invalid group member '{user}'")
            team.users.add(user)

    def pool(self, fields: list[str]) -> None:
        name, comment, vms, storages = fields[:4]
        pool = self.config.pools.setdefault(name, ResourcePool())
        pool.comment = unquote(comment)
        for vmid in split_list(vms):
            if not vmid.isdecimal():
                self.warn(f"ignore invalid vmid '{vmid}' in pool '{name}'")
            elif self.config.pool_of(int(vmid)):
                self.warn(f"ignore duplicate vmid '{vmid}' in pool '{name}'")
            else:
                pool.vms.add(int(vmid))
        for storage in split_list(storages):
            if _STORAGE.fullmatch(storage):
                pool.storages.add(storage)
            else:
                self.warn(f"ignore invalid storage '{storage}' in pool '{name}'")

    def role(self, fields: list[str]) -> None:
        name, privileges = fields[:2]
        role = self.config.roles.setdefault(name, set())
        for privilege in split_list(privileges):
            if privilege in self._privileges:
                role.add(privilege)
            else:
                self.warn(f"ignore invalid privilege '{privilege}'")

    def acl(self, fields: list[str]) -> None:
        propagate, text, subjects, granted = fields[:4]
        path = normal_path(text)
        if not path:
            self.warn(f"ignore invalid path in acl '{text}'")
            return
        for role in split_list(granted):
            if role not in self._builtin and role not in self.config.roles:
                self.warn(f"ignore invalid acl role '{role}'")
                continue
            for subject in split_list(subjects):
                kind, name = self._subject(subject)
                if kind:
                    entry = Entry(path, kind, name, role, propagate not in ("", "0"))
                    self.config.acl.set(entry)

    def _subject(self, text: str) -> tuple[Kind | None, str]:
        if text.startswith("@") and NAME.fullmatch(text[1:]):
            if text[1:] not in self.config.groups:
                self.warn(f"ignore invalid acl group '{text[1:]}'")
            return "group", text[1:]
        found = TOKEN.fullmatch(text)
        if found is not None:
            user = self.config.users.get(found["user"])
            if user is None or found["token"] not in user.tokens:
                self.warn(f"ignore invalid acl token '{text}'")
                return None, ""
            return "token", text
        if USER.fullmatch(text):
            if text not in self.config.users:
                self.warn(f"ignore invalid acl member '{text}'")
            return "user", text
        self.warn(f"invalid user/group '{text}' in acl")
        return None, ""


def render(config: UserConfig) -> str:
    """Return the text to write."""
    blocks = (
        _users(config),
        _groups(config),
        _pools(config),
        [f"role:{role}:{','.join(sorted(p))}:\n" for role, p in sorted(config.roles.items())],
        _acl(config),
    )
    return "\n".join("".join(block) for block in blocks)


def _users(config: UserConfig) -> Iterable[str]:
    for name, user in sorted(config.users.items()):
        words = (encode_text(user.firstname), encode_text(user.lastname), user.email or "")
        tail = f"{':'.join(words)}:{encode_text(user.comment)}:{user.keys}"
        yield f"user:{name}:{int(user.enable)}:{user.expire or 0}:{tail}:\n"
        for token, entry in sorted(user.tokens.items()):
            comment = encode_text(entry.comment)
            yield f"token:{name}!{token}:{entry.expire or 0}:{int(entry.privsep)}:{comment}:\n"


def _groups(config: UserConfig) -> Iterable[str]:
    for name, team in sorted(config.groups.items()):
        yield f"group:{name}:{','.join(sorted(team.users))}:{encode_text(team.comment)}:\n"


def _pools(config: UserConfig) -> Iterable[str]:
    for name, pool in sorted(config.pools.items()):
        vms = ",".join(sorted(map(str, pool.vms)))
        storages = ",".join(sorted(pool.storages))
        yield f"pool:{name}:{encode_text(pool.comment)}:{vms}:{storages}:\n"


def _acl(config: UserConfig) -> Iterable[str]:
    prefixes = {"user": "", "group": "@", "token": ""}
    for path in config.acl.nodes():
        for propagate in (False, True):
            members: dict[str, list[str]] = {}
            for (kind, subject), granted in config.acl.paths.get(path, {}).items():
                names = sorted(role for role, below in granted.items() if below == propagate)
                # root@pam is always an administrator.
                if names and (kind, subject) != ("user", "root@pam"):
                    members.setdefault(",".join(names), []).append(f"{prefixes[kind]}{subject}")
            for names_text, subjects in sorted(members.items()):
                yield f"acl:{int(propagate)}:{path}:{','.join(sorted(subjects))}:{names_text}:\n"
