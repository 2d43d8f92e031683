"""Checksum files are signed: who may sign, and what becomes of everything that is not as it must be.

gpgv is the real one of this machine; where it is hidden, the node's verifies.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from live import STANDALONE, Answer, Live, live_site

from pvekit.config.load import load
from pvekit.errors import UsageError
from pvekit.lab.guests.signing import IMAGES, STRANGER
from pvekit.signatures import gpgv, keys

needs_gpgv = pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is not installed")
UBUNTU = "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81"
DEBIAN = "https://cloud.debian.org/images/cloud/bookworm/latest"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_site(tmp_path_factory.mktemp("signatures"), STANDALONE) as site:
        yield site


@pytest.fixture(params=["here", "on the node"])
def where(request, live, monkeypatch) -> Iterator[str]:
    live.clear()
    if request.param == "here" and not gpgv.installed():
        pytest.skip("gpgv is not installed")
    if request.param != "here":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    yield request.param
    live.clear()


def built(live: Live) -> Answer:
    return live.pvekit("-q", "template", "build")


def refused(live: Live, identity: str) -> Answer:
    """Build in vain, see that nothing was made or downloaded, and that it goes well afterwards."""
    answer = built(live)
    assert answer.status == 1, answer
    assert identity in answer.err
    for run in live.must("run", "list", "--unfinished", "-o", "json").rows:
        live.must("run", "rollback", run["run"], "--yes")
    assert live.on("pve1", "find /var/lib/vz/pvekit -type f 2>/dev/null || true") == ""
    assert live.on("pve1", "ls /etc/pve/qemu-server /tmp") == "/etc/pve/qemu-server:\n\n/tmp:\n"
    return answer


ORDERS = {
    "another's signature": ("signature-other", "SHA256SUMS.gpg", {}, "IMAGE-SIGNATURE-WRONG"),
    "tampered sums": ("checksum-wrong", "SHA256SUMS", {}, "IMAGE-SIGNATURE-WRONG"),
    "truncated sums": ("download-truncated", "SHA256SUMS", {}, "IMAGE-SIGNATURE-WRONG"),
    "truncated signature": ("download-truncated", "SHA256SUMS.gpg", {}, "IMAGE-SIGNATURE-WRONG"),
    "damaged signature": ("download-corrupt", "SHA256SUMS.gpg", {}, "IMAGE-SIGNATURE-WRONG"),
    "no signature": ("download-error", "SHA256SUMS.gpg", {"status": 404}, "SIGNATURE-MISSING"),
    "sums lead to http": ("download-redirect", "SHA256SUMS", {}, "CHECKSUMS-UNREACHABLE"),
    "signature leads to http": ("download-redirect", "SHA256SUMS.gpg", {}, "SIGNATURE-MISSING"),
    "tampered image": ("download-corrupt", ".img", {"count": -1}, "IMAGE-CHECKSUM-WRONG"),
    "truncated image": ("download-truncated", ".img", {"count": -1}, "IMAGE-CHECKSUM-WRONG"),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_what_is_not_as_it_must_be_is_refused(live, where, order):
    kind, match, details, identity = order
    if where != "here" and match == ".img":
        pytest.skip("the image is not verified by gpgv")
    live.order(kind, match, **details)
    refused(live, identity)


def test_nobody_but_the_pinned_key_signs_for_ubuntu(live, where):
    """The lab's own key is somebody else's for the source's real signer."""
    strict = without(live, "strict", "signing_key")
    answer = refused(strict, "IMAGE-SIGNATURE-WRONG")
    assert UBUNTU in answer.err
    assert IMAGES.fingerprint[-8:].hex().upper() in answer.err


def without(live: Live, name: str, key: str, **more: object) -> Live:
    import yaml

    data = yaml.safe_load(live.config.read_text())
    del data["vm_template"][key]
    data["vm_template"] |= more
    path = live.config.with_name(f"{name}.yaml")
    path.write_text(yaml.safe_dump(data))
    return replace(live, config=path)


def test_without_gpgv_anywhere_nothing_is_believed(live, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    programs = live.site.nodes["pve1"].machine.programs
    hidden = programs.pop("gpgv")
    try:
        refused(live, "GPGV-MISSING")
    finally:
        programs["gpgv"] = hidden


def test_a_missing_signature_is_put_up_with_on_request_only(live):
    loose = live.configured("loose", vm_template={"signature": "if-present"})
    live.order("signature-other", "SHA256SUMS.gpg")
    answer = loose.pvekit("template", "build", "--dry-run")  # what is there must be good
    assert "explain IMAGE-SIGNATURE-WRONG" in answer.err
    assert "/SHA256SUMS, of ubuntu-2204-cloud-template, read on pve1" in answer.err
    live.order("download-error", "SHA256SUMS.gpg", status=404)
    answer = loose.pvekit("template", "build", "--dry-run")
    assert answer.status == 0, answer
    assert "is not signed" in answer.err
    assert "(not signed)" in answer.out + answer.err


def test_a_key_that_is_not_there(live):
    gone = live.configured("gone", vm_template={"signing_key": "no-such-key.gpg"})
    answer = built(gone)
    assert answer.status == 2
    assert "No such file" in answer.err


def test_a_good_signature_names_its_signer(live, where):
    answer = live.must("template", "build", "--rebuild", "--yes", "--dry-run")
    assert f"signed by {IMAGES.fingerprint.hex().upper()}" in answer.out + answer.err
    live.must("-q", "template", "build", "--rebuild", "--yes")


def test_debian_signs_nothing(live, tmp_path):
    image = f"{DEBIAN}/debian-12-genericcloud-amd64.qcow2"
    debian = {"name": "debian-12", "recipe": "base", "image_url": image}
    debian["checksum_url"] = f"{DEBIAN}/SHA512SUMS"
    told = live.configured("debian", templates={"debian": debian})
    answer = told.must("template", "build", "debian", "--dry-run")
    assert "(not signed)" in answer.out + answer.err
    # A key of another source is none for this one, but wanted is wanted:
    debian["signature"] = "require"
    asked = live.configured("asked", templates={"debian": debian})
    answer = asked.pvekit("config", "validate")
    assert answer.status == 2
    assert "signing_key" in answer.err
    debian["signing_key"] = str(live.config.parent / "images.gpg")
    asked = live.configured("asked", templates={"debian": debian})
    answer = asked.pvekit("template", "build", "debian", "--dry-run")
    assert "IMAGE-SIGNATURE-MISSING" in answer.err


# Keys


def test_the_pinned_key_is_the_genuine_one(tmp_path):
    for url in ("https://cloud-images.ubuntu.com/x", "https://CLOUD-IMAGES.ubuntu.com:443/x"):
        pinned = keys.pinned(url)
        assert pinned.fingerprints == (UBUNTU,)
        path = tmp_path / "key"
        path.write_bytes(pinned.data)
        assert keys.read(path).fingerprints == (UBUNTU,)  # computed from the key itself
    for url in (
        "https://cloud-images.ubuntu.com.evil.example/x",
        "https://example.org/",
        "nothing",
    ):
        assert keys.pinned(url) is None


def test_keys_are_read_armoured_or_not(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(IMAGES.public_key() + STRANGER.public_key())
    both = tuple(each.fingerprint.hex().upper() for each in (IMAGES, STRANGER))
    assert keys.read(path).fingerprints == both
    text = base64.encodebytes(IMAGES.public_key()).decode()
    block = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{}=abcd\n{}\n"
    path.write_text(block.format(text, "-----END PGP PUBLIC KEY BLOCK-----"))
    assert keys.read(path) == keys.Keyring(IMAGES.public_key(), both[:1])


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"hello", b"\x99", b"\xc6", b"\xff" * 9),
        *(IMAGES.public_key()[:40], IMAGES.sign(b"")),
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
    ],
)
def test_what_is_no_key_is_a_usage_error(tmp_path, data):
    path = tmp_path / "key"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="signing_key") as caught:
        keys.read(path)
    assert caught.value.exit_status == 2


@needs_gpgv
def test_the_users_own_keys_play_no_part(tmp_path, monkeypatch):
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    (home / "trustedkeys.gpg").write_bytes(STRANGER.public_key())
    monkeypatch.setenv("GNUPGHOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    images = keys.Keyring(IMAGES.public_key(), (IMAGES.fingerprint.hex().upper(),))
    with pytest.raises(gpgv.BadSignature, match="another key"):
        gpgv.signer(gpgv.report(b"text", STRANGER.sign(b"text"), images), images)
    assert gpgv.signer(gpgv.report(b"text", IMAGES.sign(b"text"), images), images)
    # One more signature, by a key that nobody asked about, spoils nothing.
    two = IMAGES.sign(b"text") + STRANGER.sign(b"text")
    assert gpgv.signer(gpgv.report(b"text", two, images), images)


def test_a_further_template_of_another_source_has_no_signer_of_the_first(live):
    noble = "https://cloud-images.ubuntu.com/noble/current"
    same = {"image_url": f"{noble}/noble-server-cloudimg-amd64.img"}
    same["checksum_url"] = f"{noble}/SHA256SUMS"
    other = {"image_url": f"{DEBIAN}/a.qcow2", "checksum_url": f"{DEBIAN}/SHA512SUMS"}
    both = {
        "noble": {"name": "noble", "recipe": "base", **same},
        "debian": {"name": "debian", "recipe": "base", **other},
    }
    site = live.configured(
        "both",
        vm_template={"signature_url": "https://cloud-images.ubuntu.com/sig"},
        templates=both,
    )
    config = load(site.config)
    assert config.template("noble").signing_key == config.template("base").signing_key
    assert config.template("noble").signature_url is None
    assert config.template("debian").signing_key is None
