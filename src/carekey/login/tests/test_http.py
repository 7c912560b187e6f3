"""The dispatcher and its pages, through the web kit."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.secret import digest
from carekey.login import consent
from carekey.login.held_session import SessionGone
from carekey.login.journey import Visitor
from carekey.login.model import Chooser, Issue, Links, RoleAsked
from carekey.login.tests.make import ASHA, BRYN, HEALTHCARE, asked, person, roles
from carekey.login.tests.world import APPLICATION, HSCN_ADDRESS, SANDBOX, Browser, World
from carekey.registration.standing import take_role

pytestmark = pytest.mark.anyio

ISSUED = f"{APPLICATION}/?outcome=issued"
ROLE = asked(role=RoleAsked.SELECTED)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.populate(held=3)
    return world


@pytest.fixture
def browser(world):
    return world.browser()


async def sessions_of(world, who=ASHA):
    return await world.store.read(lambda tx: tx.sessions.of_person(who))


async def test_the_chooser_lists_only_ways_that_fit_and_says_why_others_are_missing(world, browser):
    id = await world.begun(browser)
    answer = await browser.get(f"/login/{id}")
    assert answer.status_code == 200
    assert "How do you want to log in?" in browser.page
    assert "to continue to Ward list" in browser.page
    assert 'value="passkey"' in browser.page
    assert 'value="security-key"' in browser.page
    assert 'value="smartcard"' not in browser.page
    assert "Smartcard: this works only on the HSCN network." in browser.page
    assert "Ward list needs a way to log in with very high security." in browser.page
    assert "checked" not in browser.page
    assert f"form-action 'self' {APPLICATION}" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_smartcard_is_offered_on_its_own_network(world):
    browser = world.browser(address=HSCN_ADDRESS)
    await browser.get(f"/login/{await world.begun(browser)}")
    assert 'value="smartcard"' in browser.page


async def test_nothing_selected_is_an_error_at_the_field(world, browser):
    id = await world.begun(browser)
    await browser.get(f"/login/{id}")
    for fields in ({}, {"way": "smartcard"}, {"way": "nonsense"}):
        answer = await browser.post(f"/login/{id}/way", **fields)
        assert answer.status_code == 422
        assert "<title>Error: How do you want to log in?" in browser.page
        assert browser.page.count("Select how you want to log in") == 2


async def test_the_way_used_last_comes_first_but_nothing_jumps(world, browser):
    id = await world.begun(browser)
    await browser.get(f"/login/{id}")
    assert browser.page.index('value="passkey"') < browser.page.index('value="security-key"')
    answer = await browser.post(f"/login/{id}/way", way="security-key")
    assert answer.headers["location"] == f"/login/{id}/security-key"
    assert "Max-Age=7776000" in answer.headers["set-cookie"]
    assert browser.cookie("last") == "security-key"
    second = await world.begun(browser)
    await browser.get(f"/login/{second}")
    assert browser.page.index('value="security-key"') < browser.page.index('value="passkey"')
    assert "Last used" in browser.page
    assert "checked" not in browser.page


async def test_the_only_way_that_fits_is_shown_at_once_and_others_stay_within_reach(world, browser):
    id = await world.begun(browser, asked(acr=("AAL1_USERPASS",)), issuer=SANDBOX)
    assert (await browser.get(f"/login/{id}")).headers["location"] == f"/login/{id}/password"
    assert (await browser.get(f"/login/{id}/ways")).status_code == 200
    answer = await browser.post(f"/login/{id}/way", way="password")
    assert "set-cookie" not in answer.headers  # switched off for this issuer


async def test_no_way_fits(world, browser):
    id = await world.begun(browser, asked(acr=("AAL3_SMARTCARD",)))
    answer = await browser.get(f"/login/{id}")
    assert answer.status_code == 403
    assert "You cannot log in from here" in browser.page
    assert "ABCD2345" in browser.page
    assert (await browser.post(f"/login/{id}/cancel")).headers["location"] == f"{APPLICATION}/?outcome=cancelled"


async def test_a_proof_is_enough_where_no_role_is_asked_for(world, browser):
    id = await world.begun(browser)
    answer = await browser.prove(id)
    assert answer.headers["location"] == ISSUED
    (told,) = world.application.told
    assert told.verdict.acr == "AAL3_ANY"
    assert told.session.person == ASHA
    assert told.session.digest == digest(browser.cookie("session-healthcare"))
    assert browser.cookie(f"login-{id[:12]}") is None
    assert await world.tags() == [
        "login:login:started",
        "login:login:proven",
        "session:session:started",
        "login:login:finished",
    ]


async def test_cis2_5_4_two_to_five_roles_are_listed(world, browser):
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    assert "Choose your role" in browser.page
    assert "Nurse 2" in browser.page
    assert "Hospital RZZ02 (RZZ02)" in browser.page
    assert 'type="search"' not in browser.page
    assert "You are logged in as Asha Marlow" in browser.page
    for fields in ({}, {"role": roles(3, of=BRYN)[0].id}, {"role": "nonsense"}):
        answer = await browser.post(f"/login/{id}/role", **fields)
        assert answer.status_code == 422
        assert "<title>Error: Choose your role" in browser.page
        assert browser.page.count("Select a role") == 2
    second = roles(3)[1].id
    assert (await browser.post(f"/login/{id}/role", role=second)).headers["location"] == ISSUED
    assert world.application.told[0].verdict.role == second
    assert world.application.told[0].session.role == second
    chosen = await world.events("login:role:chosen")
    assert [event.data["role"] for event in chosen] == [second]


@pytest.mark.parametrize(("held", "role"), [(0, None), (1, roles(1)[0].id)])
async def test_cis2_5_4_nobody_chooses_from_one_role_or_none(held, role):
    world = World()
    await world.populate(held=held)
    browser = world.browser()
    answer = await browser.prove(await world.begun(browser, ROLE))
    assert answer.headers["location"] == ISSUED
    assert world.application.told[0].verdict.role == role


async def test_cis2_5_4_more_than_five_roles_are_searched_and_paged():
    world = World()
    await world.populate(held=45)
    browser = world.browser()
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    assert 'type="search"' in browser.page
    assert browser.page.count('type="radio"') == 20
    await browser.get(f"/login/{id}/role?page=3")
    assert browser.page.count('type="radio"') == 5
    await browser.get(f"/login/{id}/role?q=nurse+rzz41")
    assert browser.page.count('type="radio"') == 1
    assert "1 role found" in browser.page
    await browser.get(f"/login/{id}/role?q=%3Cscript%3E")
    assert "None of your roles matches" in browser.page
    for odd in ("page=0", "page=-1", "page=x", "page=99999999999999999999", "page=%C2%B2", "page=9999", "q=a&q=b"):
        assert (await browser.get(f"/login/{id}/role?{odd}")).status_code == 200
    answer = await browser.post(f"/login/{id}/role", role=roles(45)[40].id)
    assert answer.headers["location"] == ISSUED


async def test_the_session_is_reused_and_its_role_remembered(world, browser):
    first = await world.begun(browser, ROLE)
    await browser.prove(first)
    await browser.post(f"/login/{first}/role", role=roles(3)[2].id)
    secret = browser.cookie("session-healthcare")
    second = await world.begun(browser, ROLE)
    assert (await browser.get(f"/login/{second}")).headers["location"] == ISSUED
    one, two = world.application.told
    assert (two.session.id, two.verdict.role) == (one.session.id, roles(3)[2].id)
    assert browser.cookie("session-healthcare") == secret


async def test_changedrole_asks_again_and_marks_the_last_one(world, browser):
    first = await world.begun(browser, ROLE)
    await browser.prove(first)
    await browser.post(f"/login/{first}/role", role=roles(3)[2].id)
    second = await world.begun(browser, asked(role=RoleAsked.CHANGED))
    await browser.get(f"/login/{second}")
    assert "Last used here" in browser.page
    assert browser.page.index("Nurse 3") < browser.page.index("Nurse 1")
    await browser.post(f"/login/{second}/role", role=roles(3)[0].id)
    assert world.application.told[1].verdict.role == roles(3)[0].id
    assert world.application.told[1].session.id == world.application.told[0].session.id


async def test_a_new_proof_of_the_same_person_renews_the_session_under_a_new_secret(world, browser):
    """What other applications received in it stays good: nearly all of them send prompt=login."""
    await browser.prove(await world.begun(browser))
    planted = browser.cookie("session-healthcare")
    again = await world.begun(browser, asked(fresh=True))
    await browser.get(f"/login/{again}")
    assert "asks you to log in again" in browser.page
    await browser.prove(again)
    one, two = world.application.told
    assert one.session.id == two.session.id
    assert browser.cookie("session-healthcare") != planted
    assert [session.digest for session in await sessions_of(world)] == [digest(browser.cookie("session-healthcare"))]
    assert await world.events("session:session:renewed")
    assert not await world.events("session:session:ended")


async def test_a_proof_of_somebody_else_ends_the_session_of_the_one_before(world, browser):
    await browser.prove(await world.begun(browser))
    await browser.prove(await world.begun(browser, asked(fresh=True)), who=BRYN)
    assert await sessions_of(world) == []
    assert len(await sessions_of(world, BRYN)) == 1
    (ended,) = await world.events("session:session:ended")
    assert ended.data["why"] == "replaced"


async def test_a_session_that_has_lapsed_is_ended_by_the_next_proof(world, browser):
    await browser.prove(await world.begun(browser))
    world.clock.pass_by(hours=1)
    await browser.prove(await world.begun(browser))
    one, two = world.application.told
    assert [session.id for session in await sessions_of(world)] == [two.session.id] != [one.session.id]
    (ended,) = await world.events("session:session:ended")
    assert ended.data["why"] == "replaced"


async def test_step_up_asks_for_what_is_missing_and_keeps_the_role(world, browser):
    weak = asked(acr=("AAL2_OR_AAL3_ANY",), role=RoleAsked.SELECTED)
    first = await world.begun(browser, weak)
    await browser.prove(first, "passkey", aal=2, amr=Amr.PASSKEY)
    await browser.post(f"/login/{first}/role", role=roles(3)[1].id)
    second = await world.begun(browser, ROLE)
    await browser.get(f"/login/{second}")
    assert "needs a more secure way to log in than the one you used before" in browser.page
    assert (await browser.prove(second)).headers["location"] == ISSUED
    verdict = world.application.told[1].verdict
    assert (verdict.acr, verdict.aal, verdict.role) == ("AAL3_ANY", AAL.AAL3, roles(3)[1].id)


async def test_a_proof_that_is_too_weak_leads_back_to_the_chooser(world, browser):
    id = await world.begun(browser)
    answer = await browser.prove(id, "passkey", aal=2, amr=Amr.PASSKEY)
    assert answer.status_code == 200
    assert "is not secure enough for Ward list" in browser.page
    assert not world.application.told
    assert (await browser.prove(id)).headers["location"] == ISSUED


async def test_somebody_else_than_the_one_asked_for(world, browser):
    id = await world.begun(browser, asked(person=BRYN))
    await browser.prove(id, who=ASHA)
    assert "You are not the person that Ward list asked for" in browser.page
    assert (await browser.prove(id, who=BRYN)).headers["location"] == ISSUED


async def test_not_you_log_in_as_someone_else(world, browser):
    first = await world.begun(browser, ROLE)
    await browser.prove(first)
    assert "You are logged in as Asha Marlow." in browser.page
    sent = await browser.post(f"/login/{first}/someone-else")
    assert sent.headers["location"] == f"/login/{first}/ways"
    for address in (f"/login/{first}/ways", f"/login/{first}", f"/login/{first}/role"):
        await browser.get(address)
        assert "Asha" not in browser.page, "nor at any other address of this log-in"
    await browser.get(f"/login/{first}/ways")
    assert "How do you want to log in?" in browser.page
    await browser.prove(first, who=BRYN)
    assert "You are logged in as Bryn Rees" in browser.page
    await browser.post(f"/login/{first}/role", role=roles(3, of=BRYN)[0].id)
    assert world.application.told[0].session.person == BRYN


async def test_someone_else_ends_the_session_of_the_one_before_whoever_goes_on(world, browser):
    first = await world.begun(browser)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    assert browser.cookie("session-healthcare")
    await browser.get(f"/login/{await world.begun(browser, ROLE)}")
    second = await world.begun(browser, asked(fresh=True, role=RoleAsked.SELECTED))
    await browser.get(f"/login/{second}")
    assert "You are logged in as Asha Marlow." in browser.page, "on the chooser too"
    await browser.post(f"/login/{second}/someone-else")
    assert await sessions_of(world) == []
    assert not browser.cookie("session-healthcare")
    (ended,) = await world.events("session:session:ended")
    assert ended.data["why"] == "someone_else"


async def test_someone_else_tells_frames_of_applications_that_the_session_is_another(world, browser):
    state = world.site.cookies.browser_state(HEALTHCARE)
    first = await world.begun(browser, ROLE)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    browser.http.cookies.set(state, "as-it-was", domain="care.example.test")
    await browser.post(f"/login/{first}/someone-else")
    assert state not in browser.http.cookies


async def test_someone_else_changes_a_cookie_that_no_script_reads_so_that_browsers_forget_the_pages_before(
    world, browser
):
    turns = []
    for _ in range(2):
        first = await world.begun(browser, ROLE)
        await browser.get(f"/login/{first}")
        await browser.prove(first)
        answer = await browser.post(f"/login/{first}/someone-else")
        (set_it,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith("__Host-turn=")]
        assert "HttpOnly" in set_it
        turns.append(set_it)
    assert turns[0] != turns[1]


async def test_someone_else_closes_the_other_tabs_of_the_one_before(world, browser):
    other, first = await world.begun(browser, ROLE), await world.begun(browser, ROLE)
    await browser.get(f"/login/{other}")
    await browser.prove(other)
    assert "Choose your role" in browser.page
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    await browser.post(f"/login/{first}/someone-else")
    answer = await browser.get(f"/login/{other}/role")
    assert answer.status_code == 403
    assert "Asha" not in browser.page


async def test_someone_else_comes_from_our_own_page_alone(world, browser):
    first = await world.begun(browser, ROLE)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    browser.page = ""
    assert (await browser.post(f"/login/{first}/someone-else")).status_code == 403
    await browser.get(f"/login/{first}/role")
    assert "Asha Marlow" in browser.page


async def test_a_proof_counts_no_more_once_somebody_else_has_logged_in_in_the_browser(world, browser):
    """The role page that one person left open, in a tab that the next one finds."""
    left_open, second = await world.begun(browser, ROLE), await world.begun(browser)
    await browser.get(f"/login/{left_open}")
    await browser.prove(left_open)
    assert "Choose your role" in browser.page
    world.clock.pass_by(minutes=1)
    await browser.get(f"/login/{second}")
    await browser.prove(second, who=BRYN)
    await browser.get(f"/login/{left_open}")
    assert "Asha" not in browser.page
    await browser.post(f"/login/{left_open}/role", role=roles(3)[0].id)
    assert [told.session.person for told in world.application.told] == [BRYN]
    assert await sessions_of(world) == []


async def test_a_locked_session_asks_again_and_goes_on_with_the_same_role(world, browser):
    role = roles(3)[1].id
    first = await world.begun(browser, ROLE)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    await browser.post(f"/login/{first}/role", role=role)
    (session,) = await sessions_of(world)
    await world.store.write(lambda tx: tx.sessions.lock(session.id, at=world.clock.now()))
    again = await world.begun(browser, ROLE)
    await browser.get(f"/login/{again}")
    assert "Your smartcard was taken out of the reader." in browser.page
    assert "Asha" not in browser.page, "the next person sees no name"
    assert (await browser.prove(again)).headers["location"] == ISSUED
    (same,) = await sessions_of(world)
    assert (same.id, same.locked_at) == (session.id, None)
    assert world.application.told[-1].verdict.role == role, "without asking"


async def test_a_locked_session_is_not_used_silently(world, browser):
    first = await world.begun(browser)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    (session,) = await sessions_of(world)
    await world.store.write(lambda tx: tx.sessions.lock(session.id, at=world.clock.now()))
    silent = await world.begun(browser, asked(silent=True))
    await browser.get(f"/login/{silent}")
    assert world.application.told[-1].why == "login_required"


async def test_a_locked_session_of_one_person_ends_when_another_logs_in(world, browser):
    first = await world.begun(browser)
    await browser.get(f"/login/{first}")
    await browser.prove(first)
    (session,) = await sessions_of(world)
    await world.store.write(lambda tx: tx.sessions.lock(session.id, at=world.clock.now()))
    second = await world.begun(browser)
    await browser.get(f"/login/{second}")
    await browser.prove(second, who=BRYN)
    assert await sessions_of(world) == []
    assert len(await sessions_of(world, BRYN)) == 1


@pytest.mark.parametrize(
    ("status", "heading", "why"),
    [
        (PersonStatus.SUSPENDED, "Your account is suspended", "person_suspended"),
        (PersonStatus.CLOSED, "Your account is closed", "person_closed"),
    ],
)
async def test_a_person_who_may_not_log_in_is_told_so(world, browser, status, heading, why):
    await world.populate(person(status=status))
    id = await world.begun(browser)
    answer = await browser.prove(id)
    assert answer.status_code == 403
    assert heading in browser.page
    assert not await sessions_of(world)
    (shown,) = await world.events("login:login:barred")
    assert (shown.data["why"], shown.data["login"], shown.refusal) == (why, id, True)
    assert (shown.actor.id, bool(shown.reference)) == (ASHA, True)
    assert shown.reference in browser.page
    assert (await browser.post(f"/login/{id}/cancel")).headers["location"] == f"{APPLICATION}/?outcome={why}"
    (refused,) = await world.events("login:login:refused")
    assert (refused.data["why"], refused.refusal) == (why, True)


async def test_a_third_party_is_told_nothing_unasked(world, browser):
    id = await world.begun(browser, asked(share=("your name", "your email address")))
    await browser.prove(id)
    assert "Ward list wants to see some of your information" in browser.page
    assert "your email address" in browser.page
    answer = await browser.post(f"/login/{id}/share")
    assert answer.status_code == 422
    assert not world.application.told
    assert (await browser.post(f"/login/{id}/share", share="yes")).headers["location"] == ISSUED
    other = await world.begun(browser, asked(share=("your name",)))
    await browser.get(f"/login/{other}")
    answer = await browser.post(f"/login/{other}/share", share="no")
    assert answer.headers["location"] == f"{APPLICATION}/?outcome=not_shared"


async def test_registration_2_who_decides_to_share_sees_the_applications_logo(world, browser):
    id = await world.begun(browser, asked(share=("your name",)))
    await browser.prove(id)
    assert "<img" not in browser.page
    await world.store.write(lambda tx: tx.logos.put(HEALTHCARE, asked().client, b"\x89PNG"))
    for step in (f"/login/{id}", f"/login/{id}/share"):
        await (browser.get(step) if step.endswith(id) else browser.post(step))
        assert '<img class="carekey-logo" src="data:image/png;base64,iVBORw==" alt="">' in browser.page


async def test_registration_2_who_decides_to_share_can_read_the_applications_own_pages(world, browser):
    pages = Links(site="https://ward.example/", policy="https://ward.example/policy", terms="https://ward.example/t")
    id = await world.begun(browser, asked(share=("your name",), links=pages))
    await browser.prove(id)
    said = {
        "How Ward list uses your information": "https://ward.example/policy",
        "Terms of Ward list": "https://ward.example/t",
        "About Ward list": "https://ward.example/",
    }
    for text, address in said.items():
        assert f'<a href="{address}" rel="noreferrer">{text}</a>' in browser.page
    await browser.post(f"/login/{id}/share", share="yes")
    other = await world.begun(browser, asked(share=("your name",)))
    await browser.get(f"/login/{other}")
    assert "Ward list wants to see" in browser.page
    assert 'rel="noreferrer"' not in browser.page


async def test_cancel(world, browser):
    id = await world.begun(browser)
    await browser.get(f"/login/{id}")
    answer = await browser.post(f"/login/{id}/cancel")
    assert answer.headers["location"] == f"{APPLICATION}/?outcome=cancelled"
    (event,) = await world.events("login:login:refused")
    assert event.data["why"] == "cancelled"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (asked(silent=True), "login_required"),
        (asked(silent=True, role=RoleAsked.CHANGED), "interaction_required"),
        (asked(silent=True, share=("your name",)), "consent_required"),
        (asked(silent=True), "issued"),
    ],
)
async def test_a_silent_log_in_shows_no_page(world, browser, wanted, why):
    if why != "login_required":
        await browser.prove(await world.begun(browser))
    id = await world.begun(browser, wanted)
    assert (await browser.get(f"/login/{id}")).headers["location"] == f"{APPLICATION}/?outcome={why}"


# Who may go on


@pytest.mark.parametrize("id", ["a" * 22, "../../etc", "%00", "a" * 200, "é"])
async def test_an_unknown_log_in(world, browser, id):
    for path in ("", "/ways", "/role"):
        assert (await browser.get(f"/login/{id}{path}")).status_code == 404
    for path in ("/way", "/role", "/share", "/cancel"):
        assert (await browser.post(f"/login/{id}{path}")).status_code == 404


async def test_a_log_in_belongs_to_the_browser_that_began_it(world, browser):
    id = await world.begun(browser)
    await browser.prove(id)
    id = await world.begun(browser, asked(fresh=True))
    thief = world.browser()
    for answer in (await thief.get(f"/login/{id}"), await thief.post(f"/login/{id}/cancel")):
        assert answer.status_code == 403
        assert "started in another browser" in thief.page
    assert len(await world.events("login:browser:refused")) == 2
    thief.http.cookies.set(f"__Host-login-{id[:12]}", "guessed", domain="care.example.test")
    assert (await thief.get(f"/login/{id}")).status_code == 403
    assert (await thief.post(f"/login/{id}/security-key", person=ASHA, aal="3", amr="FIDO2")).status_code == 303
    login = await world.store.read(lambda tx: tx.logins.find(id))
    assert login.proof is None
    assert login.ended_at is None


async def test_a_log_in_has_to_be_finished_in_time(world, browser):
    id = await world.begun(browser)
    await browser.get(f"/login/{id}")
    world.clock.pass_by(minutes=15)
    answer = await browser.get(f"/login/{id}")
    assert answer.status_code == 410
    assert "You took too long to log in" in browser.page
    assert APPLICATION in browser.page
    await browser.post(f"/login/{id}/security-key", person=ASHA, aal="3", amr="FIDO2")
    assert (await world.store.read(lambda tx: tx.logins.find(id))).proof is None


async def test_a_finished_log_in_never_issues_again(world, browser):
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    form = browser.page
    await browser.post(f"/login/{id}/role", role=roles(3)[0].id)
    for answer in (
        await browser.get(f"/login/{id}"),
        await browser.post(f"/login/{id}/role", role=roles(3)[1].id),
        await browser.post(f"/login/{id}/cancel"),
        await browser.get(f"/login/{id}/ways"),
    ):
        assert answer.status_code == 410
        assert "already finished" in browser.page
    browser.page = form
    await browser.post(f"/login/{id}/security-key", person=BRYN, aal="3", amr="FIDO2")
    assert (await browser.get(f"/login/{id}")).status_code == 410
    assert len(world.application.told) == 1


async def test_of_two_at_once_one_answers_the_application(world, browser):
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    tabs = [Browser(world, browser.http, browser.page) for _ in range(3)]
    answers = await asyncio.gather(
        tabs[0].post(f"/login/{id}/role", role=roles(3)[0].id),
        tabs[1].post(f"/login/{id}/role", role=roles(3)[1].id),
        tabs[2].post(f"/login/{id}/cancel"),
    )
    assert sorted(answer.status_code for answer in answers) == [303, 410, 410]
    assert len(world.application.told) == 1
    assert len(await sessions_of(world)) <= 1


async def test_ten_tabs_each_finish_their_own(world, browser):
    ids = [await world.begun(browser, ROLE) for _ in range(10)]
    for id in ids:
        await browser.prove(id)
    for id in reversed(ids):
        await browser.get(f"/login/{id}")
        if browser.page:
            await browser.post(f"/login/{id}/role", role=roles(3)[0].id)
    assert {told.login.id for told in world.application.told} == set(ids)
    assert len(await sessions_of(world)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
    ],
)
async def test_forms_come_from_our_own_pages(world, browser, headers):
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    usual = {"content-type": "application/x-www-form-urlencoded", "origin": "https://care.example.test"}
    csrf = browser.page.split('name="csrf" value="')[1].split('"')[0]
    content = f"csrf={csrf}&role={roles(3)[0].id}"
    answer = await browser.http.post(f"/login/{id}/role", content=content, headers=usual | headers)
    assert answer.status_code == 403
    for content in (f"role={roles(3)[0].id}", f"csrf=x&role={roles(3)[0].id}", f"csrf={csrf}&csrf={csrf}", "csrf=%ff"):
        assert (await browser.http.post(f"/login/{id}/role", content=content, headers=usual)).status_code == 403
    assert not world.application.told


async def test_sessions_of_one_issuer_say_nothing_to_another(world, browser):
    await browser.prove(await world.begun(browser))
    session = browser.cookie("session-healthcare")
    browser.http.cookies.set("__Host-session-sandbox", session, domain="care.example.test")
    id = await world.begun(browser, asked(acr=("AAL1_USERPASS", "AAL3_ANY")), issuer=SANDBOX)
    assert (await browser.get(f"/login/{id}")).headers["location"] == f"/login/{id}/password"


async def test_an_idle_session_is_good_for_less_and_then_for_nothing(world, browser):
    await browser.prove(await world.begun(browser))
    world.clock.pass_by(minutes=20)
    lower = asked(acr=("AAL2_OR_AAL3_ANY",))
    assert (await browser.get(f"/login/{await world.begun(browser, lower)}")).headers["location"] == ISSUED
    assert world.application.told[1].verdict.aal is AAL.AAL2
    # That use did not make it good for AAL3 again,
    await browser.get(f"/login/{await world.begun(browser)}")
    assert "needs a more secure way" in browser.page
    # nor does it keep it alive.
    world.clock.pass_by(minutes=10)
    await browser.get(f"/login/{await world.begun(browser, lower)}")
    assert "How do you want to log in?" in browser.page
    assert len(world.application.told) == 2


async def test_a_session_that_ends_between_look_and_deed(world, browser):
    await browser.prove(await world.begun(browser))
    (session,) = await sessions_of(world)
    id = await world.begun(browser)
    by = Visitor(login=digest(browser.cookie(f"login-{id[:12]}")), session=lambda _: session.digest, zone="internet")
    now = world.clock.now()
    at = await world.store.read(lambda tx: world.journey.look(tx, id, by, now=now))
    await world.store.write(lambda tx: tx.sessions.end(session.id, at=now))
    with pytest.raises(SessionGone):
        await world.store.write(
            lambda tx: world.journey.sessions.hold(tx, HEALTHCARE, at.so_far, at.step, reference="", now=now)
        )
    await browser.get(f"/login/{id}")
    assert "How do you want to log in?" in browser.page


async def test_a_role_that_is_taken_away_between_look_and_deed(world, browser):
    id = await world.begun(browser, ROLE)
    await browser.prove(id)
    by = Visitor(login=digest(browser.cookie(f"login-{id[:12]}")), session=lambda _: None, zone="internet")
    now = world.clock.now()
    at = await world.store.read(lambda tx: world.journey.look(tx, id, by, now=now))
    (role, *_) = at.step.profiles
    await world.store.write(lambda tx: take_role(tx, ASHA, role.id, by=actor.operator("ann"), now=now))
    verdict = Issue(acr="AAL3_ANY", aal=AAL.AAL3, role=role.id)
    with pytest.raises(SessionGone):
        await world.store.write(
            lambda tx: world.journey.sessions.hold(tx, HEALTHCARE, at.so_far, verdict, reference="", now=now)
        )
    assert await sessions_of(world) == []


# Account chooser and remembered consent, where an issuer wants them


def ruled(world, **rules: Any):
    world.journey.rules = {**world.journey.rules, HEALTHCARE: replace(world.journey.rules[HEALTHCARE], **rules)}


async def test_somebody_logged_in_is_asked_if_it_is_they_who_go_on(world, browser):
    ruled(world, chooser=Chooser.ASKED)
    await browser.prove(await world.begun(browser))
    id = await world.begun(browser, asked(choose_account=True))
    await browser.get(f"/login/{id}")
    assert "Who is going on to Ward list?" in browser.page
    assert f"User ID {ASHA}" in browser.page
    assert "checked" not in browser.page
    answer = await browser.post(f"/login/{id}/account")
    assert answer.status_code == 422
    assert browser.page.count("Select who goes on") == 2
    answer = await browser.post(f"/login/{id}/account", account="other")
    assert answer.headers["location"] == f"/login/{id}/ways"
    await browser.get(f"/login/{id}")
    assert (await browser.post(f"/login/{id}/account", account=ASHA)).headers["location"] == ISSUED
    assert (await world.tags())[-2:] == ["login:account:chosen", "login:login:finished"]


async def test_going_on_counts_for_the_person_who_was_asked_alone(world, browser):
    ruled(world, chooser=Chooser.ASKED)
    await browser.prove(await world.begun(browser))
    id = await world.begun(browser, asked(choose_account=True))
    await browser.prove(await world.begun(browser, asked(fresh=True)), who=BRYN)
    await browser.get(f"/login/{id}")
    answer = await browser.post(f"/login/{id}/account", account=ASHA)  # the page of before
    assert answer.status_code == 422
    assert f"User ID {BRYN}" in browser.page
    assert len(world.application.told) == 2


SHARING = asked(share=("your name", "your email address"))


async def shares(world, browser, wanted=SHARING):
    id = await world.begun(browser, wanted)
    await browser.prove(id)
    return await browser.post(f"/login/{id}/share", share="yes")


async def test_an_agreement_counts_as_long_as_the_issuer_says(world, browser):
    ruled(world, consent_lifetime=timedelta(days=30))
    assert (await shares(world, browser)).headers["location"] == ISSUED
    assert "login:consent:given" in await world.tags()
    less = asked(share=("your email address",), fresh=True)
    assert (await browser.prove(await world.begun(browser, less))).headers["location"] == ISSUED
    more = asked(share=("your email address", "your roles, and what each allows"), fresh=True)
    assert (await browser.prove(await world.begun(browser, more))).status_code == 200
    anew = replace(less, share_anew=True)
    assert (await browser.prove(await world.begun(browser, anew))).status_code == 200
    world.clock.pass_by(days=30)
    assert (await browser.prove(await world.begun(browser, less))).status_code == 200
    assert "wants to see some of your information" in browser.page


async def test_what_was_agreed_to_bit_by_bit_counts_together(world, browser):
    ruled(world, consent_lifetime=timedelta(days=30))
    await shares(world, browser, asked(share=("your name",)))
    await shares(world, browser, asked(share=("your email address",), fresh=True))
    both = replace(SHARING, fresh=True)
    assert (await browser.prove(await world.begun(browser, both))).headers["location"] == ISSUED


async def test_without_such_a_rule_nothing_is_remembered(world, browser):
    assert (await shares(world, browser)).headers["location"] == ISSUED
    assert (await browser.prove(await world.begun(browser, replace(SHARING, fresh=True)))).status_code == 200
    assert "login:consent:given" not in await world.tags()


async def test_an_agreement_that_was_withdrawn_counts_no_more_and_is_withdrawn_once(world, browser):
    ruled(world, consent_lifetime=timedelta(days=30))
    await shares(world, browser)

    def withdraw(tx):
        by = actor.person(ASHA)
        return consent.withdraw(tx, ASHA, HEALTHCARE, SHARING.client, by=by, now=world.clock.now())

    assert await world.store.write(withdraw)
    assert not await world.store.write(withdraw)
    assert (await world.tags())[-1] == "login:consent:withdrawn"
    assert await world.store.read(lambda tx: consent.in_force(tx, ASHA, now=world.clock.now())) == []
    assert (await browser.prove(await world.begun(browser, replace(SHARING, fresh=True)))).status_code == 200


async def test_whom_the_page_did_not_ask_agrees_to_nothing(world, browser):
    """Two tabs: Asha's page asks; Bryn logs in in the other, comes back to this one, and presses what stands there."""
    ruled(world, consent_lifetime=timedelta(days=30))
    await browser.prove(await world.begun(browser))
    id = await world.begun(browser, SHARING)
    await browser.get(f"/login/{id}")
    asha_is_asked = browser.page
    await browser.prove(await world.begun(browser, asked(fresh=True)), who=BRYN)
    browser.page = asha_is_asked
    answer = await browser.post(f"/login/{id}/share", share="yes")
    assert answer.headers["location"] == f"/login/{id}"
    assert "login:consent:given" not in await world.tags()
    await browser.get(f"/login/{id}")
    assert "Bryn Rees" in browser.page
    assert (await browser.post(f"/login/{id}/share", share="yes")).headers["location"] == ISSUED
    (given,) = await world.events("login:consent:given")
    assert given.actor.id == BRYN


async def test_an_agreement_of_one_person_is_not_that_of_another(world, browser):
    ruled(world, consent_lifetime=timedelta(days=30))
    await shares(world, browser)
    id = await world.begun(browser, replace(SHARING, fresh=True))
    assert (await browser.prove(id, who=BRYN)).status_code == 200
