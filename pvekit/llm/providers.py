"""All providers that litellm knows; the only module that imports it, and only when it is used."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from pvekit import masking
from pvekit.llm.port import (
    Address,
    ModelFailed,
    Question,
    Reply,
    characters,
    response_format,
)


def installed() -> bool:
    """Whether litellm is here; does not import it."""
    return importlib.util.find_spec("litellm") is not None


class Providers:
    """Implements :class:`pvekit.llm.port.Port` by litellm."""

    def ask(self, address: Address, question: Question, seconds: float) -> Reply:
        """Return a model's reply; raises :class:`ModelFailed`."""
        litellm = _litellm()
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
            text = answer.choices[0].message.content
        except Exception as error:  # noqa: BLE001 - litellm raises whatever its providers do
            status = getattr(error, "status_code", 0)
            said = masking.masked(str(error).strip().partition("\n")[0])[:200]
            raise ModelFailed(
                f"{type(error).__name__}: {said}", status=status if isinstance(status, int) else 0
            ) from None
        usage = getattr(answer, "usage", None)
        return Reply(
            text if isinstance(text, str) else "",
            int(getattr(usage, "prompt_tokens", 0) or 0),
            int(getattr(usage, "completion_tokens", 0) or 0),
            _cost(litellm, answer),
        )

    def highest_cost(self, address: Address, question: Question) -> float | None:
        """Return what a question may cost in USD at the most, None where prices are unknown."""
        litellm = _litellm()
        try:
            both = litellm.cost_per_token(
                model=address.model,
                prompt_tokens=characters(question) // 2,
                completion_tokens=question.most_tokens,
            )
        except Exception:  # noqa: BLE001 - a model whose price nobody has told
            return None
        return float(sum(both))


def _cost(litellm: Any, answer: Any) -> float | None:  # noqa: ANN401 - it is untyped
    try:
        return float(litellm.completion_cost(completion_response=answer))
    except Exception:  # noqa: BLE001 - a model whose price nobody has told
        return None


def _litellm() -> Any:  # noqa: ANN401 - it is untyped
    """Import litellm: without its look-up of prices on the net, and not one with a known worm."""
    planted = [path for path in map(Path, sys.path) if (path / "litellm_init.pth").exists()]
    if planted:
        raise ModelFailed(f"{planted[0]} has a litellm_init.pth: that litellm was tampered with")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        litellm: Any = importlib.import_module("litellm")
    except Exception as error:  # noqa: BLE001 - so many packages raise anything
        raise ModelFailed(f"litellm cannot be imported: {error}") from None
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm
