from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId
from carekey.oidc.clients.metadata import POLICY, InvalidMetadata, describe, parse, redirect_uri_registered
from carekey.oidc.model import ClientAuthMethod, Issuer, Resource
from carekey.oidc.tests.world import HEALTHCARE, ISSUER, JWKS_URI, NOW, client_key

JWKS = {"keys": [client_key().as_dict(private=False)]}
SANDBOX = Issuer(name=HEALTHCARE, url="http://localhost:8000", private_fetches=True)
WARD = {
    "client_name": "Ward 7",
    "redirect_uris": ["https://ward.example/callback"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks_uri": JWKS_URI,
}


def client_of(changes: dict[str, Any] | None = None, *, issuer: Issuer = ISSUER):
    metadata = {name: value for name, value in {**WARD, **(changes or {})}.items() if value is not None}
    return parse(metadata, id=ClientId("ward"), issuer=issuer, now=NOW)


def problems_of(changes: dict[str, Any], *, issuer: Issuer = ISSUER) -> list[str]:
    with pytest.raises(InvalidMetadata) as refused:
        client_of(changes, issuer=issuer)
    return [problem.field for problem in refused.value.problems]


def test_registration_2_a_client_by_its_metadata() -> None:
    client = client_of(
        {
            "grant_types": ["authorization_code", "client_credentials"],
            "scope": "openid profile",
            "token_endpoint_auth_signing_alg": "RS512",
            "id_token_signed_response_alg": "ES256",
            "userinfo_signed_response_alg": "PS256",
            "default_max_age": 900,
            "default_acr_values": ["AAL2_OR_AAL3_ANY"],
            "minimum_aal": 3,
            "require_pkce": True,
            "post_logout_redirect_uris": ["https://ward.example/bye"],
            "contacts": ["ward@trust.example"],
            "client_uri": "https://ward.example",
            "listed": True,
            "consent": True,
        }
    )
    assert client.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
    assert client.scopes == {"openid", "profile"}
    assert client.minimum_aal is AAL.AAL3
    assert client.id_token_alg == "ES256"
    assert client.require_pkce
    assert client.listed
    assert client.consent
    assert client.metadata == {}


def test_registration_2_the_defaults_are_those_of_the_standard() -> None:
    client = client_of({"token_endpoint_auth_method": None, "jwks_uri": None})
    assert client.auth_method is ClientAuthMethod.CLIENT_SECRET_BASIC
    assert client.grant_types == ("authorization_code",)
    assert client.id_token_alg == "RS256"
    assert client.userinfo_alg is None
    assert client.scopes is None
    assert not client.require_pkce


def test_cis2_9_2_its_own_registration_is_understood() -> None:
    client = client_of(
        {
            "description": "Invented example",
            "jwks_uri_signing_algorithm": "RS512",
            "backchannel_logout_uri": "https://ward.example/backchannel-logout",
        }
    )
    assert client.auth_signing_alg == "RS512"
    assert client.backchannel_logout_uri == "https://ward.example/backchannel-logout"
    assert client.metadata == {"description": "Invented example"}


LOGOUT = {
    "backchannel_logout_uri": "https://ward.example/backchannel-logout?tenant=1",
    "backchannel_logout_session_required": True,
    "frontchannel_logout_uri": "https://ward.example:443/frontchannel-logout",
    "frontchannel_logout_session_required": True,
}


def test_backchannel_2_2_and_frontchannel_2_logout_addresses_are_registered_and_told() -> None:
    described = describe(client_of(LOGOUT))
    assert {name: described[name] for name in LOGOUT} == LOGOUT
    assert not LOGOUT.keys() & describe(client_of({})).keys()


def test_members_that_we_do_not_know_are_kept_as_they_came() -> None:
    assert client_of({"software_id": "x", "software_version": ["odd"]}).metadata == {
        "software_id": "x",
        "software_version": ["odd"],
    }


def test_a_public_client_must_use_pkce() -> None:
    assert client_of({"token_endpoint_auth_method": "none", "jwks_uri": None}).require_pkce


def test_a_native_application_keeps_its_free_port() -> None:
    client = client_of({"application_type": "native", "redirect_uris": ["http://127.0.0.1/cb"]})
    assert redirect_uri_registered(client, "http://127.0.0.1:51004/cb")
    assert not redirect_uri_registered(client_of(), "https://ward.example/callback2")


def test_a_sandbox_takes_addresses_on_loopback() -> None:
    local = {"redirect_uris": ["http://localhost:8001/cb"], "jwks_uri": "http://localhost:8001/jwks.json"}
    assert client_of(local, issuer=SANDBOX).jwks_uri == "http://localhost:8001/jwks.json"
    assert problems_of(local) == ["jwks_uri", "redirect_uris"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"client_name": None}, "client_name"),
        ({"client_name": ""}, "client_name"),
        ({"client_name": 7}, "client_name"),
        ({"client_name": "a\x00b"}, "client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://ward.example/callback"}, "redirect_uris"),
        ({"redirect_uris": ["https://ward.example/cb#x"]}, "redirect_uris"),
        ({"redirect_uris": ["https://ok.example/", 7]}, "redirect_uris"),
        ({"post_logout_redirect_uris": ["javascript:alert(1)"]}, "post_logout_redirect_uris"),
        ({"application_type": "desktop"}, "application_type"),
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"grant_types": ["authorization_code", "password"]}, "grant_types"),
        ({"response_types": ["code", "id_token"]}, "response_types"),
        ({"subject_type": "pairwise"}, "subject_type"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_signing_alg": "HS256"}, "token_endpoint_auth_signing_alg"),
        ({"token_endpoint_auth_signing_alg": "none"}, "token_endpoint_auth_signing_alg"),
        ({"jwks_uri_signing_algorithm": "none"}, "jwks_uri_signing_algorithm"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg"),
        ({"id_token_signed_response_alg": "HS256"}, "id_token_signed_response_alg"),
        ({"userinfo_signed_response_alg": "none"}, "userinfo_signed_response_alg"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "id_token_encrypted_response_alg"),
        ({"jwks_uri": None}, "jwks_uri"),
        ({"jwks_uri": "http://ward.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "https://user@ward.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "https://[/jwks"}, "jwks_uri"),
        ({"jwks": JWKS}, "jwks"),
        ({"jwks_uri": None, "jwks": []}, "jwks"),
        ({"jwks_uri": None, "jwks": {}}, "jwks"),
        ({"jwks_uri": None, "jwks": {"keys": []}}, "jwks"),
        ({"jwks_uri": None, "jwks": {"keys": [client_key().as_dict(private=True)]}}, "jwks"),
        ({"default_max_age": -1}, "default_max_age"),
        ({"default_max_age": True}, "default_max_age"),
        ({"default_max_age": "900"}, "default_max_age"),
        ({"minimum_aal": 4}, "minimum_aal"),
        ({"listed": "yes"}, "listed"),
        ({"scope": ["openid"]}, "scope"),
        ({"backchannel_logout_uri": "http://ward.example/logout"}, "backchannel_logout_uri"),
        ({"backchannel_logout_uri": "https://ward.example/logout#x"}, "backchannel_logout_uri"),
        ({"backchannel_logout_session_required": "yes"}, "backchannel_logout_session_required"),
        ({"frontchannel_logout_uri": "https://other.example/logout"}, "frontchannel_logout_uri"),
        ({"frontchannel_logout_uri": "https://ward.example:8443/logout"}, "frontchannel_logout_uri"),
        ({"frontchannel_logout_uri": "http://ward.example/logout"}, "frontchannel_logout_uri"),
        ({"logo_uri": "data:image/png,x"}, "logo_uri"),
    ],
)
def test_what_is_wrong_is_told_by_field(changes: dict[str, Any], field: str) -> None:
    assert problems_of(changes) == [field]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems_of(
        {"client_name": None, "minimum_aal": 9, "redirect_uris": ["http://a.example/", "https://b.example/#"]}
    )
    assert sorted(found) == ["client_name", "minimum_aal", "redirect_uris", "redirect_uris"]


def test_rfc7591_3_2_2_the_code_says_whether_it_is_about_redirects() -> None:
    with pytest.raises(InvalidMetadata) as refused:
        client_of({"redirect_uris": []})
    assert refused.value.code == "invalid_redirect_uri"
    with pytest.raises(InvalidMetadata) as refused:
        client_of({"client_name": None})
    assert refused.value.code == "invalid_client_metadata"


def test_clients_without_credentials_have_no_client_credentials() -> None:
    none = {"token_endpoint_auth_method": "none", "jwks_uri": None, "grant_types": ["client_credentials"]}
    assert problems_of(none) == ["grant_types"]


def test_what_is_described_can_be_registered_again() -> None:
    client = client_of({"minimum_aal": 2, "application_type": "native", "software_id": "x", "scope": "openid email"})
    described = describe(client)
    assert described["client_id"] == "ward"
    again = parse(described, id=client.id, issuer=ISSUER, now=NOW)
    assert again == client


NAMES = [
    *("client_name", "redirect_uris", "jwks", "jwks_uri", "grant_types", "scope", "default_max_age", "contacts"),
    *("application_type", "token_endpoint_auth_method", "id_token_signed_response_alg", "minimum_aal", "listed"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JSON, max_size=8))
def test_any_metadata_ends_in_a_client_or_in_problems(metadata: dict[str, Any]) -> None:
    with suppress(InvalidMetadata):
        assert client_of(metadata).name


RECORDS = "https://records.example"
WITH_RESOURCES = replace(ISSUER, resources={RECORDS: Resource(uri=RECORDS)})
POWER: dict[str, Any] = {
    "offline_access": True,
    "resources": [RECORDS],
    "resource_server_for": [RECORDS],
    "introspect_any": True,
    "token_exchange_from": {"gateway": "delegation", "desk": "impersonation"},
    "assert_people": True,
}


def test_what_gives_power_over_tokens_is_for_an_operator_to_set() -> None:
    assert set(POWER) == set(POLICY)
    for field, value in POWER.items():
        assert problems_of({field: value}, issuer=WITH_RESOURCES) == [field]
    client = parse({**WARD, **POWER}, id=ClientId("ward"), issuer=WITH_RESOURCES, now=NOW, by_operator=True)
    described = describe(client)
    assert {field: described[field] for field in POWER} == POWER
    assert parse(described, id=client.id, issuer=WITH_RESOURCES, now=NOW, by_operator=True) == client


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resources", ["https://elsewhere.example"]),
        ("resource_server_for", ["https://elsewhere.example"]),
        ("resources", RECORDS),
        ("token_exchange_from", {"gateway": "anything"}),
        ("token_exchange_from", ["gateway"]),
        ("assert_people", "yes"),
        ("introspection_signed_response_alg", "HS256"),
        ("introspection_encrypted_response_alg", "RSA1_5"),
    ],
)
def test_wrong_policies_are_told_by_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        parse({**WARD, field: value}, id=ClientId("ward"), issuer=WITH_RESOURCES, now=NOW, by_operator=True)
    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("grant", ["token-exchange", "jwt-bearer"])
def test_grants_that_need_credentials_are_not_for_public_clients(grant: str) -> None:
    public = {"token_endpoint_auth_method": "none", "jwks_uri": None}
    grants = ["authorization_code", f"urn:ietf:params:oauth:grant-type:{grant}"]
    assert problems_of({**public, "grant_types": grants}) == ["grant_types"]
