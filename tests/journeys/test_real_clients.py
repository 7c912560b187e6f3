"""The parameters that known relying parties send (cis2-profile 2.16) and the checks that they make (2.12)."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from support.browser import Kind
from support.keys import KeyOf
from support.person import Person
from support.provider import NURSE, Provider
from support.relying_party import Assertion, RelyingParty, metadata

pytestmark = pytest.mark.browser

CALLBACK = "https://app.example.test/auth/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the relying party has in hand at the end."""

    callback: Mapping[str, str]
    token: Mapping[str, Any]
    claims: Mapping[str, Any]
    userinfo: Mapping[str, Any]
    header: Mapping[str, Any]
    at: float


Check = Callable[[Answer], bool]

# cis2-profile 2.12, by who makes them.


def sub_is_the_same_in_userinfo(answer: Answer) -> bool:
    return bool(answer.claims["sub"] == answer.userinfo["sub"])


def uid_is_sub(answer: Answer) -> bool:
    return bool(answer.userinfo["uid"] == answer.claims["sub"])


def identity_is_level_3(answer: Answer) -> bool:
    return int(answer.claims["id_assurance_level"]) >= 3


def userinfo_says_identity_is_level_3(answer: Answer) -> bool:
    return int(answer.userinfo["idassurancelevel"]) >= 3


def log_in_is_level_2(answer: Answer) -> bool:
    return int(answer.claims["authentication_assurance_level"]) >= 2


def log_in_is_level_3(answer: Answer) -> bool:
    return int(answer.claims["authentication_assurance_level"]) >= 3


def acr_begins_with_aal3(answer: Answer) -> bool:
    return str(answer.claims["acr"]).startswith("AAL3_")


def acr_contains_aal3(answer: Answer) -> bool:
    return "aal3" in str(answer.claims["acr"]).lower()


def auth_time_is_within_5_minutes(answer: Answer) -> bool:
    return bool(answer.at - answer.claims["auth_time"] < 300)


def auth_time_is_within_60_seconds_either_way(answer: Answer) -> bool:
    return bool(abs(answer.at - answer.claims["auth_time"]) <= 60)


def at_hash_identifies_the_session(answer: Answer) -> bool:
    half = hashlib.sha256(answer.token["access_token"].encode()).digest()[:16]
    return bool(answer.claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode())


def sid_is_there(answer: Answer) -> bool:
    return isinstance(answer.claims["sid"], str) and bool(answer.claims["sid"])


def selected_role_is_one_of_the_roles(answer: Answer) -> bool:
    held = {role["person_roleid"] for role in answer.userinfo["nhsid_nrbac_roles"]}
    return answer.claims["selected_roleid"] in held


def issuer_is_equal_ignoring_case(answer: Answer) -> bool:
    return str(answer.claims["iss"]).lower() == answer.callback["iss"].lower()


def header_suits_token_exchange(answer: Answer) -> bool:
    return answer.header["typ"] == "JWT" and bool(answer.header["kid"])


def expires_in_is_a_number_of_about_an_hour(answer: Answer) -> bool:
    return type(answer.token["expires_in"]) is int and 3590 <= answer.token["expires_in"] <= 3600


ALL: tuple[Check, ...] = (
    sub_is_the_same_in_userinfo,
    header_suits_token_exchange,
    expires_in_is_a_number_of_about_an_hour,
    sid_is_there,
    auth_time_is_within_60_seconds_either_way,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row of cis2-profile 2.16."""

    name: str
    scope: str
    asks: Mapping[str, str] = field(default_factory=dict)
    assertion: Assertion | None = None
    """None: client_secret_post."""
    sends_client_id: bool = True
    checks: tuple[Check, ...] = ()
    kind: Kind = Kind.SECURITY_KEY


EITHER = {"acr_values": "AAL2_OR_AAL3_ANY"}
LOGIN = {"prompt": "login"}
RBAC = "openid profile email nationalrbacaccess associatedorgs"

CLIENTS = [
    Client(
        name="API platform",
        scope="openid nationalrbacaccess",
        asks={"max_age": "300", "acr_values": "AAL3_ANY"},
        checks=(issuer_is_equal_ignoring_case, log_in_is_level_3),
    ),
    Client(
        name="EPS prescription tracker",
        scope="openid profile nhsperson nationalrbacaccess associatedorgs",
        asks=LOGIN,
        assertion=Assertion(alg="RS512", lifetime=300),
        sends_client_id=False,
        checks=(acr_begins_with_aal3, at_hash_identifies_the_session),
    ),
    Client(
        name="Mavis with a secret",
        scope=f"{RBAC} selectedrole",
        asks={**EITHER, **LOGIN, "nonce": "of-mavis"},
        checks=(
            uid_is_sub,
            identity_is_level_3,
            log_in_is_level_2,
            auth_time_is_within_5_minutes,
            selected_role_is_one_of_the_roles,
        ),
        kind=Kind.SYNCED,
    ),
    Client(
        name="Mavis with a key",
        scope=f"{RBAC} selectedrole",
        asks={**EITHER, **LOGIN, "nonce": "of-mavis"},
        assertion=Assertion(alg="RS256", lifetime=60),
        checks=(uid_is_sub, identity_is_level_3, log_in_is_level_2, selected_role_is_one_of_the_roles),
    ),
    Client(
        name="Mavis changing role",
        scope=f"{RBAC} selectedrole changedrole changedrole",
        asks={**EITHER, **LOGIN, "nonce": "of-mavis"},
        checks=(selected_role_is_one_of_the_roles,),
    ),
    Client(
        name="National document repository",
        scope="openid profile nhsperson nationalrbacaccess selectedrole",
        asks=LOGIN,
        checks=(acr_contains_aal3, selected_role_is_one_of_the_roles),
    ),
    Client(
        name="Notify",
        scope="openid profile email nhsperson associatedorgs",
        asks={**EITHER, **LOGIN, "nonce": "of-notify"},
        assertion=Assertion(alg="RS512", typ=None, aud_list=True),
        checks=(identity_is_level_3, userinfo_says_identity_is_level_3, log_in_is_level_2),
        kind=Kind.SYNCED,
    ),
    Client(
        name="Breast screening",
        scope="openid profile email nhsperson associatedorgs",
        asks={"acr_values": "AAL3_ANY", **LOGIN, "nonce": "of-screening"},
        assertion=Assertion(alg="RS512", nbf=True, lifetime=600),
        checks=(identity_is_level_3, log_in_is_level_3),
    ),
    Client(
        name="Galleri referral",
        scope="openid profile nationalrbacaccess",
        asks={"max_age": "900"},
        assertion=Assertion(alg="RS256", kid=False, aud="issuer"),
        sends_client_id=False,
        checks=(log_in_is_level_3,),
    ),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_cis2_2_16_each_known_client_logs_a_nurse_in(client: Client, provider: Provider, key_of: KeyOf) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True) if client.assertion else None
    more = {"jwks_uri_signing_algorithm": client.assertion.alg} if client.assertion else {}
    registered = provider.register(json.loads(metadata(CALLBACK, key, **more)))
    party = RelyingParty(
        issuer=provider.issuer,
        client_id=registered["client_id"],
        redirect_uri=CALLBACK,
        key=key,
        secret=registered.get("client_secret"),
        assertion=client.assertion or Assertion(),
        sends_client_id=client.sends_client_id,
    )
    nurse_key = key_of(NURSE, client.kind)
    nurse = Person(prove=nurse_key.prove)
    end = nurse.log_in(
        party.authorize(scope=client.scope, **client.asks), until=CALLBACK, way=nurse_key.way, role="Nurse"
    )
    assert isinstance(end, str), f"stopped at the page {nurse.seen[-1]}"
    callback = party.answered(end)
    assert callback["state"] == "state-of-the-test"
    response = party.token(callback["code"], scope=client.scope, state="ignored")
    assert response.status_code == 200, response.text
    token = response.json()
    assert "refresh_token" not in token
    answer = Answer(
        callback=callback,
        token=token,
        claims=party.id_token(token["id_token"], nonce=client.asks.get("nonce")),
        userinfo=party.userinfo(token["access_token"]).json(),
        header=party.header(token["id_token"]),
        at=time.time(),
    )
    assert answer.claims["sub"] == NURSE
    failed = [check.__name__ for check in (*ALL, *client.checks) if not check(answer)]
    assert failed == []
    if "selectedrole" not in client.scope:
        assert "selected_roleid" not in answer.claims
        assert "Choose your role" not in nurse.seen
