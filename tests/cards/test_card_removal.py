"""The card leaves the reader: whose sessions end or are locked by a companion's word, and what no word can do."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from carekey.kernel.ids import PersonId
from carekey.sessions.model import Session
from carekey.workstations import enrolling
from carekey_agent import Ed25519, Service
from support.companion import BY, Companion, certificate, send, tags
from support.installation import ORIGIN, Whole
from support.provider import GP, NURSE
from support.virtual_cards import Browser, with_cards

pytestmark = pytest.mark.anyio

KARL = "555000000115"


@pytest.fixture
async def made(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Whole]:
    policy = getattr(request, "param", "end")
    async with with_cards(tmp_path, WORKSTATIONS__WHEN_CARD_LEAVES=policy) as whole:
        yield whole


@pytest.fixture
async def bay(made: Whole) -> Companion:
    companion = Companion(made)
    await companion.enrol()
    return companion


async def sessions(made: Whole, person: str = GP) -> list[Session]:
    return list(await made.installation.store.read(lambda tx: tx.sessions.of_person(PersonId(person))))


async def log_in(made: Whole, person: str = GP, browser: Browser | None = None, **asked: str) -> Browser:
    browser = browser or Browser(made)
    made.clock.pass_by(seconds=5)
    done = await browser.use_card(await browser.ask(**asked), person)
    assert done.arrived()["code"]
    return browser


async def silent(browser: Browser) -> dict[str, str]:
    return (await browser.ask(prompt="none")).arrived()


async def test_the_session_that_began_with_the_card_ends_when_it_leaves(made: Whole, bay: Companion) -> None:
    assert (await bay.say(GP)).json() == {"cards": 1, "came": 1, "left": 0}
    browser = await log_in(made)
    assert "code" in await silent(browser)
    made.clock.pass_by(hours=1)
    before = made.last_event()
    assert (await bay.say()).json() == {"cards": 0, "came": 0, "left": 1}
    assert (await silent(browser))["error"] == "login_required"
    assert await sessions(made) == []
    happened = made.events(after=before)
    assert tags(happened)[:2] == ["session:session:ended", "workstation:card:out"]
    assert happened[0]["why"] == "card_removed"
    assert (happened[1]["person"], happened[1]["policy"], happened[1]["sessions"]) == (GP, "end", 1)


async def test_applications_are_told_of_the_end_as_of_every_other(made: Whole, bay: Companion) -> None:
    await made.register(
        "told",
        token_endpoint_auth_method="client_secret_post",
        backchannel_logout_uri="https://told.example/logout",
        grant_types=["authorization_code"],
    )
    await bay.say(GP)
    browser = await log_in(made, client_id="told")
    done = await browser.ask(client_id="told", prompt="none")
    async with made.browser() as application:
        answer = await application.post(
            "/sandbox/access_token",
            data={
                "grant_type": "authorization_code",
                "code": done.arrived()["code"],
                "redirect_uri": "https://ward.example/callback",
                "client_id": "told",
                "client_secret": made.secrets["told"],
            },
        )
    assert answer.status_code == 200
    (session,) = await sessions(made)
    await bay.say()
    queued = await made.installation.store.read(lambda tx: tx.logout_deliveries.of_session(session.id))
    assert [one.client for one in queued] == ["told"]


@pytest.mark.parametrize("made", ["lock"], indirect=True)
async def test_a_locked_session_asks_for_the_card_and_goes_on_in_the_same_role(made: Whole, bay: Companion) -> None:
    await bay.say(NURSE)
    browser = Browser(made)
    made.clock.pass_by(seconds=5)
    at = await browser.use_card(await browser.ask(scope="openid selectedrole"), NURSE)
    roles = list(at.form("/role").choices["role"].values())
    assert (await browser.send(at, "/role", role=roles[1])).arrived()["code"]
    (before,) = await sessions(made, NURSE)
    assert before.role == roles[1]

    made.clock.pass_by(minutes=1)
    await bay.say()
    assert (await silent(browser))["error"] == "login_required"
    (locked,) = await sessions(made, NURSE)
    assert locked.locked_at is not None
    made.clock.pass_by(minutes=1)
    await bay.say(NURSE)
    assert (await silent(browser))["error"] == "login_required", (
        "that the card is back unlocks nothing: its holder does"
    )
    shown = await browser.ask(scope="openid selectedrole")
    assert "O&#39;Sullivan" not in shown.text

    made.clock.pass_by(seconds=5)
    done = await browser.use_card(shown, NURSE)
    assert done.arrived()["code"], "no role page in between"
    (after,) = await sessions(made, NURSE)
    assert (after.id, after.role, after.locked_at) == (before.id, roles[1], None)
    assert [event["tag"] for event in made.events() if event["tag"].startswith("session:session")] == [
        "session:session:started",
        "session:session:locked",
        "session:session:renewed",
    ]


@pytest.mark.parametrize("made", ["lock"], indirect=True)
async def test_at_a_locked_session_the_next_one_says_that_it_is_not_them(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    browser = await log_in(made)
    made.clock.pass_by(minutes=1)
    await bay.say()
    card_page = await browser.ask()
    chooser = await browser.open(f"{card_page.address.removesuffix('/smartcard')}/ways")
    for at in (card_page, chooser):
        assert "Not you? Log in as someone else" in at.text
        assert "Amara" not in at.text
    await browser.send(chooser, "/someone-else")
    assert await sessions(made) == []


@pytest.mark.parametrize("made", ["lock"], indirect=True)
async def test_another_persons_card_does_not_go_on_in_a_locked_session(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    browser = await log_in(made)
    await bay.say()
    await log_in(made, NURSE, browser)
    assert await sessions(made) == []
    assert len(await sessions(made, NURSE)) == 1


@pytest.mark.parametrize("made", ["nothing"], indirect=True)
async def test_the_site_may_decide_that_nothing_happens(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    browser = await log_in(made)
    await bay.say()
    assert "code" in await silent(browser)
    out = made.events()
    assert next(event for event in out if event["tag"] == "workstation:card:out")["sessions"] == 0


async def test_a_card_that_leaves_before_the_role_is_chosen_gets_no_session(made: Whole, bay: Companion) -> None:
    await bay.say(NURSE)
    browser = Browser(made)
    made.clock.pass_by(seconds=5)
    at = await browser.use_card(await browser.ask(scope="openid selectedrole"), NURSE)
    role = next(iter(at.form("/role").choices["role"].values()))
    made.clock.pass_by(seconds=5)
    await bay.say()
    after = await browser.send(at, "/role", role=role)
    assert not after.address.startswith("https://ward.example")
    assert "Sullivan" not in after.text
    assert await sessions(made, NURSE) == []


async def test_sessions_of_other_cards_ways_and_places_are_left_alone(made: Whole, bay: Companion) -> None:
    async with made.browser() as passwords:
        await made.log_in(passwords)
        await log_in(made)  # with the card, at a computer without companion, an hour before it came here
        made.clock.pass_by(hours=1)
        await bay.say(GP, NURSE)
        nurse = await log_in(made, NURSE)
        assert len(await sessions(made)) == 2
        await bay.say(NURSE)
        assert len(await sessions(made)) == 2, "neither began with this card in this reader"
        assert "code" in await silent(nurse)


async def test_another_workstation_cannot_take_a_card_out_that_is_not_in_its_reader(
    made: Whole, bay: Companion
) -> None:
    other = Companion(made, 2)
    await other.enrol("Ward 8")
    await bay.say(GP)
    browser = await log_in(made)
    assert (await other.say()).json()["left"] == 0
    assert "code" in await silent(browser)


async def test_a_card_that_turns_up_elsewhere_has_left_where_it_was(made: Whole, bay: Companion) -> None:
    """The network was down when it was taken out, or the computer was switched off."""
    other = Companion(made, 2)
    there = await other.enrol("Ward 8")
    await bay.say(GP)
    browser = await log_in(made)
    made.clock.pass_by(minutes=5)
    assert (await other.say(GP)).json() == {"cards": 1, "came": 1, "left": 0}
    assert (await silent(browser))["error"] == "login_required"
    (out,) = [event for event in made.events() if event["tag"] == "workstation:card:out"]
    assert out["seen_at"] == there.id
    await log_in(made)
    assert (await bay.say()).json()["left"] == 0, "what the first one had was taken from it"
    assert len(await sessions(made)) == 1


async def test_forged_replayed_late_and_foreign_statements_change_nothing_and_are_recorded(
    made: Whole, bay: Companion
) -> None:
    other = Companion(made, 2)
    await other.enrol("Ward 8")
    earlier = bay.statement()
    await bay.say(GP)
    browser = await log_in(made)

    head, claims, _ = bay.statement().split(b".")
    _, _, of_another = bay.statement(GP).split(b".")
    _, _, foreign = other.statement().split(b".")
    elsewhere = Service(origin="https://elsewhere.example", key=bay.service.key, ahead=bay.service.ahead)
    late = bay.statement()
    attempts: list[tuple[bytes, int, str]] = [
        (b".".join((head, claims, of_another)), 401, "bad_signature"),
        (b".".join((head, claims, foreign)), 401, "bad_signature"),
        (earlier, 409, "replayed"),
        (elsewhere.statement([]), 401, "other_audience"),
    ]
    for sent, status, why in attempts:
        before = made.last_event()
        answer = await send(made, sent)
        assert (answer.status_code, answer.json()) == (status, {"error": why})
        (refused,) = made.events(after=before)
        assert (refused["tag"], refused["refusal"]) == ("workstation:statement:refused", True)
        assert refused["reason"] == why
        assert "code" in await silent(browser)
    made.clock.pass_by(seconds=61)
    answer = await send(made, late)
    assert (answer.status_code, answer.json()) == (409, {"error": "clock"})
    assert made.events()[-1]["reason"] == "clock"
    assert "code" in await silent(browser)


async def test_of_the_same_statement_twice_at_once_one_is_heard(made: Whole, bay: Companion) -> None:
    import asyncio

    await bay.say(GP)
    await log_in(made)
    gone = bay.statement()
    answers = await asyncio.gather(*(send(made, gone) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert len([event for event in made.events() if event["tag"] == "session:session:ended"]) == 1


async def test_a_revoked_workstation_is_believed_no_more_and_sessions_stay(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    browser = await log_in(made)
    store, now = made.installation.store, made.clock.now()
    (station,) = await store.read(lambda tx: tx.workstations.list())
    await store.write(lambda tx: enrolling.revoke(tx, station.id, by=BY, now=now))
    answer = await bay.say()
    assert (answer.status_code, answer.json()) == (401, {"error": "revoked"})
    assert "code" in await silent(browser)
    with pytest.raises(enrolling.NotEnrolled, match="needs a new one"):
        await bay.enrol("Again")
    with pytest.raises(enrolling.NotEnrolled, match="revoked before"):
        await store.write(lambda tx: enrolling.revoke(tx, station.id, by=BY, now=now))


async def test_a_stranger_is_refused_and_fills_no_record(made: Whole) -> None:
    before = made.last_event()
    answer = await Companion(made, 9).say(GP)
    assert (answer.status_code, answer.json()) == (401, {"error": "unknown_workstation"})
    assert (await send(made, b"nonsense")).status_code == 400
    assert (await send(made, b"\xff" * 50)).status_code == 400
    assert (await send(made, b"x" * 60_000)).status_code == 413
    assert made.last_event() == before


async def test_cards_that_could_log_nobody_in_are_nobodys(made: Whole, bay: Companion) -> None:
    bay.statement()  # sets its clock
    junk = bay.service.statement([b"\x30\x03\x02\x01\x01", b""])
    assert (await send(made, junk)).json() == {"cards": 0, "came": 0, "left": 0}


async def test_the_same_word_again_changes_nothing(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    browser = await log_in(made)
    before = made.last_event()
    for _ in range(3):
        made.clock.pass_by(minutes=4)
        assert (await bay.say(GP)).json() == {"cards": 1, "came": 0, "left": 0}
    assert made.last_event() == before
    assert "code" in await silent(browser)


async def test_a_companions_word_logs_nobody_in(made: Whole, bay: Companion) -> None:
    await bay.say(GP)
    assert await sessions(made) == []
    assert (await silent(Browser(made)))["error"] == "login_required"


async def test_the_companion_learns_the_time_from_a_refusal(made: Whole, bay: Companion, monkeypatch: Any) -> None:
    """Its own code, against answers as the service gives them."""
    service = Service(origin=ORIGIN, key=Ed25519(bytes([1]) * 32))
    answers = iter([("clock", 3_600_000), ("", None)])
    said: list[int] = []

    def post(cards: list[bytes]) -> tuple[str, int | None]:
        body = service.statement(cards).split(b".")[1]
        import base64

        said.append(json.loads(base64.urlsafe_b64decode(body + b"=="))["at"])
        return next(answers)

    monkeypatch.setattr(service, "_post", post)
    assert service.tell([]) == ""
    assert 3_599_000 < said[1] - said[0] < 3_601_000


async def test_the_certificate_of_a_card_is_all_that_is_told_of_it(made: Whole, bay: Companion) -> None:
    import base64

    head, claims, _ = bay.statement(GP).split(b".")
    told = json.loads(base64.urlsafe_b64decode(claims + b"=="))
    assert set(told) == {"iss", "aud", "at", "cards"}
    assert base64.urlsafe_b64decode(told["cards"][0] + "==") == certificate(made, GP)
    assert set(json.loads(base64.urlsafe_b64decode(head + b"=="))) == {"alg", "typ"}


@pytest.mark.parametrize("made", ["lock"], indirect=True)
async def test_a_locked_session_opens_nothing_of_the_persons_own(made: Whole, bay: Companion) -> None:
    """The next one at the computer must not give the one before a passkey of their own, nor see what waits for them."""
    await bay.say(GP)
    browser = Browser(made)
    made.clock.pass_by(seconds=5)
    shown = await browser.use_card(await browser.open("/account/ways"), GP)
    assert shown.address.endswith("/account/ways")
    adds = await browser.open("/account/ways/add")
    assert adds.address.endswith("/account/ways/add")
    waiting = await browser.open("/requests")
    name = "Amara"
    assert name in waiting.text
    made.clock.pass_by(seconds=5)
    await bay.say()
    (locked,) = await sessions(made)
    assert locked.locked_at is not None

    for address in ("/account/ways", "/account/ways/add"):
        at = await browser.open(address)
        assert "/login/" in at.address, at.heading
        assert name not in at.text
    assert name not in (await browser.open("/requests")).text
    before = made.tables()["enrolments"]
    await browser.send(adds, "/add", way="passkey")
    assert made.tables()["enrolments"] == before
