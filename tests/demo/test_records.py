"""The record service takes no token that is not good, and says which log-in it wants (RFC 9470)."""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from records.app import make_app
from records.config import Config
from ward.records import asked_for

pytestmark = pytest.mark.anyio

ISSUER, NAME = "http://provider.test", "http://records.test"
TRUE = RSAKey.generate_key(2048, auto_kid=True)
FORGED = RSAKey.generate_key(2048, {"kid": TRUE.kid})
STARTED = int(time.time())
LATER = RSAKey.generate_key(2048, auto_kid=True)


class Provider:
    def __init__(self) -> None:
        self.keys = [TRUE]
        self.down = False
        routes = [Route("/.well-known/openid-configuration", self.discovery), Route("/keys", self.jwks)]
        self.app = Starlette(routes=routes)

    async def discovery(self, _: Request) -> Response:
        return JSONResponse({"jwks_uri": f"{ISSUER}/keys"}, 503 if self.down else 200)

    async def jwks(self, _: Request) -> Response:
        if self.down:
            return JSONResponse("down", 503)
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def api(provider: Provider) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_app(Config(issuer=ISSUER, name=NAME), transport=httpx2.ASGITransport(app=provider.app))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=NAME) as client:
        yield client


def token(key: RSAKey = TRUE, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": NAME,
        "sub": "555012345678",
        "client_id": "ward",
        "iat": now,
        "exp": now + 600,
        "jti": "1",
        "scope": "records.read",
        "auth_time": now - 10,
        "acr": "AAL2_OR_AAL3_ANY",
        "authentication_assurance_level": "3",
        **changes,
    }
    members = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(members, said, key, algorithms=["RS256", "HS256"])


async def ask(api: httpx2.AsyncClient, text: str, bed: str = "1") -> httpx2.Response:
    return await api.get(f"/patients/{bed}", headers={"authorization": f"Bearer {text}"})


async def test_a_good_token_opens_the_record(api: httpx2.AsyncClient) -> None:
    answer = await ask(api, token())
    assert (answer.status_code, answer.json()["patient"]) == (200, "Edwin Ashdown")
    assert (await ask(api, token(), "99")).status_code == 404


REFUSED: dict[str, tuple[Callable[[], str], int, str]] = {
    "forged": (lambda: token(FORGED), 401, "invalid_token"),
    "not a token": (lambda: "nonsense", 401, "invalid_token"),
    "another issuer": (lambda: token(iss="http://evil.test"), 401, "invalid_token"),
    "for another API": (lambda: token(aud="http://images.test"), 401, "invalid_token"),
    "for nobody in particular": (lambda: token(aud=None), 401, "invalid_token"),
    "expired": (lambda: token(exp=STARTED - 120), 401, "invalid_token"),
    "an ID token": (lambda: token(header={"typ": "JWT"}), 401, "invalid_token"),
    "of an unknown key": (lambda: token(LATER), 401, "invalid_token"),
    "bound to a key": (lambda: token(cnf={"jkt": "x"}), 401, "invalid_token"),
    "without the scope": (lambda: token(scope="images.read"), 403, "insufficient_scope"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_no_good(api: httpx2.AsyncClient, name: str) -> None:
    made, status, error = REFUSED[name]
    answer = await ask(api, made())
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert f'error="{error}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "changes",
    [
        {"authentication_assurance_level": "2"},
        {"authentication_assurance_level": None},
        {"auth_time": STARTED - 400},
        {"auth_time": None},
    ],
    ids=["level 2", "no level", "too long ago", "nobody knows when"],
)
async def test_rfc9470_3_a_log_in_that_is_not_good_enough(api: httpx2.AsyncClient, changes: dict[str, Any]) -> None:
    answer = await ask(api, token(**changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication", error_description="A')
    assert 'acr_values="AAL3_ANY"' in challenge
    assert 'max_age="300"' in challenge


async def test_a_new_key_of_the_provider_is_found(
    api: httpx2.AsyncClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(api, token())).status_code == 200
    provider.keys.append(LATER)
    monkeypatch.setattr("records.tokens.REFETCH_AFTER", -1)
    assert (await ask(api, token(LATER))).status_code == 200


async def test_a_provider_that_is_down_opens_no_record(api: httpx2.AsyncClient, provider: Provider) -> None:
    provider.down = True
    assert (await ask(api, token())).status_code == 503


def test_the_lines_of_the_how_to_page_do_what_they_say() -> None:
    page = Path(__file__).parents[2] / "docs/how-to/protect-an-api.md"
    (lines,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    made: dict[str, Any] = {}
    exec(lines, made)  # they are our own
    wanted = made["better_log_in_wanted"]
    good = {"authentication_assurance_level": "3", "auth_time": STARTED}
    assert wanted(good, STARTED + 300) is None
    for claims, now in (
        (good, STARTED + 301),
        ({**good, "authentication_assurance_level": "2"}, STARTED),
        ({}, STARTED),
    ):
        said = dict(re.findall(r'([a-z_]+)="([^"]*)"', wanted(claims, now)))
        assert said["error"] == "insufficient_user_authentication"
        assert asked_for(said).parameters == {"acr_values": "AAL3_ANY", "max_age": "300"}


@pytest.mark.parametrize(
    ("said", "minimum", "seconds"),
    [
        ({"acr_values": "AAL3_ANY", "max_age": "300"}, 3, 300),
        ({"acr_values": "AAL2_OR_AAL3_ANY"}, 2, None),
        ({"max_age": "0"}, 2, 0),
        ({"max_age": "soon"}, 2, None),
    ],
)
def test_rfc9470_4_what_the_ward_asks_for(said: dict[str, str], minimum: int, seconds: int | None) -> None:
    ask = asked_for({"error": "insufficient_user_authentication", "realm": "x", **said})
    assert ask.parameters == said
    assert (ask.minimum_aal, ask.same_person) == (minimum, True)
    assert (None if ask.freshness is None else ask.freshness.total_seconds()) == seconds
