"""Which workstations are believed."""

from datetime import UTC, datetime

from carekey.jose import base64url
from carekey.kernel.actor import Actor
from carekey.workstations import presence
from carekey.workstations.events import WorkstationEnrolled, WorkstationRevoked
from carekey.workstations.model import WhenCardLeaves, Workstation, WorkstationId, id_of
from carekey.workstations.ports import WorkstationTx

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
NAME_LIMIT = 100


class NotEnrolled(Exception):
    """Why not, in a sentence for the operator."""


def key_of(text: str) -> bytes:
    """The public key that `carekey_agent.py key` prints. Raises: NotEnrolled."""
    try:
        key = base64url.decode(text.strip().encode("ascii"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise NotEnrolled("That is not a key: it is what `carekey_agent.py key` prints at the workstation.")
    return key


def enrol(tx: WorkstationTx, name: str, key: bytes, *, by: Actor, now: datetime) -> Workstation:
    """Raises: NotEnrolled."""
    name = name.strip()
    if not name or len(name) > NAME_LIMIT:
        raise NotEnrolled(f"A workstation needs a name of at most {NAME_LIMIT} letters.")
    made = Workstation(id=id_of(key), name=name, key=key, enrolled_at=now, heard_at=NEVER)
    if not tx.workstations.add(made):
        raise NotEnrolled("This key was enrolled before. After it was revoked, a workstation needs a new one.")
    tx.audit.record(WorkstationEnrolled(at=now, actor=by, workstation=made.id, name=name))
    return made


def revoke(tx: WorkstationTx, id: WorkstationId, *, by: Actor, now: datetime) -> Workstation:
    """Nothing more is believed of it, and no card is there any more; sessions stay. Raises: NotEnrolled."""
    found = tx.workstations.find(id)
    if found is None:
        raise NotEnrolled(f"There is no workstation {id}.")
    if not tx.workstations.revoke(id, at=now):
        raise NotEnrolled(f"The workstation {id} was revoked before.")
    presence.update(tx, id, {}, policy=WhenCardLeaves.NOTHING, now=now)
    tx.audit.record(WorkstationRevoked(at=now, actor=by, workstation=id, name=found.name))
    return found
