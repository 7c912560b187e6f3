"""Smartcards, their certificates, and what was fetched about revocation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose, WhyCancelled
from carekey.authenticators.smartcard.ports import StoredEvidence
from carekey.kernel.ids import PersonId
from carekey.storage import Store, Tx
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, NOW

YEAR = timedelta(days=365)
ISSUER = b"\x01" * 32
LARGEST = 2**159 - 1
"""RFC 5280 section 4.1.2.2: twenty octets."""


def card(**fields: Any) -> Card:
    made = Card(
        id=CardId("card-1"),
        serial="0001",
        person=ASHA,
        profile="own",
        state=CardState.PREPARED,
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(made, **fields)


def certificate(**fields: Any) -> CardCertificate:
    made = CardCertificate(
        issuer=ISSUER,
        serial=LARGEST,
        card=CardId("card-1"),
        purpose=Purpose.AUTHENTICATION,
        der=b"\x30\x00",
        starts_at=NOW,
        ends_at=NOW + YEAR,
    )
    return replace(made, **fields)


def evidence(**fields: Any) -> StoredEvidence:
    made = StoredEvidence(key="crl:1", der=b"\x30", fetched_at=NOW, until=LATER, expires_at=NOW + YEAR)
    return replace(made, **fields)


class CardsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = card(state=CardState.CANCELLED, why_cancelled=WhyCancelled.STOLEN, changed_at=LATER)
        assert await store.write(lambda tx: tx.cards.add(given))
        assert await store.read(lambda tx: tx.cards.find(given.id)) == given
        assert await store.read(lambda tx: tx.cards.find_serial(given.serial)) == given
        assert await store.read(lambda tx: tx.cards.find(CardId("none"))) is None
        assert await store.read(lambda tx: tx.cards.find_serial("none")) is None

    async def test_an_id_and_a_serial_are_taken_once(self, store: Store) -> None:
        assert await store.write(lambda tx: tx.cards.add(card()))
        assert not await store.write(lambda tx: tx.cards.add(card(serial="0002")))
        assert not await store.write(lambda tx: tx.cards.add(card(id=CardId("card-2"))))
        assert await store.read(lambda tx: tx.cards.find_serial("0002")) is None

    async def test_held_oldest_first(self, store: Store) -> None:
        young = card(id=CardId("a"), serial="1", created_at=LATER)
        old = card(id=CardId("b"), serial="2", state=CardState.CANCELLED)
        other = card(id=CardId("c"), serial="3", person=PersonId("2"))

        def add(tx: Tx) -> None:
            for each in (young, old, other):
                tx.cards.add(each)

        await store.write(add)
        assert list(await store.read(lambda tx: tx.cards.held_by(ASHA))) == [old, young]

    async def test_a_card_moves_from_the_state_it_is_in(self, store: Store) -> None:
        def cancel(tx: Tx, was: CardState) -> bool:
            return tx.cards.move(CardId("card-1"), was=was, to=CardState.CANCELLED, at=LATER, why=WhyCancelled.LOST)

        await store.write(lambda tx: tx.cards.add(card()))
        assert not await store.write(lambda tx: cancel(tx, CardState.ACTIVE))
        assert await store.read(lambda tx: tx.cards.find(CardId("card-1"))) == card()
        assert await store.write(lambda tx: cancel(tx, CardState.PREPARED))
        assert await store.read(lambda tx: tx.cards.find(CardId("card-1"))) == card(
            state=CardState.CANCELLED, changed_at=LATER, why_cancelled=WhyCancelled.LOST
        )

    async def test_of_many_movers_one_wins(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.cards.add(card(state=CardState.LOCKED)))
        won = race(
            [store, other],
            lambda tx: tx.cards.move(CardId("card-1"), was=CardState.LOCKED, to=CardState.ACTIVE, at=LATER),
            lambda tx: tx.cards.move(CardId("card-1"), was=CardState.LOCKED, to=CardState.CANCELLED, at=LATER),
        )
        assert sorted(won) == [False] * (RACERS - 1) + [True]

    async def test_of_many_adders_one_wins(self, store: Store, other: Store) -> None:
        assert sorted(race([store, other], lambda tx: tx.cards.add(card()))) == [False] * (RACERS - 1) + [True]

    async def test_certificates_are_found_by_issuer_and_serial(self, store: Store) -> None:
        renewed = certificate(serial=7, starts_at=LATER)
        await store.write(lambda tx: tx.cards.add(card()))
        assert await store.write(lambda tx: tx.cards.add_certificate(renewed))
        assert await store.write(lambda tx: tx.cards.add_certificate(certificate()))
        assert not await store.write(
            lambda tx: tx.cards.add_certificate(certificate(purpose=Purpose.CONTENT_COMMITMENT))
        )
        assert list(await store.read(lambda tx: tx.cards.certificates(CardId("card-1")))) == [certificate(), renewed]
        assert await store.read(lambda tx: tx.cards.find_certificate(ISSUER, LARGEST)) == card()
        assert await store.read(lambda tx: tx.cards.find_certificate(b"\x02" * 32, LARGEST)) is None
        assert await store.read(lambda tx: tx.cards.find_certificate(ISSUER, 8)) is None

    async def test_a_certificate_is_superseded_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.cards.add(card()))
        await store.write(lambda tx: tx.cards.add_certificate(certificate()))
        assert await store.write(lambda tx: tx.cards.supersede(ISSUER, LARGEST, at=LATER))
        assert not await store.write(lambda tx: tx.cards.supersede(ISSUER, LARGEST, at=LATER))
        assert not await store.write(lambda tx: tx.cards.supersede(ISSUER, 1, at=LATER))
        assert list(await store.read(lambda tx: tx.cards.certificates(CardId("card-1")))) == [
            certificate(superseded_at=LATER)
        ]

    async def test_revoked_ones_are_listed_until_they_end(self, store: Store) -> None:
        def fill(tx: Tx) -> None:
            tx.cards.add(card())
            tx.cards.add(card(id=CardId("card-2"), serial="0002"))
            tx.cards.add_certificate(certificate(serial=1))
            tx.cards.add_certificate(certificate(serial=2, ends_at=NOW + timedelta(days=1)))
            tx.cards.add_certificate(certificate(serial=3, issuer=b"\x02" * 32))
            tx.cards.add_certificate(certificate(serial=4, card=CardId("card-2")))

        await store.write(fill)
        assert await store.write(lambda tx: tx.cards.revoke_certificates(CardId("card-1"), at=LATER)) == 3
        assert await store.write(lambda tx: tx.cards.revoke_certificates(CardId("card-1"), at=LATER)) == 0
        listed = await store.read(lambda tx: tx.cards.revoked(ISSUER, after=NOW))
        assert [one.serial for one in listed] == [1, 2]
        assert {one.revoked_at for one in listed} == {LATER}
        listed = await store.read(lambda tx: tx.cards.revoked(ISSUER, after=NOW + timedelta(days=1)))
        assert [one.serial for one in listed] == [1]


class RevocationEvidenceContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        assert await store.read(lambda tx: tx.revocation.find("crl:1")) is None
        assert await store.write(lambda tx: tx.revocation.put(evidence()))
        assert await store.read(lambda tx: tx.revocation.find("crl:1")) == evidence()

    async def test_the_newer_stays_whoever_comes_last(self, store: Store) -> None:
        newer = evidence(der=b"\x31", fetched_at=LATER)
        assert await store.write(lambda tx: tx.revocation.put(newer))
        assert not await store.write(lambda tx: tx.revocation.put(evidence()))
        assert await store.read(lambda tx: tx.revocation.find("crl:1")) == newer

    async def test_what_a_node_has_already_is_not_read_again(self, store: Store) -> None:
        await store.write(lambda tx: tx.revocation.put(evidence()))
        assert await store.read(lambda tx: tx.revocation.find("crl:1", newer_than=NOW)) is None
        await store.write(lambda tx: tx.revocation.put(evidence(fetched_at=LATER)))
        assert await store.read(lambda tx: tx.revocation.find("crl:1", newer_than=NOW)) == evidence(fetched_at=LATER)

    async def test_since_a_moment(self, store: Store) -> None:
        newer = evidence(key="crl:2", fetched_at=LATER)
        await store.write(lambda tx: tx.revocation.put(newer))
        await store.write(lambda tx: tx.revocation.put(evidence()))
        assert list(await store.read(lambda tx: tx.revocation.since(NOW))) == [evidence(), newer]
        assert list(await store.read(lambda tx: tx.revocation.since(LATER))) == [newer]

    async def test_of_many_that_put_the_same_one_wins(self, store: Store, other: Store) -> None:
        assert sorted(race([store, other], lambda tx: tx.revocation.put(evidence()))) == [False] * (RACERS - 1) + [True]

    async def test_what_is_no_use_is_swept(self, store: Store) -> None:
        await store.write(lambda tx: tx.revocation.put(evidence(expires_at=NOW)))
        await store.write(lambda tx: tx.revocation.put(evidence(key="crl:2")))
        assert await store.sweep(NOW + timedelta(hours=1)) == 1
        assert await store.read(lambda tx: tx.revocation.find("crl:1")) is None
