"""A client cannot do less than its profile, at any door; and discovery says what the doors take."""

from dataclasses import fields, replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.encryption import ALGS, ENCS
from carekey.kernel.ids import ClientId
from carekey.oidc import profiles
from carekey.oidc.authorize.tests.test_jarm import response
from carekey.oidc.authorize.tests.world import CALLBACK, URL, WARD, authorize, provider, told, wanted
from carekey.oidc.clients.grant_types import CIBA, GRANT_TYPES
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.discovery.document import document
from carekey.oidc.dpop.tests.proofs import proof as dpop_proof
from carekey.oidc.model import Client, ClientAuthMethod, Issuer
from carekey.oidc.mtls.tests.world import SELF_SIGNED
from carekey.oidc.par.tests.world import CHALLENGE, KEYED, arrive, proof, push, request_object
from carekey.oidc.profiles import OFFERED, PROFILES, Feature, demands, together
from carekey.oidc.tests.world import ISSUER, NOW, WARD_CLIENT, World, client_key

pytestmark = pytest.mark.anyio

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
FAPI2 = replace(KEYED, id=ClientId("fapi2"), profile="fapi2")
SIGNING = replace(KEYED, id=ClientId("signing"), profile="fapi2-message-signing", response_alg="PS256")
METADATA = {
    "client_name": "Bank",
    "redirect_uris": [CALLBACK],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [client_key().as_dict(private=False)]},
}


@pytest.fixture
def everything_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if CIBA were there: what the rest of the rows demand can be seen."""
    monkeypatch.setattr(profiles, "OFFERED", frozenset(Feature))


def registered(changes: dict[str, Any], *, issuer: Issuer = ISSUER) -> Client:
    return parse({**METADATA, **changes}, id=ClientId("bank"), issuer=issuer, now=NOW)


def test_every_profile_can_be_chosen():
    assert frozenset(Feature) == OFFERED
    assert [name for name, profile in PROFILES.items() if profile.lacking is not None] == []
    assert registered({"profile": "fapi-ciba"}).profile == "fapi-ciba"


@pytest.mark.usefixtures("without_ciba")
def test_what_is_not_there_is_said_aloud():
    with pytest.raises(InvalidMetadata, match=r"profile fapi-ciba needs .*CIBA.* choose another"):
        registered({"profile": "fapi-ciba"})


def test_a_profile_that_nobody_knows():
    with pytest.raises(InvalidMetadata, match="profile must be one of"):
        registered({"profile": "fapi1"})


@pytest.mark.parametrize("a", PROFILES)
@pytest.mark.parametrize("b", PROFILES)
def test_two_together_are_as_strict_as_each(a: str, b: str):
    both = together(a, b)
    for one in (PROFILES[a], PROFILES[b]):
        assert both.auth_methods <= one.auth_methods
        assert both.algs <= one.algs
        assert both.needs >= one.needs
        for row in fields(one):
            if isinstance(value := getattr(one, row.name), bool):
                assert getattr(both, row.name) >= value, row.name


def test_the_issuers_profile_is_the_least_for_every_client():
    strict = replace(ISSUER, profile="fapi2")
    assert demands(strict, replace(WARD, profile="cis2")).require_par
    assert demands(strict, WARD) == PROFILES["fapi2"]
    assert demands(ISSUER, FAPI2).require_par
    assert not demands(ISSUER, WARD).require_par


@pytest.mark.usefixtures("everything_offered")
class TestRegistration:
    def test_a_fapi2_client_gets_what_it_must_have(self):
        client = registered({"profile": "fapi2"})
        assert (client.require_par, client.require_pkce, client.require_signed_request) == (True, True, False)
        assert (client.id_token_alg, client.response_alg) == ("PS256", "PS256")
        assert describe(client)["profile"] == "fapi2"
        again = parse(describe(client), id=client.id, issuer=ISSUER, now=NOW)
        assert again == client

    def test_a_message_signing_client_signs(self):
        assert registered({"profile": "fapi2-message-signing"}).require_signed_request

    @pytest.mark.parametrize("name", ["fapi2", "fapi2-message-signing"])
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
            ({"token_endpoint_auth_method": "client_secret_jwt"}, "token_endpoint_auth_method"),
            ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
            ({"token_endpoint_auth_signing_alg": "RS256"}, "token_endpoint_auth_signing_alg"),
            ({"id_token_signed_response_alg": "RS256"}, "id_token_signed_response_alg"),
            ({"userinfo_signed_response_alg": "RS512"}, "userinfo_signed_response_alg"),
            ({"request_object_signing_alg": "RS256"}, "request_object_signing_alg"),
            ({"authorization_signed_response_alg": "RS256"}, "authorization_signed_response_alg"),
            ({"require_pkce": False}, "require_pkce"),
            ({"require_pushed_authorization_requests": False}, "require_pushed_authorization_requests"),
        ],
    )
    def test_less_is_refused(self, name: str, changes: dict[str, Any], field: str):
        for issuer, profile in ((ISSUER, {"profile": name}), (replace(ISSUER, profile=name), {})):
            with pytest.raises(InvalidMetadata) as refused:
                registered({**changes, **profile}, issuer=issuer)
            assert [problem.field for problem in refused.value.problems] == [field]

    def test_an_unsigned_request_is_less_than_message_signing(self):
        with pytest.raises(InvalidMetadata, match="require_signed_request_object must be true"):
            registered({"profile": "fapi2-message-signing", "require_signed_request_object": False})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request_object_signing_alg": "none"}, "request_object_signing_alg"),
        ({"request_object_signing_alg": "HS256"}, "request_object_signing_alg"),
        ({"authorization_signed_response_alg": "none"}, "authorization_signed_response_alg"),
        ({"request_object_encryption_alg": "RSA-OAEP"}, "request_object_encryption_alg"),
        ({"authorization_encrypted_response_alg": "RSA1_5"}, "authorization_encrypted_response_alg"),
        ({"authorization_encrypted_response_alg": "dir"}, "authorization_encrypted_response_alg"),
        ({"authorization_encrypted_response_enc": "A128GCM"}, "authorization_encrypted_response_enc"),
        ({"request_uris": ["http://ward.example/r"]}, "request_uris"),
        ({"request_uris": ["https://u:p@ward.example/r"]}, "request_uris"),
        ({"request_uris": "https://ward.example/r"}, "request_uris"),
        ({"require_pushed_authorization_requests": "yes"}, "require_pushed_authorization_requests"),
        (
            {
                "require_signed_request_object": True,
                "jwks": None,
                "token_endpoint_auth_method": "client_secret_basic",
            },
            "jwks_uri",
        ),
    ],
)
def test_registration_of_request_objects_and_signed_responses(changes: dict[str, Any], field: str):
    with pytest.raises(InvalidMetadata) as refused:
        registered(changes)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_members_of_rfc9126_rfc9101_and_jarm_come_back_as_given():
    given = {
        "require_pushed_authorization_requests": True,
        "require_signed_request_object": True,
        "request_object_signing_alg": "ES256",
        "request_uris": ["https://ward.example/r#digest"],
        "authorization_signed_response_alg": "PS256",
        "profile": "oidc-basic",
    }
    assert describe(registered(given)).items() >= given.items()


def test_discovery_is_true_of_the_encryption_of_answers():
    told = document(ISSUER, acr_values=[], grant_types=[])
    keys = [
        {**key.as_dict(private=False), "use": "enc"} for key in (RSAKey.generate_key(2048), ECKey.generate_key("P-256"))
    ]
    for kind in ("authorization", "id_token", "userinfo", "introspection"):
        for alg in (*ALGS, "RSA1_5", "dir", "A128KW", "PBES2-HS256+A128KW"):
            given = {"jwks": {"keys": keys}, f"{kind}_encrypted_response_alg": alg}
            assert registers(given, ISSUER) is (alg in told[f"{kind}_encryption_alg_values_supported"])
        for enc in (*ENCS, "XC20P"):
            given = {"jwks": {"keys": keys}, f"{kind}_encrypted_response_alg": ALGS[0]}
            given[f"{kind}_encrypted_response_enc"] = enc
            assert registers(given, ISSUER) is (enc in told[f"{kind}_encryption_enc_values_supported"])


async def refused_at_par(client: Client, parameters: dict[str, str]) -> tuple[str, str]:
    world = await provider(client)
    answer = await push(world.browser(), parameters | proof(world, client.id))
    assert answer.status_code >= 400, answer.text
    return answer.json()["error"], (await world.events())[-1].data["reason"]


@pytest.fixture
def without_ciba(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a client had been registered for what is not there."""
    monkeypatch.setattr(profiles, "OFFERED", frozenset({Feature.SENDER_CONSTRAINED_TOKENS}))


@pytest.mark.usefixtures("without_ciba")
async def test_a_profile_that_cannot_be_kept_serves_nobody():
    """Should such a client come into the store some other way."""
    client = replace(KEYED, id=ClientId("ciba"), profile="fapi-ciba")
    assert await refused_at_par(client, wanted(client_id=client.id, **PKCE)) == ("unauthorized_client", "profile_lacks")


@pytest.mark.usefixtures("without_ciba")
async def test_a_profile_that_cannot_be_kept_buys_no_token(world: World):
    await world.save(replace(WARD_CLIENT, profile="fapi-ciba"))
    code = await world.code(code_challenge=CHALLENGE)
    assertion = world.assertion(aud=ISSUER.url, key=client_key(), header={"alg": "PS256"})
    answer = await world.token(world.code_request(code, client_assertion=assertion))
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert "CIBA" in answer.json()["error_description"]


@pytest.mark.usefixtures("everything_offered")
class TestEndpoints:
    async def test_fapi2_5_3_2_2_requests_are_pushed(self):
        world = await provider(FAPI2)
        answer = told(await authorize(world.browser(), client_id=FAPI2.id, **PKCE))
        assert (answer["error"], answer["iss"]) == ("invalid_request", URL)
        assert (await world.events())[-1].data["reason"] == "not_pushed"

    async def test_fapi2_5_3_2_2_pushed_with_pkce_it_goes_on(self):
        world = await provider(FAPI2)
        browser = world.browser()
        answer = await push(browser, {**wanted(client_id=FAPI2.id, **PKCE), **proof(world, FAPI2.id)})
        begun = await arrive(browser, answer.json()["request_uri"], FAPI2.id)
        assert "code" in told(await browser.prove(begun.headers["location"].rsplit("/", 1)[1]))

    async def test_fapi2_5_3_2_2_answers_are_303_and_for_no_script_of_elsewhere(self):
        world = await provider(FAPI2)
        browser = world.browser()
        answer = await push(browser, {**wanted(client_id=FAPI2.id, **PKCE), **proof(world, FAPI2.id)})
        assert answer.json()["expires_in"] < 600
        browser.http.headers["origin"] = "https://elsewhere.example"
        begun = await arrive(browser, answer.json()["request_uri"], FAPI2.id)
        refused = await authorize(browser, client_id=FAPI2.id, **PKCE)
        del browser.http.headers["origin"]
        ended = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
        for one in (begun, refused, ended):
            assert one.status_code == 303
            assert not [name for name in one.headers if name.startswith("access-control-")]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, "pkce_missing"),
            ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "pkce_method"),
        ],
    )
    async def test_fapi2_5_3_2_2_pkce(self, changes, reason):
        assert await refused_at_par(FAPI2, wanted(client_id=FAPI2.id, **changes)) == ("invalid_request", reason)

    @pytest.mark.parametrize("aud", [f"{URL}/access_token", f"{URL}/par", [URL], URL.replace(":443", "")])
    async def test_fapi2_5_3_2_1_the_audience_is_the_issuer_alone(self, aud):
        world = await provider(FAPI2)
        parameters = {**wanted(client_id=FAPI2.id, **PKCE), **proof(world, FAPI2.id, aud=aud)}
        assert (await push(world.browser(), parameters)).json()["error"] == "invalid_client"
        assert (await world.events())[-1].data["reason"] == "assertion_audience"

    async def test_fapi2_5_4_algorithms(self, world: World):
        await world.save(replace(WARD_CLIENT, profile="fapi2"))
        answer = await world.token(world.code_request(client_assertion=world.assertion(aud=ISSUER.url)))
        assert answer.status_code == 401
        assert (await world.reasons())[-1] == "assertion_alg"

    async def test_fapi2_5_3_2_1_no_secrets(self):
        secret = replace(FAPI2, auth_method=ClientAuthMethod.CLIENT_SECRET_POST, secret=b"s" * 32)
        world = await provider(secret)
        answer = await push(world.browser(), {**wanted(client_id=secret.id, **PKCE), "client_secret": "s"})
        assert answer.status_code == 401
        assert (await world.events())[-1].data["reason"] == "method_not_registered"

    async def test_message_signing_5_3_1_requests_are_signed(self):
        unsigned = wanted(client_id=SIGNING.id, response_mode="jwt", **PKCE)
        assert await refused_at_par(SIGNING, unsigned) == ("invalid_request", "not_signed")

    async def test_message_signing_5_4_responses_are_signed(self):
        world = await provider(SIGNING)
        browser = world.browser()
        plain = request_object(world, client_id=SIGNING.id, iss=SIGNING.id, **PKCE)
        answer = await push(browser, {"request": plain, **proof(world, SIGNING.id)})
        assert (answer.json()["error"], (await world.events())[-1].data["reason"]) == (
            "invalid_request",
            "response_not_signed",
        )
        good = request_object(world, client_id=SIGNING.id, iss=SIGNING.id, response_mode="jwt", **PKCE)
        answer = await push(browser, {"request": good, **proof(world, SIGNING.id)})
        begun = await arrive(browser, answer.json()["request_uri"], SIGNING.id)
        alg, claims = response(await browser.prove(begun.headers["location"].rsplit("/", 1)[1]))
        assert (alg, claims["aud"]) == ("PS256", SIGNING.id)

    async def test_message_signing_errors_are_signed_too(self):
        world = await provider(SIGNING)
        alg, claims = response(await authorize(world.browser(), client_id=SIGNING.id))
        assert (alg, claims["error"]) == ("PS256", "invalid_request")


@pytest.mark.parametrize("name", PROFILES)
def test_discovery_lists_what_each_profile_takes_and_nothing_else(name: str):
    """Everything listed can be registered, and what is not listed cannot."""
    row = PROFILES[name]
    everything = {"api_host": "https://api.example.test", "client_authorities": True, "client_attesters": True}
    issuer = replace(ISSUER, profile=name, **everything)
    told = document(issuer, acr_values=[], grant_types=[])
    methods = told["token_endpoint_auth_methods_supported"]
    assert set(methods) == {method.value for method in row.auth_methods}
    for member in ("id_token", "userinfo", "authorization", "request_object"):
        assert set(told[f"{member}_signing_alg_values_supported"]) == row.algs
    macs = {"HS256", "HS384", "HS512"} if "client_secret_jwt" in methods else set()
    assert set(told["token_endpoint_auth_signing_alg_values_supported"]) == row.algs | macs
    assert told["require_pushed_authorization_requests"] is row.require_par
    assert told["require_signed_request_object"] is row.require_signed_request
    assert ("query" in told["response_modes_supported"]) is not row.require_signed_response
    assert told.get("authorization_response_iss_parameter_supported", False) is row.announce_iss
    assert row.algs <= ASYMMETRIC


SYMMETRIC_OR_NONE = ("HS256", "HS384", "HS512", "none", "ES256K")
CHOICES: dict[str, tuple[str, tuple[str, ...]]] = {
    **{
        f"{told}_signing_alg_values_supported": (f"{member}_alg", (*sorted(ASYMMETRIC), *SYMMETRIC_OR_NONE))
        for told, member in (
            ("id_token", "id_token_signed_response"),
            ("userinfo", "userinfo_signed_response"),
            ("authorization", "authorization_signed_response"),
            ("introspection", "introspection_signed_response"),
            ("request_object", "request_object_signing"),
            ("backchannel_authentication_request", "backchannel_authentication_request_signing"),
        )
    },
    "subject_types_supported": ("subject_type", ("public", "pairwise", "ephemeral")),
    "backchannel_token_delivery_modes_supported": ("backchannel_token_delivery_mode", ("poll", "ping", "push", "pull")),
    "token_endpoint_auth_methods_supported": (
        "token_endpoint_auth_method",
        (*(method.value for method in ClientAuthMethod), "client_secret_cookie"),
    ),
}
"""What discovery offers: the member by which a client chooses from it, and what it may try."""
NEEDED = {
    "tls_client_auth": {"tls_client_auth_subject_dn": "CN=bank"},
    "self_signed_tls_client_auth": {"jwks": {"keys": [SELF_SIGNED.jwk]}},
    CIBA: {"backchannel_token_delivery_mode": "poll"},
}
"""What a choice cannot be made without."""


def of_profile(name: str) -> tuple[Issuer, dict[str, Any]]:
    """An issuer with everything that there is, and its discovery document."""
    everything: dict[str, Any] = {"client_authorities": True, "client_attesters": True}
    issuer = replace(ISSUER, profile=name, api_host="https://api.example.test", **everything)
    return issuer, document(issuer, acr_values=[], grant_types=sorted(GRANT_TYPES))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("told", CHOICES)
def test_a_client_can_choose_what_discovery_offers_and_nothing_else(name: str, told: str):
    issuer, discovery = of_profile(name)
    member, tried = CHOICES[told]
    at = {"backchannel_client_notification_endpoint": "https://bank.example/ciba"}
    taken = [value for value in tried if registers({**at, **NEEDED.get(value, {}), member: value}, issuer)]
    assert set(taken) == set(discovery[told])


@pytest.mark.parametrize("name", PROFILES)
def test_a_client_can_have_the_grants_that_discovery_offers_and_no_others(name: str):
    issuer, discovery = of_profile(name)
    tried = (*sorted(GRANT_TYPES), "implicit", "password", "urn:ietf:params:oauth:grant-type:saml2-bearer")
    taken = [one for one in tried if registers({"grant_types": [one], **NEEDED.get(one, {})}, issuer)]
    assert set(taken) == set(discovery["grant_types_supported"])
    assert registers({"response_types": discovery["response_types_supported"]}, issuer)
    for other in ("id_token", "token", "code id_token", "none"):
        assert not registers({"response_types": [other]}, issuer)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.usefixtures("everything_offered")
async def test_discovery_is_true_of_the_endpoints_too(name: str):
    issuer = replace(ISSUER, profile=name)
    told = document(issuer, acr_values=[], grant_types=[])
    for alg in ASYMMETRIC:
        listed = alg in told["id_token_signing_alg_values_supported"]
        assert registers({"id_token_signed_response_alg": alg}, issuer) is listed
    for method in ClientAuthMethod:
        listed = method.value in told["token_endpoint_auth_methods_supported"]
        assert registers({"token_endpoint_auth_method": method.value}, issuer) is listed
    world = await provider(KEYED, profile=name)
    for mode in ("query", "form_post", "jwt", "query.jwt", "form_post.jwt", "fragment", "fragment.jwt", "web_message"):
        signed = request_object(world, response_mode=mode, **PKCE)
        answer = await push(world.browser(), {"request": signed, **proof(world)})
        assert (answer.status_code == 201) is (mode in told["response_modes_supported"]), (mode, answer.text)
    pushed_alone = told["require_pushed_authorization_requests"]
    answer = await authorize(world.browser(), response_mode="jwt", request=request_object(world, **PKCE))
    assert answer.headers["location"].startswith("/login/") is not pushed_alone


@pytest.mark.parametrize("name", ["cis2", "fapi2"])
async def test_discovery_is_true_of_dpop(name: str):
    told = document(replace(ISSUER, profile=name), acr_values=[], grant_types=[])
    world = await provider(KEYED, profile=name)
    for alg in ASYMMETRIC:
        proven = dpop_proof(world, alg=alg, htu=f"{world.issuer.url}/par")  # type: ignore[arg-type]
        answer = await push(world.browser(), {**wanted(**PKCE), **proof(world)}, dpop=proven)
        listed = alg in told["dpop_signing_alg_values_supported"]
        assert (answer.status_code == 201) is listed, (alg, answer.text)


def registers(changes: dict[str, Any], issuer: Issuer) -> bool:
    try:
        registered(changes, issuer=issuer)
    except InvalidMetadata:
        return False
    return True
