"""Recipes: user data is data, parameters are variables, every first boot ends checked."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from pvekit.errors import UsageError
from pvekit.templates import recipe


@pytest.mark.parametrize("name", recipe.names())
def test_its_scripts_are_valid_shell(name):
    loaded = recipe.load(name)
    for script in (loaded.provision_script(), loaded.finish_script()):
        subprocess.run(["sh", "-n"], input=script.encode(), check=True)


@pytest.mark.parametrize("name", recipe.names())
def test_its_user_data_is_cloud_config(name):
    loaded = recipe.load(name)
    text = loaded.user_data()
    assert text.startswith("#cloud-config\n")
    data = yaml.safe_load(text)
    assert "qemu-guest-agent" in data["packages"]
    assert data["users"] == []
    assert {file["path"] for file in data["write_files"]} >= {recipe.PROVISION, recipe.FINISH}


def test_kubernetes_extends_base():
    base, kubernetes = recipe.load("base"), recipe.load("kubernetes")
    assert set(base.packages) < set(kubernetes.packages)
    assert kubernetes.commands[: len(base.commands)] == base.commands


def test_a_parameter_reaches_the_script_as_a_variable_only():
    loaded = recipe.load("kubernetes", {"KUBERNETES_MINOR": "1.34'; reboot; '"})
    lines = loaded.provision_script().splitlines()
    first = next(line for line in lines if line.startswith("export KUBERNETES_MINOR="))
    got = subprocess.run(
        ["sh", "-c", f'{first}\nprintf %s "$KUBERNETES_MINOR"'], capture_output=True, check=True
    )
    assert got.stdout == b"1.34'; reboot; '"


def test_a_parameter_that_the_recipe_does_not_know_changes_nothing():
    assert recipe.load("base", {"KUBERNETES_MINOR": "1.34"}) == recipe.load("base")


def test_the_digest_covers_recipe_and_hardware():
    base = recipe.load("base")
    digests = {
        base.digest(cpu="host"),
        base.digest(cpu="kvm64"),
        recipe.load("kubernetes").digest(cpu="host"),
        recipe.load("kubernetes", {"KUBERNETES_MINOR": "1.34"}).digest(cpu="host"),
    }
    assert len(digests) == 4
    assert base.digest(cpu="host") == recipe.load("base").digest(cpu="host")


def test_a_recipe_of_ones_own_is_found_by_its_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: base\npackages: [htop]\ncommands: [echo hello]\n")
    loaded = recipe.load(str(path))
    assert loaded.packages == ("qemu-guest-agent", "htop")
    assert loaded.name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "must be a mapping"),
        ("package: [x]\n", "unknown keys: package"),
        ("a: [\n", "Cannot read recipe"),
        ("files: [{path: /x}]\n", "a file has path, content"),
        ("extends: nosuch\n", "no recipe 'nosuch'"),
    ],
)
def test_mistakes_are_told(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        recipe.load(str(path))


def test_a_recipe_that_extends_itself_is_refused(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(f"extends: {path}\n")
    with pytest.raises(UsageError, match="extends itself"):
        recipe.load(str(path))
