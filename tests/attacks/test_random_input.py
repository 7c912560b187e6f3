"""Whatever is sent, the answer is an answer: never a 500, never a stack trace (architecture.md section 6)."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carekey.kernel.ids import IssuerName
from support.companion import Companion
from support.installation import CALLBACK, ORIGIN, PERSON, Whole
from support.virtual_cards import with_cards

pytestmark = pytest.mark.anyio

ENDPOINTS = (
    *("authorize", "access_token", "userinfo", "connect/endSession", "connect/jwk_uri"),
    *("device_authorization", "bc-authorize", "register", "par", "introspect", "token/revoke"),
)
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
    "/device",
    "/device/decide",
    "/requests",
    "/requests/log-in",
    "/requests/{odd}/decide",
    "/workstations/cards",
    *(f"/smartcard/renewal/{one}" for one in ("held", "sign", "replaced")),
    *("/pki/ocsp", "/account/ways", "/account/ways/add", "/account/ways/{odd}/remove"),
    *(f"/login/{{odd}}/{one}" for one in ("account", "someone-else", "smartcard", "smartcard/done", "phone")),
    *("/phone", "/phone/approval", "/phone/approval/refuse", "/phone/waiting", "/phone/waiting/refuse"),
    *("/uaf/reg/request", "/uaf/reg/response", "/uaf/auth/request", "/uaf/auth/response"),
    *("/confirmation/{odd}", "/confirmation/{odd}/events", "/register/{odd}/phone"),
    "/static/{odd}/{odd}",
    "/{odd}",
)
WAYS = '["passkey", "security-key", "phone", "this-phone", "smartcard", "password"]'
ISSUERS = {
    "ISSUERS__HEALTHCARE__URL": ORIGIN,
    "ISSUERS__HEALTHCARE__SANDBOX": "true",
    "ISSUERS__HEALTHCARE__WAYS": WAYS,
    "ISSUERS__SANDBOX__URL": f"{ORIGIN}/sandbox",
    "ISSUERS__SANDBOX__SANDBOX": "true",
    "ISSUERS__SANDBOX__WAYS": WAYS,
    "ISSUERS__SANDBOX__REGISTRATION__WHO": "anybody",
    "ISSUERS__SANDBOX__REGISTRATION__BY_ADDRESS": "1000000",
    "ISSUERS__SANDBOX__REGISTRATION__IN_ALL": "1000000",
}
NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "acr_values"),
    *("claims", "id_token_hint", "login_hint", "ui_locales", "display", "code_challenge", "code_challenge_method"),
    *("response_mode", "request", "request_uri", "registration", "grant_type", "code", "code_verifier"),
    *("client_secret", "client_assertion", "client_assertion_type", "access_token", "post_logout_redirect_uri"),
    *("csrf", "way", "role", "share", "username", "password", "user", "answer", "label", "registration", "page", "q"),
    *("issuer", "person", "user_code", "decision", "device_code", "auth_req_id", "login_hint_token"),
    *("binding_message", "client_notification_token", "requested_expiry", "token"),
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
MEMBERS = (
    *("client_name", "redirect_uris", "grant_types", "response_types", "scope", "jwks", "contacts", "profile"),
    *("token_endpoint_auth_method", "application_type", "subject_type", "default_max_age", "software_statement"),
    *("authorization_encrypted_response_alg", "authorization_encrypted_response_enc", "authorization_details_types"),
    *("backchannel_token_delivery_mode", "backchannel_user_code_parameter", "dpop_bound_access_tokens"),
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


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    """With whatever can be switched on: companions that tell of cards, and anybody who registers."""
    folder = tmp_path_factory.mktemp("carekey")
    async with with_cards(folder, **ISSUERS) as made:
        await made.register(
            "trolley",
            token_endpoint_auth_method="none",
            redirect_uris=[],
            grant_types=["urn:ietf:params:oauth:grant-type:device_code"],
        )
        await made.register(
            "desk",
            token_endpoint_auth_method="client_secret_post",
            redirect_uris=[],
            grant_types=["urn:openid:params:grant-type:ciba"],
            backchannel_token_delivery_mode="poll",
        )
        await Companion(made).enrol()
        yield made


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


@pytest.mark.parametrize("path", [path for path in PATHS if "{odd}" not in path])
async def test_every_path_is_there(site: Whole, path: str) -> None:
    """Or the tests here would ask at a door that there is none behind."""
    statuses = {(await send(site, method, path)).status_code for method in ("GET", "POST")}
    assert statuses != {404}


JSON_PATHS = [path for path in PATHS if "{odd}" not in path and path.startswith(("/phone/", "/uaf/", "/smartcard/"))]


@pytest.mark.parametrize("media_type", ["application/json", "application/fido+uaf"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"code":"\xff"}',
        b'{"x":' + b"[" * 3000,
        b'{"context":"{\\"x\\":' + b"[" * 3000 + b'"}',
        b'{"context":"{\\"login\\":\\"\\\\ud800\\"}"}',
        b'{"code":"\\ud800"}',
        b'{"code":"\\u0000","device":"\\u0000","confirmation":"\\u0000"}',
        b"[]",
        b"\xff",
    ],
    ids=["no-utf8", "deep", "deep-context", "half-a-character", "half-escaped", "nul", "list", "bytes"],
)
@pytest.mark.parametrize("path", JSON_PATHS)
async def test_no_json_is_a_fault(site: Whole, path: str, body: bytes, media_type: str) -> None:
    answer = await send(site, "POST", path, content=body, headers={"content-type": media_type})
    await never_a_fault(answer)
    assert '"statusCode":1500' not in answer.text, "UAF's own word for a fault"


@no_limits
@given(changed=st.dictionaries(st.sampled_from(NAMES), texts, max_size=4))
async def test_no_device_request_is_a_fault(site: Whole, changed: dict[str, str]) -> None:
    form = {"client_id": "trolley", "scope": "openid", **changed}
    await never_a_fault(await send(site, "POST", "/sandbox/device_authorization", data=form))


@no_limits
@given(changed=st.dictionaries(st.sampled_from(NAMES), texts, max_size=4))
async def test_no_backchannel_request_is_a_fault(site: Whole, changed: dict[str, str]) -> None:
    right = {"client_id": "desk", "client_secret": site.secrets["desk"], "scope": "openid", "login_hint": PERSON}
    await never_a_fault(await send(site, "POST", "/sandbox/bc-authorize", data={**right, **changed}))


@no_limits
@given(changed=st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=4))
async def test_no_registration_is_a_fault(site: Whole, changed: dict[str, Any]) -> None:
    metadata = {"client_name": "Odd", "redirect_uris": [CALLBACK], **changed}
    answer = await send(site, "POST", "/sandbox/register", content=json.dumps(metadata))
    await never_a_fault(answer)
    assert answer.status_code in {201, 400}
    if answer.status_code == 201:
        headers = {"authorization": f"Bearer {answer.json()['registration_access_token']}"}
        again = {**metadata, "client_id": answer.json()["client_id"]}
        path = answer.json()["registration_client_uri"].removeprefix(ORIGIN)
        changed_again = await send(site, "PUT", path, content=json.dumps(again), headers=headers)
        await never_a_fault(changed_again)
        assert changed_again.status_code in {200, 400}


@no_limits
@given(
    part=st.integers(0, 1),
    name=st.sampled_from(["alg", "typ", "kid", "crit", "iss", "aud", "at", "cards"]),
    value=json_values,
    whole=st.booleans(),
)
async def test_no_statement_of_a_companion_is_a_fault(
    site: Whole, part: int, name: str, value: Any, *, whole: bool
) -> None:
    parts = Companion(site).statement().split(b".")
    members = json.loads(base64.urlsafe_b64decode(parts[part] + b"=="))
    changed = value if whole else {**members, name: value}
    parts[part] = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=")
    await never_a_fault(await send(site, "POST", "/workstations/cards", content=b".".join(parts)))


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


@pytest.mark.parametrize("depth", [14, 500, *range(870, 1000, 7)])
async def test_no_depth_of_a_registration_is_a_fault_for_anybody(site: Whole, depth: int) -> None:
    """What was just not too deep at the door was so wherever it was read again: at every list of applications too."""
    odd = "[" * depth + "]" * depth
    body = '{"client_name":"Odd","redirect_uris":["https://ward.example/callback"],"odd":' + odd + "}"
    made = await send(site, "POST", "/sandbox/register", content=body, headers={"content-type": "application/json"})
    assert made.status_code == (201 if depth < 16 else 400)
    assert (await send(site, "GET", "/applications")).status_code == 200
    await site.installation.store.read(lambda tx: tx.clients.list(IssuerName("sandbox")))
    if made.status_code == 201:
        found = await send(site, "GET", f"/sandbox/authorize?{site.asks(client_id=made.json()['client_id'])}")
        assert found.status_code == 303


async def test_a_frame_that_no_page_can_name_is_not_registered(site: Whole) -> None:
    """The page that says that one is logged out would be a fault for whoever used the application."""
    metadata = {
        "client_name": "Odd",
        "redirect_uris": [CALLBACK],
        "frontchannel_logout_uri": "https://ward.example:/fc",
    }
    headers = {"content-type": "application/json"}
    answer = await send(site, "POST", "/sandbox/register", content=json.dumps(metadata), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


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
