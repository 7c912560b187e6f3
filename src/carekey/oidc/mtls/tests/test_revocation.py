"""Certificates of clients that their authority took back (RFC 5280 section 6.3), by each policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from carekey.app.client_revocation import LookUp
from carekey.authenticators.smartcard.fetch import Fetched, NotFetched
from carekey.authenticators.smartcard.profiles import Method, PkiProfile
from carekey.authenticators.smartcard.revocation_cache import RETRY_AFTER, RevocationCache
from carekey.oidc.mtls.revocation import Policy, Revocation
from carekey.oidc.mtls.tests import pki
from carekey.oidc.mtls.tests.pki import DAY, Pair
from carekey.oidc.mtls.tests.world import BETWEEN, PKI, ROOT, STRANGER, credentials, send, world_with
from carekey.oidc.tests.world import NOW, Clock, World

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
ROOT_LIST, BETWEEN_LIST = "http://pki.example.test/root.crl", "http://pki.example.test/between.crl"
OWN = pki.client(ROOT, NOW, list_at=ROOT_LIST)
OTHER = pki.client(ROOT, NOW, number=51, list_at=ROOT_LIST)
UNDER = pki.client(BETWEEN, NOW, number=54, signer=2, list_at=BETWEEN_LIST)
NAMES_NO_LIST = pki.client(ROOT, NOW, number=55)


@dataclass
class Web:
    """What the authorities serve, by address; `asked`: how often."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def crl(self, url: str, validators: dict[str, str]) -> Fetched:
        self.asked.append(url)
        if url not in self.bodies:
            raise NotFetched("no answer")
        return Fetched(body=self.bodies[url])

    async def ocsp(self, url: str, question: bytes) -> bytes:
        raise AssertionError(url)


@dataclass
class Place:
    world: World
    web: Web

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def publish(self, *revoked: Pair, by: Pair = ROOT, at: str = ROOT_LIST, **when: Any) -> None:
        now = self.clock.now().replace(microsecond=0)
        self.web.bodies[at] = pki.revocation_list(by, *revoked, **{"this": now - HOUR, "next": now + DAY, **when})

    async def outcome(self, pair: Pair, *more: Pair) -> str:
        """`ok`, or why not."""
        chain = [pair.der, *(one.der for one in more)]
        before = len(await self.world.reasons())
        answer = await send(self.world, "/access_token", credentials(PKI), certificates=chain)
        reasons = await self.world.reasons()
        if answer.status_code == 200:
            assert len(reasons) == before
            return "ok"
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        return reasons[-1]


async def place(policy: Policy, **terms: Any) -> Place:
    world, web = await world_with(), Web()
    judge(world, web, policy, **terms)
    return Place(world, web)


def judge(world: World, web: Web, policy: Policy, **terms: Any) -> None:
    """As a node does that has just started."""
    cache = RevocationCache(world.store, fetch=web, clock=world.clock, entropy=world.entropy)
    lookup = LookUp(cache, PkiProfile(name="applications", anchors=(), methods=(Method.CRL,), **terms))
    world.clients._revocation = Revocation(policy, lookup)


EXPECTED: Mapping[Policy, Mapping[str, str]] = {
    Policy.REQUIRE: {"revoked": "certificate_revoked", "unknown": "revocation_unknown"},
    Policy.IF_AVAILABLE: {"revoked": "certificate_revoked", "unknown": "ok"},
    Policy.OFF: {"revoked": "ok", "unknown": "ok"},
}


@pytest.mark.parametrize("policy", list(Policy))
async def test_rfc5280_6_3_a_certificate_that_was_revoked_is_refused(policy: Policy) -> None:
    here = await place(policy)
    here.publish(OTHER)
    assert await here.outcome(OWN) == "ok"
    assert await here.outcome(OTHER) == EXPECTED[policy]["revoked"]
    assert len(here.web.asked) == (0 if policy is Policy.OFF else 1), "one list does for both"


@pytest.mark.parametrize("policy", list(Policy))
async def test_rfc5280_6_3_what_nothing_is_known_of_is_refused_where_the_policy_says_so(policy: Policy) -> None:
    here = await place(policy)
    assert await here.outcome(OWN) == EXPECTED[policy]["unknown"], "no answer"
    assert await here.outcome(NAMES_NO_LIST) == EXPECTED[policy]["unknown"], "no list named"
    here.clock.pass_by(seconds=RETRY_AFTER.total_seconds())
    here.publish(by=STRANGER)
    assert await here.outcome(OWN) == EXPECTED[policy]["unknown"], "signed by somebody else"
    here.clock.pass_by(seconds=RETRY_AFTER.total_seconds())
    here.web.bodies[ROOT_LIST] = b"not a list"
    assert await here.outcome(OWN) == EXPECTED[policy]["unknown"], "no list at all"
    here.clock.pass_by(seconds=RETRY_AFTER.total_seconds())
    here.publish(OWN)
    assert await here.outcome(OWN) == EXPECTED[policy]["revoked"]


async def test_rfc5280_6_an_authority_in_between_that_was_revoked_takes_its_certificates_with_it() -> None:
    between = pki.authority(2, NOW, by=ROOT, list_at=ROOT_LIST)
    under = pki.client(between, NOW, number=54, signer=2, list_at=BETWEEN_LIST)
    here = await place(Policy.REQUIRE)
    here.publish(by=between, at=BETWEEN_LIST)
    here.publish()
    assert await here.outcome(under, between) == "ok"
    other = await place(Policy.IF_AVAILABLE)
    other.publish(by=between, at=BETWEEN_LIST)
    other.publish(between)
    assert await other.outcome(under, between) == "certificate_revoked"


async def test_a_list_server_that_is_down_is_left_in_peace() -> None:
    here = await place(Policy.REQUIRE)
    for _ in range(5):
        assert await here.outcome(OWN) == "revocation_unknown"
    assert len(here.web.asked) == 1
    here.publish()
    here.clock.pass_by(seconds=RETRY_AFTER.total_seconds())
    assert await here.outcome(OWN) == "ok"


async def test_grace_is_for_lists_that_have_run_out_and_frees_nobody_who_was_revoked() -> None:
    here = await place(Policy.REQUIRE, grace=timedelta(hours=4))
    here.publish(OTHER)
    assert await here.outcome(OWN) == "ok"
    del here.web.bodies[ROOT_LIST]
    here.clock.pass_by(hours=27)
    assert await here.outcome(OWN) == "ok"
    assert await here.outcome(OTHER) == "certificate_revoked"
    here.clock.pass_by(hours=2)
    assert await here.outcome(OWN) == "revocation_unknown"


async def test_what_one_node_fetched_the_others_need_not() -> None:
    here = await place(Policy.REQUIRE)
    here.publish(OTHER)
    assert await here.outcome(OWN) == "ok"
    judge(here.world, elsewhere := Web(), Policy.REQUIRE)
    assert await here.outcome(OTHER) == "certificate_revoked"
    assert elsewhere.asked == []


async def test_who_is_nobodys_client_makes_us_fetch_nothing() -> None:
    """The address of a list counts once an authority of ours has signed it."""
    here = await place(Policy.REQUIRE)
    forged = pki.client(STRANGER, NOW, number=53, signer=7, list_at="http://evil.example.test/x.crl")
    assert await here.outcome(forged) == "certificate_untrusted"
    wrong_name = pki.client(ROOT, NOW, number=56, names=[], list_at=ROOT_LIST)
    assert await here.outcome(wrong_name) == "certificate_name"
    assert here.web.asked == []
