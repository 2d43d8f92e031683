"""Checksum files: exactly the named file's line, whatever the form."""

from __future__ import annotations

import pytest

from pvekit.errors import PvekitError
from pvekit.templates.sums import find

A, B = "a" * 64, "b" * 64
LONG = "c" * 128


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (f"{A} *jammy.img\n{B} *jammy.img.manifest\n", A),
        (f"{A}  jammy.img\n", A),
        (f"{A}  ./jammy.img\n", A),
        (f"SHA256 (jammy.img) = {A}\n# x: 3 bytes\n", A),
        (f"{LONG}  jammy.img\n", LONG),
        (f"{A.upper()} *jammy.img\n", A),
        (f"{A}\n", A),
    ],
)
def test_the_sum_is_found(text, digest):
    assert find(text, "jammy.img").hexdigest == digest


def test_the_length_tells_the_algorithm():
    assert find(f"{LONG} *x.img", "x.img").algorithm == "sha512"
    assert find(f"{A} *x.img", "x.img").algorithm == "sha256"


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{B} *other.img\n",
        f"{B} *xjammy.img\n{A} *jammy.img.sig\n",
        f"{'a' * 40} *jammy.img\n",
        f"{A}\n{B}\n",
        f"{A} *jammy.img\n{B} *jammy.img\n",
        "<html>404 Not Found</html>",
    ],
)
def test_anything_else_is_refused_and_says_the_name(text):
    with pytest.raises(PvekitError, match=r"jammy\.img"):
        find(text, "jammy.img", url="https://x/SHA256SUMS")
