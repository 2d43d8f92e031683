import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pvekit.config.asked import Asked
from pvekit.config.load import load
from pvekit.config.model import (
    BuildNetwork,
    Clone,
    Naming,
    NodeEntry,
    Placement,
    Readiness,
    RoleConfig,
)
from pvekit.config.sources import find
from pvekit.errors import UsageError
from pvekit.sizing import Size, presets

CASES = Path(__file__).parents[1] / "cases" / "config"
PLAN = CASES / "plan.yaml"


@pytest.fixture
def changed(tmp_path):
    """Load the plan's configuration with some of its top-level keys replaced."""

    def load_changed(**sections):
        content = {**yaml.safe_load(PLAN.read_text(encoding="utf-8")), **sections}
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return load(file)

    return load_changed


def vm_template(**changes):
    return yaml.safe_load(PLAN.read_text(encoding="utf-8"))["vm_template"] | changes


def test_the_plans_file_is_copied_unchanged():
    document = Path(__file__).parents[2] / "../shared/seeds/003_ea54c27d3fa14874.txt"
    if not document.exists():
        pytest.skip("the plan's document is not here")
    assert PLAN.read_text(encoding="utf-8") in document.read_text(encoding="utf-8")


def test_the_plans_file_loads_with_its_placeholder_key():
    config = load(PLAN)
    assert [node.alias for node in config.nodes] == ["pve-pc-mini", "pve-mac-mini"]
    assert (config.ssh_user, config.ssh_private_key_path) == ("root", "~/.ssh/pve.key")
    assert config.sizes["large"] == Size(4, 8192, 80)
    assert config.cloud_init.ssh_public_key.startswith("ssh-rsa AAAA")
    base = config.template("base")
    assert (base.id, base.storage_pool, base.base_disk_gb) == (9000, "local-lvm", 16)
    assert config.source == PLAN


def test_what_the_plan_does_not_say_has_defaults():
    config = load(PLAN)
    assert config.readiness == Readiness(300, 10, "auto")
    assert config.placement == Placement(memory_ratio=1.0, memory_reserve_mb=None)
    assert config.naming == Naming("k8s")
    assert config.clone == Clone(full=True, onboot=False, concurrency=4)
    assert config.template("base").build_network == BuildNetwork()
    assert config.role("worker") == RoleConfig("worker", "base", "auto", ())


def test_sizes_of_the_file_are_over_the_ones_of_pvekit(changed):
    config = changed(vm_sizes={"small": {"cpus": 3, "memory_mb": 3000, "disk_gb": 30}})
    assert config.sizes == {**presets(), "small": Size(3, 3000, 30)}


def test_a_further_template_is_like_the_first_where_it_says_nothing(changed):
    config = changed(
        vm_template=vm_template(bios="ovmf", build_network={"ip": "192.0.2.9/24", "dns": ["::1"]}),
        templates={"kubernetes": {"name": "k8s-template", "recipe": "kubernetes", "id": 9100}},
    )
    base, further = config.template("base"), config.template("kubernetes")
    assert further == replace(
        base, key="kubernetes", name="k8s-template", recipe="kubernetes", id=9100
    )
    assert base.build_network == BuildNetwork(ip="192.0.2.9/24", dns=("::1",))


def test_a_template_without_id_gets_the_next_that_no_template_wants(changed):
    config = changed(
        templates={
            "one": {"name": "one", "recipe": "base"},
            "two": {"name": "two", "recipe": "base", "id": 9001},
            "three": {"name": "three", "recipe": "base"},
        }
    )
    assert [config.template(key).id for key in ("base", "one", "two", "three")] == [
        9000,
        9002,
        9001,
        9003,
    ]


def test_ids_begin_anew_below_the_highest(changed):
    config = changed(
        vm_template=vm_template(id=999_999_999),
        templates={"one": {"name": "one", "recipe": "base"}},
    )
    assert config.template("one").id == 100


def test_an_unknown_template_names_the_known_and_the_nearest():
    with pytest.raises(UsageError) as caught:
        load(PLAN).template("bas")
    assert "base" in caught.value.details
    assert caught.value.hint == "did you mean 'base'?"


def test_roles_may_use_templates_and_sizes_of_the_file(changed):
    config = changed(
        templates={"kubernetes": {"name": "k", "recipe": "kubernetes"}},
        roles={"worker": {"template": "kubernetes", "size": "large", "tags": ["a", "b"]}},
    )
    assert config.role("worker") == RoleConfig("worker", "kubernetes", "large", ("a", "b"))


def test_nodes_are_words_or_mappings(changed):
    config = changed(
        proxmox_nodes=[
            "pve1.example.org",
            "192.0.2.1",
            {"host": "2001:db8::1"},
            {"host": "127.0.1.1", "name": "pve4", "port": 2222, "jump": "me@a.example:22,b"},
        ]
    )
    assert [node.alias for node in config.nodes] == [
        "pve1",
        "192.0.2.1",
        "2001:db8::1",
        "pve4",
    ]
    assert config.nodes[3] == NodeEntry("127.0.1.1", "pve4", 2222, jump="me@a.example:22,b")


def test_nodes_with_the_same_short_name_go_by_the_full_one(changed):
    config = changed(
        proxmox_nodes=["pve.a.example", "pve.b.example", "other.a.example"],
    )
    assert [node.alias for node in config.nodes] == ["pve.a.example", "pve.b.example", "other"]


def test_a_relative_path_lies_beside_the_file(changed, tmp_path):
    config = changed()
    assert config.path("keys/id") == tmp_path / "keys/id"
    assert config.path("/keys/id") == Path("/keys/id")
    assert config.path("~/id") == Path.home() / "id"
    assert config.path("~no-such-user/id") == tmp_path / "~no-such-user/id"


class TestFind:
    @pytest.fixture
    def places(self, tmp_path):
        cwd, home = tmp_path / "cwd", tmp_path / "home"
        (home / ".config/pvekit").mkdir(parents=True)
        cwd.mkdir()
        return cwd, home

    def test_the_given_file_comes_first_and_alone(self, places):
        (places[0] / "config.yaml").touch()
        found = find(Asked(Path("x.yaml")), {"PVEKIT_CONFIG": "/y.yaml"}, *places)
        assert found.files == (Path("x.yaml"),)

    @pytest.mark.parametrize(
        ("value", "found"),
        [("/y.yaml", "/y.yaml"), ("y.yaml", "cwd/y.yaml"), ("~/y.yaml", "home/y.yaml")],
    )
    def test_then_the_one_of_the_environment(self, places, tmp_path, value, found):
        (places[0] / "config.yaml").touch()
        assert find(Asked(), {"PVEKIT_CONFIG": value}, *places).files == (tmp_path / found,)

    def test_then_the_one_here_over_the_one_at_home(self, places):
        cwd, home = places
        at_home = home / ".config/pvekit/config.yaml"
        at_home.touch()
        assert find(Asked(), {"PVEKIT_CONFIG": ""}, cwd, home).files == (at_home,)
        (cwd / "config.yaml").touch()
        assert find(Asked(), {}, cwd, home).files == (at_home, cwd / "config.yaml")

    def test_where_none_is_the_error_names_the_places(self, places):
        cwd, home = places
        with pytest.raises(UsageError) as caught:
            load(find(Asked(), {}, cwd, home))
        for place in ("--config", "PVEKIT_CONFIG", str(cwd), str(home)):
            assert place in caught.value.details
        assert "config init" in caught.value.hint


def test_importing_the_loader_imports_no_library():
    code = (
        "import sys, pvekit.config.load, pvekit.config.model;"
        "print(*sorted({'yaml', 'jsonschema'} & sys.modules.keys()))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""
