"""The ward application relies on nothing that it has not checked: a provider that lies gets nobody in."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ward.app import make_app
from ward.config import Config

ISSUER = "http://provider.test"
URL = "http://ward.test"
NURSE = "555012345678"
ROLE = {
    "person_roleid": "555023456789",
    "org_code": "RZZ01",
    "role_name": '"Clinical":"Clinical Provision":"Nurse Access Role"',
    "role_code": "S8000:G8000:R8001",
}

Lie = Callable[[dict[str, Any], dict[str, Any]], None]
"""Alters the ID token's claims and userinfo."""


class Provider:
    """One that tells the truth unless told otherwise."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, auto_kid=True)]
        self.asked: dict[str, str] = {}
        self.posted: dict[str, str] = {}
        self.lie: Lie = lambda _claims, _userinfo: None
        self.algorithm = "RS256"
        self.signs_with = self.keys[0]
        self.error: Mapping[str, str] | None = None
        self.userinfo: dict[str, Any] = {}
        paths = {"/.well-known/openid-configuration": self.discovery, "/keys": self.jwks, "/userinfo": self.about}
        routes = [Route(path, handler) for path, handler in paths.items()]
        self.app = Starlette(routes=[*routes, Route("/token", self.token, methods=["POST"])])

    async def discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "userinfo_endpoint": f"{ISSUER}/userinfo",
                "end_session_endpoint": f"{ISSUER}/end",
                "jwks_uri": f"{ISSUER}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [{**key.as_dict(private=False), "use": "sig"} for key in self.keys]})

    async def token(self, request: Request) -> Response:
        self.posted = dict(parse_qsl((await request.body()).decode()))
        if self.error is not None:
            return JSONResponse(self.error, 400)
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": self.asked["client_id"],
            "sub": NURSE,
            "iat": now,
            "exp": now + 3600,
            "auth_time": now,
            "nonce": self.asked["nonce"],
            "amr": ["FIDO2"],
            "authentication_assurance_level": "3",
            "id_assurance_level": "3",
            "selected_roleid": ROLE["person_roleid"],
        }
        self.userinfo = {
            "sub": NURSE,
            "name": "Asha Marlow",
            "nhsid_nrbac_roles": [ROLE],
            "nhsid_user_orgs": [{"org_code": "RZZ01", "org_name": "INVENTED GENERAL HOSPITAL"}],
        }
        self.lie(claims, self.userinfo)
        header = {"alg": self.algorithm, "kid": self.signs_with.kid}
        id_token = jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])
        answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3599, "id_token": id_token}
        return JSONResponse(answer)

    async def about(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer opaque"
        return JSONResponse(self.userinfo)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(issuer=ISSUER, client_id="ward", url=URL, data=tmp_path)


@pytest.fixture
async def browser(provider: Provider, config: Config) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_app(config, transport=httpx2.ASGITransport(app=provider.app))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL) as client:
        yield client


async def log_in(
    browser: httpx2.AsyncClient, provider: Provider, ask: str = "log-in", **answer: str
) -> httpx2.Response:
    sent = await browser.get(f"/log-in/{ask}")
    assert sent.status_code == 303
    provider.asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    brought = {"code": "a-code", "state": provider.asked["state"], "iss": ISSUER, **answer}
    return await browser.get("/callback", params=brought)


pytestmark = pytest.mark.anyio


async def test_the_truth_gets_in(browser: httpx2.AsyncClient, provider: Provider) -> None:
    landed = await log_in(browser, provider)
    assert landed.headers["location"] == "/"
    home = await browser.get("/")
    assert "Asha Marlow" in home.text
    assert "Nurse Access Role" in home.text
    assert "INVENTED GENERAL HOSPITAL" in home.text
    assert "Very high (level 3)" in home.text
    received = await browser.get("/received")
    assert "opaque" in received.text
    assert NURSE in received.text


def _set(**changed: Any) -> Lie:
    def lie(claims: dict[str, Any], _: dict[str, Any]) -> None:
        claims.update(changed)
        for name in [name for name, value in changed.items() if value is None]:
            del claims[name]

    return lie


def _about_somebody_else(_: dict[str, Any], userinfo: dict[str, Any]) -> None:
    userinfo["sub"] = "555099999999"


LIES = [
    pytest.param(_set(iss="http://elsewhere.test"), "iss", id="another issuer"),
    pytest.param(_set(aud="pharmacy"), "aud", id="meant for another application"),
    pytest.param(_set(aud=None), "aud", id="meant for nobody"),
    pytest.param(_set(exp=int(time.time()) - 60), "expired", id="expired"),
    pytest.param(_set(iat=int(time.time()) + 86400), "issued in the future", id="issued in the future"),
    pytest.param(_set(nonce="replayed"), "nonce", id="another log-in's nonce"),
    pytest.param(_set(nonce=None), "nonce", id="no nonce"),
    pytest.param(_set(azp="pharmacy"), "azp", id="asked for by another application"),
    pytest.param(_set(at_hash="bm90IGl0"), "at_hash", id="another access token"),
    pytest.param(_set(auth_time=None), "auth_time", id="no time of log-in"),
    pytest.param(_set(authentication_assurance_level="1"), "not secure enough", id="weak log-in"),
    pytest.param(_set(authentication_assurance_level="AAL3"), "not secure enough", id="level that is no number"),
    pytest.param(_about_somebody_else, "two different people", id="userinfo of somebody else"),
]


@pytest.mark.parametrize(("lie", "words"), LIES)
async def test_oidc_core_3_1_3_7_a_lie_gets_nobody_in(
    browser: httpx2.AsyncClient, provider: Provider, lie: Lie, words: str
) -> None:
    provider.lie = lie
    answer = await log_in(browser, provider)
    assert answer.status_code == 502
    assert "The answer was not accepted" in answer.text
    assert words in answer.text
    assert "Asha Marlow" not in (await browser.get("/")).text


@pytest.mark.parametrize("level", ["2", None])
async def test_whose_identity_is_not_checked_may_not_in_and_somebody_else_can(
    browser: httpx2.AsyncClient, provider: Provider, level: str | None
) -> None:
    provider.lie = _set(id_assurance_level=level)
    answer = await log_in(browser, provider)
    assert answer.status_code == 403
    assert "Your identity has not been checked well enough" in answer.text
    assert 'href="/log-in/again"' in answer.text
    assert "Asha Marlow" not in (await browser.get("/")).text


async def test_a_key_that_is_not_published_gets_nobody_in(browser: httpx2.AsyncClient, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, auto_kid=True)
    assert "not accepted" in (await log_in(browser, provider)).text


async def test_a_key_published_since_is_fetched(browser: httpx2.AsyncClient, provider: Provider) -> None:
    assert (await log_in(browser, provider)).status_code == 303
    new = RSAKey.generate_key(2048, auto_kid=True)
    provider.keys, provider.signs_with = [*provider.keys, new], new
    assert (await log_in(browser, provider)).status_code == 303


async def test_an_algorithm_that_was_not_announced_gets_nobody_in(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    provider.algorithm = "RS384"
    assert "not accepted" in (await log_in(browser, provider)).text


@pytest.mark.parametrize(("ask", "age"), [("again", 60), ("recent", 400)])
async def test_auth_time_is_what_counts_when_freshness_was_asked_for(
    browser: httpx2.AsyncClient, provider: Provider, ask: str, age: int
) -> None:
    provider.lie = _set(auth_time=int(time.time()) - age)
    assert "older than was asked for" in (await log_in(browser, provider, ask)).text
    assert (await log_in(browser, provider)).status_code == 303


@pytest.mark.parametrize("ask", ["very-high", "step-up"])
async def test_very_high_security_is_checked_in_the_answer(
    browser: httpx2.AsyncClient, provider: Provider, ask: str
) -> None:
    provider.lie = _set(authentication_assurance_level="2")
    assert "not secure enough" in (await log_in(browser, provider, ask)).text


async def test_step_up_is_for_the_person_who_is_logged_in(browser: httpx2.AsyncClient, provider: Provider) -> None:
    await log_in(browser, provider)

    def somebody_else(claims: dict[str, Any], userinfo: dict[str, Any]) -> None:
        claims["sub"] = userinfo["sub"] = "555099999999"

    provider.lie = somebody_else
    assert "somebody else answered" in (await log_in(browser, provider, "step-up")).text
    assert NURSE in (await browser.get("/")).text


async def test_rfc9207_an_answer_from_another_provider_is_a_mix_up(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    assert "another provider" in (await log_in(browser, provider, iss="http://elsewhere.test")).text
    assert provider.posted == {}


async def test_rfc6749_10_12_an_answer_that_this_browser_did_not_ask_for_is_refused(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    assert (await log_in(browser, provider, state="made-up")).status_code == 400
    assert provider.posted == {}


async def test_an_answer_counts_once(browser: httpx2.AsyncClient, provider: Provider) -> None:
    await log_in(browser, provider)
    again = await browser.get("/callback", params={"code": "a-code", "state": provider.asked["state"]})
    assert again.status_code == 400


async def test_several_tabs_each_finish_their_own(browser: httpx2.AsyncClient, provider: Provider) -> None:
    sent = [await browser.get("/log-in/log-in") for _ in range(10)]
    for answer in sent:
        provider.asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        back = await browser.get("/callback", params={"code": "c", "state": provider.asked["state"]})
        assert back.status_code == 303


async def test_the_session_gets_a_new_name_when_somebody_logs_in(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    await browser.get("/log-in/log-in")
    planted = browser.cookies["ward-8001"]
    await log_in(browser, provider)
    assert browser.cookies["ward-8001"] != planted
    browser.cookies.set("ward-8001", planted, domain="ward.test")
    assert "Asha Marlow" not in (await browser.get("/", headers={"cookie": f"ward-8001={planted}"})).text


@pytest.mark.parametrize("code", ["access_denied", "login_required", "made_up_error"])
async def test_an_error_is_told_plainly(browser: httpx2.AsyncClient, provider: Provider, code: str) -> None:
    answer = await log_in(browser, provider, error=code, error_description="<b>why</b>")
    assert f'<code id="error">{code}</code>' in answer.text
    assert "&lt;b&gt;why&lt;/b&gt;" in answer.text


async def test_an_error_at_the_token_endpoint_is_told_plainly(browser: httpx2.AsyncClient, provider: Provider) -> None:
    provider.error = {"error": "invalid_client", "error_description": "JWT is not valid"}
    assert "JWT is not valid" in (await log_in(browser, provider)).text


async def test_rfc7523_the_assertion_is_signed_by_the_published_key_and_lives_for_a_minute(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    await log_in(browser, provider)
    published = (await browser.get("/jwks.json")).json()["keys"]
    assert all("d" not in key and key["use"] == "sig" for key in published)
    sent = jwt.decode(provider.posted["client_assertion"], RSAKey.import_key(published[0]), algorithms=["RS512"])
    assert sent.header["kid"] == published[0]["kid"]
    assert sent.claims["aud"] == f"{ISSUER}/token"
    assert sent.claims["exp"] - sent.claims["iat"] == 60
    assert "client_secret" not in provider.posted


async def test_a_provider_that_is_down_is_a_sentence(config: Config) -> None:
    async def down(_scope: object, _receive: object, _send: object) -> None:
        raise httpx2.ConnectError("refused")

    app = make_app(config, transport=httpx2.ASGITransport(app=down))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL) as client:
        answer = await client.get("/log-in/log-in")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


@pytest.mark.parametrize("path", ["/log-out", "/sign"])
async def test_forms_of_other_applications_change_nothing(
    browser: httpx2.AsyncClient, provider: Provider, path: str
) -> None:
    await log_in(browser, provider)
    await browser.post(path, headers={"origin": "http://pharmacy.test"})
    home = (await browser.get("/")).text
    assert "Asha Marlow" in home
    assert "You signed" not in home


async def test_logging_out_goes_to_the_provider_too(browser: httpx2.AsyncClient, provider: Provider) -> None:
    await log_in(browser, provider)
    away = await browser.post("/log-out", headers={"origin": URL})
    assert away.headers["location"].startswith(f"{ISSUER}/end?id_token_hint=")
    assert "Asha Marlow" not in (await browser.get("/")).text


LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def tell(browser: httpx2.AsyncClient, provider: Provider, **changed: Any) -> httpx2.Response:
    """What the provider posts when the session `s1` has ended; a claim that is None is left out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "ward",
        "sub": NURSE,
        "sid": "s1",
        "iat": now,
        "exp": now + 120,
        "jti": "j1",
        "events": {LOGOUT_EVENT: {}},
        **changed,
    }
    said = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": provider.algorithm, "kid": provider.signs_with.kid}
    token = jwt.encode(header, said, provider.signs_with, algorithms=[provider.algorithm])
    return await browser.post("/backchannel-logout", data={"logout_token": token})


async def test_backchannel_2_7_whoever_was_logged_in_by_that_session_is_logged_out(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    provider.lie = _set(sid="s1")
    await log_in(browser, provider)
    answer = await tell(browser, provider, sid="another")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "Asha Marlow" in (await browser.get("/")).text
    assert (await tell(browser, provider)).status_code == 200
    assert "Asha Marlow" not in (await browser.get("/")).text


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "http://elsewhere.test"},
        {"aud": "pharmacy"},
        {"aud": ["ward"]},
        pytest.param({"iat": int(time.time()) + 86400}, id="made tomorrow"),
        pytest.param({"iat": int(time.time()) - 3600}, id="made an hour ago"),
        {"exp": 1},
        {"nonce": "n"},
        {"events": {}},
        {"events": None},
        {"sid": ""},
        {"sid": None},
        {"jti": None},
    ],
    ids=str,
)
async def test_backchannel_2_6_a_logout_token_that_is_not_sound_logs_nobody_out(
    browser: httpx2.AsyncClient, provider: Provider, lie: dict[str, Any]
) -> None:
    provider.lie = _set(sid="s1")
    await log_in(browser, provider)
    assert (await tell(browser, provider, **lie)).status_code == 400
    assert "Asha Marlow" in (await browser.get("/")).text


@pytest.mark.parametrize("body", ["", "logout_token=", "logout_token=a.b.c", "logout_token=é", "x" * 20_000])
async def test_what_is_no_logout_token_is_refused(browser: httpx2.AsyncClient, provider: Provider, body: str) -> None:
    assert (await browser.post("/backchannel-logout", content=body)).status_code == 400


async def test_backchannel_2_6_a_logout_token_signed_by_another_logs_nobody_out(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    provider.lie = _set(sid="s1")
    await log_in(browser, provider)
    provider.signs_with = RSAKey.generate_key(2048, auto_kid=True)
    assert (await tell(browser, provider)).status_code == 400
    assert "Asha Marlow" in (await browser.get("/")).text


def test_the_key_is_made_once_and_is_its_owners_alone(config: Config) -> None:
    make_app(config)
    first = (config.data / "private-key.pem").read_bytes()
    make_app(config)
    assert (config.data / "private-key.pem").read_bytes() == first
    assert (config.data / "private-key.pem").stat().st_mode & 0o077 == 0
