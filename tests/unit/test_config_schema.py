"""The schema itself, the example file beside it, and what no file must be able to do."""

import itertools
import re
import unicodedata
from dataclasses import MISSING, asdict, fields
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pvekit.config import model, satisfying, schema
from pvekit.config.document import read
from pvekit.config.load import load
from pvekit.config.satisfying import satisfies
from pvekit.errors import UsageError

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
PLAN = (ROOT / "tests/cases/config/plan.yaml").read_text(encoding="utf-8")
COMPLETE = re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", EXAMPLE, flags=re.MULTILINE)


def subschemas(part, name="schema"):
    """Yield every schema inside a schema with its name."""
    yield name, part
    for key in ("properties", "$defs"):
        for inner, sub in part.get(key, {}).items():
            yield from subschemas(sub, f"{name}.{inner}")
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(part.get(key), dict):
            yield from subschemas(part[key], f"{name}.{key}")


ALL = dict(subschemas(schema.load()))
PROPERTIES = {
    f"{name}.{key}": sub
    for name, part in ALL.items()
    for key, sub in part.get("properties", {}).items()
}


def test_the_schema_is_valid_in_its_draft():
    assert schema.load()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema.load())


@pytest.mark.parametrize("text", [PLAN, EXAMPLE, COMPLETE], ids=["plan", "example", "complete"])
def test_other_readers_of_the_schema_take_the_files_too(text):
    Draft202012Validator(schema.load()).validate(yaml.safe_load(text))


def test_no_mapping_takes_keys_that_nobody_described():
    open_ones = [
        name
        for name, part in ALL.items()
        if "object" in part.get("type", ()) and "additionalProperties" not in part
    ]
    assert open_ones == []
    assert all(part.get("additionalProperties") is not True for part in ALL.values())


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_key_is_described_and_says_what_it_expects(name):
    part = schema.resolved(PROPERTIES[name])
    assert part["description"].endswith(".")
    assert part.get("title") or part.get("enum")


def test_every_pattern_is_about_the_whole_text():
    patterns = [part["pattern"] for part in ALL.values() if "pattern" in part]
    assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in patterns)


SECTIONS = {
    "node": model.NodeEntry,
    "template": model.TemplateConfig,
    "build_network": model.BuildNetwork,
    "role": model.RoleConfig,
    "cloud_init": model.CloudInitConfig,
    "readiness": model.Readiness,
    "placement": model.Placement,
    "naming": model.Naming,
    "clone": model.Clone,
    "timeouts": model.Timeouts,
}
WORD_OF_ITS_OWN = {"template": {"key"}, "role": {"name"}}


@pytest.mark.parametrize("section", SECTIONS)
def test_schema_and_dataclass_have_the_same_keys(section):
    names = {field.name for field in fields(SECTIONS[section])}
    properties = schema.load()["$defs"][section]["properties"]
    assert names - WORD_OF_ITS_OWN.get(section, set()) == properties.keys()


@pytest.mark.parametrize("section", SECTIONS)
def test_schema_and_dataclass_have_the_same_defaults(section):
    properties = schema.load()["$defs"][section]["properties"]
    defaults = {field.name: field.default for field in fields(SECTIONS[section])}
    for key, part in properties.items():
        stated = part.get("default")
        stated = tuple(stated) if isinstance(stated, list) else stated
        if defaults[key] is not MISSING and defaults[key] != ():
            assert stated == defaults[key], key


def test_the_top_has_the_same_defaults():
    config = {field.name: field.default for field in fields(model.Config)}
    for key in ("ssh_user", "image_dir", "on_failure"):
        assert schema.load()["properties"][key].get("default") == config[key]


def write(tmp_path, text):
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_loads_and_sets_only_defaults(tmp_path):
    written, complete = load(write(tmp_path, EXAMPLE)), load(write(tmp_path, COMPLETE))
    for section in ("readiness", "naming", "sizes", "image_dir", "ssh_user"):
        assert getattr(written, section) == getattr(complete, section)


def known_places(part, place=()):
    for key, property_ in schema.resolved(part).get("properties", {}).items():
        yield (*place, key)
        sub = schema.resolved(property_)
        yield from known_places(sub, (*place, key))
        for inner in (sub.get("items"), sub.get("additionalProperties")):
            if inner:
                yield from known_places(inner, (*place, key, "*"))


def test_the_example_mentions_every_key(tmp_path):
    document = read(write(tmp_path, COMPLETE))
    lists_and_maps = {"proxmox_nodes", "templates", "roles", "vm_sizes"}
    mentioned = {
        tuple(
            "*" if at == 1 and place[0] in lists_and_maps else step for at, step in enumerate(place)
        )
        for place in document.marks
    }
    # A further template has the keys of vm_template, which are not shown twice.
    known = {
        ("vm_template", *place[2:]) if place[0] == "templates" and len(place) > 2 else place
        for place in known_places(schema.load())
    }
    assert known - mentioned == set()


@pytest.mark.parametrize("section", ["vm_template", "clone", "placement", "cloud_init"])
def test_a_default_that_the_example_shows_is_the_default(section):
    shown = yaml.safe_load(COMPLETE)[section]
    part = schema.resolved(schema.load()["properties"][section])
    for key, sub in part["properties"].items():
        if sub.get("default") not in (None, []):
            assert shown[key] == sub["default"], key


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)


def places_in(value, place=()):
    yield place
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in pairs:
        yield from places_in(inner, (*place, key))


def replaced(value, place, new):
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


BASES = [yaml.safe_load(text) for text in (PLAN, COMPLETE)]
PLACES = [(base, place) for base in BASES for place in places_in(base)]


def texts_in(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, str):
        yield value


def check_what_loads(file):
    """Load a file; what is taken holds nothing that could become two words or two lines."""
    try:
        config = load(file)
    except UsageError:
        return
    whole = asdict(config)
    whole["cloud_init"].pop("ssh_public_key")
    kinds = {unicodedata.category(char) for text in texts_in(whole) for char in text}
    assert not kinds & {"Cc", "Zl", "Zp"}
    for template in config.templates.values():
        assert type(template.id) is int
        assert 100 <= template.id <= 999_999_999
    assert len({template.id for template in config.templates.values()}) == len(config.templates)
    assert len({node.alias for node in config.nodes}) == len(config.nodes)


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("new", [None, True, 7, "é\n", [], {}, [[{}]], {"x": [None]}], ids=repr)
def test_a_value_of_any_type_is_taken_or_refused_in_every_place(tmp_path, new):
    for base, place in PLACES:
        if base is BASES[1]:
            check_what_loads(write(tmp_path, yaml.safe_dump(replaced(base, place, new))))


@quick
@given(target=st.sampled_from(PLACES), new=values)
def test_any_value_anywhere_is_taken_or_refused(tmp_path, target, new):
    base, place = target
    text = yaml.safe_dump(replaced(base, place, new), allow_unicode=True)
    check_what_loads(write(tmp_path, text))


@quick
@given(st.data())
def test_any_damage_to_the_text_is_taken_or_refused(tmp_path, data):
    content = data.draw(st.sampled_from([PLAN, COMPLETE])).encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 30)))
    file = tmp_path / "config.yaml"
    file.write_bytes(content[:start] + data.draw(st.binary(max_size=20)) + content[end:])
    check_what_loads(file)


PACKAGES = (schema.CONFIG, "pvekit.fleet", "pvekit.sizing")
FORMS = [part for package in PACKAGES for _, part in subschemas(schema.load(package))]
BOUNDS = [
    *(part[key] + step for part in FORMS for key in ("minimum", "maximum") if key in part
      for step in (-1, 0, 1, 0.5)),
    *("x" * (part[key] + step) for part in FORMS for key in ("minLength", "maxLength")
      if key in part and part[key] < 99 for step in (-1, 0, 1)),
    *(word for part in FORMS for word in part.get("enum", ())),
    *("10.0.0.1", "10.0.0.0/24", "fe80::1", "fe80::1%eth0", "dhcp", "1.5", "auto", "a\n", 2.0, True),
]  # fmt: skip


def found_by_jsonschema(value, package=schema.CONFIG):
    return list(schema.validator(package).iter_errors(value))


@pytest.mark.parametrize("text", [PLAN, EXAMPLE, COMPLETE], ids=["plan", "example", "complete"])
def test_the_quick_look_knows_that_good_files_are_good(text):
    assert satisfies(yaml.safe_load(text), schema.load(), schema.load())


def test_the_quick_look_vouches_for_nothing_that_jsonschema_refuses():
    judged = {True: 0, False: 0}
    for target, new in zip(PLACES * 3, itertools.cycle(BOUNDS), strict=False):
        base, place = target
        value = replaced(base, place, new)
        quickly = satisfies(value, schema.load(), schema.load())
        assert quickly <= (not found_by_jsonschema(value)), (place, new)
        judged[quickly] += 1
    assert min(judged.values()) > 50


@quick
@given(target=st.sampled_from(PLACES), new=values | st.sampled_from(BOUNDS))
def test_the_quick_look_agrees_with_jsonschema(target, new):
    value = replaced(*target, new)
    assert satisfies(value, schema.load(), schema.load()) == (not found_by_jsonschema(value))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_quick_look_knows_every_keyword_of_the_schemas(package):
    known = satisfying.KEYWORDS | {"image_url", "checksum_url"}
    assert {key for _, part in subschemas(schema.load(package)) for key in part} <= known


def test_a_keyword_that_the_quick_look_does_not_know_is_left_to_jsonschema():
    assert not satisfies([1], {"uniqueItems": True}, {})
    assert not satisfies("x", {"$ref": "elsewhere.json"}, {})
    assert not satisfies("x", {"format": "uuid"}, {})
