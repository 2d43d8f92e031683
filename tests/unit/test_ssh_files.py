"""The user's own SSH files."""

import pytest

from pvekit.errors import UsageError
from pvekit.ssh.deadline import Deadline
from pvekit.ssh.endpoint import Defaults, Wanted, resolve
from pvekit.ssh.sshconfig import known_hosts_files, read_ssh_config


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".ssh" / "config.d").mkdir(parents=True)
    return tmp_path


def user_of(home, host):
    return resolve([Wanted(host)], Defaults(), read_ssh_config(home))[0].user


def test_no_config_says_nothing(tmp_path):
    assert read_ssh_config(tmp_path) == ""


def test_included_files_count(home):
    (home / ".ssh" / "config").write_text("Include config.d/*\nHost b\n  User bob\n")
    (home / ".ssh" / "config.d" / "a").write_text("Host a\n  User ann\n")
    assert (user_of(home, "a"), user_of(home, "b"), user_of(home, "c")) == ("ann", "bob", "root")


def test_lines_after_an_include_belong_to_the_block_around_it(home):
    (home / ".ssh" / "config").write_text("Host b\n  Include config.d/a\n  User bob\n")
    (home / ".ssh" / "config.d" / "a").write_text("Host a\n  User ann\n")
    assert user_of(home, "b") == "bob"


def test_includes_in_a_circle(home):
    (home / ".ssh" / "config").write_text("Include config\n")
    with pytest.raises(UsageError, match="circle"):
        read_ssh_config(home)


def test_own_file_comes_first(home):
    own, user, _ = known_hosts_files(home)
    assert own == home / ".config" / "pvekit" / "known_hosts"
    assert user == home / ".ssh" / "known_hosts"
    assert known_hosts_files(home, home / "lab")[0] == home / "lab"


def test_deadlines():
    assert Deadline.after(0).passed
    assert Deadline.after(0).left == 0.0
    assert not Deadline.after(60).passed
