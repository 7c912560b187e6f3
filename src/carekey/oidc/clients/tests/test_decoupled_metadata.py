"""Registration of clients that have no browser at hand."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc.clients.grant_types import CIBA, DEVICE
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.model import Client
from carekey.oidc.profiles import PROFILES, may_push
from carekey.oidc.tests.world import ISSUER, NOW, client_key

ASKS: dict[str, Any] = {
    "client_name": "Pharmacy desk",
    "grant_types": [CIBA, "refresh_token"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [client_key().as_dict(private=False)]},
    "backchannel_token_delivery_mode": "ping",
    "backchannel_client_notification_endpoint": "https://desk.example/ciba",
    "backchannel_authentication_request_signing_alg": "PS256",
}


def registered(**changes: Any) -> Client:
    given = {name: value for name, value in {**ASKS, **changes}.items() if value is not None}
    return parse(given, id=ClientId("desk"), issuer=ISSUER, now=NOW)


def test_ciba_4_registration() -> None:
    client = registered()
    assert describe(client).items() >= ASKS.items()
    assert parse(describe(client), id=client.id, issuer=ISSUER, now=NOW) == client
    assert registered(backchannel_user_code_parameter=False) == client
    with_code = registered(backchannel_user_code_parameter=True)
    assert (client.ciba_user_code, with_code.ciba_user_code) == (False, True)
    assert describe(with_code)["backchannel_user_code_parameter"] is True
    assert parse(describe(with_code), id=client.id, issuer=ISSUER, now=NOW) == with_code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"backchannel_token_delivery_mode": None}, "backchannel_token_delivery_mode"),
        ({"backchannel_token_delivery_mode": "pull"}, "backchannel_token_delivery_mode"),
        ({"backchannel_client_notification_endpoint": None}, "backchannel_client_notification_endpoint"),
        (
            {
                "backchannel_client_notification_endpoint": "http://desk.example/ciba",
                "backchannel_token_delivery_mode": "poll",
            },
            "backchannel_client_notification_endpoint",
        ),
        ({"backchannel_authentication_request_signing_alg": "none"}, "backchannel_authentication_request_signing_alg"),
        ({"backchannel_authentication_request_signing_alg": "HS256"}, "backchannel_authentication_request_signing_alg"),
        ({"backchannel_user_code_parameter": "yes"}, "backchannel_user_code_parameter"),
        (
            {"backchannel_token_delivery_mode": "push", "dpop_bound_access_tokens": True},
            "backchannel_token_delivery_mode",
        ),
        ({"jwks": None, "token_endpoint_auth_method": "client_secret_basic"}, "jwks_uri"),
    ],
)
def test_ciba_4_registration_refusals(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        registered(**changes)
    assert {problem.field for problem in refused.value.problems} == {field}


def test_tokens_that_are_bound_to_a_key_are_not_pushed() -> None:
    client = registered(backchannel_token_delivery_mode="push")
    assert may_push(client, PROFILES["cis2"])
    for bound in ("dpop_bound_access_tokens", "certificate_bound_access_tokens"):
        assert not may_push(replace(client, **{bound: True}), PROFILES["cis2"])
    assert not any(may_push(client, PROFILES[name]) for name in ("fapi2", "fapi2-message-signing", "fapi-ciba"))


def test_a_client_without_credentials_cannot_ask_for_people() -> None:
    with pytest.raises(InvalidMetadata, match="a client without credentials cannot use"):
        registered(token_endpoint_auth_method="none")


def test_rfc8628_a_device_needs_neither_credentials_nor_redirect_address() -> None:
    device = {"client_name": "Trolley", "grant_types": [DEVICE], "token_endpoint_auth_method": "none"}
    client = parse(device, id=ClientId("trolley"), issuer=ISSUER, now=NOW)
    assert (client.grant_types, client.redirect_uris) == ((DEVICE,), ())


SECTORS = replace(ISSUER, profile="oidc-basic")
KEYS_AT = "https://desk.example/jwks"
ENDPOINT = "https://desk.example/ciba"


def paired(**changes: Any) -> Client:
    """A client that people are known to by names of its sector."""
    given = {**ASKS, "jwks": None, "jwks_uri": KEYS_AT, "subject_type": "pairwise", **changes}
    given = {name: value for name, value in given.items() if value is not None}
    return parse(given, id=ClientId("desk"), issuer=SECTORS, now=NOW)


@pytest.mark.parametrize(
    ("changes", "sector"),
    [
        ({"backchannel_token_delivery_mode": "poll"}, "desk.example"),
        ({}, "desk.example"),
        ({"backchannel_token_delivery_mode": "push", "jwks_uri": "https://keys.example/jwks"}, "desk.example"),
        ({"grant_types": [DEVICE], "backchannel_token_delivery_mode": None}, "desk.example"),
        (
            {"grant_types": ["authorization_code", CIBA], "redirect_uris": ["https://desk.example/callback"]},
            "desk.example",
        ),
        ({"sector_identifier_uri": "https://sector.example/uris.json"}, "sector.example"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "desk.example"),
    ],
)
def test_ciba_6_the_sector_is_where_the_keys_are_or_where_tokens_are_pushed(
    changes: dict[str, Any], sector: str
) -> None:
    client = paired(**changes)
    assert client.sector == sector
    assert parse(describe(client), id=client.id, issuer=SECTORS, now=NOW) == client


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"jwks_uri": None, "jwks": ASKS["jwks"]}, "jwks_uri"),
        (
            {
                "jwks_uri": None,
                "jwks": ASKS["jwks"],
                "grant_types": ["authorization_code", CIBA],
                "redirect_uris": ["https://bank.example/callback"],
            },
            "jwks_uri",
        ),
        (
            {"grant_types": ["authorization_code", CIBA], "redirect_uris": ["https://bank.example/callback"]},
            "sector_identifier_uri",
        ),
        (
            {
                "token_endpoint_auth_method": "client_secret_post",
                "backchannel_authentication_request_signing_alg": None,
            },
            "token_endpoint_auth_method",
        ),
        (
            {"grant_types": [DEVICE], "token_endpoint_auth_method": "client_secret_post"},
            "token_endpoint_auth_method",
        ),
        ({"grant_types": [DEVICE], "token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
    ],
)
def test_ciba_6_who_does_not_prove_where_it_belongs_joins_no_sector(changes: dict[str, Any], field: str) -> None:
    """A redirect address proves nothing of whoever is never sent back to: it can be anybody's."""
    with pytest.raises(InvalidMetadata) as refused:
        paired(**changes)
    assert [problem.field for problem in refused.value.problems] == [field]
