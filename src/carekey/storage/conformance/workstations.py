"""Workstations, and the cards in their readers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from carekey.kernel.ids import CredentialId
from carekey.sessions.model import CardPlace
from carekey.storage import Store
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import LATER, NOW
from carekey.workstations.model import Workstation, WorkstationId

CARD, OTHER = CredentialId("card-1"), CredentialId("card-0")


def workstation(**fields: Any) -> Workstation:
    made = Workstation(id=WorkstationId("w1"), name="Ward 7, bay 2", key=b"k" * 32, enrolled_at=NOW, heard_at=NOW)
    return replace(made, **fields)


class WorkstationsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        assert await store.read(lambda tx: tx.workstations.find(WorkstationId("w1"))) is None
        assert await store.write(lambda tx: tx.workstations.add(workstation()))
        assert not await store.write(lambda tx: tx.workstations.add(workstation(name="Another")))
        assert await store.read(lambda tx: tx.workstations.find(WorkstationId("w1"))) == workstation()

    async def test_are_listed_by_name(self, store: Store) -> None:
        first = workstation(id=WorkstationId("w2"), name="Ante-room")
        for each in (workstation(), first):
            await store.write(lambda tx, each=each: tx.workstations.add(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.workstations.list())) == [first, workstation()]

    async def test_a_statement_names_a_later_moment_than_the_last(self, store: Store) -> None:
        id = WorkstationId("w1")
        await store.write(lambda tx: tx.workstations.add(workstation()))
        assert not await store.write(lambda tx: tx.workstations.heard(id, at=NOW))
        assert await store.write(lambda tx: tx.workstations.heard(id, at=LATER))
        assert not await store.write(lambda tx: tx.workstations.heard(id, at=LATER))
        assert not await store.write(lambda tx: tx.workstations.heard(WorkstationId("none"), at=LATER))
        assert await store.read(lambda tx: tx.workstations.find(id)) == workstation(heard_at=LATER)

    async def test_of_many_with_the_same_moment_one_is_heard(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.workstations.add(workstation()))
        answers = race([store, other], lambda tx: tx.workstations.heard(WorkstationId("w1"), at=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_is_revoked_once_and_not_heard_again(self, store: Store, other: Store) -> None:
        id = WorkstationId("w1")
        await store.write(lambda tx: tx.workstations.add(workstation()))
        answers = race([store, other], lambda tx: tx.workstations.revoke(id, at=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
        assert not await store.write(lambda tx: tx.workstations.heard(id, at=LATER))
        assert await store.read(lambda tx: tx.workstations.find(id)) == workstation(revoked_at=LATER)


class CardPlacesContract:
    async def test_a_card_is_in_one_place(self, store: Store) -> None:
        assert await store.read(lambda tx: tx.card_places.find(CARD)) is None
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w1", at=NOW))
        await store.write(lambda tx: tx.card_places.put_in(OTHER, "w1", at=NOW))
        first = CardPlace(card=CARD, workstation="w1", since=NOW)
        assert await store.read(lambda tx: tx.card_places.find(CARD)) == first
        assert await store.write(lambda tx: tx.card_places.hold(CARD)) == first
        assert list(await store.read(lambda tx: tx.card_places.at("w1"))) == [replace(first, card=OTHER), first]
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w2", at=LATER))
        assert list(await store.read(lambda tx: tx.card_places.at("w1"))) == [replace(first, card=OTHER)]
        assert list(await store.read(lambda tx: tx.card_places.at("w2"))) == [
            CardPlace(card=CARD, workstation="w2", since=LATER)
        ]

    async def test_is_taken_out_where_it_is_and_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w1", at=NOW))
        assert not await store.write(lambda tx: tx.card_places.take_out(CARD, "w2", at=LATER))
        assert not await store.write(lambda tx: tx.card_places.take_out(OTHER, "w1", at=LATER))
        assert await store.write(lambda tx: tx.card_places.take_out(CARD, "w1", at=LATER))
        assert not await store.write(lambda tx: tx.card_places.take_out(CARD, "w1", at=LATER))
        assert list(await store.read(lambda tx: tx.card_places.at("w1"))) == []
        left = CardPlace(card=CARD, workstation="w1", since=NOW, left_at=LATER)
        assert await store.read(lambda tx: tx.card_places.find(CARD)) == left
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w1", at=LATER))
        assert await store.read(lambda tx: tx.card_places.find(CARD)) == replace(left, since=LATER, left_at=None)

    async def test_is_forgotten_where_it_is_and_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w1", at=NOW))
        assert not await store.write(lambda tx: tx.card_places.forget(CARD, "w2"))
        assert await store.write(lambda tx: tx.card_places.forget(CARD, "w1"))
        assert not await store.write(lambda tx: tx.card_places.forget(CARD, "w1"))
        assert await store.read(lambda tx: tx.card_places.find(CARD)) is None

    async def test_of_many_one_takes_it_out(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.card_places.put_in(CARD, "w1", at=NOW))
        answers = race([store, other], lambda tx: tx.card_places.take_out(CARD, "w1", at=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_one_that_left_long_ago_is_swept(self, store: Store) -> None:
        for card in (CARD, OTHER):
            await store.write(lambda tx, card=card: tx.card_places.put_in(card, "w1", at=NOW))  # type: ignore[misc]
        await store.write(lambda tx: tx.card_places.take_out(CARD, "w1", at=NOW))
        assert await store.sweep(NOW + timedelta(hours=23)) == 0
        assert await store.sweep(NOW + timedelta(days=2)) == 1
        assert await store.read(lambda tx: tx.card_places.find(CARD)) is None
        assert await store.read(lambda tx: tx.card_places.find(OTHER)) is not None
