"""Clients that change themselves, and the tokens that let somebody register."""

from dataclasses import replace
from datetime import timedelta

from carekey.oidc.model import Allowance, InitialAccessToken
from carekey.storage import Store
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import CLIENT, ISSUER, LATER, MICROSECOND, NOW

DIGEST = b"i" * 32
INITIAL = InitialAccessToken(
    digest=DIGEST,
    issuer=ISSUER,
    note="Ward 7",
    allowance=Allowance(scopes=frozenset({"openid"}), hosts=frozenset({"ward.example"}), profile="cis2"),
    uses_left=2,
    created_at=NOW,
    expires_at=LATER,
)


class RegistrationContract:
    async def test_a_change_follows_the_revision_before_it(self, store: Store) -> None:
        client = samples.client()
        changed = replace(client, name="Changed", revision=1)
        assert not await store.write(lambda tx: tx.clients.change(changed))
        await store.write(lambda tx: tx.clients.add(client))
        assert not await store.write(lambda tx: tx.clients.change(replace(changed, revision=2)))
        assert await store.write(lambda tx: tx.clients.change(changed))
        assert not await store.write(lambda tx: tx.clients.change(changed))
        assert await store.read(lambda tx: tx.clients.find(ISSUER, CLIENT)) == changed

    async def test_rfc7592_2_2_of_many_changes_at_once_one_wins(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.clients.add(samples.client()))
        changed = replace(samples.client(), name="Changed", revision=1)
        answers = race([store, other], lambda tx: tx.clients.change(changed))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_an_initial_access_token_comes_back_as_given(self, store: Store) -> None:
        await store.write(lambda tx: tx.initial_access_tokens.put(INITIAL))
        assert await store.read(lambda tx: tx.initial_access_tokens.find(DIGEST)) == INITIAL
        assert await store.read(lambda tx: tx.initial_access_tokens.find(b"x" * 32)) is None
        assert list(await store.read(lambda tx: tx.initial_access_tokens.list(ISSUER))) == [INITIAL]
        assert await store.write(lambda tx: tx.initial_access_tokens.remove(DIGEST))
        assert not await store.write(lambda tx: tx.initial_access_tokens.remove(DIGEST))

    async def test_rfc7591_3_it_is_used_no_more_often_than_it_may_be(self, store: Store) -> None:
        await store.write(lambda tx: tx.initial_access_tokens.put(INITIAL))
        uses = [await store.write(lambda tx: tx.initial_access_tokens.use(DIGEST, now=NOW)) for _ in range(3)]
        assert uses == [True, True, False]

    async def test_rfc7591_3_and_not_once_it_has_expired(self, store: Store) -> None:
        await store.write(lambda tx: tx.initial_access_tokens.put(INITIAL))
        assert not await store.write(lambda tx: tx.initial_access_tokens.use(DIGEST, now=LATER))

    async def test_rfc7591_3_of_many_at_once_as_many_win_as_it_has_uses(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.initial_access_tokens.put(INITIAL))
        answers = race([store, other], lambda tx: tx.initial_access_tokens.use(DIGEST, now=NOW))
        assert sorted(answers) == [False] * (RACERS - 2) + [True] * 2

    async def test_expired_initial_access_tokens_are_swept(self, store: Store) -> None:
        kept = replace(INITIAL, digest=b"k" * 32, expires_at=LATER + timedelta(hours=1))
        for each in (INITIAL, kept):
            await store.write(lambda tx, each=each: tx.initial_access_tokens.put(each))  # type: ignore[misc]
        assert await store.sweep(LATER + samples.MARGIN + MICROSECOND) == 1
        assert list(await store.read(lambda tx: tx.initial_access_tokens.list(ISSUER))) == [kept]
