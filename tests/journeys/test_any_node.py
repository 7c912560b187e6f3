"""Any request of any log-in can be served by any process (architecture.md decision 6), on either database."""

import json
from collections.abc import Iterator

import pytest
from joserfc.jwk import RSAKey

from carekey.storage.conformance.postgresql import running_postgresql
from carekey.storage.sql import migrate
from support import provider as carekey
from support.person import Person
from support.provider import NURSE, Provider
from support.relying_party import RelyingParty, metadata

CALLBACK = "https://app.example.test/callback"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def two_workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("workers")
    if request.param == "sqlite":
        with carekey.carekey(folder, SERVER__WORKERS="2") as running:
            yield running
        return
    with running_postgresql() as url:
        migrate.upgrade(url)
        with carekey.carekey(folder, SERVER__WORKERS="2", DATABASE__URL=url) as running:
            yield running


def test_log_ins_whose_every_request_may_meet_another_process(two_workers: Provider) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    registered = two_workers.register(json.loads(metadata(CALLBACK, key)), issuer="sandbox")
    party = RelyingParty(issuer=two_workers.sandbox, client_id=registered["client_id"], redirect_uri=CALLBACK, key=key)
    nurse = two_workers.people[NURSE]
    for _ in range(8):
        # Each request has a connection of its own, so either process may get it.
        person = Person(user=NURSE, password=nurse["sandbox_password"])
        asked = party.authorize(acr_values="AAL1_USERPASS", scope="openid selectedrole")
        landed = person.log_in(asked, until=CALLBACK, way="password", role=nurse["roles"][0]["title"])
        assert isinstance(landed, str), landed.heading
        tokens = party.token(party.answered(landed)["code"])
        assert tokens.status_code == 200
        assert party.userinfo(tokens.json()["access_token"]).json()["sub"] == NURSE


def test_an_application_that_is_switched_off_is_refused_by_every_process_at_once(two_workers: Provider) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    id = two_workers.register(json.loads(metadata(CALLBACK, key)), issuer="sandbox")["client_id"]
    party = RelyingParty(issuer=two_workers.sandbox, client_id=id, redirect_uri=CALLBACK, key=key)
    person = Person(user=NURSE, password=two_workers.people[NURSE]["sandbox_password"])
    landed = person.log_in(party.authorize(acr_values="AAL1_USERPASS"), until=CALLBACK, way="password")
    assert isinstance(landed, str), landed.heading
    token = party.token(party.answered(landed)["code"]).json()["access_token"]
    assert {party.userinfo(token).status_code for _ in range(8)} == {200}
    switched = two_workers.run("clients", "disable", id, "--issuer", "sandbox", "--why", "key leaked")
    assert switched.returncode == 0, switched.stderr
    # Each request has a connection of its own, so either process may get it.
    assert {party.userinfo(token).status_code for _ in range(8)} == {401}
    for _ in range(4):
        told = Person(user=NURSE, password="").log_in(
            party.authorize(acr_values="AAL1_USERPASS"), until=CALLBACK, way="password"
        )
        assert not isinstance(told, str)
        assert told.heading.endswith("is switched off")
    shown = two_workers.run("clients", "show", id, "--issuer", "sandbox")
    assert json.loads(shown.stdout)["disabled_at"]
    assert two_workers.run("clients", "enable", id, "--issuer", "sandbox", "--why", "key replaced").returncode == 0
    assert {party.userinfo(token).status_code for _ in range(4)} == {401}
    landed = person.log_in(party.authorize(acr_values="AAL1_USERPASS", prompt="login"), until=CALLBACK, way="password")
    assert isinstance(landed, str), landed.heading
    fresh = party.token(party.answered(landed)["code"]).json()["access_token"]
    assert {party.userinfo(fresh).status_code for _ in range(4)} == {200}
    assert two_workers.run("clients", "disable", "nobody", "--issuer", "sandbox", "--why", "x").returncode == 3
    assert two_workers.run("clients", "disable", id, "--issuer", "sandbox", "--why", " ").returncode == 2
