"""A CareKey with an API host, which ends TLS itself, or has HAProxy or nginx before it."""

from collections.abc import Iterator

import pytest

from support import mtls, proxies
from support.mtls import Pki, Place

SERVERS = [
    pytest.param(None, id="carekey"),
    pytest.param(proxies.haproxy, id="haproxy", marks=pytest.mark.proxies),
    pytest.param(proxies.nginx, id="nginx", marks=pytest.mark.proxies),
]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(folder=tmp_path_factory.mktemp("mtls-pki"))


@pytest.fixture(scope="session", params=SERVERS)
def place(request: pytest.FixtureRequest, files: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with mtls.place(files, tmp_path_factory.mktemp("mtls"), request.param) as made:
        yield made
