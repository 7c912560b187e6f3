"""Libraries that we did not write log somebody in under the FAPI 2.0 profiles: pushed requests, PKCE, tokens bound by
DPoP with nonces of the server's choice, a refresh, and userinfo."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests_oauth2client
from joserfc.jwk import ECKey

from support import node
from support.person import Person
from support.processes import free_port
from support.provider import NURSE, Provider, carekey

CALLBACK = "https://app.example.test/auth/callback"
ACR = "AAL1_USERPASS"


@pytest.fixture(scope="module")
def fapi2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """An issuer of each profile; both want nonces."""
    port = free_port()
    settings: dict[str, str] = {}
    for name, url, profile in (
        ("HEALTHCARE", f"http://localhost:{port}", "fapi2"),
        ("SANDBOX", f"http://localhost:{port}/sandbox", "fapi2-message-signing"),
    ):
        settings |= {
            f"ISSUERS__{name}__URL": url,
            f"ISSUERS__{name}__PROFILE": profile,
            f"ISSUERS__{name}__DPOP_NONCE": "required",
            f"ISSUERS__{name}__SANDBOX": "true",
            f"ISSUERS__{name}__WAYS": '["password"]',
        }
    with carekey(tmp_path_factory.mktemp("fapi2"), port=port, **settings) as running:
        yield running


def registered(provider: Provider, key: ECKey, issuer: str) -> str:
    metadata: dict[str, Any] = {
        "client_name": "A bank",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    client_id: str = provider.register(metadata, issuer=issuer)["client_id"]
    return client_id


def nurse(provider: Provider) -> Person:
    return Person(user=NURSE, password=provider.people[NURSE]["sandbox_password"])


def log_in(provider: Provider, address: str) -> str:
    end = nurse(provider).log_in(address, until=CALLBACK, way="password", role="Nurse")
    assert isinstance(end, str), f"stopped at the page {end.heading}"
    return end


class Node:
    """The program, spoken to in lines of JSON."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [node.node(), node.packages().parent / program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, **message: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(self._process.communicate(timeout=10)[1])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.node
@pytest.mark.parametrize("issuer", ["healthcare", "sandbox"], ids=["fapi2", "fapi2-message-signing"])
def test_openid_client_under_fapi2(fapi2: Provider, issuer: str) -> None:
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    party = Node("fapi2.mjs")
    try:
        begun = party.ask(
            issuer=fapi2.issuer if issuer == "healthcare" else fapi2.sandbox,
            client_id=registered(fapi2, key, issuer),
            key=key.as_dict(private=True),
            redirect_uri=CALLBACK,
            scope="openid profile",
            acr_values=ACR,
            signed=issuer == "sandbox",
        )
        callback = log_in(fapi2, begun["authorize"])
        assert ("response=" in callback) is (issuer == "sandbox")
        told = party.ask(callback=callback)
    finally:
        party.end()
    assert told["userinfo"]["name"] == told["again"]["name"] == "Niamh O'Sullivan"
    assert [told[one]["token_type"] for one in ("first", "second")] == ["dpop", "dpop"]
    assert told["first"]["access_token"] != told["second"]["access_token"]
    assert told["first"]["refresh_token"] == told["second"]["refresh_token"]
    assert (told["introspected"]["active"], told["introspected"]["token_type"]) == (True, "DPoP")
    assert set(told["introspected"]["cnf"]) == {"jkt"}
    assert (told["stolen"], told["naked"]) == ("invalid_token", 401)
    par = [status for path, status in told["answers"] if path.endswith("/par")]
    assert par == [400, 201], "the first proof had no nonce, and the second had it"
    tokens = [status for path, status in told["answers"] if path.endswith("/access_token")]
    assert tokens == [200, 200], "the nonce of the pushed request still served"


def test_requests_oauth2client_under_fapi2(fapi2: Provider) -> None:
    """It names its key by `dpop_jkt` instead of pushing a proof."""
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    client_id = registered(fapi2, key, "healthcare")
    with requests_oauth2client.OAuth2Client.from_discovery_endpoint(
        issuer=fapi2.issuer,
        auth=requests_oauth2client.PrivateKeyJwt(client_id, key.as_dict(private=True), alg="ES256", aud=fapi2.issuer),
        redirect_uri=CALLBACK,
        id_token_signed_response_alg="PS256",
        dpop_bound_access_tokens=True,
        testing=True,
    ) as party:
        asked = party.authorization_request(scope="openid profile", acr_values=ACR, dpop=True)
        pushed = party.pushed_authorization_request(asked)
        answer = asked.validate_callback(log_in(fapi2, pushed.uri))
        first = party.authorization_code(answer)
        second = party.refresh_token(first, dpop_key=first.dpop_key)
        for token in (first, second):
            assert token.token_type == "DPoP"
            assert party.userinfo(token)["name"] == "Niamh O'Sullivan"
