"""The logout token, by the checks that real relying parties make (cis2-profile section 5.5)."""

from datetime import timedelta

import pytest
from joserfc import jwk, jws, jwt

from carekey.oidc.logout.logout_token import EVENT, claims
from carekey.oidc.model import Issuer
from carekey.oidc.tests.world import ASHA, ISSUER, NOW, SESSION, WARD, World
from carekey.sessions.model import LogoutDelivery

pytestmark = pytest.mark.anyio

DELIVERY = LogoutDelivery(session=SESSION, client=WARD, issuer=ISSUER.name, person=ASHA, queued_at=NOW, due_at=NOW)


@pytest.fixture
async def received(world: World):
    """Header and claims, the signature checked with the published keys as relying parties do."""
    await world.signer.refresh(NOW)
    token = world.signer.sign(claims(DELIVERY, sub=ASHA, issuer=world.issuer, jti="j1", issued_at=NOW), alg="RS256")
    keys = jwk.KeySet.import_key_set((await world.get("/connect/jwk_uri")).json())
    return jws.extract_compact(token.encode()).headers(), jwt.decode(token, keys, algorithms=["RS256"]).claims


async def test_cis2_5_5_mavis_takes_rs256_alone_with_a_kid_of_the_key_set(received):
    header, _ = received
    assert header["alg"] == "RS256"
    assert header["kid"]
    assert header["typ"] == "JWT"


async def test_cis2_5_5_mavis_compares_aud_as_a_text(received):
    assert received[1]["aud"] == WARD


@pytest.mark.parametrize("late", [0, 1, 299])
async def test_cis2_5_5_mavis_refuses_a_future_iat_and_one_older_than_300_seconds(received, late):
    now = NOW.timestamp() + late
    assert received[1]["iat"] <= now
    assert now - received[1]["iat"] <= 300
    assert isinstance(received[1]["iat"], int)


@pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
def test_cis2_2_17_iat_is_never_ahead(microsecond):
    at = NOW.replace(microsecond=microsecond)
    assert claims(DELIVERY, sub=ASHA, issuer=ISSUER, jti="j1", issued_at=at)["iat"] <= at.timestamp()


async def test_cis2_5_5_breast_screening_requires_exp_and_finds_the_person_by_sub(received):
    assert received[1]["exp"] == received[1]["iat"] + 120
    assert received[1]["sub"] == ASHA


async def test_cis2_5_5_ndr_and_the_platform_require_sid(received):
    assert received[1]["sid"] == SESSION


async def test_cis2_5_5_the_platform_checks_iss_events_and_that_there_is_no_nonce(received):
    told = received[1]
    assert told["iss"] == ISSUER.url
    assert told["events"] == {EVENT: {}}
    assert "nonce" not in told


async def test_backchannel_2_4_nothing_but_what_is_specified(received):
    assert received[1].keys() == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "events"}


def test_whatever_the_issuer_looks_like_it_comes_back_character_for_character():
    issuer = Issuer(name=ISSUER.name, url="https://am.example:443/openam/oauth2")
    assert claims(DELIVERY, sub=ASHA, issuer=issuer, jti="j", issued_at=NOW + timedelta(days=1))["iss"] == issuer.url
