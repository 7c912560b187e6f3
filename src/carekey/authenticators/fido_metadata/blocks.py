"""The operator's own blocks, on the audit record: each once, however many nodes read the file, and when it is lifted."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from carekey.authenticators.fido_metadata.events import ModelBlocked, ModelUnblocked
from carekey.authenticators.fido_metadata.ports import KeptBlob, MetadataTx
from carekey.authenticators.fido_metadata.refresh import JOB
from carekey.authenticators.uaf.metadata import Block

SOURCE = "uaf:blocks"

_blocks = msgspec.json.Decoder(list[Block])


def record(tx: MetadataTx, blocks: Sequence[Block], *, now: datetime) -> bool:
    """What is blocked from now on and was not, and the other way round.

    Of two nodes at once one records it. Whoever lost has `False` and looks again: the other may have read an older file.
    """
    kept = tx.metadata_blobs.newer(SOURCE, than=0)
    before = _blocks.decode(kept.blob) if kept else []
    added, gone = [one for one in blocks if one not in before], [one for one in before if one not in blocks]
    number = kept.number + 1 if kept else 1
    mine = KeptBlob(source=SOURCE, number=number, blob=msgspec.json.encode(blocks), fetched_at=now)
    if not (added or gone):
        return True
    if not tx.metadata_blobs.keep(mine):
        return False
    for one in added:
        tx.audit.record(
            ModelBlocked(
                at=now,
                actor=JOB,
                model=one.aaid,
                versions=one.versions,
                certificate=one.certificate.hex() if one.certificate else "",
                reason=one.reason,
            )
        )
    for one in gone:
        tx.audit.record(
            ModelUnblocked(
                at=now,
                actor=JOB,
                model=one.aaid,
                versions=one.versions,
                certificate=one.certificate.hex() if one.certificate else "",
            )
        )
    return True
