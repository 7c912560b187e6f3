"""Clients with keys, that push and sign."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from joserfc import jws

from carekey.kernel.ids import ClientId
from carekey.login.tests.world import Browser
from carekey.oidc.authorize.tests.world import AUTHORIZE, URL, WARD, Provider, wanted
from carekey.oidc.client_auth.assertion import TYPE
from carekey.oidc.tests.world import client_key

PAR = urlsplit(URL).path + "/par"
FORM = {"content-type": "application/x-www-form-urlencoded"}
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B

KEYED = replace(WARD, jwks={"keys": [client_key().as_dict(private=False)]})
OTHER = replace(KEYED, id=ClientId("other"), name="Other")


def jwt(claims: dict[str, Any], *, key: Any = None, **header: Any) -> str:
    """A claim or header member that is None is left out."""
    members = {"alg": "PS256", "kid": "ward-1", **header}
    members = {name: value for name, value in members.items() if value is not None}
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    registry = jws.JWSRegistry(algorithms=[members["alg"]], strict_check_header=False)
    return jws.serialize_compact(members, payload, key or client_key(), registry=registry)


def assertion(world: Provider, client: str = WARD.id, **changes: Any) -> str:
    now = int(world.clock.now().timestamp())
    jti = world.entropy.bytes(8).hex()
    return jwt(
        {"iss": client, "sub": client, "aud": URL, "iat": now, "exp": now + 60, "jti": jti, **changes}, alg="PS256"
    )


def request_object(world: Provider, header: dict[str, Any] | None = None, *, key: Any = None, **changes: Any) -> str:
    now = int(world.clock.now().timestamp())
    claims = {**wanted(), "iss": WARD.id, "aud": URL, "nbf": now, "exp": now + 300, **changes}
    return jwt(claims, key=key, **{"typ": "oauth-authz-req+jwt", **(header or {})})


def proof(world: Provider, client: str = WARD.id, **changes: Any) -> dict[str, str]:
    return {"client_assertion_type": TYPE, "client_assertion": assertion(world, client, **changes)}


async def push(browser: Browser, fields: dict[str, str], extra: str = "", **headers: str) -> httpx2.Response:
    return await browser.http.post(PAR, content=urlencode(fields) + extra, headers={**FORM, **headers})


async def pushed(world: Provider, browser: Browser, **changes: Any) -> str:
    """The `request_uri` for a request as it should be, changed."""
    answer = await push(browser, {**wanted(**changes), **proof(world, changes.get("client_id", WARD.id))})
    assert answer.status_code == 201, answer.text
    uri: str = answer.json()["request_uri"]
    return uri


async def arrive(browser: Browser, uri: str, client: str | None = WARD.id, **more: str) -> httpx2.Response:
    fields = {"request_uri": uri, **({} if client is None else {"client_id": client}), **more}
    return await browser.get(f"{AUTHORIZE}?{urlencode(fields)}")
