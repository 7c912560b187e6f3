"""What a node knows about revocation, with real stores and real lists; the network alone is played."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.ocsp import OCSPCertStatus

from carekey.authenticators.smartcard import crl, ocsp
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.fetch import Fetched, NotFetched
from carekey.authenticators.smartcard.path import judge
from carekey.authenticators.smartcard.profiles import Method
from carekey.authenticators.smartcard.revocation import Good, NeedRevocation, Revoked, Unknown, check
from carekey.authenticators.smartcard.revocation_cache import RETRY_AFTER, RevocationCache
from carekey.authenticators.smartcard.tests import pki
from carekey.authenticators.smartcard.tests.pki import CRL57, DAY, NATIONAL, NOW, ROOT, SUB, card, der
from carekey.kernel.entropy import SystemEntropy
from carekey.storage import open_store

pytestmark = pytest.mark.anyio

CARD = card(SUB, serial=77, points=pki.directory_point(CRL57))
ONLINE = card(SUB, serial=78, responder="http://ocsp.test/")


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self):
        return self.moment


class Network:
    """Answers as the PKI would; notes every question."""

    def __init__(self) -> None:
        self.served = {"http://crl.test/57.crl": SUB.crl(), "http://crl.test/root.crl": ROOT.crl()}
        self.asked: list[str] = []
        self.unchanged: list[str] = []
        """Of those, which were told that nothing has changed."""
        self.tags = True
        self.answers: dict[str, Any] = {}
        """What the responder says, if not that all is well."""

    async def crl(self, url: str, validators: dict[str, str]) -> Fetched | None:
        self.asked.append(url)
        await asyncio.sleep(0)
        if url not in self.served:
            raise NotFetched("no answer")
        tag = {"if-none-match": hashlib.sha256(self.served[url]).hexdigest()}
        if validators == tag:
            self.unchanged.append(url)
            return None
        return Fetched(body=self.served[url], validators=tag if self.tags else {})

    async def ocsp(self, url: str, question: bytes) -> bytes:
        self.asked.append(url)
        return pki.ocsp_answer(question, ONLINE, SUB, **self.answers)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def store():
    opened = open_store("memory:")
    yield opened
    opened.close()


def cache(store, network, clock):
    return RevocationCache(store, fetch=network, clock=clock, entropy=SystemEntropy())


def identity(certificate=CARD, profile=NATIONAL):
    return judge([der(certificate)], profile=profile, now=NOW)


async def checked(of, clock, who=None):
    who = who or identity()
    found = check(who, evidence=of.evidence(), now=clock.now())
    for _ in range(3):
        if isinstance(found, NeedRevocation):
            found = check(who, evidence=await of.obtain(found.requests), now=clock.now())
    return found


async def test_a_list_is_fetched_once_for_all_nodes(store, network, clock) -> None:
    first, second = cache(store, network, clock), cache(store, network, clock)
    assert await checked(first, clock) == Good()
    assert await checked(first, clock) == Good()
    assert await checked(second, clock) == Good()
    assert sorted(network.asked) == ["http://crl.test/57.crl", "http://crl.test/root.crl"]


async def test_log_ins_at_once_fetch_once(store, network, clock) -> None:
    of = cache(store, network, clock)
    assert await asyncio.gather(*(checked(of, clock) for _ in range(10))) == [Good()] * 10
    assert len(network.asked) == 2


async def test_a_list_is_fetched_ahead_of_its_end(store, network, clock) -> None:
    of = cache(store, network, clock)
    await checked(of, clock)
    clock.moment = NOW + DAY - timedelta(minutes=30)
    network.served["http://crl.test/57.crl"] = SUB.crl(77, this=clock.moment, next=clock.moment + DAY)
    await of.refresh()
    assert isinstance(await checked(of, clock), Revoked)
    assert len(network.asked) == 4


async def test_refreshing_fetches_nothing_that_is_not_due(store, network, clock) -> None:
    of = cache(store, network, clock)
    await checked(of, clock)
    await of.refresh()
    assert len(network.asked) == 2


async def test_other_nodes_take_up_a_newer_list(store, network, clock) -> None:
    first, second = cache(store, network, clock), cache(store, network, clock)
    await checked(first, clock)
    await checked(second, clock)
    clock.moment = NOW + DAY - timedelta(minutes=30)
    network.served["http://crl.test/57.crl"] = SUB.crl(77, this=clock.moment, next=clock.moment + DAY)
    await first.refresh()
    network.served.clear()
    await second.refresh()
    assert isinstance(await checked(second, clock), Revoked)


async def test_an_older_list_never_un_revokes(store, network, clock) -> None:
    of = cache(store, network, clock)
    network.served["http://crl.test/57.crl"] = SUB.crl(77, next=NOW + timedelta(minutes=1))
    assert isinstance(await checked(of, clock), Revoked)
    network.served["http://crl.test/57.crl"] = SUB.crl(this=NOW - DAY, next=NOW + DAY)
    clock.moment += timedelta(seconds=30)
    await of.refresh()
    assert isinstance(await checked(of, clock), Revoked)
    network.served.clear()
    assert isinstance(await checked(cache(store, network, clock), clock), Revoked), "nor on a node that starts now"


async def test_the_next_address_is_asked_if_one_has_only_an_older_list(store, network, clock) -> None:
    points = pki.web_points("http://behind.test/")
    both = x509.CRLDistributionPoints(
        [
            x509.DistributionPoint(
                [*points[0].full_name, *pki.web_points("http://crl.test/57.crl")[0].full_name], *[None] * 3
            )
        ]
    )
    who, of = identity(card(SUB, serial=77, points=both)), cache(store, network, clock)
    await checked(of, clock, who)
    clock.moment = NOW + DAY - timedelta(minutes=30)
    network.served["http://behind.test/"] = SUB.crl(this=NOW - DAY, next=NOW + 2 * DAY)
    network.served["http://crl.test/57.crl"] = SUB.crl(77, this=clock.moment, next=clock.moment + DAY)
    await of.refresh()
    assert isinstance(await checked(of, clock, who), Revoked)


HOLD = {"status": OCSPCertStatus.REVOKED, "reason": x509.ReasonFlags.certificate_hold}


async def test_rfc5280_5_3_1_a_hold_that_is_taken_back_lets_the_card_in_again(store, network, clock) -> None:
    network.answers = HOLD
    who, of = identity(ONLINE, pki.BOTH), cache(store, network, clock)
    assert isinstance(await checked(of, clock, who), Revoked)
    network.answers = {}
    assert isinstance(await checked(of, clock, who), Revoked), "asked once in five minutes"
    clock.moment += ocsp.KEPT
    assert await checked(of, clock, who) == Good()


@pytest.mark.parametrize("reason", [HOLD["reason"], x509.ReasonFlags.key_compromise])
async def test_a_revoked_card_stays_so_while_nobody_can_be_asked(reason, store, network, clock) -> None:
    network.answers = {**HOLD, "reason": reason}
    who, of = (
        identity(ONLINE, replace(pki.BOTH, methods=(Method.OCSP,), responders=("http://ocsp.test/",))),
        cache(store, network, clock),
    )
    first = await checked(of, clock, who)
    network.answers = {"nonce": None}
    clock.moment += ocsp.KEPT
    await of.refresh()
    assert isinstance(first, Revoked)
    assert not isinstance(await checked(of, clock, who), Good)


async def test_an_unreachable_source_refuses_and_is_left_alone_for_a_while(store, network, clock) -> None:
    of = cache(store, network, clock)
    network.served.clear()
    assert not isinstance(await checked(of, clock), Good)
    assert not isinstance(await checked(of, clock), Good)
    assert len(network.asked) == 2
    network.served = Network().served
    clock.moment += RETRY_AFTER
    assert await checked(of, clock) == Good()


async def test_a_list_that_proves_nothing_is_not_kept(store, network, clock) -> None:
    of = cache(store, network, clock)
    network.served["http://crl.test/57.crl"] = SUB.crl(signer=ROOT)
    assert not isinstance(await checked(of, clock), Good)
    asked = check(identity(), evidence=Evidence(), now=NOW)
    assert await store.read(lambda tx: tx.revocation.find(asked.requests[0].key)) is None


@pytest.mark.parametrize(
    ("served", "why"),
    [
        (None, "http://crl.test/57.crl: no answer"),
        (SUB.crl(signer=ROOT), "http://crl.test/57.crl: the signature does not hold"),
        (SUB.crl(next=NOW - timedelta(minutes=1)), "http://crl.test/57.crl: told nothing that counts now"),
    ],
    ids=["no answer", "another signature", "it ran out"],
)
async def test_the_record_is_told_where_was_asked_and_what_was_wrong(served, why, store, network, clock) -> None:
    network.served = (
        {**network.served, "http://crl.test/57.crl": served} if served else {"http://crl.test/root.crl": ROOT.crl()}
    )
    assert await checked(cache(store, network, clock), clock) == Unknown(why=(why,))


async def test_the_record_is_told_of_a_list_whose_place_nobody_has_said(store, network, clock) -> None:
    who = identity(profile=replace(NATIONAL, locations=NATIONAL.locations[:1]))
    found = await checked(cache(store, network, clock), clock, who)
    assert found == Unknown(why=("CN=CRL57,CN=SubCA02,OU=CA,O=nhs: no address is known for it",))


async def test_rfc9654_every_question_has_a_nonce_and_the_answer_serves_all_nodes(store, network, clock) -> None:
    who = identity(ONLINE, pki.BOTH)
    first, second = cache(store, network, clock), cache(store, network, clock)
    assert await checked(first, clock, who) == Good()
    assert await checked(second, clock, who) == Good()
    assert network.asked.count("http://ocsp.test/") == 1
    clock.moment += ocsp.KEPT
    assert await checked(first, clock, who) == Good()
    assert network.asked.count("http://ocsp.test/") == 2


async def test_grace_is_given_when_the_source_is_down(store, network, clock) -> None:
    of = cache(store, network, clock)
    graceful = identity(profile=replace(NATIONAL, grace=timedelta(hours=2)))
    await checked(of, clock, graceful)
    network.served.clear()
    clock.moment = NOW + DAY + timedelta(hours=1)
    assert await checked(of, clock, graceful) == Good(stale=True)
    clock.moment += timedelta(hours=1)
    assert not isinstance(await checked(of, clock, graceful), Good)


@pytest.fixture
def reading(monkeypatch):
    """Every list that is read whole."""
    read: list[bytes] = []
    real = crl.read
    monkeypatch.setattr(crl, "read", lambda der, *given, **how: read.append(der) or real(der, *given, **how))
    return read


@pytest.mark.parametrize("tags", [True, False], ids=["told by the server", "the same bytes"])
async def test_rfc9110_13_1_a_list_that_has_not_changed_is_not_read_again(store, network, clock, reading, tags) -> None:
    network.tags = tags
    first, second = cache(store, network, clock), cache(store, network, clock)
    await checked(first, clock)
    await checked(second, clock)
    assert len(reading) == 4
    stored = await store.read(lambda tx: tx.revocation.since(NOW))
    clock.moment = NOW + DAY - timedelta(minutes=30)
    for _ in range(3):
        await first.refresh()
        await second.refresh()
    assert len(network.asked) == 2 + 2 * 2 * 3, "they ask, as it is due"
    # The second node had the list from the store: it has it whole from the server once.
    assert len(network.unchanged) == (2 * 3 + 2 * 2 if tags else 0)
    assert len(reading) == 4
    assert await store.read(lambda tx: tx.revocation.since(NOW)) == stored
    network.served["http://crl.test/57.crl"] = SUB.crl(77, this=clock.moment, next=clock.moment + DAY)
    await first.refresh()
    await second.refresh()
    assert len(reading) == 6
    assert isinstance(await checked(first, clock), Revoked)
    assert isinstance(await checked(second, clock), Revoked)


async def test_a_list_that_was_not_taken_is_asked_for_whole_again(store, network, clock, reading) -> None:
    """An older list that some server still has must not pass for "unchanged"."""
    of = cache(store, network, clock)
    network.served["http://crl.test/57.crl"] = SUB.crl(77, next=NOW + timedelta(minutes=1))
    await checked(of, clock)
    network.served["http://crl.test/57.crl"] = SUB.crl(this=NOW - DAY, next=NOW + DAY)
    await of.refresh()
    clock.moment += RETRY_AFTER
    await of.refresh()
    assert network.asked.count("http://crl.test/57.crl") == 3
    assert network.unchanged.count("http://crl.test/57.crl") == 0
    assert isinstance(await checked(of, clock), Revoked)
