"""How the programs find a command in their words, and read its options."""

import pytest

from pvekit.lab import formats
from pvekit.lab.options import Command, Refused, Spec, api, table


def read(*words, program="qm"):
    command, rest = table(program).find(words)
    given = command.read(rest)
    formats.check_all(command, given)
    return command.name, dict(given.values), given.extra


def refusal(*words, program="qm"):
    with pytest.raises(Refused) as caught:
        read(*words, program=program)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("--name", "a"), {"name": "a"}),
        (("-name", "a"), {"name": "a"}),
        (("--name=a",), {"name": "a"}),
        (("-name=a",), {"name": "a"}),
        (("--NAME", "a"), {"name": "a"}),
        (("--des", "a"), {"description": "a"}),
        (("--description", "a=b"), {"description": "a=b"}),
        (("--description=a=b",), {"description": "a=b"}),
        (("--description", ""), {"description": ""}),
        (("--name", "a", "--name", "b"), {"name": "b"}),
        (("--description", "--name"), {"description": "--name"}),
        (("--description", "--"), {"description": "--"}),
        (("--onboot",), {"onboot": "1"}),
        (("--onboot=",), {"onboot": "1"}),
        (("--onboot", "--name", "a"), {"onboot": "1", "name": "a"}),
        (("--onboot", "yes"), {"onboot": "1"}),
        (("--onboot=OFF",), {"onboot": "0"}),
        (("--onboot", "1", "--onboot", "0"), {"onboot": "0"}),
        (("--delete", "tags", "--delete", "cpu"), {"delete": "tags,cpu"}),
        (("--net31", "virtio"), {"net31": "virtio"}),
        (("--numa", "1", "--numa0", "cpus=0"), {"numa": "1", "numa0": "cpus=0"}),
        (("--vmid", "200"), {}),
    ],
)
def test_words_are_read_as_getopt_does(words, values):
    assert read("set", "100", *words) == ("set", {"vmid": "100"} | values, ())
    assert read("set", *words, "--", "100") == ("set", {"vmid": "100"} | values, ())


def test_names_aliases_and_groups_of_commands():
    assert read("resize", "100", "scsi0", "+1G")[0] == "disk resize"
    assert read("agent", "100", "ping")[0] == "guest cmd"
    assert read("conf", "100")[0] == "config"
    assert read("di", "resc")[0] == "disk rescan"
    assert read("guest", "exec", "100", "--", "ls", "-l")[2] == ("ls", "-l")
    assert read("user", "token", "remove", "a@pve", "tok", program="pveum")[0] == (
        "user token delete"
    )


def test_a_list_by_place_takes_all_words():
    assert read("100", "101", "--mode", "stop", program="vzdump")[1] == {
        "vmid": "100,101",
        "mode": "stop",
    }
    assert table("vzdump").commands[""].usage() == "vzdump {<vmid>} [OPTIONS]"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("list", "--nosuch"),
            "Unknown option: nosuch\n400 unable to parse option\nqm list  [OPTIONS]",
        ),
        (
            ("list", "--x", "--y"),
            "Unknown option: x\nUnknown option: y\n400 unable to parse option\nqm list  [OPTIONS]",
        ),
        (("set", "100", "--na", "x"), "Option na is ambiguous (name, nameserver)"),
        (("set", "100", "---name", "x"), "Unknown option: -name"),
        (("set", "100", "--net32", "virtio"), "Unknown option: net32"),
        (("set", "100", "--name"), "Option name requires an argument"),
        (("set", "100", "--name="), "Option name requires an argument"),
        (("set", "100", "--onboot", "2"), "400 unable to parse boolean option"),
        (("set",), "400 not enough arguments\nqm set <vmid> [OPTIONS]"),
        (("set", "--vmid", "100"), "400 not enough arguments"),
        (("set", "100", "x"), "400 too many arguments"),
        (("resize", "100", "scsi0", "-1G"), "Unknown option: 1g"),
        (("guest", "exec", "100", "ls", "-l"), "Unknown option: l"),
        (("create", "--help"), "Unknown option: help"),
    ],
)
def test_bad_words_are_refused(words, why):
    assert refusal(*words).startswith(why)


def test_a_program_shows_its_usage_for_what_is_no_command():
    bare, unknown = refusal(), refusal("nosuch")
    head = "USAGE: qm <COMMAND> [ARGS] [OPTIONS]\n\n       qm cloudinit dump <vmid> <type>\n"
    assert bare.startswith(f"ERROR: no command specified\n{head}")
    assert unknown.startswith(f"ERROR: unknown command 'qm nosuch'\n{head}")
    assert bare.partition("\n")[2] == unknown.partition("\n")[2]
    assert bare.endswith("\n\n       qm help [<extra-args>] [OPTIONS]")
    assert refusal("disk", "nosuch").startswith("ERROR: unknown command 'qm disk nosuch'\nUSAGE")


def test_a_group_shows_its_own_usage():
    assert refusal("cloudinit") == (
        "ERROR: incomplete command 'qm cloudinit'\n"
        "USAGE: qm <COMMAND> [ARGS] [OPTIONS]\n\n"
        "       qm cloudinit dump <vmid> <type>\n"
        "       qm cloudinit pending <vmid>\n"
        "       qm cloudinit update <vmid>"
    )


def test_an_ambiguous_beginning_is_taken_for_a_group():
    text = refusal("st")
    assert text.startswith("ERROR: incomplete command 'qm st'\n")
    assert "       qm st start <vmid> [OPTIONS]\n" in text


def test_help_without_prose():
    assert table("qm").short_help(["clone"]) == "USAGE: qm clone <vmid> <newid> [OPTIONS]\n\n"
    assert table("qm").short_help(["cloudinit"]) == (
        "USAGE: qm cloudinit dump <vmid> <type>\n"
        "       qm cloudinit pending <vmid>\n"
        "       qm cloudinit update <vmid>\n\n"
    )
    with pytest.raises(Refused, match="unknown command 'nosuch'"):
        table("qm").short_help(["nosuch"])


@pytest.mark.parametrize(
    ("path", "verb", "usage"),
    [
        ("/version", "get", "pvesh get <api_path> [OPTIONS] [FORMAT_OPTIONS]"),
        (
            "/nodes/{node}/qemu/{vmid}/clone",
            "create",
            "pvesh create <api_path> --newid <integer> [OPTIONS] [FORMAT_OPTIONS]",
        ),
    ],
)
def test_methods_show_the_parameters_that_they_need(path, verb, usage):
    assert api("8.4").method(path, verb).usage() == usage
    assert api("9.2").method(path, verb).usage() == usage


@pytest.mark.parametrize(
    ("options", "usage"),
    [
        ({}, "p c <a>"),
        ({"x": Spec(required=True)}, "p c <a> --x <string> [OPTIONS]"),
        ({"output-format": Spec(), "quiet": Spec()}, "p c <a> [FORMAT_OPTIONS]"),
        ({"quiet": Spec()}, "p c <a> [OPTIONS]"),
        ({"password": Spec(required=True, asked=2)}, "p c <a>"),
    ],
)
def test_usage_lines(options, usage):
    assert Command("p", "c", ("a",), {"a": Spec(required=True), **options}).usage() == usage
