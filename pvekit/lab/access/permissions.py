"""Which privileges somebody has on which path."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.access import roles, usercfg
from pvekit.lab.access.model import UserConfig

_TOP = (*("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"),)
Granted = Mapping[str, bool]


class Permissions:
    """The permissions under one ``user.cfg``; each privilege says whether it propagates."""

    def __init__(self, config: UserConfig, version: str) -> None:
        self._config = config
        self._roles = {**roles.builtin(version), **config.roles}

    def on(self, who: str, path: str) -> dict[str, bool]:
        """Return the privileges of a user or token on a path."""
        if who == "root@pam":
            return dict.fromkeys(sorted(self._roles["Administrator"]), True)
        found = usercfg.TOKEN.fullmatch(who)
        if found is None:
            return self._privileges(who, path)
        owner = self._config.users.get(found["user"])
        token = owner.tokens.get(found["token"]) if owner else None
        if token is None:
            return {}
        allowed = self.on(found["user"], path)
        if not token.privsep:
            return allowed
        own = self._privileges(who, path)
        return {name: own[name] and allowed[name] for name in own if name in allowed}

    def everywhere(self, who: str) -> dict[str, dict[str, bool]]:
        """Return the privileges on every path that matters, where there are any."""
        paths = {*_TOP, *self._config.acl.nodes()}
        for pool in self._config.pools.values():
            paths |= {f"/vms/{vmid}" for vmid in pool.vms}
            paths |= {f"/storage/{storage}" for storage in pool.storages}
        found = {path: self.on(who, path) for path in sorted(paths)}
        return {path: granted for path, granted in found.items() if granted}

    def _privileges(self, who: str, path: str) -> dict[str, bool]:
        granted = self._with_pools(who, path)
        found: dict[str, bool] = {}
        for role, propagate in granted.items():
            for privilege in self._roles.get(role, ()):
                found[privilege] = found.get(privilege, False) or propagate
        return found

    def _with_pools(self, who: str, path: str) -> dict[str, bool]:
        granted = dict(self._granted(who, path))
        inherited = self._from_pools(who, path)
        if "NoAccess" in granted or not inherited:
            return granted
        if "NoAccess" in inherited:
            return {"NoAccess": False}
        return dict.fromkeys(inherited, False) | granted

    def _from_pools(self, who: str, path: str) -> set[str]:
        found: set[str] = set()
        for name, pool in self._config.pools.items():
            members = {f"/vms/{vmid}" for vmid in pool.vms}
            members |= {f"/storage/{storage}" for storage in pool.storages}
            if path in members:
                found |= self._granted(who, f"/pool/{name}").keys()
        return found

    def _granted(self, who: str, path: str) -> Granted:
        """Return the roles on a path: the nearest entry above wins, a user's over a group's."""
        granted: Granted = {}
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            here = "/" + "/".join(parts[:depth])
            granted = self._at(who, here, final=depth == len(parts)) or granted
        return {"NoAccess": granted["NoAccess"]} if "NoAccess" in granted else granted

    def _at(self, who: str, path: str, *, final: bool) -> Granted:
        acl = self._config.acl
        for kind in ("token", "user"):
            own = _applied(acl.at(path, "token" if kind == "token" else "user", who), final=final)
            if own:
                return own
        found: dict[str, bool] = {}
        for group in self._config.groups_of(who):
            found |= _applied(acl.at(path, "group", group), final=final)
        return found


def _applied(granted: Granted, *, final: bool) -> dict[str, bool]:
    return {role: propagate for role, propagate in granted.items() if final or propagate}
