"""The door to a language model: a question goes in, a text comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pvekit import masking
from pvekit.shell import Secret

MOST_TOKENS = 300
"""A size is three numbers and a sentence."""

MOST_BYTES = 1_000_000
"""Of a longer answer of a server the rest is not read."""

MOST_TOLD = 300
"""Characters of what is told of a failure: servers and libraries choose most of the words."""

Message = Mapping[str, str]


class ModelFailed(Exception):
    """A model gave no answer: never the end of a command.

    What is told of it is a short line without secrets, whoever wrote it. ``status`` is HTTP's or 0,
    ``after`` the seconds for which the server wants to be left alone.
    """

    def __init__(self, what: str, *, status: int = 0, after: float = 0.0) -> None:
        super().__init__(one_line(masking.masked(what))[:MOST_TOLD])
        self.status = status
        self.after = after

    @property
    def again(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status == 429 or self.status >= 500


@dataclass(frozen=True)
class Address:
    """Which model is asked, and where; without ``api_base`` at its provider's."""

    model: str
    api_base: str = ""
    api_key: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Question:
    """Messages, and the JSON Schema that the answer has to fit, if the server can be told so.

    ``most_tokens`` is how long the answer may be. Questions that are ``like`` each other may share
    an answer, although figures in their messages have moved a little; empty: only the same ones.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    most_tokens: int = MOST_TOKENS
    like: str = ""


@dataclass(frozen=True)
class Reply:
    """What a model said, the tokens in and out, and the cost in USD, None where it is unknown.

    ``fault`` says why that is no whole answer, as the server tells it.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    fault: str = ""


class Port(Protocol):
    """A way to ask models."""

    def ask(self, address: Address, question: Question, seconds: float) -> Reply:
        """Return a model's reply; raises :class:`ModelFailed`."""
        ...

    def highest_cost(self, address: Address, question: Question) -> float | None:
        """Return what a question may cost in USD at the most, None where prices are unknown."""
        ...


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return how OpenAI's interface is told what an answer has to fit."""
    shape = {"name": "answer", "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": shape}


def fault(finish_reason: object, refusal: object, calls: object) -> str:
    """Return why an answer is no whole one, from what OpenAI's interface tells beside its text."""
    if refusal or finish_reason == "content_filter":
        return "the model refused to answer"
    if finish_reason == "length":
        return "the answer was cut off: it is too long"
    if calls:
        return "the answer calls a tool, and there is none"
    return ""


def seconds_of(retry_after: object, now: float) -> float:
    """Return the seconds that a Retry-After header speaks of, 0 where it says nothing.

    It has seconds or a date; ``now`` is in seconds since 1970.
    """
    from email.utils import parsedate_to_datetime

    if not isinstance(retry_after, str):
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def one_line(text: str) -> str:
    """Return what may be printed on anybody's terminal and kept in a journal."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())


def characters(question: Question) -> int:
    """Return how long a question is."""
    return sum(len(message["content"]) for message in question.messages)
