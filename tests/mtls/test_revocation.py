"""A certificate that its authority took back, at an API host that ends TLS, with the list on the web (RFC 5280)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from carekey.oidc.mtls.tests import pki
from carekey.oidc.mtls.tests.pki import DAY
from support import mtls
from support.cards import Lists, serving_lists
from support.mtls import Pki, Place

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def lists() -> Iterator[Lists]:
    with serving_lists() as lists:
        yield lists


@pytest.fixture(scope="module")
def files(lists: Lists, tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(folder=tmp_path_factory.mktemp("revoked-pki"))
    for number, (name, path) in enumerate({"good": "clients", "revoked": "clients", "unlisted": "nowhere"}.items()):
        at = f"http://127.0.0.1:{lists.port}/{path}.crl"
        pair = pki.client(made.root, made.now, number=61 + number, list_at=at)
        made.files[name] = made.file(name, pair)
        if name == "revoked":
            lists.bodies["/clients.crl"] = pki.revocation_list(
                made.root, pair, this=made.now - HOUR, next=made.now + DAY
            )
    return made


@pytest.fixture(scope="module", params=["require", "if_available"])
def place(
    request: pytest.FixtureRequest, files: Pki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Place]]:
    folder = tmp_path_factory.mktemp("revocation")
    with mtls.place(files, folder, None, API_HOST__REVOCATION=request.param) as made:
        yield request.param, made


def test_rfc5280_6_3_a_revoked_certificate_is_no_client_any_more(place: tuple[str, Place]) -> None:
    policy, at = place
    expected = {"good": 200, "revoked": 401, "unlisted": 401 if policy == "require" else 200}
    assert {name: at.curl("pki", name)[0] for name in expected} == expected
    assert at.curl("pki", "revoked")[1]["error"] == "invalid_client"
    # One that a client registered itself is nobody's to revoke.
    assert at.curl("self", "self-signed")[0] == 200
