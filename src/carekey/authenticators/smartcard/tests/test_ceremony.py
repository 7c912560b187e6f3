"""Who is logged in by a card, and who is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import crl
from carekey.authenticators.smartcard.ceremony import KIND, card_id, finish, identify
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.model import Card, CardId, CardState
from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused
from carekey.authenticators.smartcard.profiles import national_card
from carekey.authenticators.smartcard.revocation import NeedRevocation, check
from carekey.authenticators.smartcard.tests import pki
from carekey.authenticators.smartcard.tests.pki import DAY, NATIONAL, NOW, ROOT, SUB, USER, card, der
from carekey.directory.model import Person, PersonStatus
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, PersonId

ASHA = Person(id=PersonId(USER), given_name="Asha", family_name="Patel")
OTHER = national_card(anchors=(pki.root(40, common="Other").der,))
CARD = Card(
    id=CardId("card-1"),
    serial="0001",
    person=ASHA.id,
    profile="national",
    state=CardState.ACTIVE,
    created_at=NOW,
    changed_at=NOW,
)


def identity(profile=NATIONAL) -> CardIdentity:
    found = identify([der(card(SUB, serial=77))], profiles=[OTHER, profile], now=NOW)
    assert isinstance(found, CardIdentity), found
    return found


def evidence(who: CardIdentity, *revoked: int) -> Evidence:
    asked = check(who, evidence=Evidence(), now=NOW)
    assert isinstance(asked, NeedRevocation)
    first, second = asked.requests
    known = [crl.read(SUB.crl(*revoked), first, now=NOW), crl.read(ROOT.crl(), second, now=NOW)]
    return Evidence(lists={one.key: one for one in known})


def judged(who: CardIdentity | None = None, **fields: Any):
    who = who or identity()
    given = {
        "card": CARD,
        "holder": ASHA,
        "renewed": False,
        "evidence": evidence(who),
        "amr": Amr.N3_SMARTCARD,
        "expected_person": None,
        "accepted": frozenset({AAL.AAL3}),
        "now": NOW,
    }
    return finish(who, **{**given, **fields})


def test_a_good_card_proves_its_holder() -> None:
    assert judged() == Verified(
        person=ASHA.id, credential=CredentialId("card-1"), kind=KIND, aal=AAL.AAL3, amr=Amr.N3_SMARTCARD, at=NOW
    )


def test_a_card_of_another_pki_needs_no_entry_and_has_the_same_id_everywhere() -> None:
    who = identity()
    found = judged(who, card=None)
    assert isinstance(found, Verified)
    assert found.credential == card_id(who)


def test_what_is_not_known_about_revocation_is_asked_for() -> None:
    assert isinstance(judged(evidence=Evidence()), NeedRevocation)


REFUSALS = {
    "not in the directory": (
        Reason.NOT_REGISTERED,
        {"who": identity(replace(NATIONAL, registered=True)), "card": None},
    ),
    "of somebody else": (Reason.OTHER_HOLDER, {"card": replace(CARD, person=PersonId("555000000102"))}),
    "being made": (Reason.NOT_REGISTERED, {"card": replace(CARD, state=CardState.PREPARED)}),
    "issued locked": (Reason.LOCKED, {"card": replace(CARD, state=CardState.LOCKED)}),
    "suspended": (Reason.SUSPENDED, {"card": replace(CARD, state=CardState.SUSPENDED)}),
    "cancelled": (Reason.CANCELLED, {"card": replace(CARD, state=CardState.CANCELLED)}),
    "renewed": (Reason.RENEWED, {"renewed": True}),
    "revoked": (Reason.REVOKED, {"evidence": evidence(identity(), 77)}),
    "revocation unknown": (
        Reason.REVOCATION_UNKNOWN,
        {"evidence": Evidence(tried=frozenset(one.key for one in judged(evidence=Evidence()).requests))},
    ),
    "nobody": (Reason.UNKNOWN_PERSON, {"holder": None}),
    "closed": (Reason.HOLDER_CLOSED, {"holder": replace(ASHA, status=PersonStatus.CLOSED)}),
    "not the one asked for": (Reason.WRONG_PERSON, {"expected_person": PersonId("555000000102")}),
    "level": (Reason.LEVEL_NOT_ACCEPTED, {"accepted": frozenset({AAL.AAL2})}),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_card_is_refused(what) -> None:
    why, fields = REFUSALS[what]
    found = judged(**fields)
    assert isinstance(found, Refused)
    assert found.why == why
    assert found.claimed_person == USER


def test_a_cancelled_card_is_refused_before_anything_is_fetched() -> None:
    found = judged(card=replace(CARD, state=CardState.CANCELLED), evidence=Evidence())
    assert isinstance(found, Refused)


def test_the_pki_that_knows_the_issuer_says_why() -> None:
    expired = card(SUB, starts=NOW - 2 * DAY, ends=NOW - timedelta(hours=1))
    for profiles in ([OTHER, NATIONAL], [NATIONAL, OTHER]):
        found = identify([der(expired)], profiles=profiles, now=NOW)
        assert isinstance(found, Refused)
        assert found.why == Reason.EXPIRED


@pytest.mark.parametrize(("chain", "why"), [([], Reason.NO_CARD), ([b"junk"], Reason.MALFORMED)])
def test_no_card_and_no_certificate(chain, why) -> None:
    found = identify(chain, profiles=[OTHER, NATIONAL], now=NOW)
    assert isinstance(found, Refused)
    assert found.why == why
