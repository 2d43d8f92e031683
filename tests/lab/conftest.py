from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from ssh_clients import Client, OpenSsh, Paramiko

from pvekit.lab.inprocess import ServedSite, served_site


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    with served_site(tmp_path_factory.mktemp("lab")) as site:
        yield site


@pytest.fixture(scope="module")
def openssh(served: ServedSite) -> OpenSsh:
    if shutil.which("ssh") is None:
        pytest.skip("OpenSSH's client is not installed")
    return OpenSsh(served.directory, served.addresses)


@pytest.fixture(scope="module")
def with_paramiko(served: ServedSite) -> Paramiko:
    return Paramiko(served.directory, served.addresses)


@pytest.fixture(scope="module", params=["openssh", "with_paramiko"])
def client(request: pytest.FixtureRequest) -> Client:
    found: Client = request.getfixturevalue(request.param)
    return found
