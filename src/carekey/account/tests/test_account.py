"""The account's pages with a store: who sees what, what it takes to change it, and what is refused."""

import asyncio
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx2
import pytest

from carekey.account.http import Account
from carekey.account.user_code_http import UserCodePage
from carekey.account.visits import Visits
from carekey.authenticators.base import Credential, Way
from carekey.authenticators.conformance.world import ORIGIN, FixedClock, site
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.invitation import Invitation
from carekey.authenticators.http import Described
from carekey.authenticators.in_force import in_force
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.directory.model import Person, PersonStatus
from carekey.jose.sealing import Sealing
from carekey.kernel.actor import operator
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import CredentialId, IssuerName, PersonId, SessionId
from carekey.kernel.secret import digest
from carekey.login.journey import Journey
from carekey.login.model import Rules
from carekey.login.own_pages import WithOwnPages
from carekey.registration import standing
from carekey.registration.events import WayRemoved
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import Proof, Session
from carekey.storage.memory.store import MemoryStore
from carekey.web.dispatcher import Dispatcher

pytestmark = pytest.mark.anyio

ASHA, BEN = PersonId("555000000001"), PersonId("555000000002")
ISSUER = IssuerName("healthcare")
KEY = Way(
    name="security-key",
    title="Security key",
    hint="",
    amr=frozenset({Amr.FIDO2}),
    levels=frozenset({AAL.AAL2, AAL.AAL3}),
)
PHONE = Way(name="phone", title="Phone or tablet", hint="", amr=frozenset({Amr.UAF}), levels=frozenset({AAL.AAL2}))


class Levelled:
    """An authenticator whose credentials say themselves what they are worth."""

    kind = "levelled"
    ways = (KEY, PHONE)
    sandbox_only = False
    templates: ClassVar[dict[str, Any]] = {}

    def routes(self) -> list[Any]:
        return []

    def describe(self, credential: Credential) -> Described:
        level = int(credential.data)
        return Described(kind="Device", label=credential.label, aal=AAL(level) if level else None)


class Bank:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.store = MemoryStore()
        rules = Rules(issuer=ISSUER, ways={KEY.name: None, PHONE.name: None})
        application: WithOwnPages[Any] = WithOwnPages(None)  # type: ignore[arg-type]  # no other application asks here
        journey: Journey[Any] = Journey(
            rules={ISSUER: rules},
            ways=[KEY, PHONE],
            application=application,
            entropy=SystemEntropy(),
            in_force=lambda tx, proof: in_force(tx, proof.person, proof.credential),
        )
        visits: Visits[Any] = Visits(
            store=self.store, journey=journey, rules=rules, authenticators={Levelled.kind: Levelled()}
        )
        account: Account[Any] = Account(
            store=self.store,
            visits=visits,
            kinds=[KEY, PHONE],
            authenticators={Levelled.kind: Levelled()},
            remove=lambda tx, person, way, by, now: standing.remove_way(tx, person, way, by=by, now=now),
        )
        self.site = site(self.clock, account.templates)
        self.digests = CodeDigests(Sealing(b"m" * 32, entropy=SystemEntropy()))
        user_code: UserCodePage[Any] = UserCodePage(store=self.store, visits=visits, digests=self.digests)
        self.app = Dispatcher([*account.routes(), *user_code.routes()], self.site)

    async def person(self, id: PersonId = ASHA, *levels: int) -> None:
        def work(tx: Any) -> None:
            tx.people.put([Person(id=id, given_name="Asha", family_name="Patel")])
            for number, level in enumerate(levels):
                name = f"{id}-{number}"
                tx.credentials.add(
                    Credential(
                        id=CredentialId(name),
                        person=id,
                        kind=Levelled.kind,
                        handle=name.encode(),
                        label=f"Device {number}",
                        data=str(level).encode(),
                        created_at=self.clock.now(),
                    )
                )

        await self.store.write(work)

    async def browser(self, person: PersonId = ASHA, level: AAL = AAL.AAL3, *, by: str = "") -> httpx2.AsyncClient:
        """Logged in just now."""
        secret, now = f"secret-{self.site.entropy.bytes(8).hex()}", self.clock.now()
        session = Session(
            id=SessionId(secret),
            digest=digest(secret),
            issuer=ISSUER,
            person=person,
            proof=Proof(credential=CredentialId(by), kind="levelled", aal=level, amr=Amr.FIDO2, at=now),
            role=None,
            started_at=now,
            last_used_at=now,
        )
        await self.store.write(lambda tx: tx.sessions.start(session))
        browser = self.stranger()
        browser.cookies.set(self.site.cookies.session(ISSUER), secret)
        return browser

    def stranger(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN})

    async def held(self, person: PersonId = ASHA) -> list[str]:
        return [one.id for one in await self.store.read(lambda tx: tx.credentials.held_by(person))]

    async def tags(self) -> list[str]:
        return [row.tag for row in await self.store.read(lambda tx: list(tx.audit.search(limit=100)))]


@pytest.fixture
def bank() -> Bank:
    return Bank()


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', page)
    assert found
    return found.group(1)


def to_log_in(answer: httpx2.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/login/")


async def removal(browser: httpx2.AsyncClient, way: str, **more: str) -> httpx2.Response:
    page = await browser.get(f"/account/ways/{way}/remove")
    assert page.status_code == 200, page.headers
    return await browser.post(f"/account/ways/{way}/remove", data={"csrf": csrf_of(page.text), **more})


async def test_a_stranger_logs_in_first_and_learns_nothing(bank: Bank) -> None:
    await bank.person(ASHA, 3)
    for address in ("/account/ways", "/account/ways/add", f"/account/ways/{ASHA}-0/remove", "/account/ways/no/remove"):
        assert to_log_in(await bank.stranger().get(address)), address
    assert to_log_in(await bank.stranger().post(f"/account/ways/{ASHA}-0/remove", data={"last": "yes"}))
    assert await bank.held() == [f"{ASHA}-0"]


async def test_each_way_is_listed_with_its_state(bank: Bank) -> None:
    await bank.person(ASHA, 3, 2, 0)
    await bank.person(BEN, 3)
    page = (await (await bank.browser()).get("/account/ways")).text
    for words in ("Device 0", "Device 1", "Very high", "High", "No longer works", "Never"):
        assert words in page
    assert BEN not in page


async def test_what_is_somebody_elses_is_not_there(bank: Bank) -> None:
    await bank.person(ASHA, 3)
    await bank.person(BEN, 3)
    browser = await bank.browser()
    assert (await browser.get(f"/account/ways/{BEN}-0/remove")).status_code == 404
    own = csrf_of((await browser.get(f"/account/ways/{ASHA}-0/remove")).text)
    answer = await browser.post(f"/account/ways/{BEN}-0/remove", data={"csrf": own, "last": "yes"})
    assert answer.status_code == 404
    assert await bank.held(BEN) == [f"{BEN}-0"]


async def test_removing_ends_the_sessions_that_rest_on_it_and_is_on_record(bank: Bank) -> None:
    await bank.person(ASHA, 3, 2)
    browser, other = await bank.browser(), await bank.browser(by=f"{ASHA}-1")
    assert (await other.get("/account/ways")).status_code == 200
    assert "no longer works" in (await removal(browser, f"{ASHA}-1")).text
    assert await bank.held() == [f"{ASHA}-0"]
    assert to_log_in(await other.get("/account/ways"))
    assert WayRemoved.tag in await bank.tags()


async def test_a_higher_way_is_not_removed_from_a_lower_log_in(bank: Bank) -> None:
    await bank.person(ASHA, 3, 2)
    low, high = await bank.browser(level=AAL.AAL2), await bank.browser()
    assert to_log_in(await low.get(f"/account/ways/{ASHA}-0/remove"))
    token = csrf_of((await low.get(f"/account/ways/{ASHA}-1/remove")).text)
    assert to_log_in(await low.post(f"/account/ways/{ASHA}-0/remove", data={"csrf": token}))
    assert await bank.held() == [f"{ASHA}-0", f"{ASHA}-1"]
    await removal(low, f"{ASHA}-1")
    assert await bank.held() == [f"{ASHA}-0"]
    await removal(high, f"{ASHA}-0", last="yes")
    assert await bank.held() == []


@pytest.mark.parametrize("address", ["/account/ways/add", f"/account/ways/{ASHA}-0/remove"])
async def test_a_log_in_of_a_while_ago_changes_nothing(bank: Bank, address: str) -> None:
    await bank.person(ASHA, 3, 3)
    browser = await bank.browser()
    token = csrf_of((await browser.get(address)).text)
    bank.clock.pass_by(timedelta(minutes=5))
    assert to_log_in(await browser.get(address))
    assert to_log_in(await browser.post(address, data={"csrf": token, "way": "phone"}))
    assert len(await bank.held()) == 2
    assert (await browser.get("/account/ways")).status_code == 200, "to look it is good enough"


async def test_the_last_way_goes_only_after_a_warning(bank: Bank) -> None:
    await bank.person(ASHA, 3, 0)
    browser = await bank.browser()
    page = (await browser.get(f"/account/ways/{ASHA}-0/remove")).text
    assert "This is your last way to log in" in page, "the other one no longer works"
    answer = await browser.post(f"/account/ways/{ASHA}-0/remove", data={"csrf": csrf_of(page)})
    assert "This is your last way to log in" in answer.text
    assert len(await bank.held()) == 2
    await removal(browser, f"{ASHA}-0", last="yes")
    assert await bank.held() == [f"{ASHA}-1"]


async def test_two_removed_at_once_without_a_warning_leave_one(bank: Bank) -> None:
    await bank.person(ASHA, 3, 3)
    browser = await bank.browser()
    tokens = [csrf_of((await browser.get(f"/account/ways/{ASHA}-{one}/remove")).text) for one in (0, 1)]
    answers = await asyncio.gather(
        *(browser.post(f"/account/ways/{ASHA}-{one}/remove", data={"csrf": tokens[one]}) for one in (0, 1))
    )
    assert len(await bank.held()) == 1
    assert sorted("last way" in answer.text for answer in answers) == [False, True]


async def test_adding_makes_a_link_of_the_level_of_the_log_in(bank: Bank) -> None:
    await bank.person(ASHA, 3)
    for level in (AAL.AAL2, AAL.AAL3):
        browser = await bank.browser(level=level)
        token = csrf_of((await browser.get("/account/ways/add")).text)
        answer = await browser.post("/account/ways/add", data={"csrf": token, "way": "phone"})
        found = re.fullmatch(r"/register/([\w-]+)/phone", answer.headers["location"])
        assert found
        link = digest(found.group(1))
        made = await bank.store.read(lambda tx, link=link: tx.enrolments.find(link))
        assert made is not None
        assert (made.person, made.invited_by, made.level) == (ASHA, "you", level)
        assert made.expires_at - made.created_at == timedelta(minutes=15)


@pytest.mark.parametrize("over", ["logged_out", "way_removed", "card_out"])
async def test_a_link_is_good_for_no_longer_than_the_session_it_was_made_in(bank: Bank, over: str) -> None:
    """Or whoever comes to the computer next, or whose stolen key was just removed, adds a way of their own by it."""
    await bank.person(ASHA, 3)
    browser = await bank.browser(by=f"{ASHA}-0")
    token = csrf_of((await browser.get("/account/ways/add")).text)
    answer = await browser.post("/account/ways/add", data={"csrf": token, "way": "phone"})
    link, now = answer.headers["location"].split("/")[2], bank.clock.now()
    found = await bank.store.read(lambda tx: invitation.find(tx, link, now=now))
    assert isinstance(found, Invitation)

    def end(tx: Any) -> None:
        (session,) = tx.sessions.of_person(ASHA)
        match over:
            case "logged_out":
                ending.end(tx, session, WhyEnded.LOGGED_OUT, now=now)
            case "way_removed":
                standing.remove_way(tx, ASHA, CredentialId(f"{ASHA}-0"), by=operator("ann"), now=now)
            case _:
                tx.sessions.lock(session.id, at=now)

    await bank.store.write(end)
    assert await bank.store.read(lambda tx: invitation.find(tx, link, now=now)) is invitation.Refusal.LOGGED_OUT


@pytest.mark.parametrize("way", ["", "password", "smartcard"])
async def test_what_cannot_be_added_is_not(bank: Bank, way: str) -> None:
    await bank.person(ASHA, 3)
    browser = await bank.browser()
    token = csrf_of((await browser.get("/account/ways/add")).text)
    answer = await browser.post("/account/ways/add", data={"csrf": token, "way": way})
    assert answer.status_code == 422
    assert "enrolment:link:made" not in await bank.tags()


@pytest.mark.parametrize("address", ["/account/ways/add", f"/account/ways/{ASHA}-0/remove"])
async def test_another_site_changes_nothing(bank: Bank, address: str) -> None:
    await bank.person(ASHA, 3)
    browser = await bank.browser()
    token = csrf_of((await browser.get(address)).text)
    fields = {"csrf": token, "way": "phone", "last": "yes"}
    for headers, data in (({"origin": "https://evil.example"}, fields), ({}, {**fields, "csrf": "x"})):
        assert (await browser.post(address, data=data, headers=headers)).status_code == 403
    assert len(await bank.held()) == 1


async def test_whoever_is_suspended_or_known_too_weakly_logs_in_again(bank: Bank) -> None:
    await bank.person(ASHA, 3)
    assert to_log_in(await (await bank.browser(level=AAL.AAL1)).get("/account/ways"))
    browser = await bank.browser()

    def suspend(tx: Any) -> None:
        tx.people.put([replace(tx.people.find(ASHA), status=PersonStatus.SUSPENDED)])

    await bank.store.write(suspend)
    assert to_log_in(await browser.get("/account/ways"))


async def test_a_session_ends_by_itself(bank: Bank) -> None:
    await bank.person(ASHA, 3)
    browser = await bank.browser()
    began: datetime = bank.clock.now()
    bank.clock.moment = began + timedelta(minutes=30)
    assert to_log_in(await browser.get("/account/ways"))


CODE_PAGE = "/account/user-code"
CODE = {"code": "48k2x9", "again": "48K2-X9"}


async def send_code(browser: httpx2.AsyncClient, **fields: str) -> httpx2.Response:
    page = await browser.get(CODE_PAGE)
    assert page.status_code == 200, page.headers
    return await browser.post(CODE_PAGE, data={"csrf": csrf_of(page.text), **fields})


async def has_code(bank: Bank, code: str, person: PersonId = ASHA) -> bool:
    kept = await bank.store.read(lambda tx: tx.user_codes.find(person))
    return await bank.digests.matches(kept, code)


async def test_a_person_chooses_changes_and_removes_their_user_code(bank: Bank) -> None:
    await bank.person(ASHA, 2)
    browser = await bank.browser(level=AAL.AAL2)
    assert "You have none" in (await browser.get(CODE_PAGE)).text
    assert "User code saved" in (await send_code(browser, **CODE)).text
    assert await has_code(bank, "48k2x9")
    shown = (await browser.get(CODE_PAGE)).text
    assert "You chose yours on" in shown
    assert "48k2x9" not in shown.lower()
    await send_code(browser, code="73mq55t", again="73mq55t")
    assert [await has_code(bank, code) for code in ("48k2x9", "73mq55t")] == [False, True]
    for _ in range(2):
        assert "User code removed" in (await send_code(browser, remove="yes")).text
    assert not await has_code(bank, "73mq55t")
    codes = [tag for tag in await bank.tags() if tag.startswith("account:user-code:")]
    assert sorted(codes) == ["account:user-code:chosen"] * 2 + ["account:user-code:removed"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"code": " ", "again": ""}, "Enter a user code"),
        ({"code": "48k2x", "again": "48k2x"}, "User code must be 6 to 32 letters or numbers"),
        ({"code": "48k2xé9", "again": "48k2xé9"}, "User code must be 6 to 32 letters or numbers"),
        ({"code": "123456", "again": "123456"}, "User code must not be easy to guess"),
        ({"code": ASHA[-6:], "again": ASHA[-6:]}, "User code must not be easy to guess"),
        ({"code": "48k2x9", "again": "48k2x8"}, "The two user codes must be the same"),
        ({}, "Enter a user code"),
    ],
)
async def test_what_is_no_good_user_code_is_refused_and_not_shown_again(
    bank: Bank, fields: dict[str, str], message: str
) -> None:
    await bank.person(ASHA, 2)
    browser = await bank.browser()
    await send_code(browser, **CODE)
    answer = await send_code(browser, **fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert not fields.get("code", "").strip() or f'value="{fields["code"]}"' not in answer.text
    assert await has_code(bank, "48k2x9")


async def test_a_user_code_takes_a_log_in_of_the_last_minutes_and_a_form_of_ours(bank: Bank) -> None:
    await bank.person(ASHA, 2)
    browser = await bank.browser()
    token = csrf_of((await browser.get(CODE_PAGE)).text)
    for headers, given in (({"origin": "https://evil.example"}, token), ({}, "x")):
        answer = await browser.post(CODE_PAGE, data={"csrf": given, **CODE}, headers=headers)
        assert answer.status_code == 403
    assert to_log_in(await bank.stranger().get(CODE_PAGE))
    assert to_log_in(await bank.stranger().post(CODE_PAGE, data=CODE))
    bank.clock.pass_by(timedelta(minutes=5))
    assert to_log_in(await browser.get(CODE_PAGE))
    assert to_log_in(await browser.post(CODE_PAGE, data={"csrf": token, **CODE}))
    assert not await has_code(bank, "48k2x9")


async def test_who_is_suspended_while_they_choose_a_user_code_logs_in_again(bank: Bank) -> None:
    await bank.person(ASHA, 2)
    browser = await bank.browser()
    make = bank.digests.make

    async def meanwhile(*given: Any, **more: Any) -> Any:
        await bank.store.write(lambda tx: tx.people.put([replace(tx.people.find(ASHA), status=PersonStatus.SUSPENDED)]))
        return await make(*given, **more)

    bank.digests.make = meanwhile  # type: ignore[method-assign]  # the moment between the check and the write
    assert to_log_in(await send_code(browser, **CODE))
    assert not await has_code(bank, "48k2x9")
