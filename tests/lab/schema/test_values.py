"""Which values are accepted and refused: by the limits in the tables, and by format."""

import contextlib
import functools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.lab import formats
from pvekit.lab.options import Arguments, Refused, Spec, api, table
from tests.lab.schema.samples import FORMATS, UNCHECKED

VERSIONS = ("8.4", "9.2")
PROGRAMS = (
    "ha-manager pveam pvecm pvenode pvesh pvesm pvesr pveum qm qmrestore vzdump".split()  # noqa: SIM905
)
SET = table("qm").commands["set"]


def commands(version):
    """All commands and all methods of the API."""
    for program in PROGRAMS:
        yield from table(program, version).commands.values()
    tree = api(version)
    for key in tree.keys():  # noqa: SIM118
        yield tree.info(*key).command


@functools.cache
def all_specs(version):
    """Every kind of option once, and every property of a property string."""
    seen = {}
    for command in commands(version):
        for name, spec in command.options.items():
            seen.setdefault(repr(spec), (name, spec))
            for key, part in spec.properties.items():
                seen.setdefault(repr(part), (f"{name}.{key}", part))
    return [pair for pair in seen.values() if not pair[1].alias]


def why(spec, value):
    try:
        formats.check(spec, value, "x")
    except formats.Invalid as invalid:
        return str(invalid)
    return ""


def base(spec):
    return re.sub(r"-(list|opt)$", "", spec.format)


def free(spec):
    """Whether only type and limits decide."""
    return not (spec.format or spec.pattern or spec.enum or spec.members)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_format_is_checked_or_left_out_for_a_reason(version):
    used = {base(spec) for _, spec in all_specs(version) if spec.format and not spec.properties}
    assert used - FORMATS.keys() - UNCHECKED.keys() == set()
    assert FORMATS.keys() == formats.CHECKS.keys()
    assert not FORMATS.keys() & UNCHECKED.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name):
    accepted, refused = FORMATS[name]
    spec = Spec(format=name)
    assert [value for value in accepted if why(spec, value)] == []
    assert [value for value in refused if not why(spec, value)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_enumerations_accept_their_words_and_nothing_else(version):
    for name, spec in all_specs(version):
        if spec.enum:
            assert [word for word in spec.enum if why(spec, word)] == [], name
            known = ", ".join(spec.enum)
            expected = f"value '?' does not have a value in the enumeration '{known}'"
            told = why(spec, "?")
            assert told == expected or (told and (spec.format or spec.type != "string")), name


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_keep_their_range_and_nothing_else_is_a_number(version):
    for name, spec in all_specs(version):
        if spec.type not in ("integer", "number"):
            continue
        low, high = spec.minimum, spec.maximum
        if low is not None:
            below = why(spec, str(int(float(low)) - 1))
            assert below == f"value must have a minimum value of {low}" or spec.format, name
            assert not why(spec, str(low)), name
        if high is not None:
            above = why(spec, str(int(float(high)) + 1))
            assert above == f"value must have a maximum value of {high}" or spec.format, name
            assert not why(spec, str(high)), name
        for text in ("", "x", "1 ", "0x10", "1,5"):
            assert why(spec, text) == f"type check ('{spec.type}') failed - got '{text}'", name
        assert bool(why(spec, "1.5")) == (spec.type == "integer") or low or spec.enum, name


@pytest.mark.parametrize("version", VERSIONS)
def test_texts_keep_their_length(version):
    for name, spec in all_specs(version):
        if spec.max_length is not None and free(spec):
            long = "x" * spec.max_length
            assert not why(spec, long), name
            expected = f"value may only be {spec.max_length} characters long"
            assert why(spec, f"{long}x") == expected, name
        if spec.min_length and free(spec):
            expected = f"value must be at least {spec.min_length} characters long"
            assert why(spec, "x" * (spec.min_length - 1)) == expected, name


@pytest.mark.parametrize("version", VERSIONS)
def test_patterns_are_python_s_and_refuse_something(version):
    for name, spec in all_specs(version):
        if spec.pattern and not spec.format:
            assert re.compile(f"^{spec.pattern}$")
            refused = [why(spec, text) for text in ("\n\n", " ", "\x7f<>", "")]
            assert "value does not match the regex pattern" in refused, name


@given(st.data(), st.sampled_from(VERSIONS))
@settings(deadline=None)
def test_what_a_pattern_makes_is_accepted(data, version):
    patterned = [s for _, s in all_specs(version) if s.pattern and free(Spec())]
    spec = data.draw(st.sampled_from([s for s in patterned if not s.format and not s.max_length]))
    value = data.draw(st.from_regex(re.compile(f"^(?:{spec.pattern})$", re.ASCII), fullmatch=True))
    assert not why(spec, value)


@pytest.mark.parametrize("version", VERSIONS)
def test_required_options_are_required_and_unknown_ones_refused(version):
    for command in commands(version):
        places = (*command.args, command.listed, "password")
        needed = {n for n, s in command.names.items() if s.required}
        with contextlib.suppress(Refused):
            command.read(["--no-such-option", "x"])
            raise AssertionError(command)
        text = ""
        try:
            formats.check_all(command, Arguments({}))
        except Refused as refused:
            text = str(refused)
        told = set(re.findall(r"^(.*): property is missing and it is not optional$", text, re.M))
        assert told == {n for n in needed if not command.names[n].kinds}, command.name
        shown = set(re.findall(r"--(\S+) <", command.usage()))
        assert shown == needed - set(places) or "password" in needed, command.name


@pytest.mark.parametrize(
    ("option", "value", "reason"),
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
            "net0",
            "virtio,e1000",
            "invalid format - duplicate key in comma-separated list property: model\n",
        ),
        (
            "net0",
            "virtio,tag=1,tag=2",
            "invalid format - duplicate key in comma-separated list property: tag\n",
        ),
        (
            "net0",
            "virtio=BC:24:11:00:00:01,e1000=BC:24:11:00:00:01",
            "invalid format - key alias 'model' is already defined\n",
        ),
        (
            "net0",
            "virtio,bridge=",
            "invalid format - missing key in comma-separated list property\n",
        ),
        (
            "net0",
            "virtio,foo=bar",
            "invalid format - format error\nnet0.foo: property is not defined in schema and the "
            "schema does not allow additional properties\n",
        ),
        (
            "agent",
            "yes",
            "invalid format - format error\nagent.enabled: type check ('boolean') failed - got 'yes'\n",
        ),
        (
            "ipconfig0",
            "10.0.0.5/24",
            "invalid format - value without key, but schema does not define a default key\n",
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
        (
            "cpu",
            "nosuch",
            "invalid format - Built-in cputype 'nosuch' is not defined (missing 'custom-' prefix?)\n",
        ),
        ("cpu", "hidden=1", "invalid format - CPU is missing cputype\n"),
        ("vmgenid", "2", "value does not match the regex pattern"),
    ],
)
def test_bad_values_are_refused_in_the_programs_words(option, value, reason):
    with pytest.raises(Refused) as caught:
        formats.check_all(SET, Arguments({"vmid": "100", option: value}))
    head = "400 Parameter verification failed.\n"
    assert str(caught.value) == f"{head}{option}: {reason}\nqm set <vmid> [OPTIONS]"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("agent", "enabled=yes,fstrim_cloned_disks=on"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1"),
        ("net0", " ,virtio"),
        ("cpu", "x86-64-v2-AES,flags=+aes;-pcid"),
        ("ipconfig0", "ip=dhcp,ip6=auto"),
        ("memory", "current=2048"),
    ],
)
def test_good_values_are_accepted(option, value):
    formats.check_all(SET, Arguments({"vmid": "100", option: value}))


def test_all_faults_are_told_and_two_for_one_value_together():
    with pytest.raises(Refused) as caught:
        formats.check_all(
            table("qm").commands["create"],
            Arguments({"vmid": "1", "cores": "0", "force": "1", "unique": "1"}),
        )
    missing = "missing property - '{}' requires this property"
    assert str(caught.value).splitlines()[1:4] == [
        f"archive: {missing.format('force')}\\n{missing.format('unique')}",
        "cores: value must have a minimum value of 1",
        "vmid: invalid format - value does not look like a valid VM ID",
    ]


def test_items_of_an_array_are_checked_one_by_one():
    command = api("8.4").method("/nodes/{node}/qemu/{vmid}/agent/exec", "create")
    given = command.read(["/x", "--command", "a,b", "--command", "c"])
    assert given.lists == {"command": ("a,b", "c")}
    formats.check_all(command, given)


@given(st.sampled_from(sorted(SET.names)), st.text(max_size=30))
def test_any_text_is_accepted_or_refused_and_nothing_else(option, text):
    with contextlib.suppress(Refused):
        formats.check_all(SET, Arguments({"vmid": "100", option: text}))
