"""Where a configuration comes from: files over files, variables over them, options over all."""

import itertools
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pvekit.config import schema
from pvekit.config.asked import Asked
from pvekit.config.faults import ConfigFaults, Origin
from pvekit.config.load import load, public_keys, together, validate
from pvekit.config.named import unknown, variable
from pvekit.config.sources import Home, Sources, find
from pvekit.config.viewing import tree, values
from pvekit.errors import NotFound, UsageError

ROOT = Path(__file__).parents[2]
PLAN = (ROOT / "tests/cases/config/plan.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
COMPLETE = yaml.safe_load(re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", EXAMPLE, flags=re.MULTILINE))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL test"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    path.write_text(text, encoding="utf-8")
    return path


def inner(data, place):
    for step in place:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def without_places(config):
    return replace(config, source=None, origins={})


@pytest.fixture
def user(tmp_path):
    """A user's home, a project's directory, and what is read there."""

    class User:
        home, cwd = tmp_path / "home", tmp_path / "work" / "project"
        own = Home({}, home)

        def found(self, *, environ=None, cwd=None, **asked):
            return find(Asked(**asked), environ or {}, cwd or self.cwd, self.home)

    User.cwd.mkdir(parents=True)
    return User()


class TestVariables:
    def test_every_key_has_a_variable_of_its_own(self):
        names = [variable(place) for place in schema.places()]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"PVEKIT_[A-Z0-9_]+", name) for name in names)
        assert variable(("vm_template", "storage_pool")) == "PVEKIT_VM_TEMPLATE__STORAGE_POOL"

    @pytest.mark.parametrize(
        "place", [p for p in schema.places() if inner(COMPLETE, p) is not None], ids=variable
    )
    def test_a_variable_says_the_same_as_the_file(self, tmp_path, place):
        value = inner(COMPLETE, place)
        data = yaml.safe_load(PLAN)
        inside = data
        for step in place[:-1]:
            inside = inside.setdefault(step, {})
        mapping = isinstance(value, dict) and isinstance(inside.get(place[-1]), dict)
        inside[place[-1]] = {**inside[place[-1]], **value} if mapping else value
        text = value if isinstance(value, str) else json.dumps(value)
        there = write(tmp_path / "there.yaml", data)
        plan = write(tmp_path / "plan.yaml", PLAN)
        environ = {variable(place): text}
        for way in (
            Sources((plan,), environ=environ, cwd=tmp_path),
            Sources((plan,), settings=(f"{'.'.join(place)}={text}",), cwd=tmp_path),
        ):
            if place[-1] == "gateway":  # which needs an address beside it
                assert sorted(e.place for e in validate(way)) == sorted(
                    e.place for e in validate(there)
                )
                continue
            mine, theirs = load(way), load(there)
            if schema.is_local_path(place):
                assert mine.path(mine.ssh_known_hosts_path or "x") == theirs.path(
                    theirs.ssh_known_hosts_path or "x"
                )
            else:
                assert without_places(mine) == without_places(theirs)

    def test_what_is_numeric_stays_the_text_that_a_key_wants(self, tmp_path):
        plan = write(tmp_path / "plan.yaml", PLAN)
        environ = {"PVEKIT_VM_TEMPLATE__KUBERNETES_VERSION": "1.30"}
        config = load(Sources((plan,), environ=environ))
        assert config.template("base").kubernetes_version == "1.30"

    def test_the_longer_name_wins_over_its_mapping(self, tmp_path):
        plan = write(tmp_path / "plan.yaml", PLAN)
        environ = {"PVEKIT_NAMING__PREFIX": "one", "PVEKIT_NAMING": "{prefix: two}"}
        assert load(Sources((plan,), environ=environ)).naming.prefix == "one"

    def test_an_empty_variable_is_none(self, tmp_path):
        plan = write(tmp_path / "plan.yaml", PLAN)
        assert load(Sources((plan,), environ={"PVEKIT_SSH_USER": ""})).ssh_user == "root"

    def test_variables_alone_are_a_configuration(self):
        environ = {variable((key,)): json.dumps(v) for key, v in yaml.safe_load(PLAN).items()}
        environ |= {"PVEKIT_SSH_USER": "root", "PVEKIT_SSH_PRIVATE_KEY_PATH": "~/.ssh/pve.key"}
        assert load(Sources((), environ=environ)).template("base").id == 9000

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("VM_TEMPLATE__ID", "abc", "vm_template.id: expected a whole number"),
            ("PROXMOX_NODES", "[a", "proxmox_nodes: expected valid YAML"),
            ("PROXMOX_NODES", "[a, a]", "proxmox_nodes[1]: expected each node once, got 'a' as in"),
            ("PROXMOX_NODES", "a", "proxmox_nodes: expected a list"),
            ("CLONE", "{vlam: 1}", "clone.vlam: expected a known key"),
            ("SSH_USER", "Root User", "ssh_user: expected a user name"),
            ("NAMING", "{prefix: a, prefix: b}", "naming.prefix: expected each key once"),
            ("SSH_USER", os.fsdecode(b"\xff"), "ssh_user: expected text in UTF-8"),
        ],
    )
    def test_a_fault_names_its_variable(self, tmp_path, name, value, told):
        plan = write(tmp_path / "plan.yaml", PLAN)
        environ = {f"PVEKIT_{name}": value}
        found = [
            str(fault)
            for fault in validate(Sources((plan,), environ=environ))
            if "ssh_public_key" not in str(fault)
        ]
        assert len(found) == 1
        assert found[0].startswith(f"PVEKIT_{name}: {told}")

    def test_no_variable_that_pvekit_reads_is_warned_of(self):
        texts = [path.read_text() for path in (ROOT / "pvekit").rglob("*.py")]
        read = {name for text in texts for name in re.findall(r'"(PVEKIT_[A-Z_]*[A-Z])"', text)}
        assert "PVEKIT_CONTEXT" in read
        assert list(unknown(dict.fromkeys(read, "x"))) == []

    def test_what_means_nothing_is_warned_of_with_the_nearest(self):
        names = ("PVEKIT_SSH_USR", "PVEKIT_CONFIG", "PVEKIT_LAB_DIR", "PVEKIT_SSH_USER", "HOME")
        (told,) = unknown(dict.fromkeys(names, "x"))
        assert "PVEKIT_SSH_USR " in told
        assert "'PVEKIT_SSH_USER'" in told


LAYERS = ("user", "project", "variable", "option")


class TestPrecedence:
    @pytest.mark.parametrize(
        "present",
        [c for n in range(1, 5) for c in itertools.combinations(LAYERS, n)],
        ids="+".join,
    )
    def test_the_most_important_that_speaks_wins_and_is_named(self, user, present):
        write(user.own.file, PLAN + ("\nnaming: {prefix: user}\n" if "user" in present else ""))
        project = "naming: {prefix: project}" if "project" in present else "naming: {}"
        write(user.cwd / "config.yaml", project)
        environ = {"PVEKIT_NAMING__PREFIX": "variable"} if "variable" in present else {}
        settings = ("naming.prefix=option",) if "option" in present else ()
        sources = user.found(environ=environ, settings=settings)
        assert load(sources).naming.prefix == present[-1]
        lines = PLAN.count("\n") + 2
        names = dict(
            zip(
                LAYERS,
                (
                    f"{user.own.file}:{lines}",
                    f"{user.cwd / 'config.yaml'}:1",
                    "PVEKIT_NAMING__PREFIX",
                    "--set",
                ),
                strict=True,
            )
        )
        shown = {each.key: each for each in values(together(sources))}
        assert shown["naming.prefix"].origin == names[present[-1]]

    def test_mappings_merge_and_lists_replace(self, user):
        write(user.own.file, PLAN + "\nroles: {a: {tags: [x, y], size: small}, b: {}}\n")
        write(user.cwd / "config.yaml", "proxmox_nodes: [one]\nroles: {a: {tags: [z]}}\n")
        config = load(user.found())
        assert [node.host for node in config.nodes] == ["one"]
        assert (config.role("a").tags, config.role("a").size) == (("z",), "small")
        assert set(config.roles) == {"a", "b"}

    def test_no_mark_of_a_replaced_list_is_left(self, user):
        write(user.own.file, PLAN + "\nclone: {vlan: 4}\n")
        write(user.cwd / "config.yaml", "proxmox_nodes: [one]\nclone: [1]\n")
        document = together(user.found())
        assert ("proxmox_nodes", 1) not in document.marks
        assert ("clone", "vlan") not in document.marks

    def test_each_fault_names_its_own_file_and_line(self, user):
        write(user.own.file, PLAN.replace("id: 9000", "id: no"))
        write(user.cwd / "config.yaml", "\n\nssh_user: 5\nclone: 7\n")
        mine = user.cwd / "config.yaml"
        line = next(n for n, row in enumerate(PLAN.splitlines(), 1) if "id: 9000" in row)
        with pytest.raises(ConfigFaults) as caught:
            load(user.found())
        origins = {fault.origin for fault in caught.value.faults}
        assert origins == {Origin(mine, 3), Origin(mine, 4), Origin(user.own.file, line)}

    def test_a_missing_key_is_missing_in_a_file_and_not_in_a_variable(self, user):
        write(user.cwd / "config.yaml", PLAN.replace("  id: 9000", "  #"))
        sources = user.found(environ={"PVEKIT_VM_TEMPLATE__BIOS": "ovmf"})
        (fault,) = [each for each in validate(sources) if each.place == ("vm_template", "id")]
        assert fault.origin.source == user.cwd / "config.yaml"

    def test_a_relative_path_lies_beside_the_file_that_says_it(self, user, tmp_path):
        keys = write(user.own.directory / "key.pub", KEY).parent
        data = yaml.safe_load(PLAN) | {"cloud_init": {"ssh_public_key": "key.pub"}}
        write(user.own.file, data | {"ssh_private_key_path": "id"})
        write(user.cwd / "config.yaml", "ssh_known_hosts_path: known\n")
        config = load(
            user.found(environ={"PVEKIT_PROXMOX_NODES": "[{host: a, ssh_private_key_path: k}]"})
        )
        assert public_keys(config) == (KEY,)
        assert config.path(config.ssh_private_key_path) == keys / "id"
        assert config.path(config.ssh_known_hosts_path) == user.cwd / "known"
        assert config.path(config.nodes[0].ssh_private_key_path) == user.cwd / "k"


class TestProject:
    def test_pvekit_yaml_is_found_upward(self, user):
        above = write(user.cwd.parent / "pvekit.yaml", PLAN)
        write(user.cwd.parent / "config.yaml", PLAN)
        assert user.found().files == (above,)

    def test_the_nearest_is_read_and_the_others_are_told_of(self, user):
        nearest = write(user.cwd / "pvekit.yaml", PLAN)
        passed = write(user.cwd.parent / "pvekit.yaml", PLAN)
        found = user.found()
        assert found.files == (nearest,)
        assert {each.path: each.state for each in found.looked}[passed] == "passed over"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_one_of_another_user_is_refused(self, user):
        os.chown(write(user.cwd.parent / "pvekit.yaml", PLAN), 12345, 12345)
        with pytest.raises(UsageError, match="belongs to another user"):
            user.found()

    def test_xdg_config_home_is_where_the_users_file_lies(self, user, tmp_path):
        there = write(tmp_path / "xdg" / "pvekit" / "config.yaml", PLAN)
        assert user.found(environ={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).files == (there,)


class TestContexts:
    @pytest.fixture
    def sites(self, user):
        for name in ("home", "work"):
            data = yaml.safe_load(PLAN) | {"proxmox_nodes": [f"pve.{name}"]}
            write(user.own.context(name), data)
        write(user.own.file, "clone: {vlan: 3}")
        return user

    def test_a_context_lies_over_the_users_file(self, sites):
        config = load(sites.found(context="work"))
        assert (config.context, config.nodes[0].host, config.clone.vlan) == ("work", "pve.work", 3)

    def test_one_that_is_asked_for_wins_over_the_project(self, sites):
        write(sites.cwd / "config.yaml", PLAN)
        for found in (
            sites.found(context="work"),
            sites.found(environ={"PVEKIT_CONTEXT": "work"}),
            sites.found(context="work", environ={"PVEKIT_CONTEXT": "home"}),
            sites.found(context="work", environ={"PVEKIT_CONFIG": "x.yaml"}),
        ):
            assert (found.context, load(found).nodes[0].host) == ("work", "pve.work")

    def test_the_current_one_gives_way_to_the_project(self, sites):
        sites.own.choose("home")
        assert sites.own.current() == "home"
        assert sites.found().context == "home"
        project = write(sites.cwd / "config.yaml", PLAN)
        assert (sites.found().context, sites.found().main) == ("", project)

    def test_none_may_be_chosen(self, sites):
        sites.own.choose("home")
        sites.own.choose("")
        assert sites.own.current() == ""
        assert sites.found().files == (sites.own.file,)

    def test_an_unknown_one_is_refused_with_the_nearest(self, sites):
        for ask in (lambda: sites.found(context="wrok"), lambda: sites.own.choose("wrok")):
            with pytest.raises(NotFound) as caught:
                ask()
            assert caught.value.hint == "did you mean 'work'?"
            assert "home, work" in caught.value.details

    @pytest.mark.parametrize("name", ["../config", "a/b", "", ".x", "-x", "a" * 61])
    def test_a_name_is_no_path(self, sites, name):
        with pytest.raises(UsageError):
            sites.own.context(name)

    def test_two_sites_at_once_are_refused(self, sites):
        with pytest.raises(UsageError, match="--config and --context"):
            sites.found(context="work", file=Path("x"))
        with pytest.raises(UsageError, match="unset one"):
            sites.found(environ={"PVEKIT_CONTEXT": "work", "PVEKIT_CONFIG": "x"})


class TestView:
    def test_what_is_shown_could_be_read_again(self, tmp_path):
        file = write(tmp_path / "config.yaml", PLAN)
        again = write(tmp_path / "again.yaml", tree(values(together(file))))
        assert without_places(load(again)) == without_places(load(file))

    def test_defaults_are_named_as_such(self, tmp_path):
        shown = {e.key: e for e in values(together(write(tmp_path / "c.yaml", PLAN)))}
        assert (shown["clone.full"].value, shown["clone.full"].origin) == (True, "default")
        assert shown["vm_sizes.small.cpus"].origin != "default"  # the plan has its own

    @pytest.mark.parametrize("secret", ["hunter2-canary", 4711_0815, {"a": "hunter2-canary"}])
    def test_a_secret_is_not_shown_of_whatever_type(self, tmp_path, secret):
        data = yaml.safe_load(PLAN)
        data["cloud_init"]["password"] = secret
        file = write(tmp_path / "c.yaml", data)
        told = f"{values(together(file))} {validate(file)}"
        assert "hunter2" not in told
        assert "47110815" not in told

    def test_where_a_secret_is_may_be_shown(self, tmp_path):
        data = yaml.safe_load(PLAN)
        data["cloud_init"]["password"] = "env:VM_PASSWORD"
        shown = {e.key: e.value for e in values(together(write(tmp_path / "c.yaml", data)))}
        assert shown["cloud_init.password"] == "env:VM_PASSWORD"
