"""The last good BLOBs of metadata services, and when to fetch the next."""

from dataclasses import replace

from carekey.authenticators.fido_metadata.ports import KeptBlob
from carekey.storage import Store
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import LATER, MICROSECOND, NOW

BLOB = KeptBlob(source="uaf:1", number=7, blob=b"\x00blob\xff", fetched_at=NOW)


class MetadataBlobsContract:
    async def test_comes_back_as_given_to_whoever_has_an_older_one(self, store: Store) -> None:
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=0)) is None
        assert await store.write(lambda tx: tx.metadata_blobs.keep(BLOB))
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=6)) == BLOB
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=7)) is None
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:2", than=0)) is None

    async def test_the_number_never_goes_back(self, store: Store) -> None:
        newer = replace(BLOB, number=8, blob=b"8", fetched_at=LATER)
        await store.write(lambda tx: tx.metadata_blobs.keep(BLOB))
        assert not await store.write(lambda tx: tx.metadata_blobs.keep(replace(BLOB, blob=b"other")))
        assert await store.write(lambda tx: tx.metadata_blobs.keep(newer))
        assert not await store.write(lambda tx: tx.metadata_blobs.keep(BLOB))
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=0)) == newer

    async def test_of_many_at_once_one_keeps_it(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.metadata_blobs.keep(BLOB))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_is_claimed_once_until_it_is_due_again(self, store: Store) -> None:
        claim = store.write
        assert await claim(lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=LATER))
        assert not await claim(lambda tx: tx.metadata_blobs.claim("uaf:1", now=LATER - MICROSECOND, until=LATER))
        assert await claim(lambda tx: tx.metadata_blobs.claim("uaf:2", now=NOW, until=LATER))
        assert await claim(lambda tx: tx.metadata_blobs.claim("uaf:1", now=LATER, until=LATER))

    async def test_what_is_postponed_is_not_claimed(self, store: Store) -> None:
        await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=NOW))
        await store.write(lambda tx: tx.metadata_blobs.postpone("uaf:1", until=LATER))
        assert not await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=NOW))
        assert await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=LATER, until=LATER))

    async def test_claiming_and_keeping_do_not_disturb_each_other(self, store: Store) -> None:
        await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=LATER))
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=0)) is None
        assert await store.write(lambda tx: tx.metadata_blobs.keep(BLOB))
        assert not await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=LATER))
        assert await store.write(lambda tx: tx.metadata_blobs.claim("uaf:1", now=LATER, until=LATER))
        assert await store.read(lambda tx: tx.metadata_blobs.newer("uaf:1", than=0)) == BLOB

    async def test_of_many_at_once_one_claims(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.metadata_blobs.claim("uaf:1", now=NOW, until=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
