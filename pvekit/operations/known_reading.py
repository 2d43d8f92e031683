"""Asking a site for its names within a time that a person at a prompt does not notice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import TypeVar

from pvekit.config.model import Config
from pvekit.errors import PvekitError
from pvekit.inventory.read import assemble, site_query
from pvekit.operations.known import Known
from pvekit.operations.known_cache import KnownCache
from pvekit.run.site import Site
from pvekit.shell import Unreachable, ask

T = TypeVar("T")


def known(config: Config, site: Site, cache: KnownCache, seconds: float, now: float) -> Known:
    """Return what the site tells in so many seconds, else what is kept of it.

    Each node is asked once. Who has not answered by then is not waited for: the question stays
    behind in a daemon thread. Nobody is asked again a moment after.
    """
    kept = cache.read(now)
    if kept.is_fresh(now):
        return kept
    query = site_query(config.image_dir)
    aliases = [node.alias for node in config.nodes]
    answers = in_time(lambda alias: ask(site.shell(alias), query), aliases, seconds)
    try:
        found = kept.after(assemble(answers), now)
    except PvekitError:  # a site that the configuration describes wrongly: other commands say so
        found = Known(now, kept.told)
    cache.write(found, now)
    return found


def in_time(
    call: Callable[[str], T], names: Iterable[str], seconds: float
) -> dict[str, T | PvekitError]:
    """Call for all names at once; return what came back in time, or an error for each other."""
    futures: dict[str, Future[T | PvekitError]] = {name: Future() for name in names}
    for name, future in futures.items():
        threading.Thread(target=_answer, args=(call, name, future), daemon=True).start()
    wait(futures.values(), seconds)
    late = Unreachable("It did not answer in time.")
    return {name: each.result() if each.done() else late for name, each in futures.items()}


def _answer(call: Callable[[str], T], name: str, future: Future[T | PvekitError]) -> None:
    try:
        future.set_result(call(name))
    except PvekitError as error:
        future.set_result(error)
    except BaseException as error:  # noqa: BLE001 - it is told to the one who waits
        future.set_result(Unreachable(f"Asking failed: {error}"))
