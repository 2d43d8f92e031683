"""What has nothing to do, or only shows what it would do, sends no change: the lab's log says so."""

from __future__ import annotations

import pytest
from live import CREATE, templated_site

from pvekit.lab.site import SiteSpec


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with templated_site(tmp_path_factory.mktemp("site"), SiteSpec(nodes=2)) as site:
        site.must(*CREATE, "--name", "here")
        yield site


STATIC = ("--network", "static", "--ip", "10.0.0.20/24", "--gateway", "10.0.0.1", "--count", "2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("template", "build"), "Nothing to do."),
        (("template", "build", "--dry-run"), "Nothing to do."),
        (("template", "build", "--rebuild", "--dry-run"), "qm create"),
        ((*CREATE, "--dry-run"), "qm clone"),
        ((*CREATE, *STATIC, "--dry-run"), "ip=10.0.0.21/24,gw=10.0.0.1"),
        ((*CREATE, "--name", "here"), "nothing to do"),
        (("vm", "delete", "here", "--dry-run"), "qm destroy"),
        (("ask", "two small redis", "--dry-run"), "qm clone"),
        (("vm", "list", "--all"), "here"),
        (("vm", "show", "here"), "pvekit"),
        (("template", "list"), "9000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_change_is_sent(live, words, says):
    before = live.cluster_files(), live.picture()
    live.forget()
    answer = live.must(*words)
    assert says in answer.out + answer.err
    assert live.changes() == []
    assert live.lines() != []
    assert (live.cluster_files(), live.picture()) == before


def test_pending_changes_have_a_status_of_their_own_if_asked_for(live):
    assert live.pvekit(*CREATE, "--dry-run", "--detailed-exitcode").status == 10
    assert live.pvekit("template", "build", "--dry-run", "--detailed-exitcode").status == 0
