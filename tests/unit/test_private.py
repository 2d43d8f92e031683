"""Paths that others can change are refused, and what pvekit writes is its owner's alone."""

import grp
import os
import pwd
import stat
import threading
from pathlib import Path

import pytest

from pvekit import private, user_groups
from pvekit.config.asked import Asked
from pvekit.config.load import load
from pvekit.config.sources import find
from pvekit.errors import PvekitError, UsageError
from pvekit.journal import Store
from pvekit.ssh.hostkeys import HostKey
from pvekit.ssh.pins import Pins

PLAN = Path(__file__).parents[1] / "cases" / "config" / "plan.yaml"
OPEN = [0o660, 0o606, 0o620, 0o602, 0o666, 0o777]


@pytest.fixture(autouse=True)
def no_umask():
    old = os.umask(0)
    yield
    os.umask(old)


ME = os.geteuid()
GROUP = os.getgid() or 54321
"""A group that files can be given; root's own is nobody's own."""


class Users:
    """The users and groups of a machine: ours is "me", and nobody's group is private at first."""

    def __init__(self, monkeypatch, directory):
        self.file = directory / "passwd"
        self.patch = monkeypatch
        self.are(members=["somebody"])

    def are(self, *, name="me", members=(), first=GROUP, others=""):
        self.file.write_text(f"root:x:0:0:root:/:/bin/sh\nme:x:{ME}:{first}:::\n{others}")
        user = pwd.struct_passwd(("me", "x", ME, first, "", "/", "/bin/sh"))
        group = grp.struct_group((name, "x", GROUP, list(members)))
        self.answers(lambda uid: {ME: user}[uid], lambda gid: {GROUP: group}[gid])

    def answers(self, of_user, of_group):
        user_groups._is_private.cache_clear()
        self.patch.setattr(pwd, "getpwuid", of_user)
        self.patch.setattr(grp, "getgrgid", of_group)


@pytest.fixture(autouse=True)
def users(monkeypatch, tmp_path_factory):
    directory = tmp_path_factory.mktemp("etc")
    found = Users(monkeypatch, directory)
    monkeypatch.setattr(user_groups, "_USERS", found.file)
    yield found
    user_groups._is_private.cache_clear()


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def config(tmp_path):
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o755)
    file = directory / "config.yaml"
    file.write_text(PLAN.read_text(encoding="utf-8"), encoding="utf-8")
    file.chmod(0o644)
    return file


def refused(do, path, asked="go-w"):
    with pytest.raises(UsageError) as caught:
        do()
    assert caught.value.exit_status == 2
    assert f"{path} " in caught.value.brief
    assert f"{mode(path):04o}" in caught.value.brief
    assert caught.value.hint == f"Run: chmod {asked} {path}"


class TestConfig:
    @pytest.mark.parametrize("bits", [0o400, 0o600, 0o644, 0o640, 0o755])
    def test_what_only_we_write_is_read(self, config, bits):
        config.chmod(bits)
        assert load(config).ssh_user == "root"

    @pytest.mark.parametrize("bits", OPEN, ids=oct)
    def test_a_file_that_others_write_is_refused(self, config, bits):
        config.chmod(bits)
        refused(lambda: load(config), config)

    @pytest.mark.parametrize("bits", [0o775, 0o757, 0o777], ids=oct)
    def test_a_directory_that_others_write_is_refused(self, config, bits):
        config.parent.chmod(bits)
        refused(lambda: load(config), config.parent)

    def test_one_behind_a_link_is_looked_at_on_both_sides(self, config, tmp_path):
        link = tmp_path / "link" / "config.yaml"
        link.parent.mkdir(mode=0o700)
        link.symlink_to(config)
        assert load(link).ssh_user == "root"
        link.parent.chmod(0o777)
        refused(lambda: load(link), link.parent)
        link.parent.chmod(0o700)
        config.parent.chmod(0o777)
        refused(lambda: load(link), config.parent)

    def test_our_file_in_a_sticky_directory_is_read(self, config):
        config.parent.chmod(0o1777)
        assert load(config).ssh_user == "root"

    def test_a_pipe_is_read(self):
        reading, writing = os.pipe()
        os.write(writing, PLAN.read_bytes())
        os.close(writing)
        assert load(Path(f"/dev/fd/{reading}")).ssh_user == "root"
        os.close(reading)

    def test_the_current_context_too(self, tmp_path):
        current = tmp_path / ".config" / "pvekit" / "context"
        current.parent.mkdir(parents=True, mode=0o700)
        current.write_text("x")
        current.chmod(0o666)
        refused(lambda: find(Asked(), {}, tmp_path, tmp_path), current)


class TestOwnGroup:
    """Under a umask of 002, as most distributions set it where each user has an own group."""

    @pytest.fixture
    def config(self, config):
        for path, bits in ((config, 0o664), (config.parent, 0o775)):
            os.chown(path, -1, GROUP)
            path.chmod(bits)
        return config

    def test_what_a_fresh_clone_brings_is_read(self, config, users):
        users.are()
        assert load(config).ssh_user == "root"
        users.are(members=["me"])
        assert load(config).ssh_user == "root"

    @pytest.mark.parametrize(
        "changed",
        [
            {"members": ["somebody"]},
            {"members": ["me", "somebody"]},
            {"name": "staff"},
            {"first": GROUP + 1},
            {"others": f"friend:x:{ME + 1}:{GROUP}:::\n"},
            {"others": f"broken:x::{GROUP}:::\n"},
        ],
        ids=str,
    )
    def test_a_group_that_others_are_in_is_none(self, config, users, changed):
        users.are(**changed)
        refused(lambda: load(config), config)

    def test_nor_one_that_cannot_be_looked_up(self, config, users):
        def failing(_):
            raise OSError("the directory server is away")

        for of_user, of_group in ((failing, grp.getgrgid), (pwd.getpwuid, failing)):
            users.are()
            users.answers(of_user, of_group)
            refused(lambda: load(config), config)

    def test_nor_one_that_is_not_told_in_time(self, config, users, monkeypatch):
        over = threading.Event()
        monkeypatch.setattr(user_groups, "PATIENCE", 0.01)
        users.are()
        users.answers(pwd.getpwuid, lambda _: over.wait(60))
        refused(lambda: load(config), config)
        over.set()

    def test_what_all_may_write_is_refused(self, config, users):
        users.are()
        config.chmod(0o666)
        refused(lambda: load(config), config)
        config.chmod(0o664)
        config.parent.chmod(0o777)
        refused(lambda: load(config), config.parent)

    def test_further_rights_of_somebody_stand_in_no_mode(self, config, users, monkeypatch):
        users.are()
        monkeypatch.setattr(os, "listxattr", lambda _: ["user.x", "system.posix_acl_access"])
        refused(lambda: load(config), config)

    @pytest.mark.skipif(ME != 0, reason="only root may give files away")
    @pytest.mark.parametrize(("owner", "group"), [(0, 0), (12345, GROUP)])
    def test_nor_roots_group_nor_another_users_file(self, config, users, owner, group):
        users.are()
        os.chown(config, owner, group)
        refused(lambda: load(config), config)

    def test_the_state_is_gone_on_with_and_hidden(self, tmp_path, users):
        users.are()
        store = Store(tmp_path / "pvekit" / "runs")
        journal = store.begin("vm create", {})
        journal.close()
        paths = (journal.path, store.directory, store.directory.parent)
        for path, bits in zip(paths, (0o664, 0o775, 0o775), strict=True):
            os.chown(path, -1, GROUP)
            path.chmod(bits)
        assert [found.fault for found in store.all()] == [""]
        store.begin("x", {}).close()
        store.open(journal.run).close()
        assert [mode(path) for path in paths] == [0o600, 0o700, 0o700]

    def test_a_secret_is_its_owners_alone(self, config, users):
        users.are()
        config.chmod(0o660)
        with (
            config.open("rb") as file,
            pytest.raises(UsageError, match="can be read by others") as caught,
        ):
            private.check_secret(file.fileno(), config, "The key")
        assert caught.value.hint == f"Run: chmod 600 {config}"


class TestState:
    def test_it_is_ours_alone_under_any_umask(self, tmp_path):
        store = Store(tmp_path / "deep" / "state" / "pvekit" / "runs")
        journal = store.begin("vm create", {})
        made = [
            journal.path,
            *(p for p in journal.path.parents if p.is_relative_to(tmp_path / "deep")),
        ]
        assert [oct(mode(path)) for path in made] == ["0o600", *["0o700"] * 4]

    def test_what_others_may_only_read_is_hidden(self, tmp_path):
        store = Store(tmp_path / "pvekit" / "runs")
        journal = store.begin("vm create", {})
        journal.close()
        for path in (store.directory, store.directory.parent):
            path.chmod(0o755)
        journal.path.chmod(0o644)
        store.begin("vm create", {}).close()
        store.open(journal.run).close()
        assert [mode(p) for p in (store.directory, store.directory.parent)] == [0o700, 0o700]
        assert mode(journal.path) == 0o600

    @pytest.mark.parametrize("which", ["pvekit", "pvekit/runs"])
    @pytest.mark.parametrize("bits", [0o770, 0o707, 0o777], ids=oct)
    def test_a_directory_that_others_write_is_refused(self, tmp_path, which, bits):
        store = Store(tmp_path / "pvekit" / "runs")
        store.begin("vm create", {}).close()
        (tmp_path / which).chmod(bits)
        for do in (lambda: store.begin("x", {}), lambda: list(store.all())):
            refused(do, tmp_path / which, "700")

    @pytest.mark.parametrize("which", ["pvekit", "pvekit/runs"])
    def test_a_link_in_its_place_is_refused_and_not_followed(self, tmp_path, which):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        link = tmp_path / which
        link.parent.mkdir(mode=0o700, exist_ok=True)
        link.symlink_to(elsewhere)
        store = Store(tmp_path / "pvekit" / "runs")
        for do in (lambda: store.begin("x", {}), lambda: list(store.all())):
            with pytest.raises(UsageError, match="is a symbolic link"):
                do()
        assert list(elsewhere.iterdir()) == []

    def test_a_journal_that_is_a_link_is_neither_read_nor_written(self, tmp_path):
        store = Store(tmp_path / "pvekit" / "runs")
        journal = store.begin("vm create", {"name": "secret"})
        journal.close()
        victim = tmp_path / "victim"
        journal.path.rename(victim)
        journal.path.symlink_to(victim)
        before = victim.read_bytes()
        with pytest.raises(PvekitError):
            store.open(journal.run)
        assert [found.fault != "" for found in store.all()] == [True]
        assert victim.read_bytes() == before

    def test_a_journal_that_others_write_is_not_gone_on_with(self, tmp_path):
        store = Store(tmp_path / "pvekit" / "runs")
        journal = store.begin("vm create", {})
        journal.close()
        journal.path.chmod(0o666)
        for do in (
            lambda: store.open(journal.run),
            lambda: store.unfinished("vm create", {}),
        ):
            refused(do, journal.path, "600")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_another_users_directory_is_refused(self, tmp_path):
        store = Store(tmp_path / "pvekit" / "runs")
        store.begin("vm create", {}).close()
        os.chown(store.directory, 12345, 12345)
        with pytest.raises(UsageError, match="belongs to another user"):
            list(store.all())


class TestPins:
    KEY = HostKey.parse(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL"
    )

    @pytest.fixture
    def pins(self, tmp_path):
        made = Pins(tmp_path / "deep" / "pvekit" / "guests" / "known_hosts")
        made.check("vm-100", "vm", self.KEY)
        return made

    def test_they_are_ours_alone_under_any_umask(self, pins, tmp_path):
        made = [pins.path, *(p for p in pins.path.parents if p.is_relative_to(tmp_path / "deep"))]
        assert [oct(mode(path)) for path in made] == ["0o600", *["0o700"] * 3]

    def test_what_others_write_is_refused(self, pins):
        for path, asked in ((pins.path, "600"), (pins.path.parent, "700")):
            path.chmod(0o777)
            refused(lambda: pins.key("vm-100"), path, asked)
            path.chmod(0o700)

    def test_a_link_in_its_place_is_refused(self, pins, tmp_path):
        pins.path.rename(tmp_path / "elsewhere")
        pins.path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UsageError, match="is a symbolic link"):
            pins.key("vm-100")


class TestWrite:
    def test_a_file_is_put_in_place_whole_and_ours_alone(self, tmp_path):
        file = tmp_path / "file"
        file.write_text("old")
        private.write(file, "new")
        assert (file.read_text(), mode(file), list(tmp_path.iterdir())) == ("new", 0o600, [file])

    def test_a_link_is_replaced_and_not_followed(self, tmp_path):
        victim, link = tmp_path / "victim", tmp_path / "link"
        victim.write_text("untouched")
        link.symlink_to(victim)
        private.write(link, "new")
        assert (victim.read_text(), link.read_text(), link.is_symlink()) == (
            "untouched",
            "new",
            False,
        )
