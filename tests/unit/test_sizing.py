import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit import resources
from pvekit.errors import UsageError
from pvekit.sizing import (
    Answer,
    Size,
    SizeRequest,
    choose,
    parse_disk,
    parse_memory,
    presets,
    role_preset,
)

SIZES = presets()


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("4096", 4096),
        ("4G", 4096),
        ("4g", 4096),
        ("4GiB", 4096),
        ("4 GB", 4096),
        ("1.5G", 1536),
        ("512M", 512),
        ("1T", 1048576),
        ("65536K", 64),
    ],
)
def test_memory(text, mib):
    assert parse_memory(text) == mib


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "4X", "1.0001G", "15", "G", "4 G G", "1e3", "nan", "4\u212a", "9" * 20]
)
def test_no_memory(text):
    with pytest.raises(UsageError):
        parse_memory(text)


@pytest.mark.parametrize(("text", "gib"), [("40", 40), ("40G", 40), ("1T", 1024), ("2048M", 2)])
def test_disk(text, gib):
    assert parse_disk(text) == gib


@pytest.mark.parametrize("text", ["", "0", "500M", "1.5G", "big"])
def test_no_disk(text):
    with pytest.raises(UsageError):
        parse_disk(text)


@given(st.text())
def test_amounts_are_read_or_refused(text):
    for parse in (parse_memory, parse_disk):
        try:
            assert parse(text) > 0
        except UsageError:
            continue


def test_the_presets_that_come_with_pvekit():
    assert {name: SIZES[name] for name in ("small", "medium", "large")} == {
        "small": Size(1, 2048, 20),
        "medium": Size(2, 4096, 40),
        "large": Size(4, 8192, 80),
    }


@pytest.mark.parametrize("role", ["master", "worker", "anything"])
def test_every_role_has_a_known_preset_and_a_reason(role):
    fitting = role_preset(role)
    assert fitting.preset in SIZES
    assert fitting.because


def test_a_preset_is_taken_by_name():
    sized = choose(SizeRequest("worker", size="medium"), SIZES)
    assert (sized.size, sized.source, sized.because) == (SIZES["medium"], "preset", "preset medium")


def test_what_is_given_wins():
    sized = choose(SizeRequest("worker", size="medium", cpus=3, disk_gb=50), SIZES)
    assert sized.size == Size(3, 4096, 50)
    assert sized.because == "preset medium, cpus 3, disk_gb 50 as given"


def test_all_three_given_need_no_preset():
    sized = choose(SizeRequest("worker", cpus=3, memory_mb=1000, disk_gb=50), {})
    assert (sized.size, sized.source) == (Size(3, 1000, 50), "given")
    assert sized.because == "cpus 3, memory_mb 1000, disk_gb 50 as given"


def test_auto_takes_the_roles_preset_and_says_why():
    sized = choose(SizeRequest("master"), SIZES)
    assert sized.source == "role"
    assert sized.size == SIZES[role_preset("master").preset]
    assert role_preset("master").because in sized.because


def test_the_first_predictor_that_knows_is_heard():
    def knows_nothing(request):
        return None

    def knows(request):
        return Answer(Size(7, 7168, 70), f"history of {request.role}")

    sized = choose(SizeRequest("worker", cpus=2), SIZES, (knows_nothing, knows))
    assert (sized.size, sized.source) == (Size(2, 7168, 70), "predictor")
    assert sized.because == "history of worker, cpus 2 as given"


def test_predictors_are_not_asked_when_the_size_is_named():
    def predictor(request):
        raise AssertionError

    choose(SizeRequest("worker", size="small"), SIZES, (predictor,))


def test_an_unknown_size_names_the_nearest():
    with pytest.raises(UsageError, match=r"small, medium, large.*Did you mean 'medium'\?"):
        choose(SizeRequest("worker", size="meduim"), SIZES)


@pytest.mark.parametrize(
    "request_", [SizeRequest("web", disk_gb=10), SizeRequest("web", size="small")]
)
def test_a_disk_below_the_templates_is_refused(request_):
    with pytest.raises(UsageError, match="--disk 32"):
        choose(SizeRequest(**{**vars(request_), "template_disk_gb": 32}), SIZES)


def test_auto_grows_to_the_templates_disk():
    sized = choose(SizeRequest("web", template_disk_gb=32), SIZES)
    assert sized.size.disk_gb == 32
    assert "disk 32 GiB as the template's" in sized.because


def test_a_missing_data_folder_is_named():
    with pytest.raises(FileNotFoundError, match="'nosuch'"):
        resources.folder("nosuch")
