"""Whether what may be spent on a model can be limited."""

from __future__ import annotations

from pvekit.config.model import Config

_PATIENCE = 20.0
"""Seconds that litellm may take to be imported and to say what it knows."""


def unpriced(config: Config) -> str:
    """Return why the configured limit holds nothing back, or nothing where all is well."""
    llm = config.llm
    limited = llm.max_cost_usd.call is not None or llm.max_cost_usd.day is not None
    if not llm.model or not limited:
        return ""
    from pvekit.llm.book import unlimited
    from pvekit.llm.port import Address, ModelFailed, Question
    from pvekit.llm.rounds import within
    from pvekit.operations.size_model import port_here, rates

    if rates(llm):
        return ""
    port, address = port_here(), Address(llm.model, llm.api_base or "")
    question = Question(({"role": "user", "content": "how much?"},))
    try:
        known = within(lambda: port.highest_cost(address, question), _PATIENCE)
    except ModelFailed:
        known = None
    return unlimited(llm.model) if known is None else ""
