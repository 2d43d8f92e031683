"""JSON and YAML as Perl's modules write them."""

from __future__ import annotations

import json as _json
from typing import Any

import yaml as _yaml

_LONG = 30  # characters from which text of several lines is a block
_AS_IT_IS = frozenset({str, int, bool, type(None)})
_NO_STRINGS = {"", "~", "true", "false", "null"}


def scalar(value: Any) -> str:  # noqa: ANN401
    """Write one value as Perl interpolates it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return format(value, ".15g") if isinstance(value, float) else str(value)


def json(data: Any) -> str:  # noqa: ANN401
    """Write JSON on one line, keys sorted."""
    return _json.dumps(_plain(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def pretty(data: Any) -> str:  # noqa: ANN401
    """Write JSON as the pretty printer does: three blanks, `` : ``, sorted keys."""
    text = _json.dumps(
        _plain(data), indent=3, sort_keys=True, separators=(",", " : "), ensure_ascii=False
    )
    return f"{text}\n"


def _plain(data: Any) -> Any:  # noqa: ANN401
    """Return the data with the digits that Perl's numbers have."""
    if isinstance(data, float):
        short = float(format(data, ".15g"))
        return int(short) if short.is_integer() else short
    if isinstance(data, dict):
        if _AS_IT_IS.issuperset(map(type, data.values())):
            return data
        return {k: v if type(v) in _AS_IT_IS else _plain(v) for k, v in data.items()}
    return [_plain(value) for value in data] if isinstance(data, list) else data


class _Dumper(_yaml.SafeDumper):
    """Quotes as the C library does for Perl: what looks like something else, and no more."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - the base's signature
        return True


def _write_text(dumper: _yaml.SafeDumper, text: str) -> _yaml.ScalarNode:
    style = None
    if text in _NO_STRINGS or _is_number(text):
        style = "'"
    elif "\n" in text:
        style = "|" if len(text) > _LONG else '"'
    return _yaml.ScalarNode(
        "tag:yaml.org,2002:str" if style else _resolved(dumper, text), text, style=style
    )


def _resolved(dumper: _yaml.SafeDumper, text: str) -> str:
    """Return a tag that makes the emitter write plain text without quotes or tag."""
    return str(dumper.resolve(_yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text and "_" not in text


def _write_nothing(dumper: _yaml.SafeDumper, _: None) -> _yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:null", "~")


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(type(None), _write_nothing)


def yaml(data: Any, *, marker: bool = True) -> str:  # noqa: ANN401
    """Write a YAML document."""
    text = _yaml.dump(
        _plain(data),
        Dumper=_Dumper,
        explicit_start=marker,
        default_flow_style=False,
        allow_unicode=True,
        width=1 << 30,
        sort_keys=True,
    )
    return str(text).removesuffix("...\n")
