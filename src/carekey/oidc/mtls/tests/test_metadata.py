"""What clients register for mutual TLS (RFC 8705 sections 2.1.2, 2.2.2 and 3.4)."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.model import Issuer, SubjectName
from carekey.oidc.mtls.tests.world import API_HOST, SELF_SIGNED
from carekey.oidc.tests.world import ISSUER, JWKS_URI, NOW, client_key

OFFERED = replace(ISSUER, api_host=API_HOST, client_authorities=True)
WARD = {"client_name": "Ward 7", "redirect_uris": ["https://ward.example/callback"]}
PKI = {"token_endpoint_auth_method": "tls_client_auth"}
SELF = {"token_endpoint_auth_method": "self_signed_tls_client_auth"}


def problems(changes: dict[str, Any], issuer: Issuer = OFFERED) -> list[str]:
    with pytest.raises(InvalidMetadata) as refused:
        parse({**WARD, **changes}, id=ClientId("ward"), issuer=issuer, now=NOW)
    return [problem.field for problem in refused.value.problems]


@pytest.mark.parametrize(
    "given",
    [
        {**PKI, "tls_client_auth_subject_dn": "CN=ward,O=Example Trust,C=GB"},
        {**PKI, "tls_client_auth_subject_dn": "cn=ward, o=Example\\, Trust"},
        {**PKI, "tls_client_auth_san_dns": "ward.example.test"},
        {**PKI, "tls_client_auth_san_uri": "urn:example:ward"},
        {**PKI, "tls_client_auth_san_ip": "2001:db8::1"},
        {**PKI, "tls_client_auth_san_email": "ward@example.test"},
        {**SELF, "jwks": {"keys": [SELF_SIGNED.jwk]}},
        {**SELF, "jwks_uri": JWKS_URI},
        {"tls_client_certificate_bound_access_tokens": True},
    ],
)
def test_rfc8705_2_1_2_registered_and_told_again(given: dict[str, Any]) -> None:
    client = parse({**WARD, **given}, id=ClientId("ward"), issuer=OFFERED, now=NOW)
    told = describe(client)
    assert {name: told[name] for name in given} == given


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (PKI, ["tls_client_auth_subject_dn"]),
        (
            {**PKI, "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_uri": "urn:a"},
            ["tls_client_auth_san_uri"],
        ),
        ({**PKI, "tls_client_auth_subject_dn": ""}, ["tls_client_auth_subject_dn"]),
        ({**PKI, "tls_client_auth_subject_dn": 7}, ["tls_client_auth_subject_dn"]),
        ({**PKI, "tls_client_auth_subject_dn": "ward"}, ["tls_client_auth_subject_dn"]),
        ({**PKI, "tls_client_auth_subject_dn": "NOSUCH=ward"}, ["tls_client_auth_subject_dn"]),
        ({**PKI, "tls_client_auth_san_dns": "wärd.example"}, ["tls_client_auth_san_dns"]),
        ({**PKI, "tls_client_auth_san_uri": "ward"}, ["tls_client_auth_san_uri"]),
        ({**PKI, "tls_client_auth_san_ip": "192.0.2.0/24"}, ["tls_client_auth_san_ip"]),
        ({**PKI, "tls_client_auth_san_email": "ward"}, ["tls_client_auth_san_email"]),
        ({"tls_client_auth_san_dns": "ward.example"}, ["tls_client_auth_san_dns"]),
        (SELF, ["jwks_uri"]),
        ({**SELF, "jwks": {"keys": [client_key().as_dict(private=False)]}}, ["jwks"]),
        ({**SELF, "jwks": {"keys": [{**SELF_SIGNED.jwk, "x5c": ["!"]}]}}, ["jwks"]),
        ({**SELF, "jwks": {"keys": [{**SELF_SIGNED.jwk, "x5c": 7}]}}, ["jwks"]),
        ({**SELF, "jwks": {"no": "keys"}}, ["jwks"]),
        ({"tls_client_certificate_bound_access_tokens": "yes"}, ["tls_client_certificate_bound_access_tokens"]),
    ],
)
def test_rfc8705_2_1_2_refused_registrations(given: dict[str, Any], fields: list[str]) -> None:
    assert problems(given) == fields


def test_what_is_not_configured_cannot_be_registered() -> None:
    pki = {**PKI, "tls_client_auth_san_dns": "ward.example"}
    assert problems(pki, replace(OFFERED, client_authorities=False)) == [
        "token_endpoint_auth_method",
        "tls_client_auth_san_dns",
    ]
    assert problems({**SELF, "jwks_uri": JWKS_URI}, ISSUER) == ["token_endpoint_auth_method"]
    bound = "tls_client_certificate_bound_access_tokens"
    assert problems({bound: True}, ISSUER) == [bound]


def test_rfc8705_2_1_2_the_name_is_kept_by_its_kind() -> None:
    client = parse({**WARD, **PKI, "tls_client_auth_san_ip": "192.0.2.9"}, id=ClientId("a"), issuer=OFFERED, now=NOW)
    assert client.certificate_name == {SubjectName.IP: "192.0.2.9"}
