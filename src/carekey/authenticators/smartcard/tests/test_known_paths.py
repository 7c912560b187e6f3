"""A path that was built before gives the answer that building it anew gives; what is kept cannot outlive its truth."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from carekey.authenticators.smartcard import path, revocation
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence
from carekey.authenticators.smartcard.known_paths import AT_MOST, KnownPaths
from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused, judge
from carekey.authenticators.smartcard.revocation import NeedRevocation, Revoked
from carekey.authenticators.smartcard.tests import pki
from carekey.authenticators.smartcard.tests.pki import DAY, NATIONAL, NOW, ROOT, SUB, USER, card, der
from carekey.authenticators.smartcard.tests.test_path import BAD, FOREIGN, GOOD

CASES = {**GOOD, **BAD}


@pytest.fixture(autouse=True)
def known(monkeypatch) -> KnownPaths:
    """Each test begins with nothing known."""
    known = KnownPaths()
    monkeypatch.setattr(path, "_KNOWN", known)
    return known


def kept(known: KnownPaths) -> int:
    return len(known._kept)


@pytest.mark.parametrize("what", CASES)
def test_what_is_known_changes_no_answer(what, monkeypatch) -> None:
    chain, profile, *_ = CASES[what]
    shown = [der(one) for one in chain]
    anew = judge(shown, profile=profile, now=NOW)
    for others, under, *_ in CASES.values():
        judge([der(one) for one in others], profile=under, now=NOW)
    # A good card under the same authorities, with the same certificates sent along: what is nearest to it.
    judge([der(card(SUB)), *shown[1:]], profile=profile, now=NOW)
    again = judge(shown, profile=profile, now=NOW)
    if isinstance(anew, Refused):
        assert isinstance(again, Refused)
        assert (again.why, again.when, again.claimed_person) == (anew.why, anew.when, anew.claimed_person)
    else:
        assert again == anew


def test_the_second_card_of_an_authority_has_its_path_from_the_first(known) -> None:
    first = judge([der(card(SUB))], profile=NATIONAL, now=NOW)
    assert kept(known) == 1
    second = judge([der(card(SUB, user="555000000102"))], profile=NATIONAL, now=NOW)
    assert isinstance(first, CardIdentity)
    assert isinstance(second, CardIdentity)
    assert second.person == "555000000102"
    assert second.path[1:] == first.path[1:]
    assert kept(known) == 1


def test_a_card_that_names_a_known_authority_and_is_signed_by_another_is_refused() -> None:
    judge([der(card(SUB))], profile=NATIONAL, now=NOW)
    refused = judge([der(card(SUB, signer=FOREIGN))], profile=NATIONAL, now=NOW)
    assert isinstance(refused, Refused)
    assert (refused.why, refused.claimed_person) == (Reason.UNTRUSTED, "")


def test_rfc5280_6_1_3_a_known_authority_ends_when_its_certificate_does(known) -> None:
    brief = pki.sub(ROOT, 40, ends=NOW + DAY)
    profile = replace(NATIONAL, intermediates=(brief.der,))
    shown = [der(card(brief, ends=NOW + 10 * DAY))]
    assert isinstance(judge(shown, profile=profile, now=NOW), CardIdentity)
    assert kept(known) == 1
    assert isinstance(judge(shown, profile=profile, now=NOW + DAY), CardIdentity), "its last second counts"
    after = judge(shown, profile=profile, now=NOW + DAY + timedelta(seconds=1))
    assert isinstance(after, Refused)
    assert after.why == Reason.UNTRUSTED


def test_another_pki_does_not_believe_what_one_found(known) -> None:
    judge([der(card(SUB))], profile=NATIONAL, now=NOW)
    elsewhere = replace(NATIONAL, anchors=(pki.root(50, common="Elsewhere").der,))
    refused = judge([der(card(SUB))], profile=elsewhere, now=NOW)
    assert isinstance(refused, Refused)
    assert refused.why == Reason.UNTRUSTED


def test_an_authority_that_is_revoked_once_it_is_known_lets_nobody_in() -> None:
    shown = [der(card(SUB, points=pki.web_points("http://crl.example/sub.crl")))]
    judge(shown, profile=NATIONAL, now=NOW)
    found = judge(shown, profile=NATIONAL, now=NOW)
    assert isinstance(found, CardIdentity)
    asked = revocation.check(found, evidence=Evidence(), now=NOW)
    assert isinstance(asked, NeedRevocation), "a path that is known is asked about all the same"
    sources = revocation.sources_of(found.path[1], found.path[2], NATIONAL)
    (wanted,) = [one for one in sources if isinstance(one, CrlWanted)]
    listed = revocation.RevocationList(
        key=wanted.key,
        number=1,
        this_update=NOW - DAY,
        next_update=NOW + DAY,
        revoked={SUB.certificate.serial_number: NOW - DAY},
    )
    verdict = revocation.check(found, evidence=Evidence(lists={listed.key: listed}), now=NOW)
    assert verdict == Revoked(at=NOW - DAY, depth=1)


def test_rfc5280_4_2_1_10_an_authority_that_constrains_names_is_judged_for_each_card(known) -> None:
    """Else the names that it forbids would be forgotten with it."""
    mine = x509.DirectoryName(x509.Name([*pki.name(USER, "people")][:1]))
    limited = pki.sub(
        ROOT,
        41,
        change=lambda builder: builder.add_extension(x509.NameConstraints([mine], None), critical=True),
    )
    judge([der(card(limited))], profile=replace(NATIONAL, intermediates=(limited.der,)), now=NOW)
    assert kept(known) == 0
    known.keep(("one",), [limited.certificate, ROOT.certificate], path._policy((ROOT.certificate,), 3))
    assert kept(known) == 0


def test_what_is_kept_is_bounded(known) -> None:
    for number in range(AT_MOST * 2):
        known.keep((number,), [SUB.certificate, ROOT.certificate], path._policy((ROOT.certificate,), 3))
        assert kept(known) <= AT_MOST
        assert known.find((number,), NOW) is not None
