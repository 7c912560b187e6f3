"""`session_state`, and the answers that carry it."""

import hashlib
from base64 import urlsafe_b64encode

import pytest

from carekey.kernel.ids import ClientId, SessionId
from carekey.oidc import endpoints
from carekey.oidc.authorize.tests.world import CALLBACK, END_SESSION, WARD, authorize, log_in, provider, told
from carekey.oidc.session_management.http import CheckSession
from carekey.oidc.session_management.session_state import browser_state, session_state

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("redirect_uri", "origin"),
    [
        ("https://ward.example/callback", "https://ward.example"),
        ("https://Ward.example:443/callback", "https://ward.example"),
        ("https://ward.example:8443/callback?x=1", "https://ward.example:8443"),
        ("http://localhost:80/", "http://localhost"),
    ],
)
def test_session_management_2_client_origin_browser_state_and_salt_are_digested(redirect_uri, origin):
    digest = hashlib.sha256(f"ward {origin} state salt".encode()).digest()
    expected = urlsafe_b64encode(digest).rstrip(b"=").decode() + ".salt"
    assert session_state(ClientId("ward"), redirect_uri, "state", "salt") == expected


def test_the_browser_state_is_the_sessions_and_does_not_tell_it():
    one, other = browser_state(SessionId("s-1")), browser_state(SessionId("s-2"))
    assert one == browser_state(SessionId("s-1")) != other
    assert "s-1" not in one


async def test_session_management_2_the_answer_has_session_state_and_the_browser_its_cookie():
    world = await provider(session_management=True)
    browser = world.browser()
    answer = told(await log_in(world, browser))
    cookie = browser.cookie("state-healthcare")
    (session,) = await world.store.read(lambda tx: tx.sessions.of_person("555012345678"))
    assert cookie == browser_state(session.id)
    salt = answer["session_state"].partition(".")[2]
    assert answer["session_state"] == session_state(WARD.id, CALLBACK, cookie, salt)
    again = told(await authorize(browser, prompt="none"))
    assert again["session_state"] != answer["session_state"]  # another salt
    assert browser.cookie("state-healthcare") == cookie


async def test_session_management_the_cookie_goes_with_the_session():
    world = await provider(session_management=True)
    browser = world.browser()
    await log_in(world, browser)
    await browser.get(END_SESSION)
    await browser.post("/logout", issuer="healthcare")
    assert not browser.cookie("state-healthcare")


async def test_session_management_is_off_unless_the_issuer_wants_it():
    world = await provider()
    browser = world.browser()
    assert "session_state" not in told(await log_in(world, browser))
    assert browser.cookie("state-healthcare") is None


async def test_session_management_3_2_any_application_may_frame_the_page_and_nothing_else_of_ours():
    world = await provider(session_management=True)
    world.routes += CheckSession(world.issuer).routes()
    answer = await world.browser().get(endpoints.path(world.issuer, endpoints.CHECK_SESSION))
    assert answer.status_code == 200
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert 'data-cookie="__Host-state-healthcare"' in answer.text
