"""Clients, codes, tokens, assertions, pushed requests."""

import itertools
from time import sleep

import pytest

from carekey.kernel.ids import ClientId, IssuerName, SessionId
from carekey.oidc.model import Redeemed, Replayed, Rotated, Superseded
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import CLIENT, ISSUER, LATER, MICROSECOND, NOW, SESSION

CODE = b"k" * 32
TOKEN = b"t" * 32


class ClientsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given, bare = (
            samples.client(),
            samples.client(id=ClientId("bare"), secret=None, jwks=None, scopes=None, metadata={}),
        )
        assert await store.write(lambda tx: tx.clients.add(given))
        assert await store.write(lambda tx: tx.clients.add(bare))
        assert await store.read(lambda tx: tx.clients.find(ISSUER, CLIENT)) == given
        assert await store.read(lambda tx: tx.clients.find(ISSUER, bare.id)) == bare

    async def test_belongs_to_one_issuer(self, store: Store) -> None:
        sandbox = IssuerName("sandbox")
        given, same_name = samples.client(), samples.client(issuer=sandbox, name="Aardvark")
        assert await store.write(lambda tx: tx.clients.add(given))
        assert await store.read(lambda tx: tx.clients.find(sandbox, CLIENT)) is None
        assert await store.write(lambda tx: tx.clients.add(same_name))
        assert not await store.write(lambda tx: tx.clients.add(samples.client(name="Usurper")))
        assert list(await store.read(lambda tx: tx.clients.list(ISSUER))) == [given]
        assert list(await store.read(lambda tx: tx.clients.list())) == [same_name, given]

    async def test_replace_needs_one(self, store: Store) -> None:
        assert not await store.write(lambda tx: tx.clients.replace(samples.client()))
        await store.write(lambda tx: tx.clients.add(samples.client()))
        new = samples.client(name="Ward 2", disabled_at=LATER)
        assert await store.write(lambda tx: tx.clients.replace(new))
        assert await store.read(lambda tx: tx.clients.find(ISSUER, CLIENT)) == new

    @pytest.mark.parametrize("id", ["", "\0", "\ud800", "x" * 100_000])
    async def test_an_id_that_no_client_has_finds_none(self, store: Store, id: str) -> None:
        assert await store.read(lambda tx: tx.clients.find(ISSUER, ClientId(id))) is None
        assert await store.write(lambda tx: tx.clients.find(ISSUER, ClientId(id))) is None

    async def test_of_many_at_once_one_adds(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.clients.add(samples.client()))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


class CodesContract:
    async def test_rfc6749_4_1_2_a_code_works_once_and_is_remembered(self, store: Store) -> None:
        grant = samples.grant()
        await store.write(lambda tx: tx.codes.put(CODE, grant))
        assert await store.write(lambda tx: tx.codes.redeem(b"x" * 32, now=NOW)) is None
        assert await store.write(lambda tx: tx.codes.redeem(CODE, now=LATER)) == Redeemed(grant=grant)
        assert await store.write(lambda tx: tx.codes.redeem(CODE, now=LATER)) == Replayed(grant=grant)

    async def test_of_many_at_once_one_redeems(self, store: Store, other: Store) -> None:
        grant = samples.grant()
        await store.write(lambda tx: tx.codes.put(CODE, grant))
        answers = race([store, other], lambda tx: tx.codes.redeem(CODE, now=NOW))
        assert [answer for answer in answers if isinstance(answer, Redeemed)] == [Redeemed(grant=grant)]
        assert [answer for answer in answers if answer == Replayed(grant=grant)] == [Replayed(grant=grant)] * (
            RACERS - 1
        )

    async def test_rfc6749_4_1_2_of_many_at_once_a_replay_revokes_what_the_winner_bought(
        self, store: Store, other: Store
    ) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        await store.write(lambda tx: tx.codes.put(CODE, samples.grant()))

        def exchange(tx: Tx) -> int:
            if isinstance(tx.codes.redeem(CODE, now=NOW), Redeemed):
                tx.access_tokens.put(samples.token())
                return 0
            return tx.access_tokens.revoke_bought(CODE, at=NOW)

        assert sum(race([store, other], exchange)) == 1
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) is None

    async def test_rfc6749_4_1_2_a_code_that_came_again_is_spoilt(self, store: Store) -> None:
        await store.write(lambda tx: tx.codes.put(CODE, samples.grant()))
        assert await store.write(lambda tx: tx.codes.sound(b"x" * 32))
        assert await store.write(lambda tx: tx.codes.sound(CODE))
        await store.write(lambda tx: tx.codes.redeem(CODE, now=NOW))
        assert await store.write(lambda tx: tx.codes.sound(CODE))
        await store.write(lambda tx: tx.codes.spoil(CODE, at=NOW, until=LATER))
        assert not await store.write(lambda tx: tx.codes.sound(CODE))
        assert isinstance(await store.write(lambda tx: tx.codes.redeem(CODE, now=NOW)), Replayed)

    async def test_rfc6749_4_1_2_and_kept_until_nothing_can_be_had_for_what_it_bought(self, store: Store) -> None:
        await store.write(lambda tx: tx.codes.put(CODE, samples.grant(expires_at=NOW)))
        await store.write(lambda tx: tx.codes.spoil(CODE, at=NOW, until=LATER))
        await store.sweep(LATER + samples.MARGIN - MICROSECOND)
        assert not await store.write(lambda tx: tx.codes.sound(CODE))
        await store.sweep(LATER + samples.MARGIN)
        assert await store.write(lambda tx: tx.codes.redeem(CODE, now=NOW)) is None

    @pytest.mark.parametrize("spoilt", ["code", "family"])
    async def test_of_exchanging_and_a_replay_at_once_nothing_is_left(
        self, store: Store, other: Store, spoilt: str
    ) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        await store.write(lambda tx: tx.codes.put(CODE, samples.grant()))
        await store.write(lambda tx: tx.refresh_families.put(samples.family(code=CODE)))
        numbers = itertools.count()

        def exchange(tx: Tx) -> None:
            sound, family = tx.codes.sound(CODE), tx.refresh_families.hold(CODE)
            sleep(0.1)  # wide enough for whoever does not wait
            if sound and family is not None and family.revoked_at is None:
                tx.access_tokens.put(samples.token(digest=b"%032d" % next(numbers), code=CODE))

        def replay(tx: Tx) -> None:
            sleep(0.02)
            if spoilt == "code":
                tx.codes.spoil(CODE, at=NOW, until=LATER)
            else:
                tx.refresh_families.revoke(CODE, at=NOW)
            tx.access_tokens.revoke_bought(CODE, at=NOW)

        race([store, other], exchange, replay)
        for number in range(next(numbers)):
            key = b"%032d" % number
            assert await store.read(lambda tx, key=key: tx.access_tokens.find(key)) is None  # type: ignore[misc]  # binds this one

    async def test_a_redemption_that_is_rolled_back_did_not_happen(self, store: Store) -> None:
        await store.write(lambda tx: tx.codes.put(CODE, samples.grant()))

        def fail(tx: Tx) -> None:
            assert isinstance(tx.codes.redeem(CODE, now=NOW), Redeemed)
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert await store.write(lambda tx: tx.codes.redeem(CODE, now=NOW)) == Redeemed(grant=samples.grant())


class AccessTokensContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.token()
        machine = samples.token(
            digest=b"m" * 32,
            person=None,
            session=None,
            code=None,
            requested_claims={},
            audience=None,
            authentication=None,
            authorization_details=(),
            act=None,
            confirmation=None,
        )
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        await store.write(lambda tx: tx.access_tokens.put(given))
        await store.write(lambda tx: tx.access_tokens.put(machine))
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) == given
        assert await store.read(lambda tx: tx.access_tokens.find(machine.digest)) == machine
        assert await store.read(lambda tx: tx.access_tokens.find(b"x" * 32)) is None

    async def test_an_ended_session_ends_its_tokens(self, store: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        await store.write(lambda tx: tx.access_tokens.put(samples.token()))
        await store.write(lambda tx: tx.sessions.end(SESSION, at=NOW))
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) is None

    async def test_a_session_that_is_not_there_has_ended(self, store: Store) -> None:
        await store.write(lambda tx: tx.access_tokens.put(samples.token(session=SessionId("none"))))
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) is None

    async def test_revoked_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.access_tokens.put(samples.token(session=None)))
        assert await store.write(lambda tx: tx.access_tokens.revoke(TOKEN, at=NOW))
        assert not await store.write(lambda tx: tx.access_tokens.revoke(TOKEN, at=NOW))
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) is None

    async def test_revoke_bought_counts_those_that_it_revoked(self, store: Store) -> None:
        for digest in (b"1", b"2", b"3"):
            token = samples.token(digest=digest, session=None)
            await store.write(lambda tx, token=token: tx.access_tokens.put(token))  # type: ignore[misc]  # binds this one
        other_code = samples.token(session=None, code=b"o" * 32)
        await store.write(lambda tx: tx.access_tokens.put(other_code))
        await store.write(lambda tx: tx.access_tokens.revoke(b"1", at=NOW))
        assert await store.write(lambda tx: tx.access_tokens.revoke_bought(CODE, at=NOW)) == 2
        assert await store.write(lambda tx: tx.access_tokens.revoke_bought(CODE, at=NOW)) == 0
        assert await store.read(lambda tx: tx.access_tokens.find(TOKEN)) == other_code


class RefreshFamiliesContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.family(generation=7, revoked_at=LATER)
        await store.write(lambda tx: tx.refresh_families.put(given))
        assert await store.read(lambda tx: tx.refresh_families.find(CODE)) == given
        assert await store.read(lambda tx: tx.refresh_families.find(b"x" * 32)) is None

    async def test_rfc9700_4_14_2_a_generation_is_rotated_once(self, store: Store) -> None:
        first = samples.family()
        await store.write(lambda tx: tx.refresh_families.put(first))
        assert await store.write(lambda tx: tx.refresh_families.rotate(b"x" * 32, 1, now=LATER)) is None
        assert await store.write(lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER)) == Rotated(family=first)
        second = samples.family(generation=2, rotated_at=LATER)
        superseded = Superseded(family=second)
        for wrong in (1, 3, 0):
            answer = await store.write(lambda tx, wrong=wrong: tx.refresh_families.rotate(CODE, wrong, now=NOW))  # type: ignore[misc]  # binds this one
            assert answer == superseded
        assert await store.write(lambda tx: tx.refresh_families.rotate(CODE, 2, now=LATER)) == Rotated(family=second)

    async def test_fapi2_5_3_2_1_a_generation_that_is_kept_serves_everybody(self, store: Store, other: Store) -> None:
        first = samples.family()
        await store.write(lambda tx: tx.refresh_families.put(first))
        answers = race([store, other], lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER, keep=True))
        assert all(isinstance(answer, Rotated) for answer in answers)
        family = await store.read(lambda tx: tx.refresh_families.find(CODE))
        assert family == samples.family(rotated_at=LATER)
        assert await store.write(lambda tx: tx.refresh_families.revoke(CODE, at=LATER))
        answer = await store.write(lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER, keep=True))
        assert answer == Superseded(family=samples.family(rotated_at=LATER, revoked_at=LATER))

    async def test_of_many_at_once_one_rotates(self, store: Store, other: Store) -> None:
        first = samples.family()
        await store.write(lambda tx: tx.refresh_families.put(first))
        answers = race([store, other], lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER))
        assert answers.count(Rotated(family=first)) == 1
        assert answers.count(Superseded(family=samples.family(generation=2, rotated_at=LATER))) == RACERS - 1

    async def test_rfc7009_2_1_what_is_revoked_rotates_no_more(self, store: Store) -> None:
        await store.write(lambda tx: tx.refresh_families.put(samples.family()))
        assert await store.write(lambda tx: tx.refresh_families.revoke(CODE, at=LATER))
        assert not await store.write(lambda tx: tx.refresh_families.revoke(CODE, at=NOW))
        answer = await store.write(lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER))
        assert answer == Superseded(family=samples.family(revoked_at=LATER))

    async def test_of_rotation_and_revocation_at_once_revocation_lasts(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.refresh_families.put(samples.family()))
        race(
            [store, other],
            lambda tx: isinstance(tx.refresh_families.rotate(CODE, 1, now=LATER), Rotated),
            lambda tx: tx.refresh_families.revoke(CODE, at=LATER),
        )
        family = await store.read(lambda tx: tx.refresh_families.find(CODE))
        assert family is not None
        assert family.revoked_at == LATER
        again = await store.write(lambda tx: tx.refresh_families.rotate(CODE, family.generation, now=LATER))
        assert again == Superseded(family=family)

    async def test_of_repeating_and_revoking_at_once_nothing_that_was_bought_is_left(
        self, store: Store, other: Store
    ) -> None:
        await store.write(lambda tx: tx.refresh_families.put(samples.family(generation=2)))
        numbers, digests = itertools.count(), list[bytes]()

        def repeat(tx: Tx) -> None:
            outcome = tx.refresh_families.rotate(CODE, 1, now=NOW)
            assert isinstance(outcome, Superseded)
            if outcome.family.revoked_at is None:
                digests.append(b"%032d" % next(numbers))
                tx.access_tokens.put(samples.token(digest=digests[-1], session=None))

        def revoke(tx: Tx) -> None:
            if tx.refresh_families.revoke(CODE, at=LATER):
                tx.access_tokens.revoke_bought(CODE, at=LATER)

        race([store, other], repeat, repeat, repeat, revoke)
        for digest in digests:
            assert await store.read(lambda tx, digest=digest: tx.access_tokens.find(digest)) is None  # type: ignore[misc]  # binds this one

    async def test_a_rotation_that_is_rolled_back_did_not_happen(self, store: Store) -> None:
        first = samples.family()
        await store.write(lambda tx: tx.refresh_families.put(first))

        def fail(tx: Tx) -> None:
            assert isinstance(tx.refresh_families.rotate(CODE, 1, now=LATER), Rotated)
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert await store.write(lambda tx: tx.refresh_families.rotate(CODE, 1, now=LATER)) == Rotated(family=first)


class AssertionsContract:
    @pytest.mark.parametrize("jti", ["1", "", "\0", "\ud800", "x" * 100_000])
    async def test_rfc7523_3_seen_once(self, store: Store, jti: str) -> None:
        def seen(tx: Tx, issuer: str = ISSUER, client: str = CLIENT, jti: str = jti) -> bool:
            return tx.assertions.first_seen(IssuerName(issuer), ClientId(client), jti, expires_at=LATER)

        assert await store.write(seen)
        assert not await store.write(seen)
        assert await store.write(lambda tx: seen(tx, issuer="sandbox"))
        assert await store.write(lambda tx: seen(tx, client="clinic"))
        assert await store.write(lambda tx: seen(tx, jti=jti + "2"))
        assert await store.write(lambda tx: seen(tx, client=CLIENT + "2", jti=jti))

    async def test_of_many_at_once_one_is_first(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.assertions.first_seen(ISSUER, CLIENT, "1", expires_at=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


class PushedRequestsContract:
    async def test_comes_back_as_given_once(self, store: Store) -> None:
        given = samples.pushed(signed=True)
        await store.write(lambda tx: tx.pushed_requests.put(CODE, given))
        assert await store.write(lambda tx: tx.pushed_requests.take(b"x" * 32)) is None
        assert await store.write(lambda tx: tx.pushed_requests.take(CODE)) == given
        assert await store.write(lambda tx: tx.pushed_requests.take(CODE)) is None

    async def test_rfc9126_4_of_many_at_once_one_takes_it(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.pushed_requests.put(CODE, samples.pushed()))
        answers = race([store, other], lambda tx: tx.pushed_requests.take(CODE))
        assert [answer for answer in answers if answer is not None] == [samples.pushed()]
        assert len(answers) == RACERS

    async def test_a_taking_that_is_rolled_back_did_not_happen(self, store: Store) -> None:
        await store.write(lambda tx: tx.pushed_requests.put(CODE, samples.pushed()))

        def fail(tx: Tx) -> None:
            assert tx.pushed_requests.take(CODE) is not None
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert await store.write(lambda tx: tx.pushed_requests.take(CODE)) == samples.pushed()


class DpopProofsContract:
    async def test_rfc9449_11_1_seen_once(self, store: Store) -> None:
        def seen(tx: Tx) -> bool:
            return tx.dpop_proofs.first_seen(b"p" * 32, expires_at=LATER)

        assert await store.write(seen)
        assert not await store.write(seen)
        assert await store.write(lambda tx: tx.dpop_proofs.first_seen(b"q" * 32, expires_at=LATER))

    async def test_rfc9449_11_1_of_many_at_once_one_is_first(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.dpop_proofs.first_seen(b"p" * 32, expires_at=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_a_use_that_is_rolled_back_did_not_happen(self, store: Store) -> None:
        def fail(tx: Tx) -> None:
            assert tx.dpop_proofs.first_seen(b"p" * 32, expires_at=LATER)
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert await store.write(lambda tx: tx.dpop_proofs.first_seen(b"p" * 32, expires_at=LATER))
