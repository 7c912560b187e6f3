"""Approvals and registered UAF keys."""

from dataclasses import replace
from functools import partial

from carekey.authenticators.phone.approval import State
from carekey.kernel.ids import LoginId
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import LATER, LOGIN, MICROSECOND


class ApprovalsContract:
    async def test_comes_back_as_given_by_code_and_by_login(self, store: Store) -> None:
        given = samples.approval(person=samples.ASHA, proof=samples.verified(), holder=b"\x00holder\xff")
        await store.write(lambda tx: tx.approvals.ask(given))
        assert await store.read(lambda tx: tx.approvals.find(given.code)) == given
        assert await store.read(lambda tx: tx.approvals.of(LOGIN)) == given
        assert await store.read(lambda tx: tx.approvals.find(b"x" * 32)) is None
        assert await store.read(lambda tx: tx.approvals.of(LoginId("login-2"))) is None

    async def test_a_log_in_has_one_and_the_newer_one_counts(self, store: Store) -> None:
        old, new = samples.approval(), samples.approval(code=b"n" * 32, number="77")
        await store.write(lambda tx: tx.approvals.ask(old))
        await store.write(lambda tx: tx.approvals.ask(new))
        assert await store.read(lambda tx: tx.approvals.find(old.code)) is None
        assert await store.read(lambda tx: tx.approvals.of(LOGIN)) == new

    async def test_changes_only_from_the_state_that_was_seen(self, store: Store) -> None:
        given = samples.approval()
        opened = replace(given, state=State.OPENED, holder=b"h")
        await store.write(lambda tx: tx.approvals.ask(given))
        assert not await store.write(lambda tx: tx.approvals.change(opened, was=State.MATCHED))
        assert await store.write(lambda tx: tx.approvals.change(opened, was=State.WAITING))
        assert await store.read(lambda tx: tx.approvals.of(LOGIN)) == opened
        assert not await store.write(lambda tx: tx.approvals.change(replace(given, code=b"x"), was=State.OPENED))

    async def test_moved_are_those_that_wait_no_more_and_still_count(self, store: Store) -> None:
        other = samples.approval(login=LoginId("login-2"), code=b"o" * 32)
        for each in (samples.approval(state=State.APPROVED), other):
            await store.write(lambda tx, each=each: tx.approvals.ask(each))  # type: ignore[misc]  # binds this one
        assert await store.read(lambda tx: tx.approvals.moved(now=LATER - MICROSECOND)) == {LOGIN: State.APPROVED}
        assert await store.read(lambda tx: tx.approvals.moved(now=LATER)) == {}

    async def test_of_many_at_once_one_opens_it(self, store: Store, other: Store) -> None:
        given = samples.approval()
        await store.write(lambda tx: tx.approvals.ask(given))
        answers = race([store, other], *(partial(_open, number) for number in range(RACERS)))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
        kept = await store.read(lambda tx: tx.approvals.of(LOGIN))
        assert kept is not None
        assert kept.holder == str(answers.index(True)).encode()

    async def test_expired_ones_are_swept(self, store: Store) -> None:
        new = samples.approval(login=LoginId("login-2"), code=b"o" * 32, expires_at=LATER + MICROSECOND)
        for each in (samples.approval(), new):
            await store.write(lambda tx, each=each: tx.approvals.ask(each))  # type: ignore[misc]  # binds this one
        assert await store.sweep(LATER + samples.MARGIN) == 1
        assert await store.read(lambda tx: tx.approvals.of(LOGIN)) is None
        assert await store.read(lambda tx: tx.approvals.find(new.code)) == new
        await store.write(lambda tx: tx.approvals.ask(samples.approval()))


def _open(number: int, tx: Tx) -> bool:
    opened = replace(samples.approval(), state=State.OPENED, holder=str(number).encode())
    return tx.approvals.change(opened, was=State.WAITING)


class UafKeysContract:
    async def test_uaf_15_3_a_key_is_claimed_once(self, store: Store) -> None:
        assert await store.write(lambda tx: tx.uaf_keys.claim(b"k" * 32))
        assert not await store.write(lambda tx: tx.uaf_keys.claim(b"k" * 32))
        assert await store.write(lambda tx: tx.uaf_keys.claim(b"l" * 32))

    async def test_of_many_at_once_one_claims_it(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.uaf_keys.claim(b"k" * 32))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
