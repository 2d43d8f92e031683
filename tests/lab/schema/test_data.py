"""The lab's tables are those of the real programs, without their prose, and quick to read."""

import json
from importlib import resources

import pytest

from pvekit.lab.schema import apitree, table
from tests.lab.schema import sources
from tests.lab.schema.generate import generated

DATA = resources.files("pvekit.lab.data")
needs_sources = pytest.mark.skipif(
    not sources.SHARED.exists(), reason="the real programs' tables are not here"
)


@needs_sources
def test_the_data_are_those_of_the_real_programs():
    ours = {f.name: f.read_text() for f in DATA.iterdir() if f.name.endswith(".json")}
    made = generated()
    assert ours.keys() == made.keys()
    assert [name for name in made if made[name] != ours[name]] == []


@needs_sources
@pytest.mark.parametrize("version", sources.VERSIONS)
def test_every_option_of_the_real_programs_is_known_by_its_own_name(version):
    for program in sources.programs(version):
        known = table.table(program, version)
        for name, entry in sources.commands(program, version).items():
            if "alias" in entry:
                continue
            assert known.commands[name].names.keys() == entry["options"].keys(), (program, name)


@needs_sources
@pytest.mark.parametrize("version", sources.VERSIONS)
def test_the_api_has_every_path_verb_and_parameter(version):
    tree = apitree.ApiTree(version)
    verbs = {"GET": "get", "POST": "create", "PUT": "set", "DELETE": "delete"}
    for node in sources.nodes(version):
        path = node["path"]
        assert tree.find(path)[0] == path
        assert list(tree.children(path)) == [child["text"] for child in node.get("children", ())]
        found = {verb for verb in verbs.values() if tree.info(path, verb)}
        assert found == {verbs[verb] for verb in node.get("info", {})}
        for verb, method in node.get("info", {}).items():
            info = tree.info(path, verbs[verb])
            own = info.command.options.keys() | info.path_options.keys()
            assert sources.parameters(method).keys() <= own


def test_tables_hold_no_prose():
    for file in DATA.iterdir():
        if file.name.endswith(".json"):
            content = json.loads(file.read_text())
            entries = json.dumps([content["specs"], content.get("commands")])
            assert 'escription": "' not in entries, file.name
            assert "typetext" not in entries, file.name


def test_programs_without_a_table_of_their_version_speak_the_oldest_one():
    assert table.table("pveum", "9.2").commands.keys() == table.table("pveum").commands.keys()
    assert "glusterfs" in str(table.table("pvesm", "8.4").commands.keys())
    assert "glusterfs" not in str(table.table("pvesm", "9.2").commands.keys())


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/", "/", {}),
        ("nodes//pve1/", "/nodes/{node}", {"node": "pve1"}),
        (
            "/nodes/a/qemu/1/config",
            "/nodes/{node}/qemu/{vmid}/config",
            {"node": "a", "vmid": "1"},
        ),
        (
            "/nodes/a/storage/s/content/s:iso/x.iso",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            {"node": "a", "storage": "s", "volume": "s:iso/x.iso"},
        ),
    ],
)
def test_paths_are_found(path, template, values):
    assert apitree.api("8.4").find(path) == (template, values)


@pytest.mark.parametrize("path", ["/nosuch", "/nodes/a/nosuch", "/version/x", "/nodes/a b"])
def test_other_paths_are_not(path):
    assert apitree.api("8.4").find(path) is None
