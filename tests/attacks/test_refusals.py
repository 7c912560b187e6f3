"""The table of refusals over HTTP: every wrong input gets the specified error, changes nothing, and is on record."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from carekey.web.cookies import LOGINS_AT_ONCE
from support.installation import CALLBACK, NOW, SANDBOX, Whole, answered

pytestmark = pytest.mark.anyio

S = int(NOW.timestamp())
NOT_VALID = {"error_description": "JWT is not valid", "error": "invalid_client"}
FORM = "application/x-www-form-urlencoded"


async def refused(site: Whole, send: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]) -> tuple[Any, Any]:
    """The answer and the one event that it left; everything else is as it was before."""
    before, last = site.tables(), site.last_event()
    async with site.browser() as browser:
        answer = await send(browser)
    assert site.tables() == before
    events = site.events(after=last)
    assert [event["refusal"] for event in events] == [True], f"{answer.status_code}: {events}"
    return answer, events[0]


# The authorization endpoint

PAGE: dict[str, tuple[dict[str, str | None], str]] = {
    "no client": ({"client_id": None}, "no_client"),
    "empty client": ({"client_id": ""}, "no_client"),
    "unknown client": ({"client_id": "nobody"}, "unknown_client"),
    "client of another issuer's name": ({"client_id": "Ward"}, "unknown_client"),
    "oversized client": ({"client_id": "w" * 513}, "malformed"),
    "control character in the client": ({"client_id": "wa\nrd"}, "malformed"),
    "no redirect address": ({"redirect_uri": None}, "no_redirect_uri"),
    "foreign redirect address": ({"redirect_uri": "https://evil.example/"}, "unregistered_redirect_uri"),
    "registered address as a prefix": ({"redirect_uri": f"{CALLBACK}/more"}, "unregistered_redirect_uri"),
    "registered address and a query": ({"redirect_uri": f"{CALLBACK}?a=b"}, "unregistered_redirect_uri"),
    "registered address and a fragment": ({"redirect_uri": f"{CALLBACK}#a"}, "unregistered_redirect_uri"),
    "registered address in capitals": ({"redirect_uri": CALLBACK.upper()}, "unregistered_redirect_uri"),
    "registered host as a user name": (
        {"redirect_uri": "https://ward.example@evil.example/callback"},
        "unregistered_redirect_uri",
    ),
    "path that climbs": ({"redirect_uri": "https://ward.example/x/../callback"}, "unregistered_redirect_uri"),
    "http for https": ({"redirect_uri": CALLBACK.replace("https", "http")}, "unregistered_redirect_uri"),
    "default port": ({"redirect_uri": CALLBACK.replace(".example", ".example:443")}, "unregistered_redirect_uri"),
    "script": ({"redirect_uri": "javascript:alert(1)"}, "unregistered_redirect_uri"),
    "line break": ({"redirect_uri": f"{CALLBACK}\r\nSet-Cookie: a=b"}, "malformed"),
    "oversized redirect address": ({"redirect_uri": CALLBACK + "a" * 2048}, "malformed"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", PAGE)
async def test_rfc9700_4_11_what_proves_no_address_is_answered_with_a_page(site: Whole, name: str, method: str) -> None:
    changed, reason = PAGE[name]
    answer, event = await refused(site, lambda browser: _authorize(browser, site.asks(**changed), method))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert (event["tag"], event["reason"]) == ("authorization:request:refused", reason)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_rfc6749_3_1_a_repeated_proof_of_the_address_is_answered_with_a_page(
    site: Whole, name: str, method: str
) -> None:
    query = f"{site.asks()}&{urlencode({name: CALLBACK})}"
    answer, event = await refused(site, lambda browser: _authorize(browser, query, method))
    assert (answer.status_code, event["reason"]) == (400, "repeated_parameter")


REDIRECT: dict[str, tuple[dict[str, str | None], str, str]] = {
    "no response type": ({"response_type": None}, "invalid_request", "no_response_type"),
    "implicit": ({"response_type": "id_token"}, "unsupported_response_type", "response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type", "response_type"),
    "response mode fragment": ({"response_mode": "fragment"}, "invalid_request", "response_mode"),
    "no scope": ({"scope": None}, "invalid_scope", "no_openid_scope"),
    "scope without openid": ({"scope": "profile"}, "invalid_scope", "no_openid_scope"),
    "prompt unknown": ({"prompt": "create"}, "invalid_request", "prompt"),
    "prompt none and login": ({"prompt": "none login"}, "invalid_request", "prompt"),
    "max_age no number": ({"max_age": "soon"}, "invalid_request", "max_age"),
    "max_age negative": ({"max_age": "-1"}, "invalid_request", "max_age"),
    "max_age in other digits": ({"max_age": "\u0661"}, "invalid_request", "max_age"),
    "claims no JSON": ({"claims": "{"}, "invalid_request", "claims"),
    "claims a list": ({"claims": "[]"}, "invalid_request", "claims"),
    "essential acr unknown": (
        {"claims": '{"id_token":{"acr":{"essential":true,"value":"AAL9"}}}'},
        "unmet_authentication_requirements",
        "acr_unknown",
    ),
    "hint no token": ({"id_token_hint": "nonsense"}, "invalid_request", "id_token_hint"),
    "request object unsigned": ({"request": "e30.e30."}, "invalid_request_object", "object_malformed"),
    "request by reference": (
        {"request_uri": "https://ward.example/r"},
        "invalid_request_uri",
        "request_uri_not_registered",
    ),
    "registration": ({"registration": "{}"}, "registration_not_supported", "registration"),
    "PKCE plain": (
        {"code_challenge": "c" * 43, "code_challenge_method": "plain"},
        "invalid_request",
        "pkce_method",
    ),
    "PKCE by default plain": ({"code_challenge": "c" * 43}, "invalid_request", "pkce_method"),
    "PKCE challenge too short": (
        {"code_challenge": "c" * 42, "code_challenge_method": "S256"},
        "invalid_request",
        "pkce_challenge",
    ),
    "public client without PKCE": ({"client_id": "public"}, "invalid_request", "pkce_missing"),
    "client without this grant": ({"client_id": "robot"}, "unauthorized_client", "grant_type_not_registered"),
    "oversized state": ({"state": "s" * 8200}, "invalid_request", "too_large"),
    "oversized nonce": ({"nonce": "n" * 8200}, "invalid_request", "too_large"),
    "NUL-like control in the nonce": ({"nonce": "a\x01b"}, "invalid_request", "too_large"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", REDIRECT)
async def test_rfc6749_4_1_2_1_what_comes_later_is_answered_at_the_application(
    site: Whole, name: str, method: str
) -> None:
    changed, error, reason = REDIRECT[name]
    if changed.get("client_id") == "robot":
        changed = {**changed, "redirect_uri": CALLBACK}
    answer, event = await refused(site, lambda browser: _authorize(browser, site.asks(**changed), method))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    got = answered(answer.headers["location"])
    assert (got["error"], got["iss"], "code" in got) == (error, SANDBOX, False)
    if "state" not in changed:
        assert got["state"] == "s"
    assert (event["tag"], event["actor"], event["reason"]) == ("authorization:request:refused", "unknown", reason)


@pytest.mark.parametrize(
    "name", ["state", "nonce", "scope", "response_type", "prompt", "max_age", "acr_values", "claims", "response_mode"]
)
async def test_rfc6749_3_1_a_repeated_parameter_is_answered_at_the_application(site: Whole, name: str) -> None:
    query = f"{site.asks(**{name: 'x'})}&{name}=y"
    answer, event = await refused(site, lambda browser: _authorize(browser, query, "GET"))
    got = answered(answer.headers["location"])
    assert (got["error"], event["reason"]) == ("invalid_request", "repeated_parameter")
    assert ("state" in got) == (name != "state")


async def test_oidc_core_3_1_2_6_prompt_none_without_a_session(site: Whole) -> None:
    answer, event = await refused(site, lambda browser: _authorize(browser, site.asks(prompt="none"), "GET"))
    assert answered(answer.headers["location"])["error"] == "login_required"
    assert event["reason"] == "login_required"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "reason"),
    [
        (b"client_id=ward", "text/plain", 400, "malformed"),
        (b"client_id=%ff", FORM, 400, "malformed"),
        (b"client_id=\xff", FORM, 400, "malformed"),
        (b"&a=" * 300, FORM, 400, "malformed"),
        (b"client_id=" + b"w" * 70_000, FORM, 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_form_or_too_large_is_refused_and_on_record(
    site: Whole, content: bytes, content_type: str, status: int, reason: str
) -> None:
    for path, error in (("authorize", "invalid_request"), ("access_token", "invalid_request")):
        answer, event = await refused(
            site,
            lambda browser, path=path: browser.post(
                f"/sandbox/{path}", content=content, headers={"content-type": content_type}
            ),
        )
        assert answer.status_code == status
        assert (event["error"], event["reason"]) == (error, reason)


async def test_an_oversized_query_is_refused_and_on_record(site: Whole) -> None:
    answer, event = await refused(site, lambda browser: browser.get(f"/sandbox/authorize?x={'a' * 17_000}"))
    assert (answer.status_code, event["reason"]) == (400, "too_large")


async def _authorize(browser: httpx2.AsyncClient, query: str, method: str) -> httpx2.Response:
    if method == "GET":
        return await browser.get(f"/sandbox/authorize?{query}")
    return await browser.post("/sandbox/authorize", content=query.encode(), headers={"content-type": FORM})


# The token endpoint


@dataclass(frozen=True, slots=True)
class Wrong:
    """`make` changes a request that would succeed; None leaves a member out."""

    make: Callable[[Whole], dict[str, str | None]]
    status: int
    error: str
    reason: str


def _pem_key(site: Whole) -> Any:
    from joserfc.jwk import OctKey

    key = OctKey.import_key("s" * 64)
    key._raw_value = site.key.as_pem(private=False)  # the library refuses to make such a key itself
    return key


def _other_key() -> Any:
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048)


def _assertion(make: Callable[[Whole], str], reason: str) -> Wrong:
    return Wrong(lambda site: {"client_assertion": make(site)}, 401, "invalid_client", reason)


def _unsigned(assertion: str) -> str:
    return "eyJhbGciOiJub25lIn0." + assertion.split(".")[1] + "."


def _flipped(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


TOKEN: dict[str, Wrong] = {
    "no client at all": Wrong(
        lambda _: {"client_assertion": None, "client_assertion_type": None}, 401, "invalid_client", "no_client"
    ),
    "unknown client": Wrong(
        lambda _: {"client_assertion": None, "client_assertion_type": None, "client_id": "nobody"},
        401,
        "invalid_client",
        "unknown_client",
    ),
    "a name alone": Wrong(
        lambda _: {"client_assertion": None, "client_assertion_type": None, "client_id": "ward"},
        401,
        "invalid_client",
        "method_not_registered",
    ),
    "secret of a client with a key": Wrong(
        lambda _: {"client_assertion": None, "client_assertion_type": None, "client_id": "ward", "client_secret": "x"},
        401,
        "invalid_client",
        "method_not_registered",
    ),
    "wrong secret": Wrong(
        lambda _: {"client_assertion": None, "client_assertion_type": None, "client_id": "post", "client_secret": "x"},
        401,
        "invalid_client",
        "wrong_secret",
    ),
    "two methods": Wrong(lambda _: {"client_secret": "x"}, 401, "invalid_client", "several_methods"),
    "two clients": Wrong(lambda _: {"client_id": "post"}, 401, "invalid_client", "several_client_ids"),
    "another type": Wrong(
        lambda _: {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        401,
        "invalid_client",
        "assertion_type",
    ),
    "alg none": _assertion(lambda site: _unsigned(site.assertion()), "assertion_alg"),
    "HS256 with the public key": _assertion(
        lambda site: site.assertion(key=_pem_key(site), header={"alg": "HS256"}), "assertion_alg"
    ),
    "signed by another key": _assertion(lambda site: site.assertion(key=_other_key()), "assertion_signature"),
    "foreign kid": _assertion(lambda site: site.assertion(header={"kid": "other"}), "assertion_unknown_key"),
    "wrong typ": _assertion(lambda site: site.assertion(header={"typ": "logout+jwt"}), "assertion_typ"),
    "truncated": _assertion(lambda site: site.assertion()[:-6], "assertion_signature"),
    "bit flipped": _assertion(lambda site: _flipped(site.assertion()), "assertion_signature"),
    "no assertion": _assertion(lambda _: "x", "assertion_malformed"),
    "oversized assertion": _assertion(lambda _: "x" * 20_000, "too_large"),
    "for another server": _assertion(
        lambda site: site.assertion(aud="https://other.example/access_token"), "assertion_audience"
    ),
    "for the other issuer": _assertion(
        lambda site: site.assertion(aud="http://localhost:8000/access_token"), "assertion_audience"
    ),
    "expired": _assertion(lambda site: site.assertion(iat=S - 400, exp=S - 100), "assertion_expired"),
    "no exp": _assertion(lambda site: site.assertion(exp=None), "assertion_expired"),
    "no jti": _assertion(lambda site: site.assertion(jti=None), "assertion_jti"),
    "of somebody else": _assertion(lambda site: site.assertion(iss="post"), "assertion_issuer"),
}
GRANT: dict[str, Wrong] = {
    "no grant type": Wrong(lambda _: {"grant_type": None}, 400, "invalid_request", "missing_parameter"),
    "unknown grant type": Wrong(
        lambda _: {"grant_type": "password"}, 400, "unsupported_grant_type", "unknown_grant_type"
    ),
    "grant type that it may not use": Wrong(
        lambda _: {"grant_type": "client_credentials"}, 400, "unauthorized_client", "grant_type_not_registered"
    ),
    "no code": Wrong(lambda _: {"code": None}, 400, "invalid_request", "missing_parameter"),
    "no redirect address": Wrong(lambda _: {"redirect_uri": None}, 400, "invalid_request", "missing_parameter"),
    "unknown code": Wrong(lambda _: {"code": "c" * 43}, 400, "invalid_grant", "unknown_code"),
    "oversized code": Wrong(lambda _: {"code": "c" * 50_000}, 400, "invalid_grant", "unknown_code"),
    "another redirect address": Wrong(
        lambda _: {"redirect_uri": f"{CALLBACK}/"}, 400, "invalid_grant", "redirect_uri_differs"
    ),
    "verifier out of nowhere": Wrong(lambda _: {"code_verifier": "v" * 43}, 400, "invalid_grant", "pkce_unexpected"),
    "code of another client": Wrong(
        lambda site: {
            "client_assertion": None,
            "client_assertion_type": None,
            "client_id": "post",
            "client_secret": site.secrets["post"],
        },
        400,
        "invalid_grant",
        "code_of_another_client",
    ),
}


@pytest.fixture(scope="module")
async def code(site: Whole) -> str:
    """One code for all of them: nothing that is refused redeems it."""
    return await site.code()


@pytest.mark.parametrize("name", TOKEN)
async def test_rfc6749_5_2_who_does_not_prove_to_be_a_client_is_refused(site: Whole, code: str, name: str) -> None:
    wrong = TOKEN[name]
    body = site.token_request(code, **wrong.make(site))
    answer, event = await refused(site, lambda browser: browser.post("/sandbox/access_token", data=body))
    assert (answer.status_code, answer.json()["error"]) == (wrong.status, wrong.error)
    if "client_assertion" in body:
        assert answer.json() == NOT_VALID
    assert (event["tag"], event["reason"]) == ("client:authentication:refused", wrong.reason)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", GRANT)
async def test_rfc6749_5_2_a_client_that_asks_wrongly_is_refused(site: Whole, code: str, name: str) -> None:
    wrong = GRANT[name]
    before, last = site.tables(), site.last_event()
    body = site.token_request(code, **wrong.make(site))
    async with site.browser() as browser:
        answer = await browser.post("/sandbox/access_token", data=body)
    assert (answer.status_code, answer.json()["error"]) == (wrong.status, wrong.error)
    # That its assertion was used stands, or it could be used again.
    after = site.tables()
    assert {**after, "assertions": None} == {**before, "assertions": None}
    (event,) = site.events(after=last)
    assert (event["tag"], event["refusal"], event["reason"]) == ("token:grant:refused", True, wrong.reason)


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "client_id", "client_assertion", "client_assertion_type"]
)
async def test_rfc6749_3_2_a_repeated_parameter_is_refused(site: Whole, code: str, name: str) -> None:
    before = site.tables()
    body = urlencode([*site.token_request(code, client_id="ward").items(), (name, "again")])
    async with site.browser() as browser:
        answer = await browser.post("/sandbox/access_token", content=body.encode(), headers={"content-type": FORM})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert {**site.tables(), "assertions": None} == {**before, "assertions": None}
    assert site.events()[-1]["reason"] == "repeated_parameter"


async def test_the_code_of_the_table_still_works_then_works_no_more_and_takes_what_it_bought_along(site: Whole) -> None:
    code = await site.code()
    async with site.browser() as browser:
        bought = (await browser.post("/sandbox/access_token", data=site.token_request(code))).json()
        bearer = {"authorization": f"Bearer {bought['access_token']}"}
        assert (await browser.get("/sandbox/userinfo", headers=bearer)).status_code == 200
        last = site.last_event()
        again = await browser.post("/sandbox/access_token", data=site.token_request(code))
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        assert [event["tag"] for event in site.events(after=last)] == ["token:code:replayed"]
        assert (await browser.get("/sandbox/userinfo", headers=bearer)).status_code == 401


async def test_rfc7523_3_a_replayed_assertion_is_refused(site: Whole, code: str) -> None:
    body = site.token_request("c" * 43)
    async with site.browser() as browser:
        first = await browser.post("/sandbox/access_token", data=body)
        assert first.json()["error"] == "invalid_grant"
    answer, event = await refused(
        site, lambda browser: browser.post("/sandbox/access_token", data={**body, "code": code})
    )
    assert (answer.json(), event["reason"]) == (NOT_VALID, "assertion_replayed")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic d2FyZA==", "Bearer x", "Basic YmFzaWM6eA=="])
async def test_rfc6749_5_2_a_bad_authorization_header_is_told_its_scheme(site: Whole, header: str) -> None:
    body = {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK}
    answer, event = await refused(
        site, lambda browser: browser.post("/sandbox/access_token", data=body, headers={"authorization": header})
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert event["tag"] == "client:authentication:refused"


# Userinfo


@pytest.mark.parametrize(
    ("header", "reason", "challenge"),
    [
        (None, "no_token", 'Bearer realm="carekey"'),
        ("Basic d2FyZDo=", "no_token", 'Bearer realm="carekey"'),
        ("Bearer", "no_token", 'Bearer realm="carekey"'),
        ("Bearer x", "unknown_token", 'error="invalid_token"'),
        (f"Bearer {'x' * 9000}", "unknown_token", 'error="invalid_token"'),
    ],
)
async def test_rfc6750_3_userinfo_without_a_good_token(
    site: Whole, header: str | None, reason: str, challenge: str
) -> None:
    headers = {"authorization": header} if header else {}
    answer, event = await refused(site, lambda browser: browser.get("/sandbox/userinfo", headers=headers))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert challenge in answer.headers["www-authenticate"]
    assert (event["tag"], event["reason"]) == ("token:userinfo:refused", reason)


async def test_rfc6750_2_a_token_that_is_sent_twice_or_in_the_address(site: Whole) -> None:
    token = await _access_token(site)
    bearer = {"authorization": f"Bearer {token}"}
    answer, event = await refused(
        site, lambda browser: browser.post("/sandbox/userinfo", data={"access_token": token}, headers=bearer)
    )
    assert (answer.status_code, event["reason"]) == (400, "several_tokens")
    answer, event = await refused(site, lambda browser: browser.get(f"/sandbox/userinfo?access_token={token}"))
    assert (answer.status_code, event["reason"]) == (401, "no_token")


async def test_a_token_of_one_issuer_opens_nothing_at_the_other(site: Whole) -> None:
    bearer = {"authorization": f"Bearer {await _access_token(site)}"}
    answer, event = await refused(site, lambda browser: browser.get("/userinfo", headers=bearer))
    assert (answer.status_code, event["reason"]) == (401, "token_of_another_issuer")


async def test_rfc6750_3_1_a_token_without_a_person_is_not_enough(site: Whole) -> None:
    async with site.browser() as browser:
        asked = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": site.secrets["robot"]}
        token = (await browser.post("/sandbox/access_token", data=asked)).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    answer, event = await refused(site, lambda browser: browser.get("/sandbox/userinfo", headers=bearer))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert event["reason"] == "no_openid_scope"


async def _access_token(site: Whole) -> str:
    async with site.browser() as browser:
        answer = await browser.post("/sandbox/access_token", data=site.token_request(await site.code()))
    return str(answer.json()["access_token"])


# Logging out


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("client_id=ward&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F", "unregistered_redirect_uri"),
        ("post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F", "unregistered_redirect_uri"),
        ("client_id=ward&client_id=post", "repeated_parameter"),
        ("client_id=w%0Aard", "malformed"),
        ("state=" + "s" * 9000, "malformed"),
        ("state=%ff", "malformed"),
    ],
)
async def test_a_wrong_request_to_log_out_goes_nowhere(site: Whole, query: str, reason: str, method: str) -> None:
    async def send(browser: httpx2.AsyncClient) -> httpx2.Response:
        if method == "GET":
            return await browser.get(f"/sandbox/connect/endSession?{query}")
        form = {"content-type": FORM}
        return await browser.post("/sandbox/connect/endSession", content=query.encode(), headers=form)

    answer, event = await refused(site, send)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert event["reason"] == reason


# Id tokens that come back


def _hints(site: Whole, token: str) -> dict[str, str]:
    from joserfc import jwt

    claims = {"iss": SANDBOX, "sub": "555000000102", "aud": "ward", "auth_time": S, "sid": "x"}
    other = _other_key()
    head, _, signature = token.split(".")
    return {
        "alg none": _unsigned(token),
        "bit flipped": _flipped(token),
        "truncated": token[:-4],
        "of a client's key": jwt.encode({"alg": "RS256"}, claims, site.key),
        "embedded jwk": jwt.encode({"alg": "RS256", "jwk": other.as_dict(private=False)}, claims, other),
        "embedded jku": jwt.encode({"alg": "RS256", "kid": "k", "jku": "https://evil.example/"}, claims, other),
        "HS256 with our public key": "",
        "critical header": jwt.encode({"alg": "RS256", "b64": True, "crit": ["b64"]}, claims, other),
        "another payload": ".".join((head, _unsigned(site.assertion()).split(".")[1], signature)),
    }


async def test_jose_attacks_on_id_token_hint(site: Whole) -> None:
    from joserfc import jwt
    from joserfc.jwk import KeySet, OctKey

    async with site.browser() as browser:
        bought = await browser.post("/sandbox/access_token", data=site.token_request(await site.code()))
        token = bought.json()["id_token"]
        keys = KeySet.import_key_set((await browser.get("/sandbox/connect/jwk_uri")).json())
    public = OctKey.import_key("s" * 64)
    public._raw_value = keys.keys[0].as_pem(private=False)
    hints = _hints(site, token)
    hints["HS256 with our public key"] = jwt.encode(
        {"alg": "HS256", "kid": keys.keys[0].kid}, {"iss": SANDBOX, "sub": "x", "aud": "ward", "auth_time": S}, public
    )
    for name, hint in hints.items():
        answer, event = await refused(
            site, lambda browser, hint=hint: _authorize(browser, site.asks(id_token_hint=hint, prompt="none"), "GET")
        )
        assert answered(answer.headers["location"])["error"] == "invalid_request", name
        assert event["reason"] == "id_token_hint", name
    # The same token, untouched, is one; that of the other issuer is not.
    answer, event = await refused(
        site, lambda browser: _authorize(browser, site.asks(id_token_hint=token, prompt="none"), "GET")
    )
    assert event["reason"] == "login_required"


# Pages


def _log_in(answer: httpx2.Response) -> str:
    """`/login/{id}`, whichever page of it comes first."""
    return "/".join(answer.headers["location"].split("/")[:3])


async def test_a_forged_form_changes_nothing_and_is_on_record(site: Whole) -> None:
    async with site.browser() as browser:
        begun = _log_in(await browser.get(f"/sandbox/authorize?{site.asks()}"))
        for path in ("way", "password", "role", "share", "cancel"):
            for headers, csrf in (
                ({"origin": "https://evil.example"}, "x"),
                ({"sec-fetch-site": "cross-site"}, "x"),
                ({}, "x"),
                ({}, ""),
            ):
                before, last = site.tables(), site.last_event()
                answer = await browser.post(f"{begun}/{path}", data={"csrf": csrf}, headers=headers)
                assert answer.status_code == 403, path
                assert site.tables() == before
                assert [event["tag"] for event in site.events(after=last)] == ["web:form:refused"], path


async def test_a_browser_keeps_the_latest_log_ins_however_many_are_begun(site: Whole) -> None:
    async with site.browser() as browser:
        session = site.installation.dispatcher._site.cookies.session("sandbox")
        browser.cookies.set(session, "kept", domain="localhost.local")
        begun = [
            (await browser.get(f"/sandbox/authorize?{site.asks(prompt='login')}")).headers["location"]
            for _ in range(LOGINS_AT_ONCE + 5)
        ]
        assert len([name for name in browser.cookies if name.startswith("login-")]) == LOGINS_AT_ONCE
        assert session in browser.cookies
        latest = await browser.get(begun[-LOGINS_AT_ONCE], follow_redirects=True)
        assert latest.status_code == 200
        earliest = await browser.get(begun[0], follow_redirects=True)
        assert earliest.status_code == 403


async def test_a_log_in_goes_on_in_no_other_browser(site: Whole) -> None:
    async with site.browser() as browser:
        begun = _log_in(await browser.get(f"/sandbox/authorize?{site.asks()}"))
    for path in ("", "/ways", "/role"):
        answer, event = await refused(site, lambda other, path=path: other.get(f"{begun}{path}"))
        assert (answer.status_code, event["tag"]) == (403, "login:browser:refused")
