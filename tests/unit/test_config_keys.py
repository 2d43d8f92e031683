import base64
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pvekit.config.keys import NotAKey, public_key
from pvekit.config.load import load, public_keys, validate
from pvekit.config.model import CloudInitConfig
from pvekit.errors import UsageError

CASES = Path(__file__).parents[1] / "cases" / "config"


def text(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def packed(*fields):
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def encoded(kind, *fields):
    return f"{kind} {base64.b64encode(packed(kind.encode(), *fields)).decode()}"


ED25519 = text(ed25519.Ed25519PrivateKey.generate())
KEYS = [
    ED25519,
    text(rsa.generate_private_key(65537, 2048)),
    text(ec.generate_private_key(ec.SECP256R1())),
    text(ec.generate_private_key(ec.SECP384R1())),
    text(ec.generate_private_key(ec.SECP521R1())),
    encoded("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    encoded("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", bytes(65), b"ssh:"),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.split()[0])
def test_real_keys_are_taken_and_brought_into_normal_form(key):
    assert public_key(f"{key}\tsome body@host ") == f"{key} some body@host"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.split()[0])
def test_every_key_that_is_cut_short_is_refused(key):
    kind, body = key.split()
    data = base64.b64decode(body)
    for length in range(len(data)):
        with pytest.raises(NotAKey):
            public_key(f"{kind} {base64.b64encode(data[:length]).decode()}")


WRONG = {
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ...": "the placeholder",
    "-----BEGIN OPENSSH PRIVATE KEY-----": "a private key",
    "ssh-ed25519": "only the word 'ssh-ed25519'",
    "ssh-ed25519 not*base64": "not base64",
    f"{ED25519} a\x07b": "control characters",
    f"ssh-rsa {ED25519.split()[1]}": "says ssh-rsa outside and 'ssh-ed25519' inside",
    encoded("ssh-dss", bytes(128)): "the key type 'ssh-dss'",
    "ssh-ed25519-cert-v01@openssh.com AAAA": "the key type 'ssh-ed25519-cert-v01@openssh.com'",
    encoded("ssh-rsa", b"\1\0\1", b"\xff" * 64): "an RSA key of 512 bits",
    encoded("ssh-ed25519", bytes(31)): "wrong size",
    encoded("ssh-ed25519", bytes(32), b"x"): "a key of 2 parts, not 1",
    encoded("ecdsa-sha2-nistp256", b"nistp384", bytes(97)): "wrong size",
    encoded("ecdsa-sha2-nistp256", b"", bytes(65)): "wrong size",
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: WRONG[line])
def test_the_reason_is_said(line):
    with pytest.raises(NotAKey, match=WRONG[line]):
        public_key(line)


@given(
    st.text(min_size=1).filter(str.strip) | st.binary().map(lambda data: encoded("ssh-rsa", data))
)
def test_any_text_is_a_key_or_refused(line):
    message = ""
    try:
        public_key(line)
    except NotAKey as error:
        message = str(error)
    assert message.isprintable()


@pytest.fixture
def config(tmp_path):
    def with_key(written):
        plan = (CASES / "plan.yaml").read_text(encoding="utf-8")
        old = next(line for line in plan.splitlines() if "ssh_public_key" in line)
        file = tmp_path / "config.yaml"
        file.write_text(plan.replace(old, f"  ssh_public_key: {written}"), encoding="utf-8")
        return load(file)

    return with_key


def test_the_key_is_a_text_or_a_file_beside_the_configuration(config, tmp_path):
    (tmp_path / "id.pub").write_text(f"# mine\n{KEYS[0]} me\n\n{KEYS[1]}\n", encoding="utf-8")
    assert public_keys(config(f"{ED25519} me")) == (f"{ED25519} me",)
    assert public_keys(config("id.pub")) == (f"{KEYS[0]} me", KEYS[1])


def test_the_placeholder_loads_but_is_refused_as_a_key(config):
    plan = load(CASES / "plan.yaml")
    with pytest.raises(UsageError) as caught:
        public_keys(plan)
    assert (
        f"{plan.source}:17: cloud_init.ssh_public_key: expected a public SSH key, got the place"
        in (str(caught.value))
    )
    assert caught.value.exit_status == 2
    assert [str(fault) for fault in validate(plan.source)] == caught.value.details.splitlines()


def test_a_file_that_holds_no_public_key_is_named(config, tmp_path):
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", encoding="utf-8")
    (tmp_path / "empty.pub").touch()
    (tmp_path / "binary.pub").write_bytes(b"\xff\xfe\x00")
    for name, found in {
        "id": f"a private key; it must be the public one in {tmp_path}/id",
        "empty.pub": f"nothing in {tmp_path}/empty.pub",
        "binary.pub": f"the file '{tmp_path}/binary.pub', which is no text",
        "none.pub": f"the file {tmp_path}/none.pub: No such file or directory",
        '"nul\\0.pub"': f"the file '{tmp_path}/nul\\x00.pub', which is no text",
    }.items():
        with pytest.raises(UsageError) as caught:
            public_keys(config(name))
        assert f"got {found}" in str(caught.value)
        assert "b3Bl" not in str(caught.value)


def test_a_configuration_without_a_file_says_it_too(config):
    from dataclasses import replace

    plan = replace(config(ED25519), source=None, cloud_init=CloudInitConfig("ssh-rsa AAAA..."))
    with pytest.raises(UsageError, match="placeholder"):
        public_keys(plan)
