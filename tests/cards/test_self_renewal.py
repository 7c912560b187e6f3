"""A person whose card is near its end is told on the way, and renews it by themself: the old key asks, the service decides."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app import smartcards
from carekey.authenticators.smartcard import renewing
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.model import CardCertificate, Purpose
from carekey.authenticators.smartcard.renewal_client import RemoteCounter
from carekey.authenticators.smartcard.renewing import Step
from carekey.authenticators.smartcard.self_service import signed_text
from carekey.authenticators.smartcard.virtual import VirtualCard
from carekey.authenticators.smartcard.writable import SLOTS
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import Secret
from support.installation import ORIGIN, Whole
from support.provider import GP
from support.virtual_cards import Answer, Browser, with_cards

pytestmark = pytest.mark.anyio

ROSIE = "555000000108"
"""Her card runs out in 60 days."""
RUNS_OUT = "Your smartcard runs out on 22 January 2027"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Whole]:
    async with with_cards(tmp_path / "carekey") as whole:
        yield whole


def card_of(made: Whole, person: str = ROSIE) -> VirtualCard:
    card = smartcards.wallet(made.installation.settings).of(PersonId(person))
    assert card is not None
    return card


async def certificates(made: Whole, person: str = ROSIE) -> list[CardCertificate]:
    def look(tx):
        (card,) = tx.cards.held_by(PersonId(person))
        return list(tx.cards.certificates(card.id))

    return await made.installation.store.read(look)


async def told(made: Whole, browser: Browser | None = None) -> tuple[Browser, Answer]:
    browser = browser or Browser(made)
    page = await browser.use_card(await browser.ask(), ROSIE)
    made.clock.pass_by(minutes=1)
    return browser, page


async def at_the_reader(made: Whole, tmp_path: Path) -> tuple[VirtualCard, str]:
    """Her card is in a reader and not with the service; and the renewal code that she got by logging in."""
    browser, page = await told(made)
    away = tmp_path / card_of(made).serial
    card_of(made).folder.rename(away)
    shown = await browser.send(page, "/renewal")
    command, code = re.findall(r'class="carekey-code">([^<]+)<', shown.text)
    assert command == f"carekey card renew --service {ORIGIN}"
    return VirtualCard(away), code


def client(made: Whole) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=made.installation.dispatcher), base_url=ORIGIN)


def quietly(_step: Step, _what: str) -> None:
    pass


async def test_a_person_is_told_on_the_way_and_goes_on(made: Whole) -> None:
    browser, page = await told(made)
    assert page.heading == RUNS_OUT
    assert "Renew your smartcard" in page.text
    assert page.headers is not None
    assert page.headers["cache-control"] == "no-store"
    login = re.search(r'href="(/login/[^"/]+)"', page.text)
    assert login
    assert (await browser.open(login[1])).arrived()["code"]


async def test_once_a_day_is_enough_and_others_are_not_told(made: Whole) -> None:
    await told(made)
    _, second = await told(made)
    assert second.arrived()["code"]
    made.clock.pass_by(hours=21)
    _, next_day = await told(made)
    assert next_day.heading.startswith("Your smartcard runs out on")
    gp = Browser(made)
    assert (await gp.use_card(await gp.ask(), GP)).arrived()["code"]


async def test_cis2_6_2_a_virtual_card_is_renewed_on_the_spot_step_by_step(made: Whole) -> None:
    browser, page = await told(made)
    before = await certificates(made)
    done = await browser.send(page, "/renewal")
    assert done.heading == "Your smartcard is renewed"
    for said in (
        "Making keys on the card: logging in",
        "Asking for certificates: signing",
        "Removing what was replaced",
    ):
        assert said in done.text
    after = await certificates(made)
    assert len(after) == 4
    assert {one.der for one in after if one.superseded_at} == {one.der for one in before}
    signed = [event for event in made.events() if event["tag"] == "smartcard:certificate:signed"]
    assert {event["actor"] for event in signed[-2:]} == {"person"}
    login = re.search(r'href="(/login/[^"/]+)"', done.text)
    assert login
    assert (await browser.open(login[1])).arrived()["code"]
    _, again = await told(made)
    assert again.arrived()["code"], "with the new certificate, and there is nothing to tell"


async def test_a_card_that_kept_its_old_certificate_logs_in_with_the_new_one(
    made: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service noted that the old one was replaced, and was ended before it was off the card."""
    browser, page = await told(made)

    def ended(_card: VirtualCard, _id: bytes) -> None:
        raise CardError("The service was ended.")

    monkeypatch.setattr(VirtualCard, "remove", ended)
    assert (await browser.send(page, "/renewal")).status == 422
    monkeypatch.undo()
    first, second = SLOTS[Purpose.AUTHENTICATION]
    card = card_of(made)
    assert card.certificate(first) is not None
    assert card.shown() == (card.certificate(second),)
    await told(made, browser)
    assert not [event for event in made.events() if event["tag"] == "smartcard:log-in:refused"]


async def test_an_interrupted_renewal_goes_on_at_the_next_log_in(made: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, page = await told(made)
    whole = VirtualCard.check

    def pulled_out(card: VirtualCard, id: bytes) -> None:
        if id == SLOTS[Purpose.CONTENT_COMMITMENT][1]:
            raise CardError("The card was pulled out.")
        whole(card, id)

    monkeypatch.setattr(VirtualCard, "check", pulled_out)
    half = await browser.send(page, "/renewal")
    assert (half.status, half.heading) == (422, "Your smartcard was not renewed")
    assert "The card was pulled out." in half.text
    monkeypatch.setattr(VirtualCard, "check", whole)
    signed = len(await certificates(made))
    _, page = await told(made, browser)
    assert page.heading == RUNS_OUT, "the certificate for logging in is new, the other is not"
    done = await browser.send(page, "/renewal")
    assert done.heading == "Your smartcard is renewed"
    assert "Making keys on the card: logging in" not in done.text, "that was done"
    assert len(await certificates(made)) == signed, "nothing was signed twice"


async def test_a_code_works_once_in_its_own_browser_and_log_in(made: Whole) -> None:
    browser, page = await told(made)
    code = page.form("/renewal").fields["code"]
    stranger = Browser(made)
    other = await stranger.ask()
    login = "/".join(other.address.split("/")[:5])
    assert (await stranger.open(f"{login}/smartcard/renewal?code={code}")).address == other.address
    again = await browser.send(page, "/renewal")
    assert again.arrived()["code"], "the stranger burnt it: the log-in goes on without"
    assert len(await certificates(made)) == 2


async def test_a_card_in_a_reader_is_renewed_there_with_the_code(made: Whole, tmp_path: Path) -> None:
    card, code = await at_the_reader(made, tmp_path)
    steps: list[Step] = []
    async with client(made) as service:
        counter = RemoteCounter(ORIGIN, Secret(code), card, service)
        await renewing.renew(card, counter, lambda step, _: steps.append(step))
        each = [Step.MAKING_KEYS, Step.ASKING, Step.WRITING, Step.CHECKING, Step.CLEARING]
        assert steps == each * 2
        with pytest.raises(CardError, match="in the 90 days before it ends"):
            await renewing.renew(card, counter, quietly)
    after = await certificates(made)
    assert sorted(bool(one.superseded_at) for one in after) == [False, False, True, True]
    (new,) = [one.der for one in after if not one.superseded_at and one.purpose is Purpose.AUTHENTICATION]
    assert card.shown() == (new,)


@pytest.mark.parametrize("step", [Step.ASKING, Step.WRITING, Step.CHECKING, Step.CLEARING])
@pytest.mark.parametrize("purpose", list(Purpose))
async def test_interrupted_at_any_step_it_goes_on_with_the_same_code(
    made: Whole, tmp_path: Path, step: Step, purpose: Purpose
) -> None:
    class PulledOut(Exception):
        pass

    def until(at: Step, what: str) -> None:
        if (at, what) == (step, purpose.value):
            raise PulledOut

    card, code = await at_the_reader(made, tmp_path)
    async with client(made) as service:
        counter = RemoteCounter(ORIGIN, Secret(code), card, service)
        with pytest.raises(PulledOut):
            await renewing.renew(card, counter, until)
        await renewing.renew(card, counter, quietly)
    after = await certificates(made)
    assert sorted(bool(one.superseded_at) for one in after) == [False, False, True, True]
    card.check(SLOTS[Purpose.AUTHENTICATION][1])
    assert card.certificate(SLOTS[Purpose.AUTHENTICATION][0]) is None


async def test_who_sees_the_code_cannot_have_a_key_of_their_own_certified(made: Whole, tmp_path: Path) -> None:
    card, code = await at_the_reader(made, tmp_path)
    thief = VirtualCard(tmp_path / "555000000108-ffffff")
    own = thief.make_key(SLOTS[Purpose.AUTHENTICATION][1], "mine")
    request = thief.request(own, ROSIE)
    der = request.public_bytes(Encoding.DER)
    from base64 import b64encode

    text = signed_text(code, der)
    for proof in (b"", b"junk", own.sign(text, ec.ECDSA(hashes.SHA256()))):
        sent = {"code": code, "purpose": "authentication"}
        sent |= {"request": b64encode(der).decode(), "proof": b64encode(proof).decode()}
        async with client(made) as service:
            answer = await service.post("/smartcard/renewal/sign", json=sent)
        assert answer.status_code == 409
        assert "does not prove" in answer.json()["error"]
    # Nor does a signature for another request do.
    real = card.key(SLOTS[Purpose.AUTHENTICATION][0])
    assert real is not None
    other = real.sign(signed_text(code, b"another"), ec.ECDSA(hashes.SHA256()))
    sent["proof"] = b64encode(other).decode()
    async with client(made) as service:
        assert (await service.post("/smartcard/renewal/sign", json=sent)).status_code == 409
    assert len(await certificates(made)) == 2


async def test_what_cannot_be_read_or_is_not_known_changes_nothing(made: Whole, tmp_path: Path) -> None:
    _, code = await at_the_reader(made, tmp_path)
    before = made.tables()
    async with client(made) as service:
        for what in ("held", "sign", "replaced"):
            assert (await service.post(f"/smartcard/renewal/{what}", content=b"{")).status_code == 400
            assert (await service.post(f"/smartcard/renewal/{what}", json={"code": "x"})).status_code == 401
            assert (await service.post(f"/smartcard/renewal/{what}", json={"code": 7})).status_code == 400
        gone = await service.post("/smartcard/renewal/replaced", json={"code": code, "old": "AAAA"})
        assert gone.status_code == 409
        (own,) = [one for one in await certificates(made) if one.purpose is Purpose.AUTHENTICATION]
        from base64 import b64encode

        early = {"code": code, "old": b64encode(own.der).decode()}
        assert (await service.post("/smartcard/renewal/replaced", json=early)).status_code == 409, "nothing replaces it"
    assert made.tables() == before


async def test_the_code_runs_out(made: Whole, tmp_path: Path) -> None:
    card, code = await at_the_reader(made, tmp_path)
    made.clock.pass_by(minutes=61)
    async with client(made) as service:
        with pytest.raises(CardError, match="log in with the card again"):
            await renewing.renew(card, RemoteCounter(ORIGIN, Secret(code), card, service), quietly)


async def test_a_cancelled_card_is_not_renewed(made: Whole, tmp_path: Path) -> None:
    from carekey.authenticators.smartcard.authority import registration
    from carekey.authenticators.smartcard.model import WhyCancelled
    from support.companion import BY

    card, code = await at_the_reader(made, tmp_path)
    store, now = made.installation.store, made.clock.now()
    (known,) = await store.read(lambda tx: tx.cards.held_by(PersonId(ROSIE)))
    await store.write(
        lambda tx: registration.cancel(tx, known, WhyCancelled.LOST, end_sessions=lambda *_: 0, by=BY, now=now)
    )
    async with client(made) as service:
        with pytest.raises(CardError, match="not one that can be renewed"):
            await renewing.renew(card, RemoteCounter(ORIGIN, Secret(code), card, service), quietly)


async def test_where_the_registration_authority_renews_people_are_told_so(tmp_path: Path) -> None:
    async with with_cards(tmp_path, CARD_AUTHORITY__SELF_RENEWAL="false") as made:
        browser, page = await told(made)
        assert page.heading == RUNS_OUT
        assert "Renew your smartcard where it was given to you" in page.text
        assert "/renewal" not in page.text
        del browser
