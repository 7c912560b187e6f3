"""Who gets a card, what is signed for it, and what its cancelling does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.authenticators.smartcard import crl
from carekey.authenticators.smartcard.authority import lint, registration
from carekey.authenticators.smartcard.authority.certificate_profiles import key_usage
from carekey.authenticators.smartcard.authority.publishing import Published, publish
from carekey.authenticators.smartcard.authority.registration import CardError, Faulty
from carekey.authenticators.smartcard.authority.tests.world import (
    ASHA,
    BY,
    NOW,
    TWO_YEARS,
    YEAR,
    authorities,
    profile,
    serial,
)
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.model import CardId, CardState, Purpose, WhyCancelled
from carekey.authenticators.smartcard.path import CardIdentity, Reason, judge
from carekey.authenticators.smartcard.revocation import Good, NeedRevocation, Revoked, check
from carekey.directory.model import PersonStatus
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, IssuerName, PersonId, SessionId
from carekey.sessions.ending import end_all
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import Proof, Session
from carekey.storage import open_store

pytestmark = pytest.mark.anyio

ROOT, CARDS = authorities()
KEY = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)


@pytest.fixture
async def store():
    opened = open_store("memory:")
    await opened.write(lambda tx: tx.people.put([ASHA]))
    yield opened
    opened.close()


def prepared(tx, **fields: Any):
    given = {"serial": "0001", "person": ASHA.id, "id": CardId("card-1"), "by": BY, "now": NOW}
    return registration.prepare(tx, **{**given, **fields})


def certified(tx, card, purpose=0, key=KEY, now=NOW, number=None, profile=None):
    return registration.certify(
        tx,
        card,
        profile or TWO_YEARS[purpose],
        key.public_key(),
        authority=CARDS,
        serial=number or serial(),
        throwaway=ec.generate_private_key(ec.SECP384R1()),
        by=BY,
        now=now,
    )


def made(tx, *, locked=False):
    card = prepared(tx)
    first = certified(tx, card)
    certified(tx, card, 1, ec.generate_private_key(ec.SECP256R1()))
    return registration.hand_over(tx, card, locked=locked, by=BY, now=NOW), first


def cancelled(tx, card, why=WhyCancelled.LOST, now=NOW):
    registration.cancel(
        tx,
        card,
        why,
        end_sessions=lambda tx, card: end_all(
            tx, card.person, WhyEnded.WAY_REMOVED, now=now, by=BY, which=lambda one: one.proof.credential == card.id
        ),
        by=BY,
        now=now,
    )


async def test_an_issued_card_is_judged_good_by_its_own_profile(store) -> None:
    _, certificate = await store.write(made)
    found = judge([certificate.der], profile=profile(ROOT, CARDS), now=NOW)
    assert isinstance(found, CardIdentity), found
    assert found.person == ASHA.id
    card = await store.read(lambda tx: tx.cards.find_certificate(found.issuer, found.serial))
    assert card.state is CardState.ACTIVE


async def test_the_content_commitment_certificate_logs_nobody_in(store) -> None:
    _, _ = await store.write(made)
    _, other = await store.read(lambda tx: sorted(tx.cards.certificates(CardId("card-1")), key=lambda c: c.purpose))
    assert other.purpose is Purpose.CONTENT_COMMITMENT
    found = judge([other.der], profile=profile(ROOT, CARDS), now=NOW)
    assert found.why == Reason.WRONG_USE


async def test_an_interrupted_issue_goes_on_with_the_same_card_and_certificate(store) -> None:
    first = await store.write(prepared)
    once = await store.write(lambda tx: certified(tx, first))
    again = await store.write(lambda tx: prepared(tx, id=CardId("card-2")))
    assert again == first
    assert await store.write(lambda tx: certified(tx, again)) == once
    assert len(await store.read(lambda tx: tx.audit.search(tag="smartcard:certificate:signed"))) == 1


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        (lambda tx: None, {"person": PersonId("555000000999")}),
        (lambda tx: tx.people.put([replace(ASHA, status=PersonStatus.CLOSED)]), {}),
        (made, {}),
        (lambda tx: (tx.people.put([replace(ASHA, id=PersonId("2"))]), prepared(tx)), {"person": PersonId("2")}),
    ],
    ids=["nobody", "closed", "issued before", "somebody else's"],
)
async def test_a_card_is_not_entered(store, before, fields) -> None:
    await store.write(before)
    with pytest.raises(CardError):
        await store.write(lambda tx: prepared(tx, **{"id": CardId("card-9"), **fields}))


async def test_a_faulty_certificate_is_not_signed_and_that_is_on_record(store) -> None:
    card = await store.write(prepared)
    weak = rsa.generate_private_key(65537, 1024)
    found = await store.write(lambda tx: certified(tx, card, key=weak))
    assert isinstance(found, Faulty)
    assert found.faults == ("key is strong",)
    assert not await store.read(lambda tx: tx.cards.certificates(card.id))
    (refused,) = await store.read(lambda tx: tx.audit.search(tag="smartcard:certificate:refused"))
    assert refused.refusal


AT_THE_END = CARDS.certificate.not_valid_after_utc


@pytest.mark.parametrize("now", [AT_THE_END, AT_THE_END + YEAR, CARDS.certificate.not_valid_before_utc - DAY])
async def test_by_a_clock_that_is_wrong_nothing_is_signed(store, now) -> None:
    """Before the authority began and after it ended; a certificate that ends before it begins cannot even be made."""
    card = await store.write(prepared)
    found = await store.write(lambda tx: certified(tx, card, now=now))
    assert found == Faulty(faults=("authority is valid now: look at the clock",))
    assert not await store.read(lambda tx: tx.cards.certificates(card.id))


async def test_no_certificate_outlasts_the_authority(store) -> None:
    card = await store.write(prepared)
    made = await store.write(lambda tx: certified(tx, card, now=AT_THE_END - YEAR))
    assert made.ends_at == AT_THE_END


EXTENDED = ExtendedKeyUsageOID
BAD_PROFILES = {
    "one that may sign certificates": (
        {"key_usage": key_usage("digital_signature", "key_cert_sign")},
        "signs no certificates, revocation lists or OCSP answers",
    ),
    "one that may sign revocation lists": (
        {"key_usage": key_usage("digital_signature", "crl_sign")},
        "signs no certificates, revocation lists or OCSP answers",
    ),
    "one that may answer for the authority": (
        {"extended_key_usage": (EXTENDED.CLIENT_AUTH, EXTENDED.OCSP_SIGNING)},
        "signs no certificates, revocation lists or OCSP answers",
    ),
    "one for any use": (
        {"extended_key_usage": (EXTENDED.CLIENT_AUTH, EXTENDED.ANY_EXTENDED_KEY_USAGE)},
        "uses are named one by one",
    ),
    "a log-in that commits to content": (
        {"key_usage": key_usage("digital_signature", "content_commitment")},
        "key usage is what the certificate is for",
    ),
    "a log-in that cannot sign": (
        {"key_usage": key_usage("key_agreement")},
        "key usage is what the certificate is for",
    ),
    "a log-in that is none": ({"extended_key_usage": ()}, "log-in for one certificate alone"),
    "no time at all": ({"lifetime": timedelta(0)}, "lasts for some time"),
}


@pytest.mark.parametrize("what", BAD_PROFILES)
async def test_a_bad_profile_is_found_before_anything_is_signed_by_it(store, what) -> None:
    changes, fault = BAD_PROFILES[what]
    card = await store.write(prepared)
    found = await store.write(lambda tx: certified(tx, card, profile=replace(TWO_YEARS[0], **changes)))
    assert isinstance(found, Faulty), found
    assert fault in found.faults
    assert not await store.read(lambda tx: tx.cards.certificates(card.id))
    (refused,) = await store.read(lambda tx: tx.audit.search(tag="smartcard:certificate:refused"))
    assert refused.data["faults"] == list(found.faults)


async def test_a_certificate_to_commit_with_that_commits_to_nothing_is_found(store) -> None:
    card = await store.write(prepared)
    idle = replace(TWO_YEARS[1], key_usage=key_usage("digital_signature"))
    found = await store.write(lambda tx: certified(tx, card, profile=idle))
    assert found == Faulty(faults=("key usage is what the certificate is for",))


def test_policies_of_a_profile_are_in_its_certificates() -> None:
    policy = x509.ObjectIdentifier("1.2.826.0.1.1")
    for named, wrong in (((policy,), ()), ((), (policy,))):
        made = CARDS.sign_card(
            replace(TWO_YEARS[0], policies=named), user=ASHA.id, public_key=KEY.public_key(), serial=serial(), now=NOW
        )
        right = lint.faults(made, replace(TWO_YEARS[0], policies=named), user=ASHA.id, authority=CARDS, now=NOW)
        assert not right
        other = lint.faults(made, replace(TWO_YEARS[0], policies=wrong), user=ASHA.id, authority=CARDS, now=NOW)
        assert other == ["policies as in the profile"]


LINTED = {
    "the authority's own key": ({"public_key": CARDS.key.public_key()}, {}),
    "a short serial number": ({"serial": 1}, {}),
    "another user": ({"user": "555000000102"}, {}),
    "another moment": ({"now": NOW + DAY}, {}),
    "too long a life": ({"profile": replace(TWO_YEARS[0], lifetime=3 * YEAR)}, {}),
    "another use": ({"profile": replace(TWO_YEARS[0], key_usage=key_usage("digital_signature", "key_agreement"))}, {}),
    "log-in with the signing certificate": (
        {"profile": replace(TWO_YEARS[0], purpose=Purpose.CONTENT_COMMITMENT)},
        {"profile": replace(TWO_YEARS[0], purpose=Purpose.CONTENT_COMMITMENT)},
    ),
}


@pytest.mark.parametrize("what", LINTED)
def test_the_rehearsal_finds(what) -> None:
    signed, judged = LINTED[what]
    given = {"profile": TWO_YEARS[0], "user": ASHA.id, "public_key": KEY.public_key(), "serial": serial(), "now": NOW}
    given |= signed
    rehearsed = CARDS.sign_card(given.pop("profile"), key=ec.generate_private_key(ec.SECP384R1()), **given)
    rules = {"profile": TWO_YEARS[0], **judged}
    assert lint.faults(rehearsed, rules["profile"], user=ASHA.id, authority=CARDS, now=NOW)


def test_the_rehearsal_passes_what_is_right() -> None:
    for one in TWO_YEARS:
        made = CARDS.sign_card(one, user=ASHA.id, public_key=KEY.public_key(), serial=serial(), now=NOW)
        assert not lint.faults(made, one, user=ASHA.id, authority=CARDS, now=NOW)


async def test_a_card_issued_locked_waits_for_its_holder(store) -> None:
    card, _ = await store.write(lambda tx: made(tx, locked=True))
    assert card.state is CardState.LOCKED
    card = await store.write(
        lambda tx: registration.move(tx, card, to=CardState.ACTIVE, why="unlocked", by=BY, now=NOW)
    )
    assert card.state is CardState.ACTIVE


async def test_a_locked_card_does_not_become_active_by_being_suspended_and_resumed(store) -> None:
    """Whoever finds it in the post has not unlocked it."""
    card, _ = await store.write(lambda tx: made(tx, locked=True))
    with pytest.raises(CardError, match="is locked, and cannot become suspended"):
        await store.write(
            lambda tx: registration.move(tx, card, to=CardState.SUSPENDED, why="in the post", by=BY, now=NOW)
        )
    assert (await store.read(lambda tx: tx.cards.find(card.id))).state is CardState.LOCKED


async def test_that_an_active_card_was_unlocked_is_on_record(store) -> None:
    card, _ = await store.write(made)
    assert await store.write(lambda tx: registration.unlocked(tx, card, by=BY, now=NOW)) == card
    event = (await store.read(lambda tx: tx.audit.search(tag="smartcard:card:changed")))[-1]
    assert (event.data["was"], event.data["now"], event.data["why"]) == ("active", "active", "unlocked")


async def test_certificates_of_others_are_not_written_over(store) -> None:
    """Nor on a card whose issue was begun: somebody may have used it elsewhere meanwhile."""
    card = await store.write(prepared)
    ours = await store.write(lambda tx: certified(tx, card))
    assert await store.write(lambda tx: prepared(tx, shows=[ours.der])) == card
    with pytest.raises(CardError, match="certificates that were not made here"):
        await store.write(lambda tx: prepared(tx, shows=[ours.der, b"another"]))
    with pytest.raises(CardError, match="certificates that were not made here"):
        await store.write(lambda tx: prepared(tx, serial="0002", id=CardId("card-2"), shows=[ours.der]))
    assert await store.read(lambda tx: tx.cards.find_serial("0002")) is None


async def test_a_key_has_one_use_and_is_not_certified_again_once_it_was_replaced(store) -> None:
    card = await store.write(prepared)
    first = await store.write(lambda tx: certified(tx, card))
    with pytest.raises(CardError, match="each has a key of its own"):
        await store.write(lambda tx: certified(tx, card, 1))
    await store.write(lambda tx: tx.cards.supersede(first.issuer, first.serial, at=NOW))
    with pytest.raises(CardError, match="was replaced before"):
        await store.write(lambda tx: certified(tx, card))
    assert await store.read(lambda tx: len(tx.cards.certificates(card.id))) == 1


async def test_keys_of_others_are_not_taken_for_blank_cards(store) -> None:
    """Whoever hands in a "blank" card with a key on it may have kept a copy of the key."""
    with pytest.raises(CardError, match="has keys that were not made here"):
        await store.write(lambda tx: prepared(tx, has_keys=True))
    assert await store.read(lambda tx: tx.cards.find_serial("0001")) is None
    begun = await store.write(prepared)
    assert await store.write(lambda tx: prepared(tx, has_keys=True)) == begun, "an interrupted issue goes on"


async def test_who_sets_out_to_unlock_a_card_is_on_record_unless_somebody_changed_it(store) -> None:
    card, _ = await store.write(made)
    await store.write(lambda tx: registration.set_out_to_unlock(tx, card, by=BY, now=NOW))
    (event,) = await store.read(lambda tx: tx.audit.search(tag="smartcard:card:unlocking"))
    assert (event.actor, event.data) == (BY, {"card": card.id, "person": ASHA.id, "state": "active"})
    gone = await store.write(
        lambda tx: registration.move(tx, card, to=CardState.SUSPENDED, why="left at home", by=BY, now=NOW)
    )
    for known in (card, gone):
        with pytest.raises(CardError):
            await store.write(lambda tx, known=known: registration.set_out_to_unlock(tx, known, by=BY, now=NOW))
    assert len(await store.read(lambda tx: tx.audit.search(tag="smartcard:card:unlocking"))) == 1


async def test_cancelling_ends_its_sessions_and_no_others_and_is_for_ever(store) -> None:
    card, _ = await store.write(made)

    def start(tx, id, credential) -> None:
        proof = Proof(credential=CredentialId(credential), kind="smartcard", aal=AAL.AAL3, amr=Amr.N3_SMARTCARD, at=NOW)
        tx.sessions.start(
            Session(
                id=SessionId(id),
                digest=id.encode(),
                issuer=IssuerName("healthcare"),
                person=ASHA.id,
                proof=proof,
                role=None,
                started_at=NOW,
                last_used_at=NOW,
            )
        )

    await store.write(lambda tx: start(tx, "by-card", card.id))
    await store.write(lambda tx: start(tx, "by-passkey", "other"))
    await store.write(lambda tx: cancelled(tx, card))
    assert [one.id for one in await store.read(lambda tx: tx.sessions.of_person(ASHA.id))] == ["by-passkey"]
    assert (await store.read(lambda tx: tx.cards.find(card.id))).why_cancelled is WhyCancelled.LOST
    (event,) = await store.read(lambda tx: tx.audit.search(tag="smartcard:card:cancelled"))
    assert (event.data["sessions"], event.data["certificates"]) == (1, 2)
    gone = await store.read(lambda tx: tx.cards.find(card.id))
    with pytest.raises(CardError):
        await store.write(lambda tx: cancelled(tx, gone))
    with pytest.raises(CardError):
        await store.write(lambda tx: registration.move(tx, gone, to=CardState.ACTIVE, why="", by=BY, now=NOW))
    with pytest.raises(CardError):
        await store.write(lambda tx: certified(tx, gone, key=ec.generate_private_key(ec.SECP256R1())))


def evidence_of(identity, rows, now) -> Evidence:
    asked = check(identity, evidence=Evidence(), now=now)
    assert isinstance(asked, NeedRevocation)
    read = [crl.read(rows[one.key].der, one, now=now) for one in asked.requests]
    return Evidence(lists={one.key: one for one in read})


async def test_a_cancelled_card_is_on_the_next_list_and_stays_there(store) -> None:
    card, certificate = await store.write(made)
    identity = judge([certificate.der], profile=profile(ROOT, CARDS), now=NOW)
    both = [Published(name="root", authority=ROOT), Published(name="cards", authority=CARDS)]

    async def published(now):
        new = [await store.write(lambda tx, one=one: publish(tx, one, lifetime=DAY, now=now)) for one in both]
        rows = {one.key: await store.read(lambda tx, one=one: tx.revocation.find(one.key)) for one in both}
        return new, rows

    new, rows = await published(NOW)
    assert new == [True, True]
    assert check(identity, evidence=evidence_of(identity, rows, NOW), now=NOW) == Good()
    later = NOW + timedelta(seconds=20)
    assert (await published(later))[0] == [False, False]
    await store.write(lambda tx: cancelled(tx, card, now=NOW + timedelta(seconds=10)))
    new, rows = await published(later + timedelta(seconds=20))
    assert new == [False, True]
    now = later + timedelta(seconds=20)
    found = check(identity, evidence=evidence_of(identity, rows, now), now=now)
    assert found == Revoked(at=NOW + timedelta(seconds=10), depth=0)
    new, _ = await published(NOW + DAY)
    assert new == [True, True]


@pytest.mark.parametrize(
    ("purpose", "late", "after", "expected"),
    [
        (Purpose.AUTHENTICATION, False, 2 * YEAR - 91 * DAY, False),
        (Purpose.AUTHENTICATION, False, 2 * YEAR - 90 * DAY, True),
        (Purpose.AUTHENTICATION, False, 2 * YEAR, False),
        (Purpose.AUTHENTICATION, True, 2 * YEAR, True),
        (Purpose.AUTHENTICATION, True, DAY / 2, False),
        (Purpose.AUTHENTICATION, True, 2 * DAY, True),
    ],
)
async def test_renewal_is_in_the_last_ninety_days(store, purpose, late, after, expected) -> None:
    await store.write(made)
    held = await store.read(lambda tx: tx.cards.certificates(CardId("card-1")))
    assert registration.renewable(held, purpose, late=late, now=NOW + after) is expected


def test_ocsp_answers_bear_the_nonce_and_tell_good_from_unknown() -> None:
    certificate = CARDS.sign_card(TWO_YEARS[0], user=ASHA.id, public_key=KEY.public_key(), serial=serial(), now=NOW)
    for algorithm in (hashes.SHA1(), hashes.SHA256()):
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, CARDS.certificate, algorithm)
        question = builder.add_extension(x509.OCSPNonce(b"n" * 32), critical=False).build()
        assert CARDS.answers_for(question)
        assert not ROOT.answers_for(question)
        for known, at, status in (
            (True, None, ocsp.OCSPCertStatus.GOOD),
            (True, NOW, ocsp.OCSPCertStatus.REVOKED),
            (False, None, ocsp.OCSPCertStatus.UNKNOWN),
        ):
            answer = ocsp.load_der_ocsp_response(CARDS.sign_answer(question, known=known, revoked_at=at, now=NOW))
            assert answer.certificate_status is status
            assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32


def test_the_chain_holds_in_openssl(tmp_path) -> None:
    import subprocess

    certificate = CARDS.sign_card(TWO_YEARS[0], user=ASHA.id, public_key=KEY.public_key(), serial=serial(), now=NOW)
    for name, one in (("root", ROOT.certificate), ("cards", CARDS.certificate), ("card", certificate)):
        (tmp_path / name).write_bytes(one.public_bytes(Encoding.PEM))
    lists = b"".join(
        x509.load_der_x509_crl(one.sign_list([], now=NOW, lifetime=DAY)).public_bytes(Encoding.PEM)
        for one in (ROOT, CARDS)
    )
    (tmp_path / "lists").write_bytes(lists)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient"]  # noqa: RUF005
        + ["-attime", str(int(NOW.timestamp())), "-CAfile", "root", "-untrusted", "cards", "-CRLfile", "lists", "card"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
