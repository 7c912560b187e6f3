"""What the token endpoint refuses: the answer, that nothing changed, and what the audit record says."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwk
from starlette.requests import ClientDisconnect

from carekey.jose.jwt import SIZE_LIMIT
from carekey.kernel.ids import ClientId
from carekey.oidc.client_auth.assertion import TYPE
from carekey.oidc.tests.world import (
    CALLBACK,
    ISSUER_URL,
    MAC_SECRET,
    NOW,
    SECRET,
    TOKEN_URL,
    WARD,
    World,
    basic,
    client_key,
)
from carekey.web import kit
from carekey.web.kit import BODY_LIMIT

pytestmark = pytest.mark.anyio

S = int(NOW.timestamp())
JWT_NOT_VALID = {"error_description": "JWT is not valid", "error": "invalid_client"}
FAILED = {"error_description": "Client authentication failed", "error": "invalid_client"}
GRANT = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}


async def unchanged(world: World) -> bool:
    """The code still works, so nothing was redeemed and nothing stored."""
    return (await world.token(world.code_request())).status_code == 200


ASSERTIONS: dict[str, tuple[Callable[[World], str], str]] = {
    "signed by another key": (
        lambda w: w.assertion(key=client_key("evil"), header={"kid": "ward-1"}),
        "assertion_signature",
    ),
    "signed by another key, no kid": (
        lambda w: w.assertion(key=client_key("evil"), header={"kid": None}),
        "assertion_signature",
    ),
    "unknown kid": (lambda w: w.assertion(header={"kid": "ward-2"}), "assertion_unknown_key"),
    "embedded jwk": (
        lambda w: w.assertion(
            key=client_key("evil"), header={"kid": None, "jwk": client_key("evil").as_dict(private=False)}
        ),
        "assertion_signature",
    ),
    "jku": (
        lambda w: w.assertion(key=client_key("evil"), header={"kid": None, "jku": "https://evil.example/jwks"}),
        "assertion_signature",
    ),
    "HS256 with the public key": (
        lambda w: w.assertion(key=_as_secret(client_key().as_pem(private=False)), header={"alg": "HS256"}),
        "assertion_alg",
    ),
    "alg none": (lambda w: _none(w.assertion()), "assertion_alg"),
    "typ of a logout token": (lambda w: w.assertion(header={"typ": "logout+jwt"}), "assertion_typ"),
    "typ of an access token": (lambda w: w.assertion(header={"typ": "at+jwt"}), "assertion_typ"),
    "truncated": (lambda w: w.assertion()[:-6], "assertion_signature"),
    "bit-flipped": (lambda w: _flipped(w.assertion()), "assertion_signature"),
    "not a JWT": (lambda w: "nonsense", "assertion_malformed"),
    "too large": (lambda w: "a" * (SIZE_LIMIT + 1), "too_large"),
    "no iss": (lambda w: w.assertion(iss=None), "assertion_issuer"),
    "no sub": (lambda w: w.assertion(sub=None), "assertion_issuer"),
    "iss of somebody else": (lambda w: w.assertion(iss="post"), "assertion_issuer"),
    "sub of somebody else": (lambda w: w.assertion(iss="post", sub="post"), "several_client_ids"),
    "sub is a number": (lambda w: w.assertion(iss=7, sub=7), "assertion_issuer"),
    "no aud": (lambda w: w.assertion(aud=None), "assertion_audience"),
    "aud of another server": (lambda w: w.assertion(aud="https://api.example/oauth2/token"), "assertion_audience"),
    "aud with another port": (
        lambda w: w.assertion(aud=ISSUER_URL.replace(":443", ":8443")),
        "assertion_audience",
    ),
    "aud with a slash more": (lambda w: w.assertion(aud=f"{ISSUER_URL}/"), "assertion_audience"),
    "aud is the userinfo endpoint": (lambda w: w.assertion(aud=f"{ISSUER_URL}/userinfo"), "assertion_audience"),
    "aud is a number": (lambda w: w.assertion(aud=7), "assertion_audience"),
    "aud is an empty list": (lambda w: w.assertion(aud=[]), "assertion_audience"),
    "no exp": (lambda w: w.assertion(exp=None), "assertion_expired"),
    "expired": (lambda w: w.assertion(iat=S - 300, exp=S - 60), "assertion_expired"),
    "exp is a text": (lambda w: w.assertion(exp=str(S + 60)), "assertion_malformed"),
    "exp is true": (lambda w: w.assertion(exp=True), "assertion_malformed"),
    "exp beyond all time": (lambda w: w.assertion(exp=1e300), "assertion_malformed"),
    "exp in milliseconds": (lambda w: w.assertion(exp=(S + 60) * 1000), "assertion_malformed"),
    "longer than ten minutes": (lambda w: w.assertion(exp=S + 601), "assertion_too_long"),
    "longer than ten minutes, no iat": (lambda w: w.assertion(iat=None, exp=S + 662), "assertion_too_long"),
    "from the future": (lambda w: w.assertion(iat=S + 62, exp=S + 100), "assertion_not_yet"),
    "not yet": (lambda w: w.assertion(nbf=S + 62), "assertion_not_yet"),
    "no jti": (lambda w: w.assertion(jti=None), "assertion_jti"),
    "empty jti": (lambda w: w.assertion(jti=""), "assertion_jti"),
    "jti is a number": (lambda w: w.assertion(jti=7), "assertion_jti"),
    "jti too long": (lambda w: w.assertion(jti="j" * 256), "assertion_jti"),
    "jti that no database keeps": (lambda w: w.assertion(jti="a\x00b"), "assertion_jti"),
}


def _as_secret(pem: bytes) -> jwk.OctKey:
    # The library refuses to make such a key itself.
    key = jwk.OctKey.import_key("s" * 64)
    key._raw_value = pem
    return key


def _none(assertion: str) -> str:
    return "eyJhbGciOiJub25lIn0." + assertion.split(".")[1] + "."


def _flipped(assertion: str) -> str:
    head, _, signature = assertion.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


@pytest.mark.parametrize("name", list(ASSERTIONS))
async def test_cis2_2_17_every_bad_assertion_gets_one_answer_and_its_own_reason(world: World, name: str) -> None:
    make, reason = ASSERTIONS[name]
    await world.code()
    response = await world.token(world.code_request(client_assertion=make(world)))
    assert response.status_code == 401
    assert response.json() == JWT_NOT_VALID
    assert "www-authenticate" not in response.headers
    (event,) = await world.events()
    assert (event.tag, event.refusal, event.actor.kind) == ("client:authentication:refused", True, "unknown")
    assert event.data["reason"] == reason
    assert event.data["claimed"] == WARD
    assert await unchanged(world)


async def test_rfc7523_3_an_assertion_works_once(world: World) -> None:
    await world.code()
    assertion = world.assertion()
    assert (await world.token(world.code_request(client_assertion=assertion))).status_code == 200
    await world.code("code-2")
    again = await world.token(world.code_request("code-2", client_assertion=assertion))
    assert again.status_code == 401
    assert again.json() == JWT_NOT_VALID
    assert (await world.reasons()) == ["assertion_replayed"]
    assert (await world.token(world.code_request("code-2"))).status_code == 200


async def test_an_assertion_is_used_up_by_a_request_that_is_refused(world: World) -> None:
    await world.code()
    assertion = world.assertion()
    await world.token(world.code_request("no such code", client_assertion=assertion))
    again = await world.token(world.code_request(client_assertion=assertion))
    assert again.json() == JWT_NOT_VALID


async def test_two_clients_may_use_the_same_jti(world: World) -> None:
    mac = jwk.OctKey.import_key(MAC_SECRET)
    await world.code("one")
    await world.code("two", client=ClientId("mac"))
    first = world.assertion(jti="same")
    second = world.assertion(jti="same", key=mac, header={"alg": "HS512", "kid": None}, iss="mac", sub="mac")
    assert (await world.token(world.code_request("one", client_assertion=first))).status_code == 200
    fields = world.code_request("two", client_assertion=second, client_id=None)
    assert (await world.token(fields)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "alg"), [("mac", "RS256"), (WARD, "HS256"), ("post", "RS256")], ids=["mac", "private key", "secret"]
)
async def test_a_client_authenticates_by_its_registered_method_alone(world: World, kind: str, alg: str) -> None:
    key = client_key() if alg == "RS256" else jwk.OctKey.import_key(MAC_SECRET)
    assertion = world.assertion(key=key, header={"alg": alg}, iss=kind, sub=kind)
    response = await world.token(world.code_request(client_id=None, client_assertion=assertion))
    assert response.json() == JWT_NOT_VALID


METHODS: dict[str, tuple[dict[str, Any], dict[str, str], int, dict[str, str], str]] = {
    "nobody": ({}, {}, 401, FAILED, "no_client"),
    "unknown client": ({"client_id": "ghost", "client_secret": SECRET}, {}, 401, FAILED, "unknown_client"),
    "client id of control characters": ({"client_id": "a\x01b"}, {}, 401, FAILED, "unknown_client"),
    "endless client id": ({"client_id": "a" * 256}, {}, 401, FAILED, "unknown_client"),
    "wrong secret": ({"client_id": "post", "client_secret": "wrong"}, {}, 401, FAILED, "wrong_secret"),
    "no secret": ({"client_id": "post"}, {}, 401, FAILED, "method_not_registered"),
    "secret of a key client": ({"client_id": WARD, "client_secret": SECRET}, {}, 401, FAILED, "method_not_registered"),
    "no assertion of a key client": ({"client_id": WARD}, {}, 401, FAILED, "method_not_registered"),
    "secret of a public client": ({"client_id": "public", "client_secret": SECRET}, {}, 401, FAILED, "method_not_registered"),
    "basic of a post client": ({}, basic("post", SECRET), 401, FAILED, "method_not_registered"),
    "post of a basic client": ({"client_id": "ba sic", "client_secret": SECRET}, {}, 401, FAILED, "method_not_registered"),
    "wrong secret by basic": ({}, basic("ba sic", "wrong"), 401, FAILED, "wrong_secret"),
    "basic without colon": ({}, {"authorization": "Basic YQ=="}, 401, FAILED, "malformed_basic"),
    "basic that is not base64": ({}, {"authorization": "Basic !"}, 401, FAILED, "malformed_basic"),
    "basic that is not UTF-8": ({}, {"authorization": "Basic /zo6"}, 401, FAILED, "malformed_basic"),
    "another scheme": ({}, {"authorization": "Bearer abc"}, 401, FAILED, "malformed_basic"),
    "basic for one, client_id of another": ({"client_id": "post"}, basic("ba sic", SECRET), 401, FAILED, "several_client_ids"),
    "assertion without its type": ({"client_assertion": "a.b.c"}, {}, 401, JWT_NOT_VALID, "assertion_type"),
    "type without its assertion": ({"client_assertion_type": TYPE}, {}, 401, JWT_NOT_VALID, "assertion_type"),
    "another assertion type": (
        {"client_assertion": "a.b.c", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {},
        401,
        JWT_NOT_VALID,
        "assertion_type",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(METHODS))
async def test_rfc6749_5_2_failed_client_authentication(world: World, name: str) -> None:
    fields, headers, status, body, reason = METHODS[name]
    await world.code()
    response = await world.token({**GRANT, **fields}, headers=headers)
    assert (response.status_code, response.json()) == (status, body)
    assert ("www-authenticate" in response.headers) is bool(headers)
    assert await world.reasons() == [reason]
    assert await unchanged(world)


async def test_cis2_2_8_a_secret_beside_an_assertion_is_refused_as_the_assertion_is(world: World) -> None:
    await world.code()
    response = await world.token(world.code_request(client_secret=SECRET))
    assert (response.status_code, response.json()) == (401, JWT_NOT_VALID)
    assert await world.reasons() == ["several_methods"]


async def test_rfc6749_2_3_two_methods_at_once_are_an_invalid_request(world: World) -> None:
    fields = {**GRANT, "client_id": "ba sic", "client_secret": SECRET}
    response = await world.token(fields, headers=basic("ba sic", SECRET))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["several_methods"]


REQUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no grant_type": ({"grant_type": None}, "invalid_request", "missing_parameter"),
    "empty grant_type": ({"grant_type": ""}, "invalid_request", "missing_parameter"),
    "unknown grant_type": ({"grant_type": "password"}, "unsupported_grant_type", "unknown_grant_type"),
    "implicit": ({"grant_type": "implicit"}, "unsupported_grant_type", "unknown_grant_type"),
    "unregistered grant_type": (
        {"grant_type": "client_credentials"},
        "unauthorized_client",
        "grant_type_not_registered",
    ),
    "no code": ({"code": ""}, "invalid_request", "missing_parameter"),
    "unknown code": ({"code": "nonsense"}, "invalid_grant", "unknown_code"),
    "no redirect_uri": ({"redirect_uri": None}, "invalid_request", "missing_parameter"),
    "another redirect_uri": ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant", "redirect_uri_differs"),
    "an unexpected verifier": ({"code_verifier": "v" * 43}, "invalid_grant", "pkce_unexpected"),
}


@pytest.mark.parametrize("name", list(REQUESTS))
async def test_rfc6749_5_2_refused_requests_of_a_proven_client(world: World, name: str) -> None:
    fields, error, reason = REQUESTS[name]
    await world.code()
    response = await world.token(
        {key: value for key, value in {**world.code_request(), **fields}.items() if value is not None}
    )
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert response.headers["cache-control"] == "no-store"
    (event,) = await world.events()
    assert (event.tag, event.refusal, event.actor.id) == ("token:grant:refused", True, WARD)
    assert (event.data["error"], event.data["reason"]) == (error, reason)
    assert await unchanged(world)


@pytest.mark.parametrize(
    "name",
    ["grant_type", "code", "redirect_uri", "client_id", "client_assertion", "client_assertion_type", "code_verifier"],
)
async def test_rfc6749_3_2_no_parameter_comes_twice(world: World, name: str) -> None:
    await world.code()
    fields = [*world.code_request().items(), (name, "x"), (name, "x")]
    response = await world.token(fields)
    assert response.status_code == 400
    assert response.json() == {"error_description": f"{name} is repeated", "error": "invalid_request"}
    assert await world.reasons() == ["repeated_parameter"]
    assert await unchanged(world)


async def test_cis2_2_17_what_we_do_not_know_is_ignored_even_twice(world: World) -> None:
    await world.code()
    more = [("scope", "openid"), ("scope", "x"), ("state", "s"), ("state", "s"), ("session_state", "")]
    assert (await world.token([*world.code_request().items(), *more])).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"", "application/x-www-form-urlencoded", 401, "no_client"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"&".join([b"a=b"] * 201), "application/x-www-form-urlencoded", 400, "malformed"),
        (b"a" * (BODY_LIMIT + 1), "application/x-www-form-urlencoded", 413, "too_large"),
        (json.dumps(GRANT).encode(), "application/json", 400, "malformed"),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400, "malformed"),
        (b"grant_type=authorization_code", "", 400, "malformed"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    world: World, body: bytes, content_type: str, status: int, reason: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = await world.post("/access_token", content=body, headers=headers)
    assert response.status_code == status
    assert response.json().keys() == {"error_description", "error"}
    assert await world.reasons() == [reason]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_rfc6749_3_2_the_token_endpoint_takes_posts_alone(world: World, method: str) -> None:
    async with world.http() as http:
        response = await http.request(method, f"{ISSUER_URL}/access_token")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "access-control-allow-origin" not in response.headers


async def test_rfc6749_2_3_1_nothing_is_read_from_the_address(world: World) -> None:
    await world.code()
    async with world.http() as http:
        response = await http.post(
            f"{ISSUER_URL}/access_token",
            params=world.code_request(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
    assert response.status_code == 401
    assert await unchanged(world)


async def test_a_fault_of_ours_is_told_as_json_with_a_code_for_support(world: World, capsys) -> None:
    await world.code()

    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("the HSM is gone: secret-detail")

    world.signer.sign = broken
    response = await world.token(world.code_request())
    assert response.status_code == 500
    assert response.json()["error"] == "server_error"
    assert "secret-detail" not in response.text
    reference = response.json()["error_description"].rpartition("(")[2].rstrip(")")
    assert reference in capsys.readouterr().out


async def _post(world: World, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send a body piece by piece; after the last piece there is silence."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": urlsplit(TOKEN_URL).path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("192.0.2.1", 1),
    }
    await world.app(scope, receive, send)
    return sent


async def test_a_body_that_is_held_open_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "BODY_SECONDS", 0.01)
    start, body = await _post(world, [{"type": "http.request", "body": b"grant_type=", "more_body": True}])
    assert start["status"] == 408
    assert json.loads(body["body"])["error"] == "invalid_request"
    assert await world.reasons() == ["too_slow"]


async def test_a_client_that_goes_away_gets_no_answer_and_changes_nothing(world: World) -> None:
    gone = [{"type": "http.request", "body": b"grant_type=", "more_body": True}, {"type": "http.disconnect"}]
    with suppress(ClientDisconnect):
        assert await _post(world, gone) == []
    assert await world.events() == []
