"""Whether a card still counts. Lists also go through `openssl verify -crl_check_all` and pyHanko's certvalidator, which must agree."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import core as asn1
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as answers
from hypothesis import given
from hypothesis import strategies as st

from carekey.authenticators.smartcard import crl, ocsp
from carekey.authenticators.smartcard.crl import EvidenceError
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence, OcspWanted
from carekey.authenticators.smartcard.path import CardIdentity, judge
from carekey.authenticators.smartcard.profiles import Method
from carekey.authenticators.smartcard.revocation import Good, NeedRevocation, Revoked, Unknown, check
from carekey.authenticators.smartcard.tests import peers, pki
from carekey.authenticators.smartcard.tests.pki import BOTH, CRL57, DAY, NATIONAL, NOW, ROOT, SUB, card, der

HOUR = timedelta(hours=1)
CARD = card(SUB, serial=77, points=pki.directory_point(CRL57))
ONLINE = card(SUB, serial=78, points=pki.directory_point(CRL57), responder="http://ocsp.test/")
NONCE = b"n" * 32


def identity(certificate=CARD, profile=NATIONAL) -> CardIdentity:
    found = judge([der(certificate)], profile=profile, now=NOW)
    assert isinstance(found, CardIdentity), found
    return found


def wanted(who: CardIdentity) -> tuple:
    found = check(who, evidence=Evidence(), now=NOW)
    assert isinstance(found, NeedRevocation)
    return found.requests


def partition(name: x509.Name, **fields: Any) -> x509.IssuingDistributionPoint:
    whole = {
        "full_name": [x509.DirectoryName(name)],
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**whole, **fields})


def lists(who: CardIdentity, for_card: bytes, for_authority: bytes) -> Evidence:
    first, second = wanted(who)
    read = [crl.read(for_card, first, now=NOW), crl.read(for_authority, second, now=NOW)]
    return Evidence(lists={one.key: one for one in read})


def test_rfc5280_6_3_3_what_is_needed_is_asked_for_by_where_it_is() -> None:
    first, second = wanted(identity())
    assert isinstance(first, CrlWanted)
    assert first.urls == ("http://crl.test/57.crl",)
    assert first.issuer == SUB.certificate
    assert second.urls == ("http://crl.test/root.crl",)


LISTS = {
    "not listed": (SUB.crl(1, 2), ROOT.crl(), Good()),
    "the card is listed": (SUB.crl(1, 77), ROOT.crl(), Revoked(at=NOW - DAY, depth=0)),
    "its authority is listed": (SUB.crl(), ROOT.crl(SUB.certificate.serial_number), Revoked(at=NOW - DAY, depth=1)),
    "its own partition": (SUB.crl(point=partition(CRL57)), ROOT.crl(), Good()),
    "listed in its partition": (SUB.crl(77, point=partition(CRL57)), ROOT.crl(), Revoked(at=NOW - DAY, depth=0)),
    "the list has run out": (SUB.crl(this=NOW - 2 * DAY, next=NOW - HOUR), ROOT.crl(), NeedRevocation),
    "the authority's list has run out": (SUB.crl(), ROOT.crl(this=NOW - 2 * DAY, next=NOW - HOUR), NeedRevocation),
    "a list of authorities alone": (
        SUB.crl(point=partition(CRL57, only_contains_ca_certs=True)),
        ROOT.crl(),
        NeedRevocation,
    ),
}


@pytest.mark.parametrize("what", LISTS)
def test_rfc5280_6_3_3_lists_decide(what) -> None:
    for_card, for_authority, verdict = LISTS[what]
    found = check(identity(), evidence=lists(identity(), for_card, for_authority), now=NOW)
    assert isinstance(found, verdict) if isinstance(verdict, type) else found == verdict
    asked = peers.about([der(CARD)], NATIONAL, NOW, crls=[for_card, for_authority])
    assert peers.openssl(asked) is isinstance(found, Good)
    assert peers.certvalidator(asked) is isinstance(found, Good)


def test_a_list_that_has_run_out_still_revokes() -> None:
    old = SUB.crl(77, this=NOW - 2 * DAY, next=NOW - DAY)
    assert check(identity(), evidence=lists(identity(), old, ROOT.crl()), now=NOW) == Revoked(at=NOW - DAY, depth=0)


def test_grace_counts_only_when_nothing_newer_can_be_had() -> None:
    graceful = identity(profile=replace(NATIONAL, grace=2 * HOUR))
    known = lists(graceful, SUB.crl(this=NOW - DAY, next=NOW - HOUR), ROOT.crl())
    asked = check(graceful, evidence=known, now=NOW)
    assert isinstance(asked, NeedRevocation)
    tried = replace(known, tried=frozenset(one.key for one in asked.requests))
    assert check(graceful, evidence=tried, now=NOW) == Good(stale=True)
    assert isinstance(check(graceful, evidence=tried, now=NOW + HOUR), Unknown)
    assert isinstance(check(identity(), evidence=tried, now=NOW), Unknown)


def test_knowing_nothing_is_not_good() -> None:
    tried = Evidence(tried=frozenset(one.key for one in wanted(identity())))
    assert isinstance(check(identity(), evidence=tried, now=NOW), Unknown)


def test_a_certificate_with_nowhere_to_ask_is_unknown() -> None:
    nowhere = identity(card(SUB), replace(NATIONAL, locations=()))
    assert isinstance(check(nowhere, evidence=Evidence(), now=NOW), Unknown)


def changed(change: Any, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """A list of the authority, changed and signed again."""
    whole = asn1_crl.CertificateList.load(SUB.crl())
    change(whole["tbs_cert_list"])
    whole["signature_algorithm"] = whole["tbs_cert_list"]["signature"]
    signed = whole["tbs_cert_list"].dump(force=True)
    whole["signature"] = SUB.key.sign(signed, ec.ECDSA(algorithm or hashes.SHA256()))
    return whole.dump(force=True)


def by_sha1(signed: Any) -> None:
    signed["signature"] = {"algorithm": "sha1_ecdsa"}


def without_end(signed: Any) -> None:
    del signed["next_update"]


def numbered_twice(signed: Any) -> None:
    signed["crl_extensions"].append(signed["crl_extensions"][0].copy())


OTHER = x509.Name([*[*CRL57][:-1], x509.NameAttribute(x509.NameOID.COMMON_NAME, "CRL58")])
USELESS = {
    "of another authority": ROOT.crl(),
    "signed by another key": SUB.crl(signer=ROOT),
    "of another partition": SUB.crl(point=partition(OTHER)),
    "indirect": SUB.crl(point=partition(CRL57, indirect_crl=True)),
    "of attribute certificates": SUB.crl(point=partition(CRL57, only_contains_attribute_certs=True)),
    "for some reasons": SUB.crl(point=partition(CRL57, only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))),
    "of changes": SUB.crl(delta=True),
    "from the future": SUB.crl(this=NOW + HOUR, next=NOW + DAY),
    "with SHA-1": changed(by_sha1, hashes.SHA1()),
    "without an end": changed(without_end),
    "with an extension twice": changed(numbered_twice),
    "junk": b"\x30\x03\x02\x01\x00",
    "empty": b"",
    "a certificate": der(CARD),
    "cut short": SUB.crl()[:-4],
}


TAKEN_BY_OTHERS = {
    # They know indirect lists, and see that this one is the authority's own all the same.
    "indirect": (True, True),
    "with SHA-1": (True, True),
    "without an end": (True, False),
    "with an extension twice": (True, True),
}
"""By OpenSSL, by certvalidator."""


@pytest.mark.parametrize("what", USELESS)
def test_rfc5280_6_3_3_a_list_that_proves_nothing_is_not_read(what) -> None:
    first, _ = wanted(identity())
    with pytest.raises(EvidenceError):
        crl.read(USELESS[what], first, now=NOW)
    if what not in {"junk", "empty", "a certificate", "cut short"}:  # which are no lists
        asked = peers.about([der(CARD)], NATIONAL, NOW, crls=[USELESS[what], ROOT.crl()])
        assert (peers.openssl(asked), peers.certvalidator(asked)) == TAKEN_BY_OTHERS.get(what, (False, False))


UNHEARD_OF = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\x05\x00")
ELSEWHERE = x509.CertificateIssuer([x509.DirectoryName(ROOT.name)])
HELD = x509.CRLReason(x509.ReasonFlags.certificate_hold)
SPOILT = {
    "critical, the card listed": (UNHEARD_OF, True, (1, 77), (False, False)),
    # certvalidator looks only at entries as far as it needs them.
    "critical, the card not listed": (UNHEARD_OF, True, (1, 2), (False, True)),
    # The others follow indirect lists, and take the entries for another authority's.
    "another authority's entries": (ELSEWHERE, True, (1, 77), (True, True)),
    "another authority's, not critical": (ELSEWHERE, False, (1, 77), (True, True)),
}
COUNTING = {
    "unheard of, not critical": (UNHEARD_OF, False, True),
    "a hold": (HELD, False, True),
    # OpenSSL takes no critical extension of an entry but certificateIssuer.
    "a hold, critical": (HELD, True, False),
    "the day of invalidity": (x509.InvalidityDate((NOW - DAY).replace(tzinfo=None)), False, True),
}


def peers_say(listed: bytes) -> tuple[bool, bool]:
    asked = peers.about([der(CARD)], NATIONAL, NOW, crls=[listed, ROOT.crl()])
    return peers.openssl(asked), peers.certvalidator(asked)


@pytest.mark.parametrize("what", SPOILT)
def test_rfc5280_5_3_an_entry_that_cannot_be_processed_spoils_the_list(what) -> None:
    extension, critical, serials, others = SPOILT[what]
    first, _ = wanted(identity())
    listed = SUB.crl(*serials, entry=(extension, critical))
    with pytest.raises(EvidenceError, match="an entry"):
        crl.read(listed, first, now=NOW)
    assert peers_say(listed) == others


@pytest.mark.parametrize("point", [None, partition(CRL57)], ids=["whole list", "partition"])
@pytest.mark.parametrize("what", COUNTING)
def test_rfc5280_5_3_other_entries_count_whatever_they_say_beside(what, point) -> None:
    extension, critical, openssl_reads_it = COUNTING[what]
    first, _ = wanted(identity())
    mine = SUB.crl(77, 1, entry=(extension, critical), point=point)
    assert set(crl.read(mine, first, now=NOW).revoked) == {77, 1}
    assert peers_say(mine) == (False, False)
    assert peers_say(SUB.crl(1, entry=(extension, critical), point=point)) == (openssl_reads_it, True)


def test_rfc5280_5_3_the_last_entry_of_a_long_list_is_looked_at_too() -> None:
    first, _ = wanted(identity())
    long = range(100, 2600)
    with pytest.raises(EvidenceError, match="an entry"):
        crl.read(SUB.crl(*long, entry=(UNHEARD_OF, True), entry_of=long[-1], point=partition(CRL57)), first, now=NOW)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_readers(junk: bytes) -> None:
    first, _ = wanted(identity())
    with pytest.raises(EvidenceError):
        crl.read(junk, first, now=NOW)
    with pytest.raises(EvidenceError):
        ocsp.read(junk, online(), nonce=NONCE, now=NOW)


def online() -> OcspWanted:
    found = wanted(identity(ONLINE, BOTH))[0]
    assert isinstance(found, OcspWanted)
    return found


def answered(**fields: Any) -> bytes:
    return pki.ocsp_answer(ocsp.question(online(), nonce=NONCE), ONLINE, SUB, **fields)


RESPONDER = pki.responder(SUB)


@pytest.mark.parametrize("by", [None, RESPONDER], ids=["the authority", "its delegate"])
def test_rfc6960_a_good_answer_counts_for_five_minutes(by) -> None:
    read = ocsp.read(answered(by=by), online(), nonce=NONCE, now=NOW)
    authority = crl.read(ROOT.crl(), wanted(identity(ONLINE, BOTH))[1], now=NOW)
    known = Evidence(answers={read.key: read}, lists={authority.key: authority})
    assert check(identity(ONLINE, BOTH), evidence=known, now=NOW) == Good()
    late = check(identity(ONLINE, BOTH), evidence=known, now=NOW + timedelta(minutes=5))
    assert isinstance(late, NeedRevocation)
    assert [one.key for one in late.requests] == [read.key]


def test_rfc6960_a_revoked_answer_decides_against_a_good_list() -> None:
    read = ocsp.read(answered(status=answers.OCSPCertStatus.REVOKED), online(), nonce=NONCE, now=NOW)
    both = identity(ONLINE, BOTH)
    first, second = wanted(identity(ONLINE))
    known = [crl.read(SUB.crl(), first, now=NOW), crl.read(ROOT.crl(), second, now=NOW)]
    evidence = Evidence(answers={read.key: read}, lists={one.key: one for one in known})
    assert check(both, evidence=evidence, now=NOW) == Revoked(at=NOW - DAY, depth=0)


def test_a_responder_that_is_down_is_made_up_for_by_the_list() -> None:
    both = identity(ONLINE, BOTH)
    down = Evidence(tried=frozenset({online().key}))
    found = check(both, evidence=down, now=NOW)
    assert isinstance(found, NeedRevocation)
    assert all(isinstance(one, CrlWanted) for one in found.requests)
    first, second = wanted(identity(ONLINE))
    known = [crl.read(SUB.crl(), first, now=NOW), crl.read(ROOT.crl(), second, now=NOW)]
    assert check(both, evidence=replace(down, lists={one.key: one for one in known}), now=NOW) == Good()


def test_a_pki_that_answers_beforehand_needs_no_nonce() -> None:
    relaxed = replace(online(), nonce=False)
    assert ocsp.read(answered(nonce=None), relaxed, nonce=NONCE, now=NOW).revoked_at is None


BAD_ANSWERS = {
    "no nonce": {"nonce": None},
    "another nonce": {"nonce": b"x" * 32},
    "out of date": {"this": NOW - DAY, "next": NOW - HOUR},
    "from the future": {"this": NOW + HOUR, "next": NOW + DAY},
    "unknown": {"status": answers.OCSPCertStatus.UNKNOWN},
    "by a delegate of another authority": {"by": pki.responder(ROOT)},
    "by a delegate that may not": {"by": pki.responder(SUB, for_ocsp=False)},
    "by a delegate whose own state is open": {"by": pki.responder(SUB, nocheck=False)},
    "by a delegate that has expired": {"by": pki.responder(SUB, starts=NOW - 2 * DAY, ends=NOW - DAY)},
    "by a delegate with a weak key": {"by": pki.responder(SUB, own=rsa.generate_private_key(65537, 1024))},
    "by a delegate whose key is not for signatures": {"by": pki.responder(SUB, signs=False)},
    "by a delegate with an unknown critical extension": {
        "by": pki.responder(SUB, change=lambda builder: builder.add_extension(UNHEARD_OF, critical=True))
    },
    "with an unknown critical extension": {"critical": UNHEARD_OF},
    "by a card": {"by": pki.Authority(card(SUB, serial=5), pki.key(9))},
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_rfc6960_3_2_an_answer_that_proves_nothing_is_not_read(what) -> None:
    with pytest.raises(EvidenceError):
        ocsp.read(answered(**BAD_ANSWERS[what]), online(), nonce=NONCE, now=NOW)


def test_rfc6960_an_answer_with_another_signature_is_not_read() -> None:
    whole = answered()
    with pytest.raises(EvidenceError, match="signature"):
        ocsp.read(whole[:-1] + bytes([whole[-1] ^ 1]), online(), nonce=NONCE, now=NOW)


def test_rfc6960_an_answer_about_another_certificate_is_not_read() -> None:
    with pytest.raises(EvidenceError, match="other certificates"):
        ocsp.read(pki.ocsp_answer(ocsp.question(online(), nonce=NONCE), CARD, SUB), online(), nonce=NONCE, now=NOW)


def spoilt(change: Any) -> bytes:
    """A good answer, changed and signed again."""
    whole = asn1_ocsp.OCSPResponse.load(answered())
    basic = whole["response_bytes"]["response"].parsed
    change(basic["tbs_response_data"]["responses"])
    basic["signature"] = SUB.key.sign(basic["tbs_response_data"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    whole["response_bytes"]["response"] = asn1.ParsableOctetString(basic.dump(force=True))
    return whole.dump(force=True)


def contradict(singles: Any) -> None:
    other = singles[0].copy()
    other["cert_status"] = asn1_ocsp.CertStatus("revoked", {"revocation_time": NOW - DAY})
    singles.append(other)


def ask_too_much(singles: Any) -> None:
    unheard_of = {"extn_id": UNHEARD_OF.oid.dotted_string, "critical": True, "extn_value": b"\x05\x00"}
    singles[0]["single_extensions"] = [unheard_of]


@pytest.mark.parametrize(
    ("change", "why"), [(contradict, "several"), (ask_too_much, "critical")], ids=["two answers", "critical, in one"]
)
def test_rfc6960_an_answer_that_says_more_than_was_asked_is_not_read(change, why) -> None:
    assert ocsp.read(spoilt(lambda _: None), online(), nonce=NONCE, now=NOW).revoked_at is None
    with pytest.raises(EvidenceError, match=why):
        ocsp.read(spoilt(change), online(), nonce=NONCE, now=NOW)


def test_rfc6960_a_responder_that_refuses_tells_nothing() -> None:
    refused = answers.OCSPResponseBuilder.build_unsuccessful(answers.OCSPResponseStatus.TRY_LATER)
    with pytest.raises(EvidenceError, match="try_later"):
        ocsp.read(refused.public_bytes(Encoding.DER), online(), nonce=NONCE, now=NOW)


def test_ocsp_is_asked_first_where_the_profile_says_so() -> None:
    turned = replace(BOTH, methods=(Method.CRL, Method.OCSP))
    assert isinstance(wanted(identity(ONLINE, turned))[0], CrlWanted)
    assert isinstance(wanted(identity(ONLINE, BOTH))[0], OcspWanted)
