"""Signed request objects (RFC 9101), by value and from an address of the client's."""

import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from carekey.jose import base64url
from carekey.jose.jwt import Header, Unverified
from carekey.kernel.ids import ClientId
from carekey.oidc.authorize import request_object
from carekey.oidc.authorize.errors import InvalidRequestObject
from carekey.oidc.authorize.parameters import LIMITS
from carekey.oidc.authorize.tests.world import CALLBACK, NOW, URL, WARD, authorize, provider, told, wanted
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.par.tests import world as signing
from carekey.oidc.par.tests.world import CHALLENGE, KEYED, OTHER, assertion
from carekey.oidc.profiles import PROFILES
from carekey.oidc.tests.world import client_key

pytestmark = pytest.mark.anyio

SIGNS_ALWAYS = replace(KEYED, id=ClientId("signs"), require_signed_request=True)
ONE_ALG = replace(KEYED, id=ClientId("one-alg"), request_object_alg="ES256")
FETCHED = "https://ward.example.test/request.jwt"
BY_URI = replace(KEYED, id=ClientId("by-uri"), request_uris=(FETCHED,))
KEYS_ELSEWHERE = replace(KEYED, id=ClientId("elsewhere"), jwks=None, jwks_uri="https://ward.example.test/jwks")
KEYLESS = replace(KEYED, id=ClientId("keyless"), jwks=None, auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
CLIENTS = (KEYED, OTHER, SIGNS_ALWAYS, ONE_ALG, BY_URI, KEYS_ELSEWHERE, KEYLESS)


@pytest.fixture
async def world():
    return await provider(*CLIENTS)


@pytest.fixture
def browser(world):
    return world.browser()


def signed(world: Any, client: str = WARD.id, header: Any = None, *, key: Any = None, **changes: Any) -> str:
    return signing.request_object(world, header, key=key, **{"client_id": client, "iss": client, **changes})


async def begun(browser: Any, answer: Any) -> Any:
    """To the answer, with a proof."""
    assert answer.headers["location"].startswith("/login/"), answer.headers["location"]
    return await browser.prove(answer.headers["location"].rsplit("/", 1)[1])


async def test_rfc9101_5_client_id_and_request_are_enough(world, browser):
    text = signed(
        world,
        state="signed",
        max_age=900,
        code_challenge=CHALLENGE,
        code_challenge_method="S256",
        claims={"id_token": {"acr": {"values": ["AAL3_ANY"]}}},
    )
    answer = await begun(browser, await browser.get(f"{signing.AUTHORIZE}?client_id={WARD.id}&request={text}"))
    assert told(answer)["state"] == "signed"
    grant = await world.grant(answer)
    assert (grant.redirect_uri, grant.code_challenge) == (CALLBACK, CHALLENGE)
    assert grant.requested_claims == {"id_token": {"acr": {"values": ["AAL3_ANY"]}}}


async def test_rfc9101_6_3_parameters_beside_the_object_are_passed_over(world, browser):
    text = signed(world, nonce=None, scope="openid")
    grant = await world.grant(await begun(browser, await authorize(browser, request=text, scope="openid email")))
    assert (grant.nonce, grant.scopes) == (None, ("openid",))


@pytest.mark.parametrize("alg", ["RS256", "PS256", "RS512"])
@pytest.mark.parametrize("typ", [None, "JWT", "oauth-authz-req+jwt"])
async def test_what_real_clients_send(world, browser, alg, typ):
    text = signed(world, header={"alg": alg, "typ": typ}, aud=None, nbf=None, exp=None, iss=None)
    assert (await authorize(browser, request=text)).headers["location"].startswith("/login/")


STRANGER = RSAKey.generate_key(2048)
SECRET = OctKey.import_key("s" * 64)
SECONDS = int(NOW.timestamp())


def unsigned(**changes: Any) -> str:
    parts = ({"alg": "none"}, {**wanted(), **changes})
    return ".".join(base64url.encode(json.dumps(part).encode()).decode() for part in parts) + "."


def under_public_key(token: str) -> str:
    """What a library would believe that takes a public key for a shared secret."""
    signing_input = token.rpartition(".")[0]
    mac = hmac.digest(client_key().as_pem(private=False), signing_input.encode(), "sha256")
    return f"{signing_input}.{base64url.encode(mac).decode()}"


REFUSALS: dict[str, tuple[Any, str]] = {
    "not a JWT": (lambda world: "garbage", "object_malformed"),
    "encrypted": (lambda world: "a.b.c.d.e", "object_malformed"),
    "unsigned": (lambda world: unsigned(), "object_alg"),
    "no signature left": (lambda world: signed(world).rpartition(".")[0] + ".", "object_signature"),
    "another's key": (lambda world: signed(world, key=STRANGER), "object_signature"),
    "a key that nobody has": (lambda world: signed(world, header={"kid": "x"}), "object_unknown_key"),
    "a key brought along": (
        lambda world: signed(world, header={"kid": None, "jwk": STRANGER.as_dict(private=False)}, key=STRANGER),
        "object_signature",
    ),
    "a MAC under the public key": (
        lambda world: under_public_key(signed(world, header={"alg": "HS256"}, key=SECRET)),
        "object_alg",
    ),
    "a MAC": (lambda world: signed(world, header={"alg": "HS256", "kid": None}, key=SECRET), "object_alg"),
    "payload changed": (
        lambda world: ".".join(
            [(parts := signed(world).split("."))[0], signed(world, scope="openid email").split(".")[1], parts[2]]
        ),
        "object_signature",
    ),
    "critical header": (lambda world: signed(world, header={"crit": ["kid"]}), "object_malformed"),
    "another's object": (lambda world: signed(world, OTHER.id), "object_client"),
    "no client": (lambda world: signed(world, client_id=None), "object_client"),
    "another issuer of it": (lambda world: signed(world, iss=OTHER.id), "object_issuer"),
    "for another provider": (lambda world: signed(world, aud="https://else.example"), "object_audience"),
    "for nobody": (lambda world: signed(world, aud=[]), "object_audience"),
    "a client assertion": (lambda world: assertion(world, client_id=WARD.id), "object_subject"),
    "the subject is the client": (lambda world: signed(world, sub=WARD.id), "object_subject"),
    "an ID token's type": (lambda world: signed(world, header={"typ": "at+jwt"}), "object_typ"),
    "typed as a client assertion": (
        lambda world: signed(world, header={"typ": "client-authentication+jwt"}),
        "object_typ",
    ),
    "request inside": (lambda world: signed(world, request="x"), "object_nested"),
    "request_uri inside": (lambda world: signed(world, request_uri=FETCHED), "object_nested"),
    "expired": (lambda world: signed(world, exp=SECONDS - 60), "object_times"),
    "not yet": (lambda world: signed(world, nbf=SECONDS + 120), "object_times"),
    "issued ahead": (lambda world: signed(world, iat=SECONDS + 120), "object_times"),
    "times as text": (lambda world: signed(world, exp="tomorrow"), "object_times"),
    "times out of reach": (lambda world: signed(world, exp=1e300), "object_times"),
    "scope as a list": (lambda world: signed(world, scope=["openid"]), "object_value"),
    "state as an object": (lambda world: signed(world, state={"a": 1}), "object_value"),
    "max_age as a truth": (lambda world: signed(world, max_age=True), "object_value"),
    "max_age as a fraction": (lambda world: signed(world, max_age=1.5), "object_value"),
    "NUL": (lambda world: signed(world, nonce="\0"), "object_value"),
}


NAMED = {
    "object_malformed": "no signed JWT",
    "object_alg": "alg of",
    "object_typ": "typ of",
    "object_unknown_key": "kid and alg",
    "object_signature": "not signed with",
    "object_nested": "neither request nor request_uri",
    "object_client": "client_id of",
    "object_issuer": "iss of",
    "object_subject": "sub of",
    "object_audience": "aud of",
    "object_times": "expired",
    "object_value": "of a type",
}
"""What the developer of the client is pointed to."""


@pytest.mark.parametrize("name", REFUSALS)
async def test_rfc9101_6_refusals(world, browser, name):
    make, reason = REFUSALS[name]
    answer = await authorize(browser, request=make(world))
    assert (told(answer)["error"], told(answer)["state"]) == ("invalid_request_object", "state-1")
    assert NAMED[reason] in told(answer)["error_description"]
    (event,) = await world.events()
    assert (event.data["error"], event.data["reason"]) == ("invalid_request_object", reason)
    # Without a way back beside it, the person is told.
    answer = await browser.get(f"{signing.AUTHORIZE}?client_id={WARD.id}&request={make(world)}")
    assert answer.status_code == 400
    assert reason in browser.page


@pytest.mark.parametrize(
    ("client", "header", "reason"),
    [
        (ONE_ALG.id, {}, "object_alg"),
        (KEYLESS.id, {}, "object_unknown_key"),
        (KEYS_ELSEWHERE.id, {}, "keys_unavailable"),
    ],
)
async def test_each_client_signs_as_it_registered(world, browser, client, header, reason):
    answer = await authorize(browser, client_id=client, request=signed(world, client, header))
    assert told(answer)["error"] == "invalid_request_object"
    assert (await world.events())[-1].data["reason"] == reason


async def test_keys_are_fetched_and_fetched_again_when_one_is_missing(world, browser):
    old, new = RSAKey.generate_key(2048, {"kid": "old"}), RSAKey.generate_key(2048, {"kid": "new"})
    for key in (old, new):
        world.published[KEYS_ELSEWHERE.jwks_uri] = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
        text = signed(world, KEYS_ELSEWHERE.id, {"kid": key.kid}, key=key)
        answer = await authorize(browser, client_id=KEYS_ELSEWHERE.id, request=text)
        assert answer.headers["location"].startswith("/login/")
        world.clock.pass_by(minutes=1)


async def test_what_an_object_says_is_checked_as_ever(world, browser):
    answer = told(await authorize(browser, request=signed(world, prompt="none login")))
    assert answer["error"] == "invalid_request"
    answer = await authorize(browser, request=signed(world, redirect_uri="https://evil.example"))
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_rfc9101_10_5_a_client_that_must_sign(world, browser):
    answer = told(await authorize(browser, client_id=SIGNS_ALWAYS.id))
    assert answer["error"] == "invalid_request"
    assert (await world.events())[-1].data["reason"] == "not_signed"
    text = signed(world, SIGNS_ALWAYS.id)
    assert (await authorize(browser, client_id=SIGNS_ALWAYS.id, request=text)).headers["location"].startswith("/login/")


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({}, True),
        ({"aud": None}, False),
        ({"exp": None}, False),
        ({"nbf": None}, False),
        ({"exp": SECONDS + 3601}, False),
        ({"nbf": SECONDS - 3700, "exp": SECONDS + 1}, False),
    ],
)
def test_fapi2_message_signing_5_3_1_bounds(claims, good):
    usual = {"client_id": WARD.id, "aud": URL, "nbf": SECONDS, "exp": SECONDS + 300}
    members = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    token = Unverified(Header(alg="PS256"), members, b"", b"")
    outcome = True
    try:
        request_object.check(token, WARD, PROFILES["fapi2-message-signing"], audiences={URL}, now=NOW)
    except InvalidRequestObject:
        outcome = False
    assert outcome is good


async def test_rfc9101_5_2_2_from_a_registered_address(world, browser):
    world.published[FETCHED] = signed(world, BY_URI.id).encode() + b"\n"
    for uri in (FETCHED, f"{FETCHED}#digest"):
        answer = await authorize(browser, client_id=BY_URI.id, request_uri=uri)
        assert answer.headers["location"].startswith("/login/")
    assert world.fetches == [FETCHED]


async def test_core_6_2_another_fragment_says_that_something_else_is_there(world, browser):
    world.published[FETCHED] = signed(world, BY_URI.id, state="first").encode()
    await authorize(browser, client_id=BY_URI.id, request_uri=f"{FETCHED}#first")
    world.published[FETCHED] = signed(world, BY_URI.id, state="second", prompt="none").encode()
    world.clock.pass_by(seconds=1)
    for _ in range(3):
        answer = await authorize(browser, client_id=BY_URI.id, request_uri=f"{FETCHED}#second")
        assert told(answer)["state"] == "second"
    assert world.fetches == [FETCHED] * 2
    for number in range(3):
        await authorize(browser, client_id=BY_URI.id, request_uri=f"{FETCHED}#made-up-{number}")
    assert world.fetches == [FETCHED] * 2


async def test_rfc9101_10_4_nobody_makes_us_ask_again_and_again(world, browser):
    for _ in range(3):
        answer = told(await authorize(browser, client_id=BY_URI.id, request_uri=FETCHED))
        assert answer["error"] == "invalid_request_uri"
    assert world.fetches == [FETCHED]
    world.clock.pass_by(seconds=11)
    await authorize(browser, client_id=BY_URI.id, request_uri=FETCHED)
    assert world.fetches == [FETCHED] * 2


@pytest.mark.parametrize(
    "uri",
    [
        "https://ward.example.test/request.jwt/../secret",
        "https://ward.example.test/request.jwt?x",
        "http://ward.example.test/request.jwt",
        "http://127.0.0.1/request.jwt",
        "file:///etc/passwd",
        "urn:ietf:params:oauth:other:x",
    ],
)
async def test_rfc9101_10_4_only_registered_addresses_are_fetched(world, browser, uri):
    answer = told(await authorize(browser, client_id=BY_URI.id, request_uri=uri))
    assert answer["error"] == "invalid_request_uri"
    assert "not registered" in answer["error_description"]
    assert world.fetches == []


async def test_request_and_request_uri_exclude_each_other(world, browser):
    answer = told(await authorize(browser, request=signed(world), request_uri=FETCHED))
    assert answer["error"] == "invalid_request"
    assert (await world.events())[-1].data["reason"] == "object_and_uri"


@pytest.mark.parametrize("extra", ["&request=x&request=y", "&request_uri=x&request_uri=y", "&request=%01"])
async def test_ambiguous_requests_go_nowhere(world, browser, extra):
    assert (await authorize(browser, extra)).status_code == 400


async def test_a_request_object_is_no_client_assertion(world, browser):
    fields = {**wanted(), **signing.proof(world), "client_assertion": signed(world, jti="1", sub=None)}
    answer = await signing.push(browser, fields)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from([*LIMITS, "iss", "aud", "exp", "nbf", "iat", "sub"]) | st.text(max_size=3), JSON),
    st.sampled_from(list(PROFILES)),
)
def test_any_claims_at_all(claims, profile):
    token = Unverified(Header(alg="PS256"), {"client_id": WARD.id, **claims}, b"", b"")
    try:
        request_object.check(token, WARD, PROFILES[profile], audiences={URL}, now=NOW)
        found = request_object.parameters(token, LIMITS)
    except InvalidRequestObject:
        return
    assert found.keys() <= LIMITS.keys()
    assert all(isinstance(value, str) for value in found.values())
