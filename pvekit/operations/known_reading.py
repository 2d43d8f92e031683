"""Asking a site for its names within a time that a person at a prompt does not notice."""

from __future__ import annotations

from contextlib import suppress

from pvekit.config.model import Config
from pvekit.deadlines import bounded
from pvekit.errors import PvekitError
from pvekit.inventory.read import assemble
from pvekit.operations.known import Known
from pvekit.operations.known_cache import KnownCache
from pvekit.operations.site_reading import Answers, SiteReader
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.site import Site
from pvekit.shell import Unreachable


def known(config: Config, site: Site, cache: KnownCache, seconds: float, now: float) -> Known:
    """Return what the site tells in so many seconds, else what is kept of it.

    Each node is asked once. Who has not answered by then is not waited for: the question stays
    behind in a daemon thread. Nobody is asked again a moment after.
    """
    kept = cache.read(now)
    if kept.is_fresh(now):
        return kept
    try:
        found = kept.after(assemble(_in_time(config, site, seconds)), now)
    except PvekitError:  # a site that the configuration describes wrongly: other commands say so
        found = Known(now, kept.told)
    cache.write(found, now)
    return found


def _in_time(config: Config, site: Site, seconds: float) -> Answers:
    aliases = [node.alias for node in config.nodes]
    reader = SiteReader(site, config.image_dir, Clock(), Policy(), hurried=True)
    with suppress(TimeoutError):
        return bounded(lambda: reader.read(aliases), seconds)
    late = Unreachable("It did not answer in time.")
    return {alias: reader.answers.get(alias, late) for alias in aliases}
