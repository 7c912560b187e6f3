"""Asking, answering, refusing and taking back over HTTP with a store: a UAF device that shares no code with us."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from carekey.authenticators.confirming import CannotAsk, Standing, Wanted
from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld
from carekey.authenticators.conformance.world import ORIGIN, FixedClock, OpenAttempts, World
from carekey.authenticators.enrolment.http import EnrolmentPages
from carekey.authenticators.phone.confirmation import evidence
from carekey.authenticators.phone.confirmation.asking import OnPhones
from carekey.authenticators.phone.confirmation.model import MOST_WAITING
from carekey.authenticators.phone.http import Phone as PhoneAuthenticator
from carekey.authenticators.phone.push.vapid import Vapid
from carekey.authenticators.phone.terms import ENROL, FACETS, Terms, carekey_phone
from carekey.authenticators.phone.tests.test_phone_http import UAF, activation, ask, held, link_for
from carekey.authenticators.uaf import transaction
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.metadata import Metadata, read_statements
from carekey.authenticators.uaf.model import RelyingParty
from carekey.authenticators.uaf.status import Reason
from carekey.authenticators.uaf.tests.phone import Faults, Model, Phone, Refusal, new_key, unb64
from carekey.authenticators.uaf.tests.test_transaction import png
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import client
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import ConfirmationId, PersonId
from carekey.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

SHOWS = Model()
BLIND = Model(aaid="FFFF#0B1D", tc_display=())
PICTURE = png()
PAINTS = Model(
    aaid="FFFF#1AAE",
    tc_content_type="image/png",
    more={"tcDisplayPNGCharacteristics": [msgspec.to_builtins(transaction.characteristics(PICTURE))]},
)
TEXT = "Prescribe amoxicillin 500 mg\nthree times a day"
WARD = client("ward")
ID = ConfirmationId("confirmation-of-22-letters")
SECRET = "s" * 43


def terms_of(*models: Model, push: Vapid | None = None) -> Terms:
    read, skipped = read_statements([(one.aaid, one.statement()) for one in models])
    assert not skipped
    facets = trusted_facets(ORIGIN + FACETS, [ORIGIN], loopback=True)
    return Terms(
        party=RelyingParty(facets=facets, metadata=Metadata.of(read, test_models=True)), origin=ORIGIN, push=push
    )


class Ward:
    """Whoever asks, and the installation around them."""

    def __init__(self, *more: Model, push: Vapid | None = None) -> None:
        store, attempts, clock = MemoryStore(), OpenAttempts[Any](), FixedClock()
        self.terms = terms_of(SHOWS, BLIND, *more, push=push)
        phones = PhoneAuthenticator(store=store, attempts=attempts, terms=self.terms, clock=clock, service="CareKey")
        links = EnrolmentPages(store=store, ways=[ENROL])
        self.world: AnyWorld = World(
            phones, store=store, attempts=attempts, clock=clock, templates=links.templates, routes=list(links.routes())
        )
        self.asking: OnPhones[Any] = OnPhones(self.terms)

    async def phone(self, *, person: PersonId = ASHA, model: Model = SHOWS, secret: str = SECRET) -> Phone:
        phone = Phone(model=model, facet=ORIGIN, trusted=(ORIGIN,))
        code = await activation(self.world, await link_for(self.world, person))
        asked = await ask(self.world, "Reg", {"activation": code})
        told = await self.send("Reg", phone.answer(asked["uafRequest"]), secret)
        assert told["statusCode"] == 1200
        return phone

    async def send(self, op: str, text: str, secret: str = "") -> dict[str, Any]:
        body = {"uafResponse": text, **({"context": json.dumps({"device": secret})} if secret else {})}
        answer = await self.world.new_browser().post(
            f"/uaf/{op.lower()}/response", content=json.dumps(body), headers=UAF
        )
        told: dict[str, Any] = answer.json()
        return told

    async def ask(
        self,
        id: ConfirmationId = ID,
        *,
        person: PersonId = ASHA,
        text: str = TEXT,
        picture: bytes = b"",
        minutes: int = 5,
    ) -> CannotAsk | None:
        now = self.world.clock.now()
        wanted = Wanted(
            person=person,
            text=text,
            application="Ward 7",
            until=now + timedelta(minutes=minutes),
            by=WARD,
            picture=picture,
        )
        return await self.world.store.write(lambda tx: self.asking.ask(tx, wanted, id=id, now=now))

    async def look(self, id: ConfirmationId = ID) -> Standing | None:
        now = self.world.clock.now()
        found = await self.world.store.read(lambda tx: self.asking.look(tx, id, now=now))
        return found and found.standing

    async def waiting(self, secret: str = SECRET) -> list[dict[str, Any]]:
        answer = await self.world.new_browser().post("/phone/waiting", json={"devices": [secret]})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        found: list[dict[str, Any]] = answer.json()["waiting"]
        return found

    async def request(self, id: str = ID, secret: str = SECRET) -> dict[str, Any]:
        return await ask(self.world, "Auth", {"confirmation": id, "device": secret})

    async def refuse(self, id: str = ID, secret: str = SECRET) -> httpx2.Response:
        return await self.world.new_browser().post("/phone/waiting/refuse", json={"device": secret, "confirmation": id})

    async def forms(self, secret: str) -> list[tuple[str, bytes]]:
        """What stands in the request that this phone gets."""
        (message,) = json.loads((await self.request(secret=secret))["uafRequest"])
        return [(form["contentType"], unb64(form["content"])) for form in message["transaction"]]

    async def document(self) -> str:
        found = await self.world.store.read(lambda tx: tx.evidences.find(ID))
        assert found is not None
        document: str = found.document
        return document

    async def events(self) -> list[Any]:
        found = await self.world.store.read(lambda tx: list(tx.audit.search(limit=100)))
        return [row for row in found if row.tag.startswith("confirmation:")]


@pytest.fixture
def ward() -> Ward:
    return Ward()


async def test_uaf_22_4_a_text_is_shown_exactly_confirmed_and_its_evidence_holds(ward: Ward) -> None:
    phone = await ward.phone()
    assert await ward.ask() is None
    (waiting,) = await ward.waiting()
    assert (waiting["id"], waiting["application"], waiting["account"]) == (ID, "Ward 7", 0)
    asked = await ward.request()
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"])))["statusCode"] == 1200
    assert phone.shown == [TEXT]
    assert await ward.look() is Standing.CONFIRMED
    assert await ward.waiting() == []
    document = await ward.document()
    verdict = evidence.verify(document)
    assert (verdict.content.decode(), verdict.document.person, verdict.document.asked.application) == (
        TEXT,
        ASHA,
        "Ward 7",
    )
    recorded = {event.tag: event for event in await ward.events()}
    assert recorded["confirmation:answer:confirmed"].data["evidence"] == verdict.digest
    assert recorded["confirmation:request:asked"].actor == WARD
    assert all("amoxicillin" not in json.dumps(event.data) for event in recorded.values())


async def test_what_rests_on_it_gets_the_proof(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    await ward.send("Auth", phone.answer((await ward.request())["uafRequest"]))
    found = await ward.world.store.read(lambda tx: ward.asking.look(tx, ID, now=ward.world.clock.now()))
    (credential,) = await held(ward.world)
    assert found is not None
    assert found.proof is not None
    assert (found.proof.person, found.proof.credential, found.proof.amr) == (ASHA, credential.id, Amr.UAF)
    assert found.proof.aal is AAL.AAL2, "nothing proves that the phone is near (section 24.2)"


async def test_a_phone_that_is_not_the_persons_sees_nothing_and_answers_nothing(ward: Ward) -> None:
    await ward.phone()
    await ward.phone(person=BEN, secret="b" * 43)
    await ward.ask()
    assert await ward.waiting("b" * 43) == []
    assert await ward.waiting("x" * 43) == []
    for secret in ("b" * 43, "x" * 43):
        assert (await ward.request(secret=secret))["statusCode"] != 1200
        assert (await ward.refuse(secret=secret)).status_code == 404
    assert await ward.look() is Standing.PENDING


async def test_an_answer_of_another_phone_of_the_person_is_not_taken(ward: Ward) -> None:
    """The request is for the key of the phone that asked for it."""
    await ward.phone()
    other = await ward.phone(secret="o" * 43)
    await ward.ask()
    asked = await ward.request()
    with pytest.raises(Refusal):
        other.answer(asked["uafRequest"])


async def test_refused_on_the_phone(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    asked = await ward.request()
    assert (await ward.refuse()).status_code == 200
    assert await ward.look() is Standing.REFUSED
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"])))["statusCode"] != 1200
    assert await ward.look() is Standing.REFUSED
    assert await ward.world.store.read(lambda tx: tx.evidences.find(ID)) is None
    assert (await ward.refuse()).status_code == 404


async def test_it_runs_out(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask(minutes=1)
    asked = await ward.request()
    ward.world.clock.pass_by(timedelta(minutes=1))
    assert await ward.look() is Standing.EXPIRED
    assert await ward.waiting() == []
    assert (await ward.request())["statusCode"] != 1200
    assert (await ward.refuse()).status_code == 404
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"])))["statusCode"] == 1491
    assert await ward.world.store.read(lambda tx: tx.evidences.find(ID)) is None


async def test_it_is_taken_back_once(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    asked, now = await ward.request(), ward.world.clock.now()
    works = [ward.world.store.write(lambda tx: ward.asking.withdraw(tx, ID, now=now, by=WARD)) for _ in range(2)]
    assert sorted(await asyncio.gather(*works)) == [False, True]
    assert await ward.look() is Standing.WITHDRAWN
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"])))["statusCode"] != 1200
    assert await ward.look() is Standing.WITHDRAWN


async def test_two_answers_to_two_requests_for_one_text_confirm_it_once(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    answers = [phone.answer((await ward.request())["uafRequest"]) for _ in range(2)]
    told = await asyncio.gather(*(ward.send("Auth", each) for each in answers))
    assert sorted(each["statusCode"] == 1200 for each in told) == [False, True]
    assert len([event for event in await ward.events() if event.tag == "confirmation:answer:confirmed"]) == 1


async def test_a_refusal_and_an_answer_at_once_one_wins(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    answer = phone.answer((await ward.request())["uafRequest"])
    told, refused = await asyncio.gather(ward.send("Auth", answer), ward.refuse())
    assert (told["statusCode"] == 1200) != (refused.status_code == 200)
    won = Standing.CONFIRMED if told["statusCode"] == 1200 else Standing.REFUSED
    assert await ward.look() is won


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(mode=1), Reason.MODE),
        (Faults(hash=b"x" * 32), Reason.FINAL_CHALLENGE_HASH),
        (Faults(signing_key=new_key(1)), Reason.SIGNATURE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_uaf_7_2_an_answer_that_does_not_hold_changes_nothing(ward: Ward, faults: Faults, reason: Reason) -> None:
    phone = await ward.phone()
    await ward.ask()
    asked = await ward.request()
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"], faults)))["statusCode"] != 1200
    assert await ward.look() is Standing.PENDING
    assert await ward.world.store.read(lambda tx: tx.evidences.find(ID)) is None
    assert [event.data["reason"] for event in await ward.events() if event.tag == "confirmation:answer:refused"] == [
        reason
    ]


async def test_uaf_7_2_a_log_in_passes_for_no_confirmation_nor_the_reverse(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    login = ward.world.begin()
    log_in = await ask(ward.world, "Auth", {"login": login}, ward.world.browser)
    (confirmation,) = json.loads((await ward.request())["uafRequest"])
    (answer,) = json.loads(phone.answer(log_in["uafRequest"]))
    answer["header"]["serverData"] = confirmation["header"]["serverData"]
    assert (await ward.send("Auth", json.dumps([answer])))["statusCode"] != 1200
    assert await ward.look() is Standing.PENDING
    assert ward.world.attempts.concluded == []


async def test_a_suspended_person_confirms_nothing(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    asked = await ward.request()

    def suspend(tx: Any) -> None:
        tx.people.put([replace(tx.people.find(ASHA), status=PersonStatus.SUSPENDED)])

    await ward.world.store.write(suspend)
    assert (await ward.send("Auth", phone.answer(asked["uafRequest"])))["statusCode"] == 1403
    assert await ward.look() is Standing.PENDING
    assert await ward.ask(ConfirmationId("another")) is CannotAsk.PERSON


async def test_a_removed_phone_learns_and_does_nothing(ward: Ward) -> None:
    await ward.phone()
    await ward.ask()
    (credential,) = await held(ward.world)
    await ward.world.store.write(lambda tx: tx.credentials.revoke(credential.id, at=ward.world.clock.now()))
    assert await ward.waiting() == []
    assert (await ward.refuse()).status_code == 404


@pytest.mark.parametrize("text", ["", "x" * 201, "Ibuprofén", "a\ttab", "a\x00nul"])
async def test_a_text_that_cannot_be_shown_exactly_is_not_asked(ward: Ward, text: str) -> None:
    await ward.phone()
    assert await ward.ask(text=text) is CannotAsk.TEXT
    assert await ward.look() is None
    assert [event.tag for event in await ward.events()] == ["confirmation:request:refused"]


async def test_who_has_no_device_that_shows_texts_is_not_asked(ward: Ward) -> None:
    await ward.phone(model=BLIND)
    assert await ward.ask() is CannotAsk.NO_DEVICE
    assert not await ward.world.store.read(lambda tx: ward.asking.can_ask(tx, ASHA))
    await ward.phone(secret="t" * 43)
    assert await ward.world.store.read(lambda tx: ward.asking.can_ask(tx, ASHA))
    assert await ward.ask() is None
    assert await ward.waiting() == [], "the phone that shows no texts"


async def test_uaf_7_1_each_phone_is_sent_the_form_that_its_model_shows_and_no_other() -> None:
    own = carekey_phone().statement
    ward = Ward(PAINTS, Model(aaid=own.aaid, more=dict(own.written)))
    for secret, model in (("p" * 43, PAINTS), ("c" * 43, Model(aaid=own.aaid)), (SECRET, SHOWS)):
        await ward.phone(model=model, secret=secret)
    assert await ward.ask(picture=PICTURE) is None
    assert await ward.forms("p" * 43) == [("image/png", PICTURE)]
    assert await ward.forms("c" * 43) == [("text/plain", TEXT.encode())], "CareKey Phone is never sent an image"
    assert await ward.forms(SECRET) == [("text/plain", TEXT.encode())]


async def test_uaf_7_1_an_image_of_another_size_than_its_model_shows_is_not_asked() -> None:
    ward = Ward(PAINTS)
    await ward.phone(model=PAINTS)
    assert await ward.ask(picture=png(2)) is CannotAsk.NO_DEVICE
    assert await ward.ask(picture=b"GIF89a") is CannotAsk.TEXT
    assert await ward.ask() is CannotAsk.NO_DEVICE, "a text alone"
    assert await ward.ask(picture=PICTURE) is None


async def test_so_much_waits_for_a_person_and_no_more(ward: Ward) -> None:
    await ward.phone()
    for number in range(MOST_WAITING):
        assert await ward.ask(ConfirmationId(f"confirmation-{number}")) is None
    assert await ward.ask() is CannotAsk.TOO_MANY
    ward.world.clock.pass_by(timedelta(minutes=5))
    assert await ward.ask() is None


@pytest.mark.parametrize("body", ["", "{}x", '{"devices": 1}', json.dumps({"devices": ["x"] * 21})])
async def test_what_is_no_question_is_refused(ward: Ward, body: str) -> None:
    answer = await ward.world.new_browser().post(
        "/phone/waiting", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


async def test_a_secret_that_is_too_short_is_refused(ward: Ward) -> None:
    phone = Phone(model=SHOWS, facet=ORIGIN, trusted=(ORIGIN,))
    asked = await ask(ward.world, "Reg", {"activation": await activation(ward.world, await link_for(ward.world, ASHA))})
    assert (await ward.send("Reg", phone.answer(asked["uafRequest"]), "short"))["statusCode"] == 1400
    assert await held(ward.world) == []


async def test_the_page_that_waits_says_neither_the_text_nor_the_person(ward: Ward) -> None:
    phone = await ward.phone()
    await ward.ask()
    browser = ward.world.new_browser()
    page = await browser.get(f"/confirmation/{ID}")
    assert page.status_code == 200
    assert "Ward 7" in page.text
    assert "amoxicillin" not in page.text
    assert ASHA not in page.text
    await ward.send("Auth", phone.answer((await ward.request())["uafRequest"]))
    assert "Confirmed" in (await browser.get(f"/confirmation/{ID}")).text
    heard = await browser.get(f"/confirmation/{ID}/events")
    assert "data: confirmed" in heard.text
    assert (await browser.get("/confirmation/other")).status_code == 404
