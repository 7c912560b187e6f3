"""Workstations, and what the site wants to happen when a card leaves one."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from carekey.jose import base64url

WorkstationId = NewType("WorkstationId", str)


class WhenCardLeaves(StrEnum):
    END = "end"
    """The sessions that began with it there end, and their applications are told."""
    LOCK = "lock"
    """They are parked: their person has to prove themself again, and goes on in the same role."""
    NOTHING = "nothing"
    """It is recorded, and that is all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    id: WorkstationId
    name: str
    key: bytes
    """Ed25519, 32 bytes."""
    enrolled_at: datetime
    heard_at: datetime
    """The moment that its latest statement names. No earlier statement counts any more."""
    revoked_at: datetime | None = None


def id_of(key: bytes) -> WorkstationId:
    """A workstation is named by its key, so that a companion needs to be told nothing else."""
    return WorkstationId(base64url.encode(hashlib.sha256(key).digest()).decode()[:22])
