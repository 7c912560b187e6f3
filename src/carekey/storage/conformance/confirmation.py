"""Texts to confirm, evidence, and the phones that show them."""

from dataclasses import replace
from itertools import count

from carekey.authenticators.phone.confirmation.model import Confirmation, Device, State
from carekey.kernel.ids import ConfirmationId, CredentialId, PersonId
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, MICROSECOND

BEN = PersonId("555000000102")


class ConfirmationsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.confirmation(proof=samples.verified())
        await store.write(lambda tx: tx.confirmations.ask(given))
        assert await store.read(lambda tx: tx.confirmations.find(given.id)) == given
        assert await store.read(lambda tx: tx.confirmations.find(ConfirmationId("other"))) is None

    async def test_pending_are_those_of_the_person_that_wait_oldest_first(self, store: Store) -> None:
        first = samples.confirmation(id=ConfirmationId("z"), asked_at=samples.NOW - MICROSECOND)
        second = samples.confirmation(id=ConfirmationId("y"))
        others = (
            samples.confirmation(id=ConfirmationId("x"), state=State.REFUSED),
            samples.confirmation(id=ConfirmationId("w"), person=BEN),
            samples.confirmation(id=ConfirmationId("v"), expires_at=LATER - MICROSECOND),
        )
        for each in (second, first, *others):
            await store.write(lambda tx, each=each: tx.confirmations.ask(each))  # type: ignore[misc]  # binds this one
        now = LATER - MICROSECOND
        assert list(await store.read(lambda tx: tx.confirmations.pending(ASHA, now=now))) == [first, second]
        assert list(await store.read(lambda tx: tx.confirmations.pending(ASHA, now=LATER))) == []

    async def test_moved_are_those_that_wait_no_more_and_still_count(self, store: Store) -> None:
        given, other = samples.confirmation(state=State.CONFIRMED), samples.confirmation(id=ConfirmationId("other"))
        for each in (given, other):
            await store.write(lambda tx, each=each: tx.confirmations.ask(each))  # type: ignore[misc]  # binds this one
        moved = await store.read(lambda tx: tx.confirmations.moved(now=LATER - MICROSECOND))
        assert moved == {given.id: State.CONFIRMED}
        assert await store.read(lambda tx: tx.confirmations.moved(now=LATER)) == {}

    async def test_of_a_refusal_a_withdrawal_and_an_answer_at_once_one_wins(self, store: Store, other: Store) -> None:
        given = samples.confirmation()
        await store.write(lambda tx: tx.confirmations.ask(given))
        confirmed, refused, withdrawn = (
            replace(given, state=state) for state in (State.CONFIRMED, State.REFUSED, State.WITHDRAWN)
        )
        answers = race(
            [store, other], lambda tx: _end(tx, confirmed), lambda tx: _end(tx, refused), lambda tx: _end(tx, withdrawn)
        )
        assert [won for _, won in answers].count(True) == 1
        kept = await store.read(lambda tx: tx.confirmations.find(given.id))
        assert kept is not None
        assert (kept.state, True) in answers

    async def test_expired_ones_are_swept(self, store: Store) -> None:
        new = samples.confirmation(id=ConfirmationId("new"), expires_at=LATER + MICROSECOND)
        for each in (samples.confirmation(), new):
            await store.write(lambda tx, each=each: tx.confirmations.ask(each))  # type: ignore[misc]  # binds this one
        assert await store.sweep(LATER + samples.MARGIN) == 1
        assert await store.read(lambda tx: tx.confirmations.find(samples.confirmation().id)) is None
        assert await store.read(lambda tx: tx.confirmations.find(new.id)) == new


def _end(tx: Tx, end: Confirmation) -> tuple[State, bool]:
    return end.state, tx.confirmations.change(end, was=State.PENDING)


class EvidencesContract:
    async def test_comes_back_as_given_and_is_never_swept(self, store: Store) -> None:
        given = samples.evidence(document='{"a": "ünïcode"}\n')
        await store.write(lambda tx: tx.evidences.keep(given))
        await store.sweep(LATER + samples.MARGIN * 1000)
        assert await store.read(lambda tx: tx.evidences.find(given.id)) == given
        assert await store.read(lambda tx: tx.evidences.find(ConfirmationId("other"))) is None

    async def test_of_a_person_the_latest_first(self, store: Store) -> None:
        old = samples.evidence(id=ConfirmationId("z"))
        new = samples.evidence(id=ConfirmationId("a"), confirmed_at=samples.NOW + MICROSECOND)
        for each in (old, new, samples.evidence(id=ConfirmationId("x"), person=BEN)):
            await store.write(lambda tx, each=each: tx.evidences.keep(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.evidences.of_person(ASHA, limit=9))) == [new, old]
        assert list(await store.read(lambda tx: tx.evidences.of_person(ASHA, limit=1))) == [new]


class DevicesContract:
    async def test_a_phone_is_found_by_its_latest_secret_alone(self, store: Store) -> None:
        first, second = _device(), _device(digest=b"2" * 32)
        for each in (first, second, second):
            assert await store.write(lambda tx, each=each: tx.devices.know(each))  # type: ignore[misc]  # binds this one
        assert await store.read(lambda tx: tx.devices.find(first.digest)) is None
        assert await store.read(lambda tx: tx.devices.find(second.digest)) == second

    async def test_a_secret_is_of_one_phone(self, store: Store) -> None:
        mine, theirs = _device(), _device("other", person=BEN)
        before = _device("other", person=BEN, digest=b"3" * 32)
        for each in (mine, before):
            assert await store.write(lambda tx, each=each: tx.devices.know(each))  # type: ignore[misc]  # binds this one
        assert not await store.write(lambda tx: tx.devices.know(theirs))
        assert await store.read(lambda tx: tx.devices.find(mine.digest)) == mine
        assert await store.read(lambda tx: tx.devices.find(before.digest)) == before

    async def test_of_many_with_one_secret_at_once_one_has_it(self, store: Store, other: Store) -> None:
        numbers = count()
        answers = race([store, other], lambda tx: tx.devices.know(_device(f"credential-{next(numbers)}")))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


def _device(credential: str = "credential-1", *, digest: bytes = b"1" * 32, person: PersonId = ASHA) -> Device:
    return Device(credential=CredentialId(credential), digest=digest, person=person)
