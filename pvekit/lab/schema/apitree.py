"""The API: its paths, its methods with their parameters, and what they answer with."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.schema.command import OUTPUT, Command
from pvekit.lab.schema.data import Specs, load
from pvekit.lab.schema.spec import Spec

_REST = ("{volume}",)
"""The part that takes the rest of a path: a volume's name may have slashes."""
_FLAG = Spec(type="boolean")
_PATH: Mapping[str, Spec] = {"api_path": Spec(required=True), "noproxy": _FLAG}
_OUTPUT: Mapping[str, Spec] = {
    name: Spec(enum=("text", "json", "json-pretty", "yaml")) if name == "output-format" else _FLAG
    for name in OUTPUT
}


@dataclass(frozen=True)
class Returns:
    """What a method answers with, as far as the text output depends on it."""

    type: str = ""
    optional: bool = False
    title: str = ""
    renderer: str = ""
    print_width: int = 0
    properties: Mapping[str, Returns] = field(default_factory=dict)
    items: Returns | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Returns:
        """Read one entry of the tables."""
        known = dict(data)
        known["optional"] = bool(known.get("optional"))
        known["properties"] = {
            name: cls.from_data(entry) for name, entry in known.get("properties", {}).items()
        }
        if "items" in known:
            known["items"] = cls.from_data(known["items"])
        return cls(**known)


@dataclass(frozen=True)
class ApiMethod:
    """One method: ``command`` is how ``pvesh`` calls it, without the path's own parameters.

    ``path_options`` are those, ``proxyto`` the one that names the node which must answer, and
    ``child`` the property of the answer that names what is below.
    """

    verb: str
    template: str
    name: str
    command: Command
    path_options: Mapping[str, Spec]
    returns: Returns
    proxyto: str = ""
    child: str = ""


class ApiTree:
    """All paths of one version's API."""

    def __init__(self, version: str) -> None:
        content = load("api", version)
        self.version = version
        self._paths: Mapping[str, str] = content["paths"]
        self._methods: Mapping[str, Any] = content["methods"]
        self._specs = Specs(content["specs"])
        self._cached = functools.cache(self._make)

    def find(self, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the template that a path follows, and the values of its named parts."""
        template, found = "", dict[str, str]()
        parts = [part for part in path.split("/") if part]
        while parts:
            names = self.children(template or "/")
            part = parts.pop(0)
            if names == _REST:
                part, parts = "/".join([part, *parts]), []
            if part in names:
                template += f"/{part}"
            elif len(names) == 1 and names[0].startswith("{") and not re.search(r"\s", part):
                template += f"/{names[0]}"
                found[names[0].strip("{}")] = part
            else:
                return None
        return template or "/", found

    def children(self, template: str) -> tuple[str, ...]:
        """Return the last parts of the paths that are directly below."""
        if template == "/":
            return tuple(path[1:] for path in self._paths if path.count("/") == 1)
        return tuple(self._paths.get(template, "").split())

    def keys(self) -> Iterator[tuple[str, str]]:
        """Yield the template and the verb of every method."""
        for key in self._methods:
            verb, _, template = key.partition(" ")
            yield template, verb

    def method(self, template: str, verb: str) -> Command | None:
        """Return how ``pvesh`` calls a method, or None if there is no such method."""
        found = self.info(template, verb)
        return found.command if found else None

    def info(self, template: str, verb: str) -> ApiMethod | None:
        """Return all that is known of a method, or None if there is no such method."""
        return self._cached(template, verb) if f"{verb} {template}" in self._methods else None

    def _make(self, template: str, verb: str) -> ApiMethod:
        entry = self._methods[f"{verb} {template}"]
        parts = {part.strip("{}") for part in template.split("/") if part.startswith("{")}
        options = dict(self._specs.named(entry["options"]))
        own = {name: spec for name, spec in options.items() if name not in parts}
        forms = {} if own.keys() & OUTPUT else _OUTPUT
        return ApiMethod(
            verb,
            template,
            entry["name"],
            Command("pvesh", verb, ("api_path",), {**own, **_PATH, **forms}),
            {name: spec for name, spec in options.items() if name in parts},
            Returns.from_data(entry["returns"]),
            entry.get("proxyto", ""),
            entry.get("child", ""),
        )


@functools.cache
def api(version: str) -> ApiTree:
    """Return the API of a version; that of the oldest for an unknown one."""
    return ApiTree(version)
