"""``pvesh``: calls methods of the API by path, lists what is below a path, shows usage lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pvekit.lab import formats
from pvekit.lab.api import all as methods
from pvekit.lab.api import proxy
from pvekit.lab.api.text import Look, render
from pvekit.lab.commands.call import Call, PveProgram
from pvekit.lab.failure import Failure
from pvekit.lab.options import (
    ApiMethod,
    ApiTree,
    Arguments,
    Command,
    Refused,
    Returns,
    api,
    table,
)
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.schema.command import OUTPUT

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_VERBS = ("get", "set", "create", "delete")
_OWN = frozenset({"api_path", "noproxy"})
_SWITCHES = ("--noproxy", "--nooutput")
_LISTING = Returns("array", items=Returns("object"))


@dataclass(frozen=True)
class _Request:
    """One call as it was typed: ``path`` as it is, ``found`` the values of its named parts."""

    process: Process
    path: str
    info: ApiMethod
    found: Mapping[str, str]
    given: Arguments
    switches: frozenset[str] = frozenset()

    @property
    def options(self) -> Mapping[str, str]:
        """The options of the method itself."""
        skipped = _OWN | (OUTPUT if self._has_output else frozenset())
        return {k: v for k, v in self.given.values.items() if k not in skipped}

    @property
    def _has_output(self) -> bool:
        return self.info.command.options.keys() >= OUTPUT

    def look(self, *, bare: bool = False) -> Look:
        """How the answer is to be printed."""
        options = self.given.values if self._has_output else {}
        return Look.of(options, self.process.env, bare=bare)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be printed."""
        quiet = self._has_output and self.given.values.get("quiet") == "1"
        return quiet or "--nooutput" in self.switches


class Pvesh(PveProgram):
    """The program: its options depend on the path."""

    @property
    def _tree(self) -> ApiTree:
        return api(self.node.capacity.pve)

    async def run(self, process: Process) -> None:
        """Run one call."""
        words, switches = list(process.argv[1:]), set[str]()
        while words and words[0] in _SWITCHES:
            switches.add(words.pop(0))
        if words[:1] == ["help"]:
            await super().run(replace(process, argv=(self.name, *words)))
            return
        info = self._method(words)
        plain, rest = table("pvesh", self.node.capacity.pve).find(words)
        command = info.command if info else plain
        given = command.read(rest)
        formats.check_all(command, given)
        path = given.values["api_path"]
        if plain.name == "usage":
            await self._usage(process, path, given)
            return
        verb = "get" if plain.name == "ls" else plain.name
        if info is None:
            info = self._required(plain.name, verb, path)
        found = self._tree.find(path)
        request = _Request(
            process, path, info, found[1] if found else {}, given, frozenset(switches)
        )
        await (self._list(request) if plain.name == "ls" else self._call(request))

    def _method(self, words: list[str]) -> ApiMethod | None:
        """Return the method that a verb and the path right after it name; it gives the options."""
        if not words or words[0] not in _VERBS or len(words) < 2 or words[1] in {"", "0"}:
            return None
        info = self._info(words[0], words[1])
        if info is None:
            raise Failure(f"No '{words[0]}' handler defined for '{words[1]}'", 1)
        return info

    def _info(self, verb: str, path: str) -> ApiMethod | None:
        found = self._tree.find(path)
        return self._tree.info(found[0], verb) if found else None

    def _required(self, name: str, verb: str, path: str) -> ApiMethod:
        info = self._info(verb, path)
        if info is None:
            what = (
                f"no such resource '{path}'"
                if name == "ls"
                else f"no '{name}' handler for '{path}'"
            )
            raise Failure(what)
        return info

    # Calling

    async def _call(self, request: _Request) -> None:
        other = self._other_node(request)
        if other:
            answer = await self._ask(other, request, request.info.verb)
        else:
            answer = await self._answer(request)
        if not request.is_quiet:
            await request.process.say(render(answer, request.info.returns, request.look()))

    def _other_node(self, request: _Request) -> str:
        """Return the node that must answer, unless it is this one."""
        name = request.found.get(request.info.proxyto, "")
        if name in {"", "localhost", self.node.name}:
            return ""
        if "--noproxy" in request.switches:
            raise Failure("proxy loop detected - aborting")
        return name

    async def _ask(self, other: str, request: _Request, verb: str) -> Any:  # noqa: ANN401
        lists = request.given.lists
        asked = proxy.Request(other, verb, request.path, request.options, lists)
        return await proxy.ask(self.node, request.process, asked)

    async def _answer(self, request: _Request) -> Any:  # noqa: ANN401
        """Run a method here; a task that fails is told on stderr, and the call succeeds."""
        info = request.info
        values = {**request.options, **request.found}
        _check_path(info, request.found)
        if values.get("node") == "localhost":
            values["node"] = self.node.name
        method = methods.find(info.verb, info.template)
        if method is None:
            raise NotSimulated(f"{info.verb} {info.template}")
        given = request.given
        call = Call(
            self.node, request.process, info.command, values, given.extra, lists=given.lists
        )
        try:
            answer = await method(call)
        except (Failure, Refused) as failure:
            if not call.tasks:
                raise
            message = failure.message if isinstance(failure, Failure) else str(failure)
            await request.process.complain(f"{message}\n")
            answer = None
        if call.tasks and info.returns.type == "string":
            return call.tasks[-1].upid
        return answer

    # Looking around

    async def _list(self, request: _Request) -> None:
        info = request.info
        if not info.child:
            raise Failure(f"resource '{request.path}' does not define child links")
        other = self._other_node(request)
        if other:
            rows = await self._ask(other, request, "ls")
        else:
            answer = await self._answer(request)
            names = sorted(str(entry.get(info.child, "")) for entry in answer or ())
            rows = [self._row(request.path, name) for name in names]
        if not request.is_quiet:
            look = replace(request.look(bare=True), sort_key="name")
            shown = render(rows, _LISTING, look, ("capabilities", "name"))
            await request.process.say(shown)

    def _row(self, path: str, name: str) -> dict[str, str]:
        get = self._info("get", f"{path}/{name}")
        letters = ("D" if get.child else "-") + "r" if get else "--"
        for verb, letter in (("set", "w"), ("create", "c"), ("delete", "d")):
            letters += letter if self._info(verb, f"{path}/{name}") else "-"
        return {"capabilities": letters, "name": name}

    async def _usage(self, process: Process, path: str, given: Arguments) -> None:
        wanted = given.values.get("command", "")
        found = [i for v in _VERBS if wanted in {"", v} and (i := self._info(v, path))]
        if not found and wanted:
            raise Failure(f"no '{wanted}' handler for '{path}'")
        if not found:
            raise Failure(f"no such resource '{path}'")
        if "1" in {given.values.get("verbose"), given.values.get("returns")}:
            raise NotSimulated("descriptions")
        for info in found:
            await process.say(f"USAGE: {_usage_line(info, path)}\n")


def _usage_line(info: ApiMethod, path: str) -> str:
    skipped = _OWN | OUTPUT
    options = {name: spec for name, spec in info.command.options.items() if name not in skipped}
    return Command("pvesh", f"{info.verb} {path}", (), options).usage()


def _check_path(info: ApiMethod, found: Mapping[str, str]) -> None:
    """Check the named parts of a path; as with options, the usage line is the call's."""
    parts = Command("pvesh", info.verb, (), info.path_options)
    formats.check_all(parts, Arguments(found), usage=info.command.usage())


def pvesh(node: Node) -> Pvesh:
    """Return the program as it is on a node."""
    return Pvesh(node, "pvesh", {}, frozenset({"get", "ls", "usage"}))
