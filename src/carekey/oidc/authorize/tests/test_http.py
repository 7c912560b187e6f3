"""The authorization endpoint, through the web kit."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, BRYN, roles
from carekey.oidc.authorize.tests.world import AUTHORIZE, CALLBACK, URL, WARD, authorize, log_in, provider, told, wanted
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.nesting import DEEPEST

pytestmark = pytest.mark.anyio

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
THIRD_PARTY = replace(WARD, id=ClientId("third"), name="Third party", consent=True)
PUBLIC = replace(WARD, id=ClientId("public"), auth_method=ClientAuthMethod.NONE)
STRICT = replace(WARD, id=ClientId("strict"), require_pkce=True)
HIGH = replace(WARD, id=ClientId("high"), minimum_aal=AAL.AAL3)
HASTY = replace(WARD, id=ClientId("hasty"), default_max_age=60)
LOW = replace(WARD, id=ClientId("low"), default_acr_values=("AAL2_OR_AAL3_ANY",))
NARROW = replace(WARD, id=ClientId("narrow"), scopes=frozenset({"profile"}))
MACHINE = replace(WARD, id=ClientId("machine"), grant_types=("client_credentials",))
DISABLED = replace(WARD, id=ClientId("disabled"), disabled_at=WARD.created_at)
NATIVE = replace(
    WARD,
    id=ClientId("native"),
    redirect_uris=("http://127.0.0.1/callback", "com.example.ward:/callback"),
    metadata={"application_type": "native"},
)
QUERIED = replace(WARD, id=ClientId("queried"), redirect_uris=("https://ward.example.test/cb?tenant=a%20b",))
CLIENTS = (WARD, THIRD_PARTY, PUBLIC, STRICT, HIGH, HASTY, LOW, NARROW, MACHINE, DISABLED, NATIVE, QUERIED)


@pytest.fixture
async def world():
    return await provider(*CLIENTS, held=3)


@pytest.fixture
def browser(world):
    return world.browser()


async def refusals(world):
    return await world.events("authorization:request:refused")


async def nothing_happened(world):
    """Neither a log-in nor a session nor a code came of it."""
    assert {event.tag for event in await world.events()} <= {"authorization:request:refused"}


async def test_a_log_in_ends_with_a_code_state_iss_and_client_id(world, browser):
    answer = await log_in(world, browser)
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    params = told(answer)
    assert len(params.pop("code")) == 43
    assert params == {"state": "state-1", "iss": URL, "client_id": WARD.id}
    grant = await world.grant(answer)
    assert (grant.person, grant.client, grant.issuer) == (ASHA, WARD.id, world.issuer.name)
    assert (grant.acr, grant.aal, grant.ial, grant.amr) == ("AAL3_ANY", AAL.AAL3, IAL.IAL3, (Amr.FIDO2,))
    assert (grant.scopes, grant.nonce, grant.state) == (("openid", "profile"), "nonce-1", "state-1")
    assert (grant.redirect_uri, grant.code_challenge, grant.role) == (CALLBACK, None, None)
    assert grant.auth_time == world.clock.now()
    assert (grant.expires_at - grant.issued_at).total_seconds() == 60


async def test_cis2_2_17_state_nonce_and_pkce_are_optional(world, browser):
    answer = await log_in(world, browser, state=None, nonce=None)
    assert "state" not in told(answer)
    grant = await world.grant(answer)
    assert (grant.nonce, grant.state, grant.code_challenge) == (None, None, None)


async def test_cis2_2_17_repeated_and_unknown_scopes_do_no_harm(world, browser):
    answer = await log_in(world, browser, scope="openid profile openid wards selectedrole  profile changedrole openid")
    assert "Choose your role" in browser.page
    assert answer.status_code == 200
    id = browser.page.split('action="/login/')[1].split("/")[0]
    answer = await browser.post(f"/login/{id}/role", role=roles(3)[1].id)
    grant = await world.grant(answer)
    assert grant.scopes == ("openid", "profile", "selectedrole", "changedrole")
    assert grant.role == roles(3)[1].id


async def test_cis2_2_17_max_age_of_any_size(world, browser):
    await log_in(world, browser)
    world.clock.pass_by(minutes=5)
    assert "code" in told(await authorize(browser, max_age="900000"))
    assert "code" in told(await authorize(browser, max_age="999999999999999"))
    assert (await authorize(browser, max_age="300")).headers["location"].startswith("/login/")
    assert (await authorize(browser, max_age="0")).headers["location"].startswith("/login/")


async def test_cis2_9_4_3_without_acr_values_aal3_is_required(world, browser):
    answer = await log_in(world, browser, aal=2)
    assert "is not secure enough for Ward list" in browser.page
    assert answer.status_code == 200


async def test_cis2_9_4_4_without_prompt_login_the_session_is_reused(world, browser):
    await log_in(world, browser)
    world.clock.pass_by(minutes=3)
    answer = await authorize(browser)
    grant = await world.grant(answer)
    assert (grant.issued_at - grant.auth_time).total_seconds() == 180
    assert (await authorize(browser, prompt="login")).headers["location"].startswith("/login/")


async def test_where_one_way_fits_its_page_comes_first_and_else_the_dispatcher_decides(world):
    inside, outside = world.browser(address="10.0.0.1"), world.browser()
    only = await authorize(inside, acr_values="AAL3_SMARTCARD")
    page = only.headers["location"]
    assert page.startswith("/login/")
    assert page.endswith("/smartcard")
    assert "login" in only.headers["set-cookie"]
    for browser, acr in ((outside, "AAL3_SMARTCARD"), (inside, "AAL3_ANY")):
        assert (await authorize(browser, acr_values=acr)).headers["location"].count("/") == 2
    # A form from another site brings no cookies: whether somebody is logged in shows only at the next request.
    posted = await inside.http.post(AUTHORIZE, data=wanted(acr_values="AAL3_SMARTCARD"))
    assert posted.headers["location"].count("/") == 2


async def test_cis2_9_4_12_auth_time_is_the_moment_of_the_last_factor(world, browser):
    answer = await log_in(world, browser, scope="openid selectedrole")
    proven = world.clock.now()
    world.clock.pass_by(seconds=40)
    id = browser.page.split('action="/login/')[1].split("/")[0]
    answer = await browser.post(f"/login/{id}/role", role=roles(3)[0].id)
    assert (await world.grant(answer)).auth_time == proven


async def test_single_sign_on_is_one_read_and_one_write_without_a_log_in(world, browser):
    await log_in(world, browser)
    before = len(await world.events())
    work = {"read": 0, "write": 0}
    for name in work:
        original = getattr(world.store, name)

        async def counted(unit, *, name=name, original=original):
            work[name] += 1
            return await original(unit)

        setattr(world.store, name, counted)
    answer = await authorize(browser, prompt="none")
    assert work == {"read": 1, "write": 1}
    assert told(answer)["state"] == "state-1"
    assert "set-cookie" not in answer.headers
    (event,) = (await world.events())[before:]
    assert (event.tag, event.data["client"]) == ("login:session:reused", WARD.id)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none", "id_token_hint": "of-bryn"}, "login_required"),
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"prompt": "none", "scope": "openid selectedrole"}, "interaction_required"),
        ({"prompt": "none", "client_id": THIRD_PARTY.id}, "consent_required"),
    ],
)
async def test_oidc_core_3_1_2_6_prompt_none_never_shows_a_page(world, browser, changes, error):
    world.tokens.tokens["of-bryn"] = id_token(sub=BRYN)
    if changes != {"prompt": "none"}:
        await log_in(world, browser)
    answer = told(await authorize(browser, **changes))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "state-1", URL)
    assert (await refusals(world))[-1].data["error"] == error


async def test_prompt_none_with_a_form_from_another_site_sees_the_session_at_the_second_step(world, browser):
    await log_in(world, browser)
    cookies = dict(browser.http.cookies)
    browser.http.cookies.clear()  # Lax: they do not come with a form of another site,
    form = {"content-type": "application/x-www-form-urlencoded"}
    begun = await browser.http.post(AUTHORIZE, content=urlencode(wanted(prompt="none")), headers=form)
    for name, value in cookies.items():
        browser.http.cookies.set(name, value, domain="care.example.test")  # but with the redirect that follows
    assert "code" in told(await browser.get(begun.headers["location"]))
    browser.http.cookies.clear()
    begun = await browser.http.post(AUTHORIZE, content=urlencode(wanted(prompt="none")), headers=form)
    assert told(await browser.get(begun.headers["location"]))["error"] == "login_required"


async def test_cancel_is_access_denied(world, browser):
    begun = await authorize(browser)
    await browser.get(begun.headers["location"])
    answer = told(await browser.post(f"{begun.headers['location']}/cancel"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "state-1", URL)


async def test_a_third_party_asks_first(world, browser):
    await log_in(world, browser, client_id=THIRD_PARTY.id, scope="openid email")
    assert "Third party wants to see some of your information" in browser.page
    assert "your email address" in browser.page
    id = browser.page.split('action="/login/')[1].split("/")[0]
    assert "code" in told(await browser.post(f"/login/{id}/share", share="yes"))


async def test_registration_2_the_clients_own_pages_are_linked_where_it_asks_for_something(world, browser):
    pages = {"policy_uri": "https://ward.example.test/policy", "tos_uri": "javascript:alert(1)"}
    linked = replace(
        THIRD_PARTY,
        client_uri="https://ward.example.test/",
        logo_uri="https://ward.example.test/logo.png",
        metadata=pages,  # as if it had got past the checks of registration
    )
    await world.store.write(lambda tx: tx.clients.replace(linked))
    await log_in(world, browser, client_id=THIRD_PARTY.id, scope="openid email")
    assert '<a href="https://ward.example.test/policy" rel="noreferrer">' in browser.page
    assert '<a href="https://ward.example.test/" rel="noreferrer">' in browser.page
    assert "javascript:" not in browser.page
    assert "logo.png" not in browser.page


def id_token(**changes: Any):
    return {"iss": URL, "sub": ASHA, "aud": WARD.id, "auth_time": 1, "sid": "s", **changes}


@pytest.mark.parametrize(
    ("hint", "error"),
    [
        ({}, None),
        ({"exp": 1}, None),
        ({"aud": "another"}, None),
        ({"iss": "https://care.example.test/sandbox"}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"sub": None}, "invalid_request"),
    ],
)
async def test_an_id_token_hint_is_an_id_token_of_ours(world, browser, hint, error):
    await log_in(world, browser)
    world.tokens.tokens["hint"] = id_token(**hint)
    assert told(await authorize(browser, id_token_hint="hint")).get("error") == error
    assert told(await authorize(browser, id_token_hint="never-signed"))["error"] == "invalid_request"


async def test_a_hint_of_somebody_else_asks_for_them(world, browser):
    await log_in(world, browser)
    world.tokens.tokens["of-bryn"] = id_token(sub=BRYN)
    begun = await authorize(browser, id_token_hint="of-bryn")
    id = begun.headers["location"].rsplit("/", 1)[1]
    await browser.get(begun.headers["location"])
    assert "You are not the person that Ward list asked for" in browser.page
    assert (await world.grant(await browser.prove(id, who=BRYN))).person == BRYN


CLAIMS = msgspec.json.encode


@pytest.mark.parametrize(
    ("changes", "aal", "acr"),
    [
        ({"acr_values": "AAL2_OR_AAL3_ANY"}, 2, "AAL2_OR_AAL3_ANY"),
        ({"acr_values": "AAL2_OR_AAL3_ANY"}, 3, "AAL2_OR_AAL3_ANY"),
        ({"acr_values": "AAL2_ANY  AAL3_ANY"}, 3, "AAL3_ANY"),
        ({"acr_values": "AAL2_ANY AAL3_ANY"}, 2, "AAL2_ANY"),
        ({"acr_values": "urn:mace:silver"}, 3, "AAL3_ANY"),
        ({"client_id": LOW.id}, 2, "AAL2_OR_AAL3_ANY"),
        ({"client_id": LOW.id, "acr_values": "AAL3_FIDO2"}, 3, "AAL3_FIDO2"),
        ({"client_id": HIGH.id, "acr_values": "AAL2_OR_AAL3_ANY"}, 3, "AAL2_OR_AAL3_ANY"),
        ({"client_id": HIGH.id, "acr_values": "AAL2_ANY"}, 3, "AAL3_ANY"),
        ({"claims": CLAIMS({"id_token": {"acr": {"values": ["AAL2_ANY"]}}})}, 2, "AAL2_ANY"),
        ({"claims": CLAIMS({"id_token": {"acr": {"essential": True, "value": "AAL2_ANY"}}})}, 2, "AAL2_ANY"),
        (
            {
                "claims": CLAIMS({"id_token": {"acr": {"essential": True, "values": ["AAL3_FIDO2", "x"]}}}),
                "acr_values": "AAL2_ANY",
            },
            3,
            "AAL3_FIDO2",
        ),
        ({"claims": CLAIMS({"id_token": {"acr": {"essential": True}}})}, 3, "AAL3_ANY"),
        ({"claims": CLAIMS({"id_token": {"acr": None}})}, 3, "AAL3_ANY"),
    ],
)
async def test_cis2_4_2_the_answer_is_the_requested_class(world, browser, changes, aal, acr):
    grant = await world.grant(await log_in(world, browser, aal=aal, **changes))
    assert (grant.acr, grant.aal) == (acr, AAL(aal))


async def test_a_clients_minimum_is_not_talked_down(world, browser):
    await log_in(world, browser, client_id=HIGH.id, acr_values="AAL2_OR_AAL3_ANY", aal=2)
    assert "is not secure enough" in browser.page


async def test_a_clients_default_max_age(world, browser):
    await log_in(world, browser, client_id=HASTY.id)
    world.clock.pass_by(seconds=59)
    assert "code" in told(await authorize(browser, client_id=HASTY.id))
    world.clock.pass_by(seconds=1)
    assert (await authorize(browser, client_id=HASTY.id)).headers["location"].startswith("/login/")
    assert "code" in told(await authorize(browser, client_id=HASTY.id, max_age="61"))


async def test_the_claims_parameter_travels_with_the_grant(world, browser):
    claims = {"userinfo": {"email": {"essential": True}, "title": None}, "id_token": {"sub": {"value": ASHA}}}
    answer = await log_in(world, browser, claims=CLAIMS({**claims, "else": 1}))
    assert (await world.grant(answer)).requested_claims == claims


def nested(depth: int) -> str:
    """A `claims` parameter of so many objects and lists within each other."""
    inner = depth - 3
    return '{"userinfo": {"email": {"value": ' + "[" * inner + "]" * inner + "}}}"


async def test_the_claims_parameter_may_be_nested_as_deep_as_anything(world, browser):
    answer = await log_in(world, browser, claims=nested(DEEPEST))
    assert (await world.grant(answer)).requested_claims == json.loads(nested(DEEPEST))


async def test_a_subject_in_the_claims_parameter_names_the_person(world, browser):
    await log_in(world, browser)
    claims = CLAIMS({"id_token": {"sub": {"value": BRYN}}})
    assert told(await authorize(browser, claims=claims, prompt="none"))["error"] == "login_required"


async def test_rfc7636_4_3_the_challenge_is_kept_with_the_code(world, browser):
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert (await world.grant(await log_in(world, browser, **pkce))).code_challenge == CHALLENGE
    for client in (PUBLIC, STRICT):
        assert "code" in told(await authorize(browser, client_id=client.id, **pkce))


async def test_scopes_that_a_client_may_not_have_are_not_granted(world, browser):
    grant = await world.grant(await log_in(world, browser, client_id=NARROW.id, scope="openid email profile"))
    assert grant.scopes == ("openid", "profile")


async def test_unknown_parameters_are_passed_over(world, browser):
    extra = "&resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb&utm_source=x&display=popup&ui_locales=cy%20en&login_hint=asha"
    await log_in(world, browser)
    assert "code" in told(await authorize(browser, extra))


async def test_form_post_is_a_page_that_sends_itself(world, browser):
    answer = await log_in(world, browser, response_mode="form_post", state='"><script>')
    assert answer.status_code == 200
    assert f'action="{CALLBACK}"' in answer.text
    assert 'name="code"' in answer.text
    assert "&#34;&gt;&lt;script&gt;" in answer.text
    assert "Continue" in answer.text
    assert "form-post.js" in answer.text
    assert "form-action 'self' https://ward.example.test;" in answer.headers["content-security-policy"] + ";"
    assert browser.cookie("session-healthcare")
    error = await authorize(browser, response_mode="form_post", prompt="none login")
    assert 'name="error" value="invalid_request"' in error.text


async def test_cis2_9_4_15_form_post_can_be_switched_off():
    world = await provider(form_post=False)
    answer = told(await authorize(world.browser(), response_mode="form_post"))
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("client", "uri", "answer"),
    [
        (QUERIED, QUERIED.redirect_uris[0], "https://ward.example.test/cb?tenant=a%20b&code="),
        (NATIVE, "http://127.0.0.1:49152/callback", "http://127.0.0.1:49152/callback?code="),
        (NATIVE, "com.example.ward:/callback", "com.example.ward:/callback?code="),
    ],
)
async def test_the_redirect_address_is_kept_character_for_character(world, browser, client, uri, answer):
    response = await log_in(world, browser, client_id=client.id, redirect_uri=uri)
    assert response.headers["location"].startswith(answer)
    assert (await world.grant(response)).redirect_uri == uri


async def test_the_policy_of_pages_names_where_the_form_may_end(world, browser):
    for uri, source in (
        ("com.example.ward:/callback", "com.example.ward:"),
        ("http://127.0.0.1:49152/callback", "http://127.0.0.1:49152"),
    ):
        begun = await authorize(browser, client_id=NATIVE.id, redirect_uri=uri)
        shown = await browser.get(begun.headers["location"])
        assert f"form-action 'self' {source}" in shown.headers["content-security-policy"]


# Refusals that must not be sent anywhere


UNREGISTERED = [
    "https://evil.example/callback",
    CALLBACK + "/",
    CALLBACK + "?x=1",
    CALLBACK + "#x",
    CALLBACK.upper(),
    CALLBACK.replace("https", "http"),
    CALLBACK.replace("ward.", "ward.example.test@"),
    CALLBACK.replace(".test/", ".test:443/"),
    CALLBACK.replace("/auth/", "/auth/../auth/"),
    CALLBACK.replace("/auth/", "/auth%2F"),
    " " + CALLBACK,
    "javascript:alert(1)",
    "/relative",
]


@pytest.mark.parametrize(
    ("changes", "extra", "reason"),
    [
        ({"client_id": None}, "", "no_client"),
        ({"client_id": ""}, "", "no_client"),
        ({"client_id": "unknown"}, "", "unknown_client"),
        ({"client_id": WARD.id.upper()}, "", "unknown_client"),
        ({"client_id": DISABLED.id}, "", "disabled_client"),
        ({"client_id": "x" * 513}, "", "malformed"),
        ({"client_id": "a\nb"}, "", "malformed"),
        ({}, f"&client_id={WARD.id}", "repeated_parameter"),
        ({}, "&redirect_uri=https%3A%2F%2Fevil.example", "repeated_parameter"),
        ({"redirect_uri": None}, "", "no_redirect_uri"),
        ({"redirect_uri": "https://ward.example.test/" + "x" * 2048}, "", "malformed"),
        ({"client_id": NATIVE.id, "redirect_uri": "http://127.0.0.1:99999/callback"}, "", "unregistered_redirect_uri"),
        ({"client_id": NATIVE.id, "redirect_uri": "http://localhost:80/callback"}, "", "unregistered_redirect_uri"),
        *(({"redirect_uri": uri}, "", "unregistered_redirect_uri") for uri in UNREGISTERED),
        ({}, "&x=" + "y" * 16384, "too_large"),
        ({}, "&x=%ff", "malformed"),
        ({}, "&x=1" * 250, "malformed"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rfc6749_4_1_2_1_errors_that_must_not_redirect(world, browser, changes, extra, reason, method):
    query = urlencode(wanted(**changes)) + extra
    if method == "GET":
        answer = await browser.get(f"{AUTHORIZE}?{query}")
    else:
        if reason == "too_large":
            query += "y" * 65536
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = browser._seen(await browser.http.post(AUTHORIZE, content=query, headers=form))
        if reason == "too_large":
            assert answer.status_code == 413
            return
    assert answer.status_code == 400
    assert "location" not in answer.headers
    switched_off = reason == "disabled_client"
    heading = "is switched off" if switched_off else "There is a problem with the application that sent you here"
    assert heading in browser.page
    (event,) = await refusals(world)
    assert event.data["reason"] == reason
    assert event.refusal
    assert event.reference in browser.page
    await nothing_happened(world)


async def test_a_body_that_is_no_form(world, browser):
    for content_type in ("application/json", "multipart/form-data", ""):
        answer = await browser.http.post(AUTHORIZE, content=urlencode(wanted()), headers={"content-type": content_type})
        assert answer.status_code == 400
    await nothing_happened(world)


# Refusals that go back to the application


@pytest.mark.parametrize(
    ("changes", "extra", "error", "reason"),
    [
        ({"response_type": None}, "", "invalid_request", "no_response_type"),
        ({"response_type": "token"}, "", "unsupported_response_type", "response_type"),
        ({"response_type": "code id_token"}, "", "unsupported_response_type", "response_type"),
        ({"response_type": "none"}, "", "unsupported_response_type", "response_type"),
        ({"response_mode": "fragment"}, "", "invalid_request", "response_mode"),
        ({"response_mode": "fragment.jwt"}, "", "invalid_request", "response_mode"),
        ({"client_id": MACHINE.id}, "", "unauthorized_client", "grant_type_not_registered"),
        ({"scope": None}, "", "invalid_scope", "no_openid_scope"),
        ({"scope": "profile"}, "", "invalid_scope", "no_openid_scope"),
        ({"scope": "oidc profile"}, "", "invalid_scope", "no_openid_scope"),
        ({"scope": "OPENID"}, "", "invalid_scope", "no_openid_scope"),
        ({"prompt": "none login"}, "", "invalid_request", "prompt"),
        ({"prompt": "create"}, "", "invalid_request", "prompt"),
        ({"prompt": "Login"}, "", "invalid_request", "prompt"),
        ({"max_age": "-1"}, "", "invalid_request", "max_age"),
        ({"max_age": "1.5"}, "", "invalid_request", "max_age"),
        ({"max_age": "٣"}, "", "invalid_request", "max_age"),
        ({"max_age": "9" * 16}, "", "invalid_request", "max_age"),
        ({"max_age": "9" * 5000}, "", "invalid_request", "too_large"),
        ({"request": "eyJ"}, "", "invalid_request_object", "object_malformed"),
        ({"request_uri": "https://ward.example.test/r"}, "", "invalid_request_uri", "request_uri_not_registered"),
        ({"registration": "{}"}, "", "registration_not_supported", "registration"),
        ({"client_id": PUBLIC.id}, "", "invalid_request", "pkce_missing"),
        ({"client_id": STRICT.id}, "", "invalid_request", "pkce_missing"),
        ({"code_challenge": CHALLENGE}, "", "invalid_request", "pkce_method"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "", "invalid_request", "pkce_method"),
        ({"code_challenge_method": "S256"}, "", "invalid_request", "pkce_challenge"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "", "invalid_request", "pkce_challenge"),
        ({"code_challenge": "+" * 43, "code_challenge_method": "S256"}, "", "invalid_request", "pkce_challenge"),
        ({"claims": "{"}, "", "invalid_request", "claims"),
        ({"claims": "[]"}, "", "invalid_request", "claims"),
        ({"claims": "null"}, "", "invalid_request", "claims"),
        ({"claims": '{"id_token": []}'}, "", "invalid_request", "claims"),
        ({"claims": '{"userinfo": {"email": 1}}'}, "", "invalid_request", "claims"),
        ({"claims": '{"id_token": {"acr": {"values": "AAL3_ANY"}}}'}, "", "invalid_request", "claims"),
        ({"claims": '{"id_token": {"acr": {"value": 3}}}'}, "", "invalid_request", "claims"),
        ({"claims": '{"id_token": {"sub": {"value": {}}}}'}, "", "invalid_request", "claims"),
        ({"claims": "[" * 4000}, "", "invalid_request", "claims"),
        ({"claims": nested(DEEPEST + 1)}, "", "invalid_request", "claims"),
        ({"claims": nested(900)}, "", "invalid_request", "claims"),  # which can be read, and be a fault when read again
        ({"claims": "x" * 8193}, "", "invalid_request", "too_large"),
        (
            {"claims": CLAIMS({"id_token": {"acr": {"essential": True, "values": ["urn:unknown"]}}})},
            "",
            "unmet_authentication_requirements",
            "acr_unknown",
        ),
        ({"id_token_hint": "garbage"}, "", "invalid_request", "id_token_hint"),
        ({"nonce": "n" * 2049}, "", "invalid_request", "too_large"),
        ({"nonce": "a\tb"}, "", "invalid_request", "too_large"),
        ({"login_hint": "x" * 321}, "", "invalid_request", "too_large"),
        ({}, "&nonce=n2", "invalid_request", "repeated_parameter"),
        ({}, "&scope=openid", "invalid_request", "repeated_parameter"),
        ({}, "&response_type=code", "invalid_request", "repeated_parameter"),
        ({}, "&acr_values=AAL2_ANY&acr_values=AAL2_ANY", "invalid_request", "repeated_parameter"),
        ({}, "&response_mode=query&response_mode=query", "invalid_request", "repeated_parameter"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_errors_that_go_back_to_the_application(world, browser, changes, extra, error, reason, method):
    query = urlencode(wanted(**changes)) + extra
    if method == "GET":
        answer = await browser.get(f"{AUTHORIZE}?{query}")
    else:
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = await browser.http.post(AUTHORIZE, content=query, headers=form)
    params = told(answer)
    assert params["error_description"]
    assert (params["error"], params["state"], params["iss"]) == (error, "state-1", URL)
    assert "code" not in params
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    (event,) = await refusals(world)
    assert (event.data["reason"], event.data["error"], event.actor.kind) == (reason, error, "unknown")
    await nothing_happened(world)


@pytest.mark.parametrize(("state", "extra"), [("s" * 2049, ""), ("a\nb", ""), ("one", "&state=two")])
async def test_a_state_that_cannot_be_echoed_is_left_out(world, browser, state, extra):
    params = told(await authorize(browser, extra, state=state))
    assert params["error"] == "invalid_request"
    assert "state" not in params


async def test_a_state_is_echoed_as_it_came(world, browser):
    await log_in(world, browser)
    for state in ("a b+c&d=e%20f#g?h", "é–𝒳", "s" * 2048, "'\"<>;"):
        assert told(await authorize(browser, state=state))["state"] == state


async def test_another_issuers_client_is_unknown(world, browser):
    answer = await browser.get(f"/sandbox/authorize?{urlencode(wanted())}")
    assert answer.status_code == 400
    (event,) = await refusals(world)
    assert (event.data["issuer"], event.data["reason"]) == ("sandbox", "unknown_client")


async def test_nothing_secret_or_personal_is_on_record(world, browser):
    answer = await log_in(world, browser, login_hint="asha.marlow@trust.example")
    code, cookie = told(answer)["code"], browser.cookie("session-healthcare")
    for event in await world.events():
        text = repr(event)
        assert code not in text
        assert cookie not in text
        assert "trust.example" not in text
        assert "state-1" not in text
