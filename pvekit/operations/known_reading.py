"""Asking a site for its names within a time that a person at a prompt does not notice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from pvekit.config.model import Config
from pvekit.deadlines import begun
from pvekit.errors import PvekitError
from pvekit.inventory.read import assemble, site_query, sparing_query
from pvekit.inventory.reading import NodeReading
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
    aliases = [node.alias for node in config.nodes]
    answers = in_time(_reader(config.image_dir, site), aliases, seconds)
    try:
        found = kept.after(assemble(answers), now)
    except PvekitError:  # a site that the configuration describes wrongly: other commands say so
        found = Known(now, kept.told)
    cache.write(found, now)
    return found


def _reader(image_dir: str, site: Site) -> Callable[[str], NodeReading]:
    """Return what reads one node; the first quorate one of a PVE cluster tells what all share.

    One without quorum tells it, too: perhaps no other has quorum either.
    """
    viewed: set[str | None] = set()
    lock = threading.Lock()

    def is_first(found: NodeReading) -> bool:
        with lock:
            known_before = found.pve_cluster in viewed
            viewed.add(found.pve_cluster)
            return not known_before

    def read(alias: str) -> NodeReading:
        shell = site.shell(alias)
        found = ask(shell, sparing_query(image_dir))
        if found.is_spared and (not found.quorate or is_first(found)):
            return ask(shell, site_query(image_dir))
        return found

    return read


def in_time(
    call: Callable[[str], T], names: Iterable[str], seconds: float
) -> dict[str, T | PvekitError]:
    """Call for all names at once; return what came back in time, or an error for each other."""
    futures = {name: begun(partial(call, name)) for name in names}
    done = wait(futures.values(), seconds).done
    late = Unreachable("It did not answer in time.")
    answers: dict[str, T | PvekitError] = dict.fromkeys(futures, late)
    for name, future in futures.items():
        if future in done:
            told = _told(future)
            answers[name] = told
    return answers


def _told(future: Future[T]) -> T | PvekitError:
    error = future.exception()
    if error is None:
        return future.result()
    return error if isinstance(error, PvekitError) else Unreachable(f"Asking failed: {error}")
