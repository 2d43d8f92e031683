"""Servers that speak OpenAI's interface, asked without any library: vLLM, Ollama, LM Studio ..."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pvekit.llm.port import (
    MOST_BYTES,
    Address,
    ModelFailed,
    Question,
    Reply,
    fault,
    response_format,
    seconds_of,
)

_MOST_OF_ERROR = 20_000


class _NoRedirects(HTTPRedirectHandler):
    """Follows nothing: the key in the header is for one server only."""

    def redirect_request(self, *_: object) -> None:
        return None


class Direct:
    """Implements :class:`pvekit.llm.port.Port` for servers that the configuration names."""

    def ask(self, address: Address, question: Question, seconds: float) -> Reply:
        """Return a model's reply; raises :class:`ModelFailed`."""
        if not address.api_base:
            raise ModelFailed("litellm is not installed (pip install 'pvekit[llm]')")
        try:
            with build_opener(_NoRedirects).open(
                _request(address, question), timeout=seconds
            ) as answer:
                content = answer.read(MOST_BYTES + 1)
        except HTTPError as error:
            with error:
                raise _refusal(error) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ModelFailed(f"the server cannot be asked: {reason}") from None
        return _reply(content)

    def highest_cost(self, *_: object) -> float | None:
        """Return None: nobody here knows what a server of the user's costs."""
        return None


def _request(address: Address, question: Question) -> Request:
    body: dict[str, Any] = {
        "model": address.model.partition("/")[2] or address.model,
        "messages": list(question.messages),
        "max_tokens": question.most_tokens,
        "temperature": 0,
    }
    if question.schema is not None:
        body["response_format"] = response_format(question.schema)
    headers = {"Content-Type": "application/json"}
    if address.api_key is not None:
        headers["Authorization"] = f"Bearer {address.api_key.value}"
    # The configuration's schema lets only http and https through.
    return Request(  # noqa: S310
        f"{address.api_base.rstrip('/')}/chat/completions",
        data=json.dumps(body).encode(),
        headers=headers,
    )


def _refusal(error: HTTPError) -> ModelFailed:
    """Return what a server answered instead: its status, and its own words in short."""
    try:
        said = json.loads(error.read(_MOST_OF_ERROR))["error"]
        words = said if isinstance(said, str) else said["message"]
        told = f": {words.strip()}"
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError):
        told = ""
    after = seconds_of(error.headers.get("Retry-After"), time.time())
    return ModelFailed(f"the server answered {error.code}{told}", status=error.code, after=after)


def _reply(content: bytes) -> Reply:
    if len(content) > MOST_BYTES:
        raise ModelFailed("the server's answer is too long")
    try:
        data = json.loads(content)
        choice = data["choices"][0]
        message = choice["message"]
        text = message.get("content")
        wrong = fault(
            choice.get("finish_reason"), message.get("refusal"), message.get("tool_calls")
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ModelFailed("the server's answer is none of OpenAI's interface") from None
    usage = data.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(
        text if isinstance(text, str) else "",
        _count(counts.get("prompt_tokens")),
        _count(counts.get("completion_tokens")),
        fault=wrong,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0
