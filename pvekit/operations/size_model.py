"""The link of the chain that asks a language model, if one is configured."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pvekit.config import secrets
from pvekit.config.faults import Origin, Place
from pvekit.config.model import LlmConfig
from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory
from pvekit.llm import facts
from pvekit.llm.book import Budget, Ledger, Rates
from pvekit.llm.direct import Direct
from pvekit.llm.facts import Told
from pvekit.llm.port import Address, Port
from pvekit.llm.providers import Providers, installed
from pvekit.llm.review import bounds, room
from pvekit.llm.rounds import Limits, Rounds
from pvekit.operations.desk import Desk
from pvekit.operations.size_earlier import earlier
from pvekit.operations.size_history import History, counted_of
from pvekit.shell import Secret
from pvekit.sizing import Link, Need
from pvekit.sizing.choice import Sized
from pvekit.sizing.demand import Confidence

_KEY: Place = ("llm", "api_key")


def link(
    desk: Desk, inventory: Inventory, history: History, seconds: Callable[[], float] | None = None
) -> Link:
    """Return the link; the configuration names a model.

    ``seconds`` is the time that is left, without it as configured.
    """
    llm = desk.config.llm
    return _Adviser(desk, inventory, history, llm, seconds or (lambda: llm.timeout_seconds)).answer


@dataclass(frozen=True)
class _Adviser:
    """The configured model, with what it is told: the site, and what similar VMs have used."""

    desk: Desk
    inventory: Inventory
    history: History
    llm: LlmConfig
    seconds: Callable[[], float]

    def answer(self, need: Need, so_far: Sized) -> Sized:
        """Return the size that the model proposes, or the one so far with why there is none."""
        try:
            return self._proposed(need, so_far)
        except PvekitError as error:  # a key that is not there: no reason to make no VM
            return self._without(so_far, [str(error)])

    def _proposed(self, need: Need, so_far: Sized) -> Sized:
        model = self.llm.model
        told = self._told(need, so_far)
        rounds = conversation(self.desk, self.seconds())
        found = rounds.propose(told, room(self.inventory, so_far.size))
        sent = f"sent to {model}: {facts.messages(told)[1]['content']}"
        if found is None:
            return self._without(replace(so_far, evidence=(*so_far.evidence, sent)), rounds.log)
        size = replace(found.size, **need.described.asked)
        because = f"{model} says: {found.reason!r} (instead of {so_far.size}: {so_far.because})"
        evidence = (*so_far.evidence, *rounds.log, sent)
        confidence: Confidence = "medium" if so_far.source == "history" else "low"
        return Sized(size, "model", because, evidence, confidence, so_far.workload)

    def _told(self, need: Need, so_far: Sized) -> Told:
        sizes = self.desk.config.sizes
        within = bounds(
            so_far.size,
            statistical=counted_of(need) | so_far.measured,
            small=sizes["small"],
            large=sizes["large"],
            floor=need.workload.floor,
        )
        rows = earlier(need, self.inventory, self.history.used(need), self.history.reviews)
        return Told(need, so_far, self.inventory, rows, sizes, within, self.llm.send_names)

    def _without(self, so_far: Sized, log: list[str]) -> Sized:
        none = f"no size from {self.llm.model}"
        self.desk.warn(f"{none}: {log[-1]}; taken from {so_far.source} instead")
        return replace(so_far, evidence=(*so_far.evidence, f"{none}: {'; '.join(log)}"))


def conversation(desk: Desk, seconds: float) -> Rounds:
    """Return a new conversation with the configured model, within its budget.

    Raises :class:`PvekitError` for a key that cannot be had.
    """
    llm = desk.config.llm
    address = Address(llm.model or "", llm.api_base or "", _key(desk))
    port = port_here()
    ledger = Ledger(
        desk.store.beside("llm"),
        address,
        port,
        Budget(llm.max_cost_usd.call, llm.max_cost_usd.day),
        rates=rates(llm),
        warn=desk.warn,
    )
    return Rounds(port, address, Limits(seconds, llm.max_rounds), desk.clock, ledger.book())


def port_here() -> Port:
    """Return the way to ask models that there is on this machine."""
    return Providers() if installed() else Direct()


def rates(llm: LlmConfig) -> Rates | None:
    """Return what the configuration says of prices, if it says all of it."""
    price = llm.price_per_million
    if price.question is None or price.answer is None:
        return None
    return Rates(price.question, price.answer)


def _key(desk: Desk) -> Secret | None:
    """Return the configured key; raises SecretMissing where it cannot be had."""
    written = desk.config.llm.api_key
    if written is None:
        return None
    if written not in desk.found:
        origin = desk.config.origins.get(_KEY, Origin(desk.config.source or Path.cwd()))
        desk.found[written] = secrets.resolve(written, _KEY, origin, os.environ)
    return desk.found[written]
