"""``printf`` and ``echo`` as dash prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_SIMPLE = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
}
_ESCAPE = re.compile(r"\\(?:(0[0-7]{0,3}|[1-7][0-7]{0,2})|(.)|$)", re.DOTALL)
_DIRECTIVE = re.compile(r"%([-+ 0#]*)(\*|\d*)(?:\.(\*|\d*))?(.?)", re.DOTALL)


@dataclass
class Stopped(Exception):
    r"""``\c`` ended the output, which was this so far."""

    output: bytes


@dataclass
class Outcome:
    """What was printed, and the complaints; any complaint means exit status 1."""

    output: bytes = b""
    complaints: list[str] = field(default_factory=list)


def unescape(text: str, *, format_string: bool = False) -> bytes:
    r"""Replace backslash escapes; raises :class:`Stopped` at ``\c`` outside a format string."""
    parts: list[bytes] = []
    at = 0
    for match in _ESCAPE.finditer(text):
        parts.append(text[at : match.start()].encode(errors="surrogateescape"))
        at = match.end()
        if match[1]:
            digits = match[1][:3] if format_string else match[1]
            at -= len(match[1]) - len(digits)
            parts.append(bytes([int(digits, 8) & 255]))
        elif match[2] == "c" and not format_string:
            raise Stopped(b"".join(parts))
        else:
            plain = match[0].encode(errors="surrogateescape")
            parts.append(_SIMPLE.get(match[2] or "", plain))
    parts.append(text[at:].encode(errors="surrogateescape"))
    return b"".join(parts)


def plain_words(words: Sequence[str]) -> bytes:
    """Return what bash's ``echo`` prints for its arguments, without a line end."""
    return " ".join(words).encode(errors="surrogateescape")


def escaped_words(words: Sequence[str]) -> tuple[bytes, bool]:
    """Return what bash's ``echo -e`` prints, and whether the output goes on after it."""
    text = " ".join(words).replace("\\e", "\x1b")
    text = re.sub(r"\\x([0-9a-fA-F]{1,2})", lambda found: f"\\0{int(found[1], 16):03o}", text)
    try:
        return unescape(text), True
    except Stopped as stop:
        return stop.output, False


def shell_quoted(word: str) -> str:
    """Return a word as ``printf %q`` quotes it for a shell."""
    if not word:
        return "''"
    if not word.isprintable():
        return "$'" + word.encode("unicode_escape").decode().replace("'", "\\'") + "'"
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", word)


def echo(words: Sequence[str]) -> bytes:
    """Return what dash's ``echo`` prints for its arguments."""
    end = b"\n"
    if words[:1] == ["-n"]:
        words, end = words[1:], b""
    try:
        return unescape(" ".join(words)) + end
    except Stopped as stop:
        return stop.output


def printf(form: str, words: Sequence[str]) -> Outcome:
    """Return what ``printf`` prints: the format is used again until all words are."""
    outcome = Outcome()
    left = list(words)
    try:
        while True:
            before = len(left)
            outcome.output += _once(form, left, outcome)
            if not left or len(left) == before:
                return outcome
    except Stopped as stop:
        outcome.output += stop.output
        return outcome


def _once(form: str, left: list[str], outcome: Outcome) -> bytes:
    parts: list[bytes] = []
    at = 0
    for match in _DIRECTIVE.finditer(form):
        parts.append(unescape(form[at : match.start()], format_string=True))
        at = match.end()
        try:
            parts.append(_directive(match, left, outcome))
        except Stopped as stop:
            raise Stopped(b"".join([*parts, stop.output])) from None
    parts.append(unescape(form[at:], format_string=True))
    return b"".join(parts)


def _directive(match: re.Match[str], left: list[str], outcome: Outcome) -> bytes:
    flags, width, precision, kind = match.groups()
    if match[0] == "%%":
        return b"%"
    if width == "*":
        width = str(_number(_take(left), outcome))
    if precision == "*":
        precision = str(_number(_take(left), outcome))
    if kind == "b":
        return _padded(unescape(_take(left)), flags, width, precision)
    if kind in {"s", "c"}:
        text = _take(left).encode(errors="surrogateescape")
        return _padded(text, flags, width, precision if kind == "s" else "1")
    dot = "" if precision is None else f".{precision or 0}"
    return _numeric(f"%{flags}{width}{dot}", kind, left, outcome)


def _numeric(form: str, kind: str, left: list[str], outcome: Outcome) -> bytes:
    if kind and kind in "eEfFgG":
        return (f"{form}{kind}" % _float(_take(left), outcome)).encode()
    if not kind or kind not in "diouxX":
        outcome.complaints.append(f"{form}{kind}: invalid directive")
        raise Stopped(b"")
    value = _number(_take(left), outcome)
    if kind in "ouxX" and value < 0:
        value += 1 << 64
    return (f"{form}{'d' if kind in 'iu' else kind}" % value).encode()


def _take(left: list[str]) -> str:
    return left.pop(0) if left else ""


def _padded(data: bytes, flags: str, width: str, precision: str | None) -> bytes:
    if precision is not None:
        data = data[: int(precision or 0)]
    size = int(width or 0)
    return data.ljust(abs(size)) if "-" in flags or size < 0 else data.rjust(size)


def _number(text: str, outcome: Outcome) -> int:
    """Read a C integer constant; what does not look like one counts as far as it does."""
    if text[:1] in {"'", '"'}:
        return ord(text[1:2] or "\0")
    match = re.match(r"\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)?", text)
    digits = match[2] if match and match[2] else ""
    if text and (not digits or match is None or match.end() != len(text)):
        shown = "expected numeric value" if not digits else "not completely converted"
        outcome.complaints.append(f"{text}: {shown}")
    if not digits or match is None:
        return 0
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" else 10
    return int(digits, base) * (-1 if match[1] == "-" else 1)


def _float(text: str, outcome: Outcome) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        outcome.complaints.append(f"{text}: expected numeric value")
        return 0.0
