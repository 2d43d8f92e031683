"""How the programs read words, and which values they refuse."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab import formats
from pvekit.lab.options import Arguments, Refused, table

SET = table("qm").commands["set"]


def read(*words, program="qm"):
    command, rest = table(program).find(words)
    given_words = command.read(rest)
    formats.check_all(command, given_words)
    return command.name, dict(given_words.values), given_words.extra


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("--name", "a"), {"name": "a"}),
        (("-name", "a"), {"name": "a"}),
        (("--name=a",), {"name": "a"}),
        (("--NAME", "a"), {"name": "a"}),
        (("--des", "a"), {"description": "a"}),
        (("--name", "a", "--name", "b"), {"name": "b"}),
        (("--description", "--name"), {"description": "--name"}),
        (("--onboot",), {"onboot": "1"}),
        (("--onboot", "--name", "a"), {"onboot": "1", "name": "a"}),
        (("--onboot", "yes"), {"onboot": "1"}),
        (("--onboot=off",), {"onboot": "0"}),
        (("--delete", "tags", "--delete", "cpu"), {"delete": "tags,cpu"}),
        (("--net31", "virtio"), {"net31": "virtio"}),
        (("--numa", "1", "--numa0", "cpus=0"), {"numa": "1", "numa0": "cpus=0"}),
    ],
)
def test_words_are_read_as_getopt_does(words, values):
    assert read("set", "100", *words) == ("set", {"vmid": "100"} | values, ())
    assert read("set", *words, "--", "100") == ("set", {"vmid": "100"} | values, ())


def test_aliases_and_groups_of_commands():
    assert read("resize", "100", "scsi0", "+1G")[0] == "disk resize"
    assert read("agent", "100", "ping")[0] == "guest cmd"
    assert read("guest", "exec", "100", "--", "ls", "-l")[2] == ("ls", "-l")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("list", "--nosuch"),
            "Unknown option: nosuch\n400 unable to parse option\nqm list  [OPTIONS]",
        ),
        (("set", "100", "--na", "x"), "Option na is ambiguous (name, nameserver)"),
        (("set", "100", "--net32", "virtio"), "Unknown option: net32"),
        (("set", "100", "--name"), "Option name requires an argument"),
        (("set", "100", "--onboot", "2"), "400 unable to parse boolean option"),
        (("set",), "400 not enough arguments\nqm set <vmid> [OPTIONS]"),
        (("set", "100", "x"), "400 too many arguments"),
        (("guest", "exec", "100", "ls", "-l"), "Unknown option: l"),
    ],
)
def test_bad_words_are_refused(words, why):
    with pytest.raises(Refused) as caught:
        read(*words)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("name", "a_b", "invalid format - value does not look like a valid DNS name\n"),
        ("tags", "a;b!", "invalid format - invalid characters in tag\n"),
        (
            "memory",
            "8",
            "invalid format - format error\nmemory.current: value must have a minimum value of 16\n",
        ),
        (
            "net0",
            "bridge=vmbr0",
            "invalid format - format error\nnet0.model: property is missing and it is not optional\n",
        ),
        (
            "net0",
            "virtio,bridge=vmbr0,tag=4095",
            "invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n",
        ),
        (
            "ipconfig0",
            "ip=10.0.0.5",
            "invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration\n\n",
        ),
        ("cores", "x", "type check ('integer') failed - got 'x'"),
        (
            "scsihw",
            "x",
            "value 'x' does not have a value in the enumeration 'lsi, lsi53c810, virtio-scsi-pci, virtio-scsi-single, megasas, pvscsi'",
        ),
        (
            "boot",
            "order=nosuch0",
            "invalid format - format error\nboot.order: invalid format - invalid boot device 'nosuch0'\n\n",
        ),
        ("description", "x" * 8193, "value may only be 8192 characters long"),
    ],
)
def test_bad_values_are_refused_in_the_programs_words(option, value, why):
    with pytest.raises(Refused) as caught:
        formats.check_all(SET, Arguments({"vmid": "100", option: value}))
    head = "400 Parameter verification failed.\n"
    assert str(caught.value) == f"{head}{option}: {why}\nqm set <vmid> [OPTIONS]"


@given(st.sampled_from(sorted(SET.names)), st.text(max_size=30))
def test_any_text_is_accepted_or_refused_and_nothing_else(option, text):
    with contextlib.suppress(Refused):
        formats.check_all(SET, Arguments({"vmid": "100", option: text}))
