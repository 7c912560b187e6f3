"""Writes one client after the other and says which were answered. To be killed: `test_durability.py`."""

import asyncio
import sys
from functools import partial
from itertools import count

from carekey.kernel.ids import ClientId
from carekey.storage import Tx, open_store
from carekey.storage.conformance import samples

WRITERS = 8


async def main(url: str) -> None:
    store = open_store(url)

    def work(id: str, tx: Tx) -> None:
        tx.clients.add(samples.client(id=ClientId(id)))
        tx.audit.record(samples.tested(reference=id))

    async def write(writer: int) -> None:
        for number in count():
            id = f"{writer}-{number}"
            await store.write(partial(work, id))
            sys.stdout.write(f"{id}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
