"""The hand-over to the card host and back: what is refused, whatever the card (smartcard-and-browser, section 2.3)."""

import asyncio
import base64
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from carekey.authenticators.base import Challenge
from carekey.authenticators.conformance.world import FixedClock, OpenAttempts, World, site
from carekey.authenticators.smartcard import crl, handover
from carekey.authenticators.smartcard.card_host_http import CardHost
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence, RevocationList, Wanted
from carekey.authenticators.smartcard.handover import BACK, OUT
from carekey.authenticators.smartcard.http import Smartcard
from carekey.authenticators.smartcard.model import CardState
from carekey.authenticators.smartcard.path import Reason
from carekey.authenticators.smartcard.terms import Terms
from carekey.authenticators.smartcard.tests import pki
from carekey.authenticators.smartcard.words import words
from carekey.directory.model import Person
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import IssuerName, LoginId, PersonId
from carekey.kernel.secret import digest
from carekey.storage.memory.store import MemoryStore
from carekey.web.dispatcher import Dispatcher
from carekey.web.zones import Zones

pytestmark = pytest.mark.anyio

HOME = "http://localhost:8000"
CARD_HOST = "https://*.card.example"
HSCN, INTERNET, PROXY = "10.20.0.2", "203.0.113.2", "127.0.0.9"


ASHA = Person(id=PersonId(pki.USER), given_name="Asha", family_name="Patel")
BEN = PersonId("555036633104")


class Known:
    """Both lists are had at the first asking, and name nobody."""

    def __init__(self) -> None:
        self._lists: dict[str, RevocationList] = {}

    def evidence(self) -> Evidence:
        return Evidence(lists=self._lists)

    async def obtain(self, requests: Iterable[Wanted]) -> Evidence:
        for one in requests:
            assert isinstance(one, CrlWanted)
            by = pki.SUB if one.issuer == pki.SUB.certificate else pki.ROOT
            self._lists[one.key] = crl.read(by.crl(), one, now=pki.NOW)
        return self.evidence()


class CardWorld(World[Any]):
    """Log-in pages and card host on one store. The card host is told certificates as its listener tells them."""

    def __init__(self, *, proxied: bool = False, zones: frozenset[str] | None = frozenset({"hscn"})) -> None:
        store, attempts, clock = MemoryStore(), OpenAttempts[Any](), FixedClock()
        self.terms = Terms(
            card_host=CARD_HOST,
            log_in_hosts={IssuerName("healthcare"): HOME},
            profiles=[pki.NATIONAL],
            revocations=Known(),
            zones=zones,
            n3_zones=frozenset({"hscn"}),
            proxied=proxied,
        )
        super().__init__(
            Smartcard(store=store, attempts=attempts, terms=self.terms), store=store, attempts=attempts, clock=clock
        )
        ranges = {"hscn": networks("10.20.0.0/16")}
        there = replace(site(clock, self.authenticator.templates), zones=Zones(ranges, proxies=networks(f"{PROXY}/32")))
        self.card_host = Dispatcher(CardHost(store=store, terms=self.terms).routes(), there)

    async def hand_over(self, login: LoginId) -> str:
        form = {"csrf": self.csrf(login), "label": "0123456789abcdef"}
        answer = await self.browser.post(f"/login/{login}/smartcard", data=form)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def visit(
        self, address: str, *cards: bytes, peer: str = HSCN, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), "tls": {"client_cert_chain": cards}}
            await self.card_host(scope, receive, send)

        transport = httpx2.ASGITransport(app=app, client=(peer, 50000))
        async with httpx2.AsyncClient(transport=transport) as browser:
            return await browser.get(address, headers=headers or {})

    async def log_in(self, login: LoginId, card: bytes | None = None) -> httpx2.Response:
        """To the card host with a card, and back."""
        found = await self.visit(await self.hand_over(login), card or CARD)
        return await self.browser.get(found.headers["location"])


def networks(*ranges: str) -> list[Any]:
    return [ip_network(one) for one in ranges]


CARD = pki.der(pki.card(pki.SUB))


@pytest.fixture
async def world() -> CardWorld:
    return await furnished(CardWorld())


async def furnished(world: CardWorld) -> CardWorld:
    await world.store.write(lambda tx: tx.people.put([ASHA]))
    return world


async def test_a_card_logs_its_holder_in(world: CardWorld) -> None:
    login = world.begin()
    done = await world.log_in(login)
    assert (done.status_code, done.headers["location"]) == (303, f"/login/{login}")
    [(concluded, proof)] = world.attempts.concluded
    assert (concluded, proof.person, proof.kind, proof.aal, proof.amr, proof.at) == (
        login,
        ASHA.id,
        "smartcard",
        AAL.AAL3,
        Amr.N3_SMARTCARD,
        world.clock.now(),
    )


async def test_the_codes_are_secrets_kept_as_digests_and_told_to_nobody_else(world: CardWorld) -> None:
    out = await world.hand_over(world.begin())
    back = await world.visit(out, CARD)
    codes = [parse_qs(urlsplit(address).query)["code"][0] for address in (out, back.headers["location"])]
    assert all(len(base64.urlsafe_b64decode(code + "=")) == 32 for code in codes)
    assert codes[0] != codes[1]
    assert urlsplit(out).path == "/smartcard"
    assert back.headers["cache-control"] == "no-store"
    assert back.headers["referrer-policy"] == "no-referrer"
    kept = await world.store.write(lambda tx: tx.challenges.take(digest(codes[1]), now=world.clock.now()))
    assert kept is not None
    assert codes[1].encode() not in kept.data


async def test_a_page_with_a_form_tells_our_own_origin_who_sent_it(world: CardWorld) -> None:
    """With `no-referrer` Chromium would send `Origin: null`, and our own form would be refused."""
    shown = await world.browser.get(f"/login/{world.begin()}/smartcard")
    assert shown.headers["referrer-policy"] == "same-origin"


async def test_the_policy_of_the_page_names_the_one_host_that_its_form_leads_to(world: CardWorld) -> None:
    shown = await world.browser.get(f"/login/{world.begin()}/smartcard")
    label = re.search(r'name="label" value="([0-9a-f]{16})"', shown.text)
    assert label
    assert f"https://{label[1]}.card.example" in shown.headers["content-security-policy"]
    again = await world.browser.get(f"/login/{world.begin()}/smartcard")
    assert label[1] not in again.text


@pytest.mark.parametrize(
    "label", ["", "evil.example/", "0123456789abcdeF", "0123456789abcdef0", "a.b", "@evil.example"]
)
async def test_a_label_is_nothing_but_a_label(world: CardWorld, label: str) -> None:
    login = world.begin()
    answer = await world.browser.post(f"/login/{login}/smartcard", data={"csrf": world.csrf(login), "label": label})
    assert answer.status_code == 400


async def test_replaying_the_way_out_finds_nothing(world: CardWorld) -> None:
    out = await world.hand_over(world.begin())
    assert (await world.visit(out, CARD)).status_code == 303
    assert (await world.visit(out, CARD)).status_code == 410


async def test_a_card_whose_revocation_is_known_is_judged_in_one_unit_of_work(
    world: CardWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.log_in(world.begin())  # fetches the lists
    out = await world.hand_over(world.begin())
    units = []
    write = world.store.write

    async def counted(work: Any) -> Any:
        units.append(work)
        return await write(work)

    monkeypatch.setattr(world.store, "write", counted)
    assert (await world.visit(out, CARD)).status_code == 303
    assert len(units) == 1


async def test_where_judging_fails_nothing_has_happened(world: CardWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    login = world.begin()
    out = await world.hand_over(login)
    with monkeypatch.context() as broken:
        broken.setattr(world.terms.revocations, "evidence", lambda: 1 / 0)
        assert (await world.visit(out, CARD)).status_code == 500
    found = await world.visit(out, CARD)
    assert found.status_code == 303, "the code was not spent on it"
    await world.browser.get(found.headers["location"])
    assert len(world.attempts.concluded) == 1


async def test_a_code_is_spent_before_the_network_is_asked(world: CardWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a card could be shown again and again while somebody else's server takes its time."""
    out = await world.hand_over(world.begin())
    obtain, answered = world.terms.revocations.obtain, []

    async def slowly(requests: Any) -> Any:
        answered.append((await world.visit(out, CARD)).status_code)
        return await obtain(requests)

    monkeypatch.setattr(world.terms.revocations, "obtain", slowly)
    assert (await world.visit(out, CARD)).status_code == 303
    assert answered == [410]


async def test_replaying_the_way_back_changes_nothing(world: CardWorld) -> None:
    login = world.begin()
    found = await world.visit(await world.hand_over(login), CARD)
    back = found.headers["location"]
    await world.browser.get(back)
    again = await world.browser.get(back)
    assert again.headers["location"] == f"/login/{login}/smartcard"
    assert len(world.attempts.concluded) == 1
    assert await world.refusals() == ["code_gone"]


async def test_of_many_at_once_one_takes_each_code(world: CardWorld) -> None:
    login = world.begin()
    out = await world.hand_over(login)
    visits = await asyncio.gather(*[world.visit(out, CARD) for _ in range(5)])
    assert sorted(answer.status_code for answer in visits) == [303, 410, 410, 410, 410]
    back = next(answer.headers["location"] for answer in visits if answer.status_code == 303)
    await asyncio.gather(*[world.browser.get(back) for _ in range(5)])
    assert len(world.attempts.concluded) == 1


async def test_a_victim_who_follows_an_attackers_link_takes_the_result_nowhere(world: CardWorld) -> None:
    """The result lands in the victim's browser, which has no cookie of that log-in, and is burnt there."""
    login = world.begin()
    found = await world.visit(await world.hand_over(login), CARD)
    victim = world.new_browser()
    answer = await victim.get(found.headers["location"])
    assert answer.headers["location"] == f"/login/{login}"
    assert world.attempts.concluded == []
    await world.browser.get(found.headers["location"])
    assert world.attempts.concluded == []
    assert await world.refusals() == ["other_browser", "code_gone"]


async def test_a_result_for_one_log_in_is_none_for_another(world: CardWorld) -> None:
    """An attacker's own result, planted in a victim's log-in, would log the victim in as the attacker."""
    mine, other = world.begin("login-of-mine-1"), world.begin("login-of-other")
    found = await world.visit(await world.hand_over(mine), CARD)
    back = found.headers["location"].replace(mine, other)
    assert (await world.browser.get(back)).headers["location"] == f"/login/{other}/smartcard"
    assert world.attempts.concluded == []
    assert await world.refusals() == ["other_log_in"]


async def test_a_code_works_in_one_direction(world: CardWorld) -> None:
    login = world.begin()
    out = await world.hand_over(login)
    code = parse_qs(urlsplit(out).query)["code"][0]
    await world.browser.get(f"/login/{login}/smartcard/done?code={code}")
    assert world.attempts.concluded == []
    assert (await world.visit(out, CARD)).status_code == 410
    found = await world.visit(await world.hand_over(login), CARD)
    code = parse_qs(urlsplit(found.headers["location"]).query)["code"][0]
    assert (await world.visit(f"https://x.card.example/smartcard?code={code}", CARD)).status_code == 410


async def test_codes_run_out(world: CardWorld) -> None:
    login = world.begin()
    out = await world.hand_over(login)
    world.clock.pass_by(OUT)
    assert (await world.visit(out, CARD)).status_code == 410
    out = await world.hand_over(login)
    world.clock.pass_by(OUT - timedelta(seconds=1))
    found = await world.visit(out, CARD)
    assert found.status_code == 303
    world.clock.pass_by(BACK)
    await world.browser.get(found.headers["location"])
    assert world.attempts.concluded == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-forwarded-for": HSCN},
        {"forwarded": f"for={HSCN}"},
        {"x-real-ip": HSCN},
        {"client-ip": HSCN},
        {"x-forwarded-for": f"{HSCN}, {HSCN}"},
    ],
    ids=str,
)
async def test_a_hand_over_taken_on_hscn_is_not_used_from_the_internet(
    world: CardWorld, headers: dict[str, str]
) -> None:
    login = world.begin()
    out = await world.hand_over(login)
    refused = await world.visit(out, CARD, peer=INTERNET, headers=headers)
    assert refused.status_code == 403
    assert "location" not in refused.headers
    assert (await world.visit(out, CARD)).status_code == 410, "and it is burnt"
    assert await world.refusals() == ["wrong_zone"]


async def test_from_the_internet_the_card_host_answers_nothing_else(world: CardWorld) -> None:
    for address in ("/smartcard", "/smartcard?code=x", "/smartcard?code="):
        answer = await world.visit(f"https://x.card.example{address}", CARD, peer=INTERNET)
        assert answer.status_code == 403


async def test_where_the_operator_allows_it_cards_come_from_everywhere() -> None:
    world = await furnished(CardWorld(zones=None))
    login = world.begin()
    found = await world.visit(await world.hand_over(login), CARD, peer=INTERNET)
    await world.browser.get(found.headers["location"])
    [(_, proof)] = world.attempts.concluded
    assert proof.amr is Amr.CIS2_SMARTCARD


async def test_without_the_pages_token_nobody_is_handed_over(world: CardWorld) -> None:
    login = world.begin()
    form = {"csrf": "made up", "label": "0123456789abcdef"}
    assert (await world.browser.post(f"/login/{login}/smartcard", data=form)).status_code == 403
    evil = {"origin": "https://evil.example"}
    form["csrf"] = world.csrf(login)
    assert (await world.browser.post(f"/login/{login}/smartcard", data=form, headers=evil)).status_code == 403
    assert (await world.new_browser().post(f"/login/{login}/smartcard", data=form)).status_code == 403


async def test_a_way_that_is_not_allowed_here_hands_nobody_over(world: CardWorld) -> None:
    login = world.begin()
    world.attempts.ways = frozenset()
    assert (await world.hand_over(login)) == f"/login/{login}"
    assert (await world.browser.get(f"/login/{login}/smartcard")).headers["location"] == f"/login/{login}"


async def test_somebody_else_cannot_prove_the_expected_person(world: CardWorld) -> None:
    login = world.begin()
    world.ask_for(login, BEN)
    refused = await world.log_in(login)
    assert refused.status_code == 422
    assert "The application asked for a different person" in refused.text
    assert ASHA.id not in refused.text
    assert world.attempts.concluded == []
    assert await world.refusals() == ["wrong_person"]


async def test_a_level_that_is_not_accepted_is_refused(world: CardWorld) -> None:
    refused = await world.log_in(world.begin(levels={AAL.AAL2}))
    assert refused.status_code == 422
    assert await world.refusals() == ["level_not_accepted"]


async def test_an_attempt_that_ended_takes_no_answer(world: CardWorld) -> None:
    login = world.begin()
    found = await world.visit(await world.hand_over(login), CARD)
    world.attempts.end(login)
    assert (await world.browser.get(found.headers["location"])).headers["location"] == f"/login/{login}"
    assert world.attempts.concluded == []


async def test_a_card_of_another_pki_is_known_from_its_first_use(world: CardWorld) -> None:
    for _ in range(2):
        await world.log_in(world.begin())
    [card] = await world.store.read(lambda tx: tx.cards.held_by(ASHA.id))
    assert card.state == "active"
    await world.store.write(
        lambda tx: tx.cards.move(card.id, was=CardState.ACTIVE, to=CardState.SUSPENDED, at=world.clock.now())
    )
    refused = (await world.log_in(world.begin())).text
    assert "This smartcard is suspended" in refused
    assert main_thing_to_do(refused) == ["Use another way to log in"]
    assert "Registration Authority" in refused


def main_thing_to_do(page: str) -> list[str]:
    return re.findall(r'class="nhsuk-button"[^>]*>\s*([^<]+?)\s*<', page)


async def test_without_a_card_trying_again_is_the_main_thing_to_do(world: CardWorld) -> None:
    found = await world.visit(await world.hand_over(world.begin()))
    refused = await world.browser.get(found.headers["location"])
    assert main_thing_to_do(refused.text) == ["Try again"]


def header(der: bytes) -> str:
    return f":{base64.b64encode(der).decode()}:"


async def test_rfc9440_a_header_is_nothing_on_the_listener_that_ends_tls(world: CardWorld) -> None:
    out = await world.hand_over(world.begin())
    found = await world.visit(out, headers={"client-cert": header(CARD)})
    assert "We did not get a card" in (await world.browser.get(found.headers["location"])).text


async def test_rfc9440_on_the_proxys_listener_the_proxy_is_believed() -> None:
    world = await furnished(CardWorld(proxied=True))
    headers = {"client-cert": header(CARD), "x-forwarded-for": HSCN}
    found = await world.visit(await world.hand_over(world.begin()), peer=PROXY, headers=headers)
    await world.browser.get(found.headers["location"])
    assert len(world.attempts.concluded) == 1


async def test_rfc9440_nobody_but_the_proxy_is_answered_there() -> None:
    world = await furnished(CardWorld(proxied=True))
    out = await world.hand_over(world.begin())
    assert (await world.visit(out, headers={"client-cert": header(CARD)})).status_code == 403


@pytest.mark.parametrize("zone", [None, INTERNET, "", "unreadable"])
async def test_the_proxy_says_from_where(zone: str | None) -> None:
    world = await furnished(CardWorld(proxied=True))
    headers = {"client-cert": header(CARD), **({} if zone is None else {"x-forwarded-for": f"{HSCN}, {zone}"})}
    answer = await world.visit(await world.hand_over(world.begin()), peer=PROXY, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "value", ["", "::", ":AAAA", ":AA=A:", ":A:", "MIIB", ":AAAA:;x=1", ":AAAA:, :AAAA:", ":" + "A" * 70_000 + ":"]
)
async def test_rfc9440_a_header_that_is_none_logs_nobody_in(value: str) -> None:
    world = await furnished(CardWorld(proxied=True))
    headers = {"client-cert": value, "x-forwarded-for": HSCN}
    found = await world.visit(await world.hand_over(world.begin()), peer=PROXY, headers=headers)
    assert found.status_code == 303
    assert (await world.browser.get(found.headers["location"])).status_code == 422
    assert world.attempts.concluded == []


@pytest.mark.parametrize("others", [True, False])
@pytest.mark.parametrize("reason", list(Reason))
async def test_every_reason_has_its_words(reason: Reason, others: bool) -> None:
    heading, advice = words(reason, pki.NOW, others=others)
    assert heading
    assert "{" not in heading
    assert advice.endswith(".")
    assert others or "another way" not in advice


def test_a_code_meant_for_something_else_is_none() -> None:
    taken = Challenge(digest=b"", subject="login:x", data=b"\x80", expires_at=pki.NOW)
    assert handover.opened(taken, handover.Ask) is None
    assert handover.opened(None, handover.Finding) is None
