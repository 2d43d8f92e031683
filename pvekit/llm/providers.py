"""All providers that litellm knows; the only module that imports it, and only when it is used."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pvekit.llm.port import (
    MOST_BYTES,
    Address,
    ModelFailed,
    Question,
    Reply,
    characters,
    fault,
    response_format,
    seconds_of,
)

_MOST_CAUSES = 10
_PREFIXES = re.compile(r"^(?:(?:litellm\.)?\w+Error: |\w+Exception - )+")


def installed() -> bool:
    """Whether litellm is here; does not import it."""
    return importlib.util.find_spec("litellm") is not None


class Providers:
    """Implements :class:`pvekit.llm.port.Port` by litellm."""

    def ask(self, address: Address, question: Question, seconds: float) -> Reply:
        """Return a model's reply; raises :class:`ModelFailed`."""
        litellm = imported()
        options: dict[str, Any] = {"api_base": address.api_base} if address.api_base else {}
        if address.api_key is not None:
            options["api_key"] = address.api_key.value
        elif address.api_base:
            options["api_key"] = "none"  # the client wants one, a server of one's own may not
        if question.schema is not None:
            options["response_format"] = response_format(question.schema)
        try:
            answer = litellm.completion(
                model=address.model,
                messages=list(question.messages),
                max_tokens=question.most_tokens,
                temperature=0,
                timeout=seconds,
                max_retries=0,
                drop_params=True,
                **options,
            )
            choice = answer.choices[0]
            text = choice.message.content
        except Exception as error:  # noqa: BLE001 - litellm raises whatever its providers do
            raise _refusal(error) from None
        message = choice.message
        usage = getattr(answer, "usage", None)
        return Reply(
            text if isinstance(text, str) else "",
            int(getattr(usage, "prompt_tokens", 0) or 0),
            int(getattr(usage, "completion_tokens", 0) or 0),
            _cost(litellm, answer),
            fault(choice.finish_reason, _refused(message), getattr(message, "tool_calls", None)),
        )

    def highest_cost(self, address: Address, question: Question) -> float | None:
        """Return what a question may cost in USD at the most, None where prices are unknown."""
        litellm = imported()
        try:
            both = litellm.cost_per_token(
                model=address.model,
                prompt_tokens=characters(question) // 2,
                completion_tokens=question.most_tokens,
            )
        except Exception:  # noqa: BLE001 - a model whose price nobody has told
            return None
        return float(sum(both))


def _refusal(error: Exception) -> ModelFailed:
    """Return what an error of litellm's says: HTTP's status, and when to come back.

    litellm gives a status of 500 to what never reached a server, too: that is not asked again.
    """
    first = str(error).partition("Traceback (most recent call last)")[0].strip().partition("\n")[0]
    said = _PREFIXES.sub("", first)
    response = _response(error)
    if response is None:
        status = getattr(error, "status_code", 0)
        known = status if isinstance(status, int) and status < 500 else 0
        return ModelFailed(f"{type(error).__name__}: {said}", status=known)
    return ModelFailed(
        f"the server answered {response.status_code}: {said}",
        status=response.status_code,
        after=seconds_of(response.headers.get("Retry-After"), time.time()),
    )


def _response(error: BaseException | None) -> Any:  # noqa: ANN401 - httpx is litellm's
    """Return the answer of a server that an error came from, or None if none has answered."""
    httpx: Any = importlib.import_module("httpx")
    for _ in range(_MOST_CAUSES):
        if isinstance(error, httpx.HTTPStatusError):
            return error.response
        error = error and (error.__cause__ or error.__context__)
    return None


def _refused(message: Any) -> object:  # noqa: ANN401 - it is untyped
    own = getattr(message, "provider_specific_fields", None)
    return getattr(message, "refusal", None) or (own or {}).get("refusal")


def _cost(litellm: Any, answer: Any) -> float | None:  # noqa: ANN401 - it is untyped
    try:
        return float(litellm.completion_cost(completion_response=answer))
    except Exception:  # noqa: BLE001 - a model whose price nobody has told
        return None


def imported() -> Any:  # noqa: ANN401 - it is untyped
    """Import litellm: without its look-up of prices on the net, and not one with a known worm."""
    planted = [path for path in map(Path, sys.path) if (path / "litellm_init.pth").exists()]
    if planted:
        raise ModelFailed(f"{planted[0]} has a litellm_init.pth: that litellm was tampered with")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        litellm: Any = importlib.import_module("litellm")
    except Exception as error:  # noqa: BLE001 - so many packages raise anything
        raise ModelFailed(f"litellm cannot be imported: {error}") from None
    # Its packages warn of what a server answers; what is wrong with that is told otherwise.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(litellm|openai|pydantic)\b")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    if litellm.client_session is None:
        litellm.client_session = _client()
    return litellm


def _client() -> Any:  # noqa: ANN401 - httpx is litellm's
    """Return a client that follows nowhere and reads no more than an answer may be long."""
    httpx: Any = importlib.import_module("httpx")

    class Bounded(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:  # noqa: ANN401
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            total = 0
            for part in self.stream:
                total += len(part)
                if total > MOST_BYTES:
                    raise httpx.DecodingError("the answer is too long")
                yield part

        def close(self) -> None:
            self.stream.close()

    def bound(response: Any) -> None:  # noqa: ANN401
        response.stream = Bounded(response.stream)

    return httpx.Client(follow_redirects=False, event_hooks={"response": [bound]})
