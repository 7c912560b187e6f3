"""A library that we did not write registers itself, and logs somebody in: the ID token and userinfo are encrypted to it,
and it knows the person by a pairwise subject."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from joserfc.jwk import ECKey

from journeys.test_fapi2 import ACR, CALLBACK, Node, log_in
from support.processes import free_port
from support.provider import NURSE, Provider, carekey

KEY = ECKey.generate_key("P-256", {"use": "enc", "kid": "enc-1"})
METADATA: dict[str, Any] = {
    "client_name": "An application that registered itself",
    "redirect_uris": [CALLBACK],
    "subject_type": "pairwise",
    "jwks": {"keys": [KEY.as_dict(private=False)]},
    "userinfo_signed_response_alg": "RS256",
    **{
        f"{told}_encrypted_response_{name}": value
        for told in ("id_token", "userinfo")
        for name, value in (("alg", "ECDH-ES+A256KW"), ("enc", "A256GCM"))
    },
}


@pytest.fixture(scope="module")
def registering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    port = free_port()
    settings = {
        "ISSUERS__HEALTHCARE__URL": f"http://localhost:{port}",
        "ISSUERS__HEALTHCARE__PROFILE": "oidc-basic",
        "ISSUERS__HEALTHCARE__SANDBOX": "true",
        "ISSUERS__HEALTHCARE__WAYS": '["password"]',
        "ISSUERS__HEALTHCARE__REGISTRATION__WHO": "token",
        "ISSUERS__HEALTHCARE__ENCRYPTED_REQUESTS": "true",
    }
    with carekey(tmp_path_factory.mktemp("registering"), port=port, **settings) as running:
        yield running


def initial_access(provider: Provider, *options: str) -> str:
    made = provider.json("clients", "initial-access", "create", "--note", "A test", *options)
    token: str = made["initial_access_token"]
    return token


@pytest.mark.node
def test_openid_client_registers_itself_and_is_told_everything_encrypted(registering: Provider) -> None:
    party = Node("registration.mjs")
    try:
        begun = party.ask(
            issuer=registering.issuer,
            initial_access_token=initial_access(registering, "--first-party"),
            metadata=METADATA,
            key=KEY.as_dict(private=True),
            acr_values=ACR,
        )
        told = party.ask(callback=log_in(registering, begun["authorize"]))
    finally:
        party.end()
    assert begun["registered"]["registration_client_uri"].startswith(f"{registering.issuer}/register?client_id=")
    assert told["raw"].count(".") == 4
    assert told["claims"]["sub"] == told["userinfo"]["sub"] != NURSE
    assert told["claims"]["aud"] == begun["registered"]["client_id"]


def test_the_operator_makes_lists_and_takes_back_initial_access_tokens(registering: Provider) -> None:
    token = initial_access(registering, "--uses", "2", "--host", "app.example.test", "--scope", "openid")
    register = {"json": {"client_name": "A", "redirect_uris": [CALLBACK]}, "timeout": 10}
    headers = {"authorization": f"Bearer {token}"}
    first = requests.post(f"{registering.issuer}/register", headers=headers, **register)
    assert first.status_code == 201, first.text
    assert first.json()["scope"] == "openid"
    kept = next(one for one in registering.json("clients", "initial-access", "list") if one.get("hosts"))
    assert kept["uses_left"] == 1
    assert token not in str(kept)
    assert registering.run("clients", "initial-access", "remove", kept["id"]).returncode == 0
    assert registering.run("clients", "initial-access", "remove", kept["id"]).returncode == 3
    assert requests.post(f"{registering.issuer}/register", headers=headers, **register).status_code == 401


def test_rfc7592_2_what_was_registered_is_read_changed_and_removed_at_its_address(registering: Provider) -> None:
    """At an issuer without a path, whose addresses are among those of every page of the service."""
    about = {"client_name": "A", "redirect_uris": [CALLBACK]}
    initial = {"authorization": f"Bearer {initial_access(registering)}"}
    told = requests.post(f"{registering.issuer}/register", headers=initial, json=about, timeout=10).json()

    def ask(method: str, **more: Any) -> requests.Response:
        headers = {"authorization": f"Bearer {told['registration_access_token']}"}
        return requests.request(method, told["registration_client_uri"], headers=headers, timeout=10, **more)

    read = ask("GET")
    assert (read.status_code, read.json()["client_name"]) == (200, "A"), read.text
    changed = ask("PUT", json={**about, "client_id": told["client_id"], "client_name": "B"})
    assert (changed.status_code, changed.json()["client_name"]) == (200, "B"), changed.text
    told = changed.json()
    assert ask("DELETE").status_code == 204
    gone = ask("GET")
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_token")
