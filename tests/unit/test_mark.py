import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import UsageError
from pvekit.pve import claims, conf, mark
from pvekit.pve.claims import Claim
from pvekit.pve.mark import Mark

words = st.from_regex(r"[a-zA-Z0-9.,:/=_-]{1,20}", fullmatch=True)
marks = st.builds(
    Mark,
    kind=st.sampled_from(["vm", "template"]),
    vmid=st.integers(100, 999_999_999),
    name=words,
    role=words | st.just(""),
    run=words | st.just(""),
    need=words | st.just(""),
    image=words | st.just(""),
)


@given(marks, st.text(st.characters(blacklist_categories=("Cs",))))
def test_a_mark_is_read_back_from_below_the_notes(written, notes):
    description = mark.with_mark(notes, written)
    assert mark.from_description(description) == written


@given(marks, marks, st.text("ab \n", max_size=20))
def test_a_new_mark_takes_the_place_of_the_old_and_keeps_the_notes(old, new, notes):
    marked = mark.with_mark(mark.with_mark(notes, old), new)
    assert marked == mark.with_mark(notes, new)
    assert marked.count("pvekit:v1 ") == 1
    assert notes.rstrip() in marked


def test_the_line():
    line = Mark("vm", 101, "web-1", role="worker", run="7f3a").to_line()
    assert line == "pvekit:v1 kind=vm vmid=101 name=web-1 role=worker run=7f3a"


@pytest.mark.parametrize("name", ["two words", "a\nb", "tab\t", "ü"])
def test_values_cannot_break_out_of_their_place(name):
    with pytest.raises(UsageError):
        Mark("vm", 101, name).to_line()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just notes",
        "pvekit:v1 kind=vm vmid=101 name=web-1\nbut not the last line",
        "pvekit:v2 kind=vm vmid=101 name=web-1",
        "pvekit:v1 kind=pod vmid=101 name=web-1",
        "pvekit:v1 kind=vm vmid=x name=web-1",
        "pvekit:v1 kind=vm vmid=101",
        "pvekit:v1",
    ],
)
def test_what_is_no_mark(text):
    assert mark.from_description(text) is None


def test_keys_of_a_later_version_are_passed_over():
    text = "pvekit:v1 kind=vm vmid=101 name=web-1 colour=blue"
    assert mark.from_description(text) == Mark("vm", 101, "web-1")


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("name: web-1\n", True),
        ("name: web-2\n", False),
        ("name: web-1\ntemplate: 1\n", False),
        ("cores: 1\n", False),
    ],
)
def test_a_mark_speaks_of_one_guest_only(text, ours):
    assert Mark("vm", 101, "web-1").is_of(101, conf.parse(text)) is ours
    assert not Mark("vm", 101, "web-1").is_of(102, conf.parse(text))


def test_a_templates_mark_needs_a_template():
    written = Mark("template", 9000, "base")
    assert written.is_of(9000, conf.parse("name: base\ntemplate: 1\n"))
    assert not written.is_of(9000, conf.parse("name: base\n"))


@given(
    st.builds(
        Claim,
        domain=st.just("bench"),
        what=st.just("name"),
        value=words,
        run=st.text(st.characters(blacklist_categories=("Cs",))),
        name=st.text(st.characters(blacklist_categories=("Cs",))),
        vmid=st.integers(0, 999_999_999),
        memory_mb=st.integers(0, 1 << 30),
        time=st.floats(0, 1e10),
    ).filter(lambda claim: "/" not in claim.value and claim.value not in (".", ".."))
)
def test_a_claim_is_read_back(claim):
    assert claim.to_line().count("\n") == 1
    written = claim.value.replace(":", "-")
    assert claims.parse("bench", claim.path, claim.to_line()) == Claim(
        **{**vars(claim), "value": written}
    )


def test_claims_are_named_after_what_they_claim():
    paths = [
        Claim("bench", "vmid", "101").path,
        Claim("bench", "name", "k8s-worker-1").path,
        Claim("bench", "ip", "2001:db8::7").path,
    ]
    assert paths == [
        "/etc/pve/priv/pvekit/vmid-101",
        "/etc/pve/priv/pvekit/name-k8s-worker-1",
        "/etc/pve/priv/pvekit/ip-2001-db8--7",
    ]
    assert claims.parse("bench", paths[2], "").value == "2001:db8::7"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"vmid": "x", "run": 5, "pid": null}'])
def test_a_damaged_claim_still_claims_its_name(text):
    assert claims.parse("bench", "/x/vmid-101", text) == Claim("bench", "vmid", "101", vmid=101)


@pytest.mark.parametrize("name", ["*", "vmid-", "vmid-x", "lock-1", "name", "README"])
def test_other_files_are_no_claims(name):
    assert claims.parse("bench", f"/etc/pve/priv/pvekit/{name}", "{}") is None
