"""Whatever is sent, the answer is an answer: never a 500, never a stack trace (architecture.md section 6)."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.installation import CALLBACK, ORIGIN, Whole

pytestmark = pytest.mark.anyio

ENDPOINTS = ("authorize", "access_token", "userinfo", "connect/endSession", "connect/jwk_uri")
PATHS = (
    *(f"/sandbox/{one}" for one in ENDPOINTS),
    "/logout",
    "/logout/done",
    "/demo",
    "/login/{odd}",
    "/login/{odd}/ways",
    "/login/{odd}/way",
    "/login/{odd}/role",
    "/login/{odd}/share",
    "/login/{odd}/cancel",
    "/login/{odd}/password",
    "/login/{odd}/passkey",
    "/login/{odd}/passkey/options",
    "/register/{odd}",
    "/register/{odd}/done",
    "/register/{odd}/passkey",
    "/register/{odd}/passkey/options",
    "/register/{odd}/passkey/name",
    "/static/{odd}/{odd}",
    "/{odd}",
)
NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "acr_values"),
    *("claims", "id_token_hint", "login_hint", "ui_locales", "display", "code_challenge", "code_challenge_method"),
    *("response_mode", "request", "request_uri", "registration", "grant_type", "code", "code_verifier"),
    *("client_secret", "client_assertion", "client_assertion_type", "access_token", "post_logout_redirect_uri"),
    *("csrf", "way", "role", "share", "username", "password", "user", "answer", "label", "registration", "page", "q"),
    *("issuer", "person"),
)
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "none", "login", "code", "openid", "ward", CALLBACK, "0", "-1", "\x00", "\ud7ff", "é" * 30]),
    st.text(alphabet='{}[]":,\\ud0aeinull0123456789.', max_size=60),
)
fields = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), texts), max_size=12)
right = {
    "response_type": "code",
    "client_id": "ward",
    "redirect_uri": CALLBACK,
    "scope": "openid selectedrole",
    "acr_values": "AAL1_USERPASS",
}
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["id_token", "userinfo", "acr", "sub", "value", "values", "essential"]), st.text()
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
header_values = st.binary(max_size=60).filter(lambda value: b"\r" not in value and b"\n" not in value)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(b"authorization", b"cookie", b"content-type", b"accept-encoding", b"if-none-match"),
                *(b"x-forwarded-for", b"origin", b"sec-fetch-site", b"dpop"),
            ]
        ),
        st.one_of(
            header_values,
            st.sampled_from(
                [
                    *(
                        b"Basic d2FyZDo=",
                        b"Basic =",
                        b"Bearer ",
                        b"Bearer \xff",
                        b"DPoP x",
                        b"demo-8000=a b; login-8000=x",
                    ),
                    *(b'demo-8000="a,b"', b"session-sandbox-8000=\xff\xfe", b"application/x-www-form-urlencoded"),
                ]
            ),
        ),
    ),
    max_size=4,
)
no_limits = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def never_a_fault(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


async def send(site: Whole, method: str, path: str, **what: Any) -> httpx2.Response:
    async with site.browser() as browser:
        return await browser.request(method, path, **what)


@no_limits
@given(path=st.sampled_from(PATHS), odd=st.text(min_size=1, max_size=24), query=fields, more=headers)
async def test_no_get_is_a_fault(site: Whole, path: str, odd: str, query: Any, more: Any) -> None:
    target = path.replace("{odd}", quote(odd, safe=""))
    await never_a_fault(await send(site, "GET", f"{target}?{urlencode(query)}", headers=more))


@no_limits
@given(path=st.sampled_from(PATHS), odd=st.text(min_size=1, max_size=24), body=fields, more=headers)
async def test_no_form_is_a_fault(site: Whole, path: str, odd: str, body: Any, more: Any) -> None:
    target = path.replace("{odd}", quote(odd, safe=""))
    content = urlencode(body).encode()
    form = [(b"content-type", b"application/x-www-form-urlencoded"), *more]
    await never_a_fault(await send(site, "POST", target, content=content, headers=form))


@no_limits
@given(path=st.sampled_from(PATHS), content=st.binary(max_size=200), query=st.binary(max_size=60))
async def test_no_bytes_are_a_fault(site: Whole, path: str, content: bytes, query: bytes) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    await never_a_fault(await send(site, "POST", path.replace("{odd}", "x"), content=content, headers=form))
    raw = quote(query, safe="%&=+/;")
    await never_a_fault(await send(site, "GET", f"{path.replace('{odd}', 'x')}?{raw}"))


@pytest.mark.parametrize("value", ["a b", '"a,b"', "\u00e9", "{}", "a" * 5000])
@pytest.mark.parametrize("name", ["demo-8000", "session-sandbox-8000", "session-healthcare-8000", "last-8000"])
@pytest.mark.parametrize("path", ["/demo", "/logout", "/sandbox/connect/endSession", "/sandbox/authorize"])
async def test_no_cookie_is_a_fault(site: Whole, path: str, name: str, value: str) -> None:
    cookie = [(b"cookie", f"{name}={value}".encode())]
    await never_a_fault(await send(site, "GET", f"{path}?{site.asks()}", headers=cookie))


@no_limits
@given(
    method=st.sampled_from(["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]), path=st.sampled_from(PATHS)
)
async def test_no_method_is_a_fault(site: Whole, method: str, path: str) -> None:
    await never_a_fault(await send(site, method, path.replace("{odd}", "x")))


@no_limits
@given(changed=st.dictionaries(st.sampled_from(NAMES), texts, max_size=4))
async def test_no_authorization_request_is_a_fault(site: Whole, changed: dict[str, str]) -> None:
    query = urlencode({**right, **changed})
    async with site.browser() as browser:
        answer = await browser.get(f"/sandbox/authorize?{query}")
        await never_a_fault(answer)
        if answer.has_redirect_location and answer.headers["location"].startswith("/login/"):
            await never_a_fault(await browser.get(answer.headers["location"]))


@no_limits
@given(claims=json_values)
async def test_no_claims_parameter_is_a_fault(site: Whole, claims: Any) -> None:
    async with site.browser() as browser:
        answer = await browser.get(f"/sandbox/authorize?{urlencode({**right, 'claims': json.dumps(claims)})}")
        await never_a_fault(answer)
        if answer.has_redirect_location and answer.headers["location"].startswith("/login/"):
            await never_a_fault(await browser.get(answer.headers["location"], follow_redirects=True))


@pytest.mark.parametrize("depth", [10, 500, *range(800, 1000, 7), 2600])
async def test_no_depth_of_the_claims_parameter_is_a_fault(site: Whole, depth: int) -> None:
    claims = '{"id_token":{"x":{"y":' + "[" * depth + "]" * depth + "}}}"
    query = site.asks(claims=claims)
    async with site.browser() as browser:
        answer = await browser.get(f"/sandbox/authorize?{query}")
        await never_a_fault(answer)
        if answer.headers["location"].startswith("/login/"):
            end = await site.log_in(browser, query)
            assert end.startswith(CALLBACK)


@no_limits
@given(
    answer=st.fixed_dictionaries(
        {},
        optional={"id": json_values, "rawId": json_values, "type": json_values, "response": json_values},
    ),
    client_data=json_values,
)
async def test_no_webauthn_answer_is_a_fault(site: Whole, answer: Any, client_data: Any) -> None:
    await _answer_passkey(site, {**answer, "response": _response(client_data)})
    await _answer_passkey(site, answer)


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": []},
        {"origin": {}},
        {"origin": None},
        {"type": []},
        {"crossOrigin": {"a": 1}},
        {"challenge": 7},
        {"challenge": "\u00e9"},
        {"tokenBinding": {"status": []}},
    ],
    ids=str,
)
async def test_no_type_of_a_member_of_client_data_is_a_fault(site: Whole, changed: Any) -> None:
    """To a question that was really put: nothing stops it before it is judged."""
    await _answer_passkey(site, {"id": "AAAA", "rawId": "AAAA", "type": "public-key"}, changed)


def _response(client_data: Any) -> dict[str, str]:
    from support.soft_authenticator import b64

    return {"clientDataJSON": b64(json.dumps(client_data).encode()), "authenticatorData": "AAAA", "signature": "AAAA"}


async def _answer_passkey(site: Whole, answer: Any, client_data: Any = None) -> None:
    """At a question that was really put, and at a link that really works."""
    async with site.browser() as browser:
        begun = await browser.get(f"/sandbox/authorize?{site.asks(acr_values='AAL2_ANY')}")
        way = f"{begun.headers['location']}/passkey"
        await _post_answer(browser, way, answer, client_data)
        page = await browser.get("/demo")
        invited = await browser.post("/demo", data={"csrf": _csrf(page.text), "person": "555000000101"})
        await _post_answer(browser, f"{invited.headers['location']}/passkey", answer, client_data)


async def _post_answer(browser: httpx2.AsyncClient, way: str, answer: Any, client_data: Any) -> None:
    csrf = _csrf((await browser.get(way)).text)
    asked = await browser.post(f"{way}/options", data={"csrf": csrf})
    assert asked.status_code == 200, asked.text
    if client_data is not None:
        right = {"type": "webauthn.get", "challenge": asked.json()["options"]["challenge"], "origin": ORIGIN}
        answer = {**answer, "response": _response({**right, **client_data})}
    given = await browser.post(way, data={"csrf": csrf, "answer": json.dumps(answer)})
    assert given.status_code == 422, given.text


def _csrf(html: str) -> str:
    return html.partition('name="csrf" value="')[2].partition('"')[0]
