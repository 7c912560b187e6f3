"""Pictures of applications."""

from carekey.kernel.ids import ClientId, IssuerName
from carekey.storage import Store
from carekey.storage.conformance.samples import CLIENT, ISSUER


class LogosContract:
    async def test_a_newer_one_takes_the_place_of_the_older(self, store: Store) -> None:
        for picture in (b"\x89PNG\x00", b"newer"):
            await store.write(lambda tx, picture=picture: tx.logos.put(ISSUER, CLIENT, picture))  # type: ignore[misc]  # binds this one
            assert await store.read(lambda tx: tx.logos.find(ISSUER, CLIENT)) == picture

    async def test_each_is_one_clients_of_one_issuer(self, store: Store) -> None:
        await store.write(lambda tx: tx.logos.put(ISSUER, CLIENT, b"ours"))
        await store.write(lambda tx: tx.logos.put(IssuerName("sandbox"), CLIENT, b"theirs"))
        assert await store.read(lambda tx: tx.logos.find(ISSUER, ClientId("other"))) is None
        for _ in range(2):
            await store.write(lambda tx: tx.logos.remove(ISSUER, CLIENT))
        assert await store.read(lambda tx: tx.logos.find(ISSUER, CLIENT)) is None
        assert await store.read(lambda tx: tx.logos.find(IssuerName("sandbox"), CLIENT)) == b"theirs"
