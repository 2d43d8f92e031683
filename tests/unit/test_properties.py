import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import UsageError
from pvekit.pve import properties

keys = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
any_text = st.text()


def test_a_network_card():
    text = properties.build(virtio="BC:24:11:00:00:01", bridge="vmbr0", tag=5, rate=None)
    assert text == "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5"


def test_the_first_value_needs_no_key():
    text = properties.build("local-lvm:0", import_from="/var/lib/vz/a.img", discard="on")
    assert text == "local-lvm:0,import-from=/var/lib/vz/a.img,discard=on"
    assert properties.parse(text, "file")["file"] == "local-lvm:0"


@pytest.mark.parametrize("value", ["a,b", "a;b", "a=b", "a\nb", "a\0b", ""])
def test_what_would_break_out_is_refused(value):
    with pytest.raises(UsageError):
        properties.build(bridge=value)
    with pytest.raises(UsageError):
        properties.build(value)


@given(any_text, st.dictionaries(keys, any_text | st.integers() | st.none(), max_size=4))
def test_nothing_is_injected(first, wanted):
    try:
        text = properties.build(first, **wanted)
    except UsageError:
        return
    expected = {key: str(value) for key, value in wanted.items() if value is not None}
    assert properties.parse(text) == {"": first} | expected


@given(any_text)
def test_anything_can_be_read(text):
    properties.parse(text)
