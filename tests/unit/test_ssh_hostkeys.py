"""Host keys and the files that hold them."""

import base64
import stat
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import UsageError
from pvekit.shell import HostKeyChanged
from pvekit.ssh.hostkeys import FirstSeenPolicy, HostKey, KnownHosts, name_in_file, remember

# As `ssh-keygen -lf` shows the key that is 32 bytes of zero.
ZERO = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def key(number=0, kind="ssh-ed25519"):
    blob = b"".join(
        struct.pack(">I", len(part)) + part for part in (kind.encode(), bytes([number]))
    )
    return HostKey(kind, blob)


def test_fingerprint_is_that_of_openssh():
    found = HostKey.parse(f"ssh-ed25519 {ZERO} comment")
    assert found.fingerprint == "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk"
    assert found.line() == f"ssh-ed25519 {ZERO}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !",
        "ssh-ed25519 AAAA",
        f"ssh-rsa {ZERO}",
        f"ssh-ed25519 {ZERO[:21]}",
    ],
)
def test_what_is_no_key(text):
    with pytest.raises(ValueError, match=r"."):
        HostKey.parse(text)


@given(content=st.binary())
def test_no_content_hides_the_lines_around_it(tmp_path_factory, content):
    line = f"pve1 {key().line()}\n".encode()
    file = tmp_path_factory.getbasetemp() / "any_known_hosts"
    file.write_bytes(line + content + b"\n" + line)
    assert key() in KnownHosts([file]).keys("pve1", 22)


@pytest.mark.parametrize(
    ("patterns", "host", "port", "known"),
    [
        ("pve1", "pve1", 22, True),
        ("pve1", "PVE1", 22, True),
        ("PVE1", "pve1", 22, True),
        ("pve1", "pve1", 2222, False),
        ("[pve1]:2222", "pve1", 2222, True),
        ("[pve1]:2222", "pve1", 22, False),
        ("pve?,10.0.0.1", "pve2", 22, True),
        ("*.lan,!pve3.lan", "pve1.lan", 22, True),
        ("*.lan,!pve3.lan", "pve3.lan", 22, False),
        ("!pve3.lan,*.lan", "pve3.lan", 22, False),
        ("fe80::1", "fe80::1", 22, True),
        ("|1|AAAA", "pve1", 22, False),
        ("|2|AAAA|AAAA", "pve1", 22, False),
        ("", "pve1", 22, False),
    ],
)
def test_names_of_a_line(tmp_path, patterns, host, port, known):
    file = tmp_path / "known_hosts"
    file.write_text(f"{patterns} {key().line()}\n")
    assert (key() in KnownHosts([file]).keys(host, port)) is known


def test_several_files_say_it_together(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    remember(first, "pve1", 22, [key(1)])
    remember(second, "pve1", 22, [key(2)])
    known = KnownHosts([first, second, tmp_path / "missing"])
    assert known.keys("pve1", 22) == {key(1): first, key(2): second}


def test_revoked_in_one_file_is_revoked(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_text(f"pve1 {key().line()}\n@revoked pve* {key().line()}\n")
    known = KnownHosts([file])
    assert known.revoked("pve1", 22, key())
    assert not known.revoked("pve1", 22, key(1))
    assert not known.revoked("other", 22, key())


def test_remembered_keys_are_found_and_nothing_is_lost(tmp_path):
    file = tmp_path / "new" / "known_hosts"
    remember(file, "pve1", 22, [key(1)])
    file.write_text("# no newline at the end")
    remember(file, "pve1", 2222, [key(2), key(3, "ssh-rsa")])
    assert file.read_text().startswith("# no newline at the end\n[pve1]:2222 ")
    assert set(KnownHosts([file]).keys("pve1", 2222)) == {key(2), key(3, "ssh-rsa")}


def test_only_the_owner_may_read_it(tmp_path):
    file = tmp_path / "a" / "b" / "known_hosts"
    remember(file, "pve1", 22, [key()])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_threads_that_add_lose_no_line(tmp_path):
    file = tmp_path / "known_hosts"
    threads = [
        threading.Thread(target=remember, args=(file, f"h{number}", 22, [key(number)] * 4))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = KnownHosts([file])
    assert all(key(number) in known.keys(f"h{number}", 22) for number in range(16))


@pytest.mark.parametrize("host", ["a b", "a,b", "*", "!a", "#a", "a\nb", "|1|", "@revoked"])
def test_a_host_name_cannot_write_another_line(tmp_path, host):
    with pytest.raises(UsageError, match="no host name"):
        remember(tmp_path / "known_hosts", host, 22, [key()])
    assert list(tmp_path.iterdir()) == []


def test_names_in_files():
    assert name_in_file("PVE1", 22) == "pve1"
    assert name_in_file("fe80::1", 8022) == "[fe80::1]:8022"


def test_first_key_is_kept():
    policy = FirstSeenPolicy("guest")
    assert policy.preferred() == ()
    policy.verify(key(1))
    policy.verify(key(1))
    assert policy.preferred() == ("ssh-ed25519",)
    with pytest.raises(HostKeyChanged):
        policy.verify(key(2))


@given(st.binary(min_size=1))
def test_keys_survive_being_written(rest):
    blob = struct.pack(">I", 11) + b"ssh-ed25519" + rest
    assert HostKey.parse(HostKey("ssh-ed25519", blob).line()) == HostKey("ssh-ed25519", blob)
    assert base64.b64encode(blob).decode() in HostKey("ssh-ed25519", blob).line()
