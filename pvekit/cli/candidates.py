"""The words that may be meant where a name is completed: of the site, the configuration, here."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from pvekit.cli.app import App
from pvekit.config import asked as config
from pvekit.errors import PvekitError
from pvekit.ssh.deadline import Deadline

if TYPE_CHECKING:
    from pvekit.operations.known import KnownVm

MARGIN = 0.1
"""What the nodes leave of the time, in seconds, for what is kept to be told instead."""

Word = tuple[str, str]
"""A word and what it stands for; the latter may be empty."""


@dataclass(frozen=True)
class Asked:
    """What stands on the command line before the word, and the word's beginning."""

    ctx: click.Context
    param: click.Parameter
    word: str

    @cached_property
    def app(self) -> App:
        """The app that the command would have."""
        given = self.ctx.find_root().params
        path, context = given.get("config_path"), given.get("context")
        settings = tuple(given.get("settings") or ())
        file = Path(path).expanduser() if path else None
        asked = config.Asked(file, context or "", settings)
        return App(asked, verbose=0, quiet=True)

    @cached_property
    def vms(self) -> tuple[KnownVm, ...]:
        """The VMs and templates of the site, as far as they are known."""
        from pvekit.operations.known_cache import KnownCache
        from pvekit.operations.known_reading import known
        from pvekit.operations.machines import connect

        config, home = self.app.config, Path.home()
        cache = KnownCache.of(os.environ, home, config.whereabouts)
        deadline = self.ctx.find_object(Deadline)
        seconds = max(0.0, deadline.left - MARGIN) if deadline else 0.0
        try:
            machines = connect(config, home)
        except PvekitError:  # how to reach a node is not known: other commands say why
            return cache.read(time.time()).vms
        return known(config, machines, cache, seconds, time.time()).vms

    def items(self, words: Iterable[Word]) -> list[CompletionItem]:
        """Return the words that go on as this one begins, but for those that were given."""
        taken = self.ctx.params.get(self.param.name or "")
        given = set(taken) if isinstance(taken, list | tuple) else set()
        fitting = {
            word: says
            for word, says in words
            if word.startswith(self.word) and word not in given and word.isprintable()
        }
        return [CompletionItem(word, help=says or None) for word, says in fitting.items()]


def _vms(asked: Asked, *, every: bool) -> Iterator[Word]:
    """Yield names, and by its node what has no name of its own; vmids where one was begun."""
    found = sorted(
        (vm for vm in asked.vms if (every or vm.ours) and not vm.template),
        key=lambda vm: (vm.name, vm.vmid),
    )
    names = Counter(vm.name for vm in found)
    for vm in found:
        says = f"VM {vm.vmid} on {vm.node}"
        if "/" in asked.word:
            yield f"{vm.node}/{vm.name}", says
            yield f"{vm.node}/{vm.vmid}", f"{vm.name} on {vm.node}"
        elif asked.word.isdigit():
            yield str(vm.vmid), f"{vm.name} on {vm.node}"
        if vm.name:
            yield (vm.name if names[vm.name] == 1 else f"{vm.node}/{vm.vmid}"), says


def _snapshots(asked: Asked, wanted: object) -> Iterator[Word]:
    place, _, word = str(wanted or "").rpartition("/")
    for vm in asked.vms:
        if word in (vm.name, str(vm.vmid)) and place in ("", vm.node):
            yield from ((snap, f"of {vm.name}") for snap in vm.snapshots)


def _vm_and_snapshot(asked: Asked) -> Iterator[Word]:
    """Yield the first word's VMs; the second is a new name, which nobody can know."""
    if not asked.ctx.params.get("words"):
        yield from _vms(asked, every=False)


def _nodes(asked: Asked) -> Iterator[Word]:
    return ((node.alias, node.host) for node in asked.app.config.nodes)


def _configured_templates(asked: Asked) -> Iterator[Word]:
    return ((name, "") for name in asked.app.config.templates)


def _templates(asked: Asked) -> Iterator[Word]:
    yield from ((vm.name, "template") for vm in asked.vms if vm.template and vm.ours)


def _sizes(asked: Asked) -> Iterator[Word]:
    for name, size in asked.app.config.sizes.items():
        yield name, f"{size.cpus} CPUs, {size.memory_mb} MiB, {size.disk_gb} GiB"
    if asked.param.param_type_name == "option":
        yield "auto", "by the role"


def _roles(asked: Asked) -> Iterator[Word]:
    yield from ((name, "") for name in ("master", "worker", *asked.app.config.roles))
    yield from ((vm.role, "") for vm in asked.vms if vm.role)


def _runs(asked: Asked, *, unfinished: bool) -> Iterator[Word]:
    from pvekit.operations.runs import listed

    for run in listed(asked.app.store, unfinished=unfinished):
        yield run.run, f"{run.command}, {run.state}, {run.age} ago"


def _contexts(asked: Asked) -> Iterator[Word]:
    return ((name, "") for name in asked.app.own.contexts())


def _error_ids(asked: Asked) -> Iterator[Word]:  # noqa: ARG001
    from pvekit.explanations import ids

    return ((identity, "") for identity in ids())


def _files(asked: Asked) -> list[CompletionItem]:
    return [CompletionItem(asked.word, type="file")]


def _words(words: Callable[[Asked], Iterator[Word]]) -> Callable[[Asked], list[CompletionItem]]:
    return lambda asked: asked.items(words(asked))


BY_KIND: Mapping[str, Callable[[Asked], list[CompletionItem]]] = {
    "our_vms": _words(lambda asked: _vms(asked, every=False)),
    "all_vms": _words(lambda asked: _vms(asked, every=True)),
    "snapshots": _words(lambda asked: _snapshots(asked, asked.ctx.params.get("name"))),
    "vm_and_snapshot": _words(_vm_and_snapshot),
    "nodes": _words(_nodes),
    "templates": _words(_templates),
    "configured_templates": _words(_configured_templates),
    "sizes": _words(_sizes),
    "roles": _words(_roles),
    "runs": _words(lambda asked: _runs(asked, unfinished=False)),
    "unfinished_runs": _words(lambda asked: _runs(asked, unfinished=True)),
    "contexts": _words(_contexts),
    "error_ids": _words(_error_ids),
    "files": _files,
}
