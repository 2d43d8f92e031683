"""What was asked of models on this machine: costs by day, a line each, and answers for an hour."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvekit import private
from pvekit.errors import PvekitError
from pvekit.llm.port import Address, ModelFailed, Port, Question, Reply, characters
from pvekit.llm.rounds import Book

KEPT_SECONDS = 3600.0
_WHAT = "What is kept of models:"
_MOST_CHARACTERS = 1 << 24
_TOKEN = 4
"""A token has about so many characters."""


@dataclass(frozen=True)
class Budget:
    """The most that may be spent, in USD; None is no limit."""

    call: float | None = None
    day: float | None = None


@dataclass(frozen=True)
class Rates:
    """What a million tokens of questions and of answers cost, in USD."""

    question: float
    answer: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return what so many tokens cost, in USD."""
        return (tokens_in * self.question + tokens_out * self.answer) / 1e6


@dataclass(frozen=True)
class Ledger:
    """The directory ``llm`` in the state directory: a file of lines per day, and kept answers.

    What a question may cost is reserved in a line before it is asked, so that others who ask at the
    same moment count it as spent. The line of what it did cost takes its place; where a process
    dies before that, the reservation stands for the day: it may have been billed.

    ``rates`` win over what ``port`` knows of prices. ``warn`` is told, once a day, that nobody
    knows the price of what is limited.
    """

    directory: Path
    address: Address
    port: Port
    budget: Budget
    now: Callable[[], float] = time.time
    rates: Rates | None = None
    warn: Callable[[str], None] = lambda _: None

    def book(self) -> Book:
        """Return what a conversation needs of it."""
        return Book(self.kept, self.allowed, self.spent)

    def kept(self, question: Question) -> Reply | None:
        """Return the answer to the same question or one like it, if it came within the hour."""
        path = self._answer(question)
        try:
            data = json.loads(private.read(path, _WHAT, _MOST_CHARACTERS))
            if 0 <= self.now() - float(data["time"]) < KEPT_SECONDS:
                return Reply(str(data["text"]), fault=str(data["fault"]))
            path.unlink(missing_ok=True)
        except (OSError, PvekitError, ValueError, LookupError, TypeError, RecursionError):
            return None
        return None

    def allowed(self, question: Question) -> None:
        """Reserve what the question may cost, or raise :class:`ModelFailed` where that is too much.

        So it does where it cannot be written down: the limit of the day could not be kept.
        """
        if self.budget.call is None and self.budget.day is None:
            return
        known = highest_cost(self.port, self.address, question, self.rates)
        if known is None and not self._day().exists():
            self.warn(unlimited(self.address.model))
        cost = known or 0.0
        if self.budget.call is not None and cost > self.budget.call:
            raise ModelFailed(f"it may cost {cost:.4f} USD, over llm.max_cost_usd.call")
        if self.budget.day is not None:
            self._reserve(question, cost, self.budget.day)

    def _reserve(self, question: Question, cost: float, most: float) -> None:
        line = self._line("asked") | {"question": _key(question), "reserved_usd": cost}
        try:
            with private.locked(self.directory / "lock", _WHAT):
                spent, reserved = self._today()
                if spent + reserved + cost > most:
                    others = f", {reserved:.4f} are reserved for open questions" if reserved else ""
                    raise ModelFailed(
                        f"{spent:.4f} USD were spent today{others} and it may cost {cost:.4f}, "
                        "over llm.max_cost_usd.day"
                    )
                if cost:
                    _append(self._day(), json.dumps(line) + "\n")
        except ModelFailed:
            raise
        except (OSError, PvekitError) as error:
            why = f"what it may cost cannot be written down: {_why(error)}"
            raise ModelFailed(f"{why}; llm.max_cost_usd.day could not be kept") from None

    def spent(self, question: Question, reply: Reply | None, what: str) -> None:
        """Write a line, and keep the answer; where that cannot be, it is only warned of."""
        tokens_in, tokens_out, cost = self._counted(question, reply) if reply else (None,) * 3
        line = self._line(what) | {
            "question": _key(question),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost_usd": cost,
        }
        try:
            with private.locked(self.directory / "lock", _WHAT):
                _append(self._day(), json.dumps(line) + "\n")
                if reply is not None and reply.text:
                    kept = {"time": self.now(), "text": reply.text, "fault": reply.fault}
                    self._forget()
                    private.write(self._answer(question), json.dumps(kept))
        except (OSError, PvekitError) as error:
            self.warn(f"what {self.address.model} cost is not written down: {_why(error)}")

    def today(self) -> float:
        """Return what was spent today or is reserved, in USD, as far as prices are known.

        Raises :class:`ModelFailed` where that cannot be read: a limit could not be kept.
        """
        return sum(self._today())

    def _today(self) -> tuple[float, float]:
        """Return what was spent today, and what is reserved for questions that are open."""
        try:
            text = private.read(self._day(), _WHAT, _MOST_CHARACTERS)
        except FileNotFoundError:
            return 0.0, 0.0
        except (OSError, PvekitError) as error:
            raise ModelFailed(f"what was spent today cannot be read: {_why(error)}") from None
        spent, reserved = 0.0, dict[str, list[float]]()
        for line in map(_parsed, text.split("\n")):
            spent += _usd(line, "cost_usd")
            ours = reserved.setdefault(str(line.get("question")), [])
            if "reserved_usd" in line:
                ours.append(_usd(line, "reserved_usd"))
            elif ours:
                ours.pop()
        return spent, sum(map(sum, reserved.values()))

    def _line(self, result: str) -> dict[str, Any]:
        moment = round(self.now(), 3)
        return {"time": moment, "model": self.address.model, "result": result}

    def _counted(self, question: Question, reply: Reply) -> tuple[int, int, float | None]:
        """Return the tokens, guessed where the server tells none, and their cost."""
        tokens_in = reply.tokens_in or characters(question) // _TOKEN + 1
        tokens_out = reply.tokens_out or len(reply.text) // _TOKEN + 1
        cost = self.rates.cost(tokens_in, tokens_out) if self.rates else reply.cost_usd
        return tokens_in, tokens_out, cost

    def _forget(self) -> None:
        """Remove answers that are too old to be given again."""
        for path in self.directory.glob("answer-*.json"):
            with suppress(FileNotFoundError):  # another process has just removed it
                if self.now() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()

    def _day(self) -> Path:
        return self.directory / f"{time.strftime('%Y-%m-%d', time.gmtime(self.now()))}.jsonl"

    def _answer(self, question: Question) -> Path:
        what = question.like or list(question.messages)
        asked = [self.address.model, self.address.api_base, what]
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        return self.directory / f"answer-{digest[:32]}.json"


def highest_cost(
    port: Port, address: Address, question: Question, rates: Rates | None
) -> float | None:
    """Return what a question may cost in USD at the most, None where prices are unknown."""
    if rates is not None:
        return rates.cost(characters(question) // 2, question.most_tokens)
    return port.highest_cost(address, question)


def unlimited(model: str) -> str:
    """Return what is said of a limit that cannot be kept."""
    return (
        f"llm.max_cost_usd holds nothing back: nobody knows what {model} costs; "
        "llm.price_per_million can say it"
    )


def _why(error: OSError | PvekitError) -> str:
    return error.brief if isinstance(error, PvekitError) else error.strerror or str(error)


def _key(question: Question) -> str:
    """Return what tells a question of this process from others; its text stands nowhere."""
    text = json.dumps([os.getpid(), list(question.messages)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parsed(line: str) -> dict[str, Any]:
    """Return a line of a day; one that is damaged says nothing."""
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _usd(line: dict[str, Any], key: str) -> float:
    try:
        return max(0.0, float(line.get(key) or 0.0))
    except (ValueError, TypeError):
        return 0.0


def _append(path: Path, line: str) -> None:
    handle = private.unlinked(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        private.check_file(file.fileno(), path, _WHAT)
        file.write(line)
