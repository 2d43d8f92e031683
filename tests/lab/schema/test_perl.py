"""What Perl says about locales, and what it reads under them."""

import pytest

from pvekit.lab.commands import perl

HEAD = "perl: warning: Setting locale failed.\nperl: warning: Please check that your locale settings:\n"
TAIL = "    are supported and installed on your system.\n"


def test_the_recorded_warning():
    env = {"LC_ALL": "de_DE.UTF-8", "LANG": "en_US.UTF-8"}
    assert perl.warnings(env) == (
        f'{HEAD}\tLANGUAGE = (unset),\n\tLC_ALL = "de_DE.UTF-8",\n\tLANG = "en_US.UTF-8"\n{TAIL}'
        'perl: warning: Falling back to a fallback locale ("en_US.UTF-8").\n'
    )


def test_without_another_locale_it_is_the_standard_one():
    assert perl.warnings({"LC_TIME": "de_DE", "LANG": "nosuch"}) == (
        f'{HEAD}\tLANGUAGE = (unset),\n\tLC_ALL = (unset),\n\tLC_TIME = "de_DE",\n'
        f'\tLANG = "nosuch"\n{TAIL}'
        'perl: warning: Falling back to the standard locale ("C").\n'
    )


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C.UTF-8"},
        {"LANG": "en_US.utf8", "LC_TIME": "POSIX"},
        {"LC_ALL": "en_US.UTF-8", "LANG": "nosuch"},
        {"LC_ALL": "nosuch", "PERL_BADLANG": "0"},
    ],
)
def test_locales_that_a_node_has_are_not_told(env):
    assert perl.warnings(env) == ""


@pytest.mark.parametrize(
    ("env", "read"),
    [
        ({"LC_ALL": "C.UTF-8"}, "ü"),
        ({"LANG": "en_US.UTF-8"}, "ü"),
        ({"LC_ALL": "de_DE.UTF-8", "LANG": "en_US.UTF-8"}, "ü"),
        ({"LC_ALL": "de_DE.UTF-8"}, "\ufffd"),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "\ufffd"),
        ({}, "\ufffd"),
    ],
)
def test_other_characters_need_a_locale_with_them(env, read):
    assert perl.decoder(env)("ü") == read
