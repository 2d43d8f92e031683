"""What Perl itself does before a program of Proxmox VE runs: its locale, and how words are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

# The locales of a node as it is installed.
_INSTALLED = frozenset({"C", "POSIX", "C.utf8", "en_US.utf8"})
_CATEGORIES = (
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
)


def _is_installed(locale: str) -> bool:
    """Return whether a node has a locale; the name of its encoding may be written variously."""
    name, dot, encoding = locale.partition(".")
    return f"{name}{dot}{re.sub('[^a-z0-9]', '', encoding.lower())}" in _INSTALLED


def _of(env: Mapping[str, str], category: str) -> str:
    return env.get("LC_ALL") or env.get(category) or env.get("LANG") or "C"


def _fails(env: Mapping[str, str]) -> bool:
    return not all(_is_installed(_of(env, category)) for category in _CATEGORIES)


def _fallback(env: Mapping[str, str]) -> str:
    tried = (env.get("LC_ALL", ""), env.get("LANG", ""))
    return next((locale for locale in tried if locale and _is_installed(locale)), "C")


def warnings(env: Mapping[str, str]) -> str:
    """Return what Perl says about a locale that the node lacks."""
    if not _fails(env) or env.get("PERL_BADLANG") == "0":
        return ""
    fallback = _fallback(env)
    kind = "the standard locale" if fallback == "C" else "a fallback locale"
    return (
        "perl: warning: Setting locale failed.\n"
        "perl: warning: Please check that your locale settings:\n"
        + "".join(f"\t{line}\n" for line in _settings(env))
        + "    are supported and installed on your system.\n"
        f'perl: warning: Falling back to {kind} ("{fallback}").\n'
    )


def _settings(env: Mapping[str, str]) -> Iterator[str]:
    shown = {
        name: f'"{env[name]}"' if name in env else "(unset)" for name in ("LANGUAGE", "LC_ALL")
    }
    yield from (f"{name} = {value}," for name, value in shown.items())
    for name, value in env.items():
        if name.startswith("LC_") and name != "LC_ALL":
            yield f'{name} = "{value}",'
    yield f'LANG = "{env["LANG"]}"' if "LANG" in env else "LANG = (unset)"


def decoder(env: Mapping[str, str]) -> Callable[[str], str]:
    """Return how Perl reads a word under a locale: without UTF-8, other characters are lost."""
    locale = _fallback(env) if _fails(env) else _of(env, "LC_CTYPE")
    if re.search(r"utf-?8$", locale, re.IGNORECASE):
        return str
    return lambda word: re.sub(r"[^\x00-\x7f]", "\ufffd", word)
