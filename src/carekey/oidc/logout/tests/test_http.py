"""Log out at the provider, through the web kit."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, BRYN, HEALTHCARE, roles
from carekey.login.tests.world import Browser
from carekey.oidc.authorize.tests.world import END_SESSION, GOODBYE, URL, WARD, Provider, authorize, log_in, provider
from carekey.oidc.model import Client
from carekey.sessions.model import DeliveryState

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world() -> Provider:
    return await provider()


@pytest.fixture
async def browser(world) -> Browser:
    """Asha is logged in; `hint` is the ID token that the ward list holds."""
    browser = world.browser()
    await log_in(world, browser)
    (session,) = await sessions(world)
    world.tokens.tokens["hint"] = id_token(sid=session.id)
    await world.store.write(lambda tx: tx.sessions.joined(session.id, WARD.id))
    return browser


def id_token(**changes: Any) -> dict[str, Any]:
    return {"iss": URL, "sub": ASHA, "aud": WARD.id, "auth_time": 1, **changes}


async def sessions(world: Provider, who=ASHA):
    return await world.store.read(lambda tx: tx.sessions.of_person(who))


async def end_session(browser: Browser, method: str = "GET", **params: str):
    query = urlencode(params)
    if method == "GET":
        return await browser.get(f"{END_SESSION}?{query}")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return browser._seen(await browser.http.post(END_SESSION, content=query, headers=headers))


async def test_a_log_in_that_stands_at_the_role_page_in_another_tab_is_logged_out_too(world, browser):
    """At a shared computer the next one would only have to choose a role."""
    await world.populate(held=3)
    asked = await authorize(browser, scope="openid selectedrole", prompt="login")
    login = asked.headers["location"].removeprefix("/login/")
    await browser.get(f"/login/{login}")
    await browser.prove(login)
    assert "role" in browser.page
    page, role = browser.page, next(iter(roles(3))).id
    await end_session(browser, id_token_hint="hint")
    assert not await sessions(world)
    browser.page = page
    answer = await browser.post(f"/login/{login}/role", role=role)
    assert answer.status_code == 403
    assert not await sessions(world)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rp_initiated_logout_2_an_id_token_of_this_person_ends_the_session(world, browser, method):
    answer = await end_session(browser, method, id_token_hint="hint", post_logout_redirect_uri=GOODBYE, state="a b&c")
    assert answer.headers["location"] == f"{GOODBYE}?state=a%20b%26c"
    assert not await sessions(world)
    assert browser.cookie("session-healthcare") is None
    (event,) = await world.events("session:session:ended")
    assert (event.data["why"], event.actor.id) == ("logged_out", ASHA)


async def test_without_an_address_to_return_to_there_is_a_page(world, browser):
    answer = await end_session(browser, id_token_hint="hint")
    assert answer.headers["location"] == "/logout/done"
    await browser.get("/logout/done")
    assert "You have logged out" in browser.page
    answer = await end_session(browser, id_token_hint="hint", post_logout_redirect_uri=GOODBYE)
    assert answer.headers["location"] == GOODBYE  # a second time does no harm


async def test_a_form_from_another_site_brings_no_cookie_but_the_hint_names_the_session(world, browser):
    browser.http.cookies.clear()
    answer = await end_session(browser, "POST", id_token_hint="hint", post_logout_redirect_uri=GOODBYE)
    assert answer.headers["location"] == GOODBYE
    assert not await sessions(world)


async def test_without_a_hint_the_person_is_asked(world, browser):
    answer = await end_session(browser, client_id=WARD.id, post_logout_redirect_uri=GOODBYE, state="s1")
    assert answer.status_code == 200
    assert "Do you want to log out?" in browser.page
    assert "Ward list" in browser.page
    assert "form-action 'self' https://ward.example.test" in answer.headers["content-security-policy"]
    assert len(await sessions(world)) == 1
    fields = {"issuer": "healthcare", "client_id": WARD.id, "post_logout_redirect_uri": GOODBYE, "state": "s1"}
    for name, value in fields.items():
        assert f'name="{name}" value="{value}"' in browser.page
    answer = await browser.post("/logout", **fields)
    assert answer.headers["location"] == f"{GOODBYE}?state=s1"
    assert not await sessions(world)
    assert browser.cookie("session-healthcare") is None


async def test_a_form_from_another_site_without_a_hint_is_asked_by_get(world, browser):
    answer = await end_session(browser, "POST", client_id=WARD.id, post_logout_redirect_uri=GOODBYE)
    assert answer.headers["location"].startswith(f"{END_SESSION}?client_id=")
    await browser.get(answer.headers["location"])
    assert "Do you want to log out?" in browser.page


async def test_the_form_on_the_page_is_ours_alone(world, browser):
    await browser.get("/logout")
    page = browser.page
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        usual = {"content-type": "application/x-www-form-urlencoded"}
        answer = await browser.http.post("/logout", content="csrf=guessed", headers=usual | headers)
        assert answer.status_code == 403
    assert len(await sessions(world)) == 1
    browser.page = page
    assert (await browser.post("/logout")).headers["location"] == "/logout/done"
    assert not await sessions(world)


async def test_somebody_elses_hint_does_not_end_this_session_unasked(world, browser):
    world.tokens.tokens["of-bryn"] = id_token(sub=BRYN, sid="another")
    await end_session(browser, id_token_hint="of-bryn", post_logout_redirect_uri=GOODBYE)
    assert "Do you want to log out?" in browser.page
    assert len(await sessions(world)) == 1


async def test_a_hint_does_not_reach_the_session_of_another_person(world, browser):
    (session,) = await sessions(world)
    world.tokens.tokens["of-bryn"] = id_token(sub=BRYN, sid=session.id)
    browser.http.cookies.clear()
    await end_session(browser, id_token_hint="of-bryn")
    assert len(await sessions(world)) == 1


async def test_a_hint_that_cannot_be_read_any_more_asks(world, browser):
    await end_session(browser, id_token_hint="of-long-ago", post_logout_redirect_uri=GOODBYE)
    assert "Do you want to log out?" in browser.page
    assert GOODBYE not in browser.page
    assert len(await sessions(world)) == 1


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"post_logout_redirect_uri": GOODBYE}, "unregistered_redirect_uri"),
        ({"client_id": WARD.id, "post_logout_redirect_uri": GOODBYE + "/"}, "unregistered_redirect_uri"),
        ({"id_token_hint": "hint", "post_logout_redirect_uri": "https://evil.example"}, "unregistered_redirect_uri"),
        ({"client_id": "unknown", "post_logout_redirect_uri": GOODBYE}, "unregistered_redirect_uri"),
        ({"id_token_hint": "hint", "client_id": "another"}, "id_token_hint"),
        ({"id_token_hint": "hint", "state": "s" * 2049}, "malformed"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rp_initiated_logout_3_nobody_is_sent_to_an_unregistered_address(world, browser, method, params, reason):
    answer = await end_session(browser, method, **params)
    assert answer.status_code == 400
    (event,) = await world.events("logout:request:refused")
    assert event.data["reason"] == reason
    assert event.reference in browser.page
    assert len(await sessions(world)) == 1


@pytest.mark.parametrize("repeated", ["state=a&state=b", "client_id=a&client_id=a", "id_token_hint=hint"])
async def test_repeated_parameters_are_refused(world, browser, repeated):
    answer = await browser.get(f"{END_SESSION}?{repeated}&id_token_hint=hint")
    assert answer.status_code == 400
    (event,) = await world.events("logout:request:refused")
    assert event.data["reason"] == "repeated_parameter"
    assert len(await sessions(world)) == 1


async def test_with_nobody_logged_in_there_is_nothing_to_ask(world):
    browser = world.browser()
    assert (await browser.get("/logout")).headers["location"] == "/logout/done"
    assert (await end_session(browser)).headers["location"] == "/logout/done"
    assert (await browser.post("/logout")).headers["location"] == "/logout/done"


def told(page: str, heading: str) -> list[str]:
    """The list below a sentence."""
    found = re.search(rf"<p>{heading}.*?</p>\s*<ul.*?>(.*?)</ul>", page, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", found[1]) if found else []


async def joined(world: Provider, *clients: Client) -> str:
    """The session of Asha, joined by these too."""
    (session,) = await sessions(world)
    await world.save(*clients)
    for client in clients:
        await world.store.write(lambda tx, client=client: tx.sessions.joined(session.id, client.id))
    return session.id


BACK = replace(WARD, id=ClientId("pharmacy"), name="Pharmacy", backchannel_logout_uri="https://pharmacy.example/bcl")
FRONT = replace(
    WARD,
    id=ClientId("notes"),
    name="Notes",
    frontchannel_logout_uri="https://notes.example/fcl?x=1",
    frontchannel_logout_session_required=True,
)


async def settle(world: Provider, state: DeliveryState, outcome: str) -> None:
    now = world.clock.now()

    def work(tx) -> None:
        (delivery,) = tx.logout_deliveries.claim(
            HEALTHCARE, BACK.id, now=now, until=now + timedelta(minutes=1), limit=9
        )
        tx.logout_deliveries.settle(delivery, state=state, outcome=outcome, at=now)

    await world.store.write(work)


async def test_a10_the_person_sees_who_will_be_told_and_who_not(world, browser):
    await joined(world, BACK, FRONT)
    await browser.get("/logout")
    assert told(browser.page, "We will tell these applications") == ["Notes", "Pharmacy"]
    assert told(browser.page, "You also logged in to these applications") == ["Ward list"]


async def test_a10_the_done_page_says_what_became_of_each(world, browser):
    await joined(world, BACK)
    await browser.get("/logout")
    assert (await browser.post("/logout")).headers["location"] == "/logout/done"
    await browser.get("/logout/done")
    assert told(browser.page, "We are telling") == ["Pharmacy"]
    assert told(browser.page, "Log out of these applications too") == ["Ward list"]
    assert 'data-waiting="yes"' in browser.page
    await settle(world, DeliveryState.WAITING, "500")
    await browser.get("/logout/done")
    assert "You are logged out here. We could not reach Pharmacy. Close its window." in browser.page
    assert "data-waiting" not in browser.page


async def test_a10_the_done_page_says_who_was_told_for_a_while(world, browser):
    await joined(world, BACK)
    await browser.get("/logout")
    await browser.post("/logout")
    await settle(world, DeliveryState.DELIVERED, "200")
    await browser.get("/logout/done")
    assert told(browser.page, "We told these") == ["Pharmacy"]
    world.clock.pass_by(minutes=10)
    await browser.get("/logout/done")
    assert "You have logged out" in browser.page
    assert "Pharmacy" not in browser.page
    await world.browser().get("/logout/done")


async def test_a10_nobody_else_sees_who_was_told(world, browser):
    await joined(world, BACK)
    await end_session(browser, id_token_hint="hint")
    other = world.browser()
    await other.get("/logout/done")
    assert "Pharmacy" not in other.page
    await browser.get("/logout/done")
    assert "Pharmacy" in browser.page


async def test_the_old_cookie_is_worth_nothing_but_that_page(world, browser):
    old = browser.cookie("session-healthcare")
    await joined(world, BACK)
    await end_session(browser, id_token_hint="hint")
    assert browser.cookie("logged-out") == old
    browser.http.cookies.set("__Host-logged-out", f"{old}.{old}.{'x' * 3000}", domain="care.example.test")
    assert (await browser.get("/logout/done")).status_code == 200
    assert not await sessions(world)


async def test_frontchannel_3_a_frame_loads_its_address_with_iss_and_sid(world, browser):
    sid = await joined(world, FRONT)
    await end_session(browser, id_token_hint="hint")
    answer = await browser.get("/logout/done")
    query = urlencode({"iss": URL, "sid": sid})
    assert f'<iframe src="https://notes.example/fcl?x=1&{query}"' in browser.page
    assert "; frame-src https://notes.example" in answer.headers["content-security-policy"]


async def test_frontchannel_3_without_iss_and_sid_if_the_client_does_not_want_them(world, browser):
    await joined(world, replace(FRONT, frontchannel_logout_session_required=False))
    await end_session(browser, id_token_hint="hint")
    await browser.get("/logout/done")
    assert '<iframe src="https://notes.example/fcl?x=1"' in browser.page


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_frontchannel_3_frames_load_before_the_way_back_to_the_application(world, browser, method):
    await joined(world, FRONT)
    params = {"id_token_hint": "hint", "post_logout_redirect_uri": GOODBYE, "state": "a b&c"}
    answer = await end_session(browser, method, **params)
    location = answer.headers["location"]
    assert location.startswith("/logout/done?issuer=healthcare&client_id=")
    await browser.get(location)
    back = f"{GOODBYE}?state=a%20b%26c"
    assert '<iframe src="https://notes.example' in browser.page
    assert re.search(f'href="{re.escape(back)}" [^>]*data-onward', browser.page)
    assert "Continue to Ward list" in browser.page


async def test_the_done_page_leads_to_registered_addresses_alone(world, browser):
    query = urlencode(
        {"issuer": "healthcare", "client_id": WARD.id, "post_logout_redirect_uri": "https://evil.example"}
    )
    answer = await browser.get(f"/logout/done?{query}")
    assert answer.status_code == 400
    assert "evil.example" not in browser.page
    assert (await browser.get("/logout/done?issuer=nowhere&post_logout_redirect_uri=x")).status_code == 200


async def test_backchannel_2_5_the_delivery_is_queued_with_the_end_of_the_session(world, browser):
    sid = await joined(world, BACK)
    await end_session(browser, "POST", id_token_hint="hint", post_logout_redirect_uri=GOODBYE)
    (queued,) = await world.store.read(lambda tx: tx.logout_deliveries.of_session(sid))
    assert (queued.client, queued.person, queued.due_at) == (BACK.id, ASHA, world.clock.now())


async def test_somebody_else_in_the_same_browser_ends_the_session_and_applications_are_told(world, browser):
    sid = await joined(world, BACK)
    begun = await authorize(browser, prompt="login")
    await browser.prove(begun.headers["location"].rsplit("/", 1)[1], who=BRYN)
    assert not await sessions(world)
    assert len(await world.store.read(lambda tx: tx.logout_deliveries.of_session(sid))) == 1


async def test_after_log_out_the_next_request_has_to_log_in(world, browser):
    old = browser.cookie("session-healthcare")
    await end_session(browser, id_token_hint="hint")
    browser.http.cookies.set("__Host-session-healthcare", old, domain="care.example.test")
    answer = await log_in(world, browser)
    assert "code=" in answer.headers["location"]
    assert browser.cookie("session-healthcare") != old
