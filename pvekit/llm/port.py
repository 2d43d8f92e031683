"""The door to a language model: a question goes in, a text comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pvekit.shell import Secret

MOST_TOKENS = 300
"""A size is three numbers and a sentence."""

Message = Mapping[str, str]


class ModelFailed(Exception):
    """A model gave no answer: never the end of a command. ``status`` is HTTP's or 0."""

    def __init__(self, what: str, *, status: int = 0) -> None:
        super().__init__(what)
        self.status = status

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

    ``most_tokens`` is how long the answer may be.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    most_tokens: int = MOST_TOKENS


@dataclass(frozen=True)
class Reply:
    """What a model said, the tokens in and out, and the cost in USD, None where it is unknown."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None


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


def characters(question: Question) -> int:
    """Return how long a question is."""
    return sum(len(message["content"]) for message in question.messages)
