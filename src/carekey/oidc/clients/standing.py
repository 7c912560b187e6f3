"""Switching a relying party off, and on again.

Every endpoint reads the client anew, so every node refuses it from the moment that the transaction has committed. Only
access tokens that their resource verifies itself (RFC 9068) go on until they expire: nobody asks us about them.
"""

from dataclasses import replace
from datetime import datetime

from carekey.kernel.actor import Actor
from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.clients.register import ClientsTx
from carekey.oidc.events import ClientDisabled, ClientEnabled
from carekey.oidc.model import Client


class NoSuchClient(LookupError):
    """There is none, or it has removed itself, which is for ever."""


class ChangedMeanwhile(Exception):
    """Of two changes at once, the other won."""


def disable(
    tx: ClientsTx, issuer: IssuerName, id: ClientId, *, why: str, by: Actor, now: datetime, reference: str = ""
) -> bool:
    """False, and nothing is recorded, if it is disabled already. Raises: NoSuchClient, ChangedMeanwhile."""
    was = _find(tx, issuer, id)
    if was.disabled_at is not None:
        return False
    _change(tx, replace(was, disabled_at=now, revision=was.revision + 1))
    tx.audit.record(
        ClientDisabled(at=now, actor=by, reference=reference, issuer=issuer, client=id, name=was.name, why=why)
    )
    return True


def enable(tx: ClientsTx, issuer: IssuerName, id: ClientId, *, why: str, by: Actor, now: datetime) -> bool:
    """False, and nothing is recorded, if it is not disabled. Raises: NoSuchClient, ChangedMeanwhile."""
    was = _find(tx, issuer, id)
    if was.disabled_at is None:
        return False
    # In whole seconds, as tokens say when they were issued.
    since = now.replace(microsecond=0)
    _change(tx, replace(was, disabled_at=None, honours_from=since, revision=was.revision + 1))
    tx.audit.record(ClientEnabled(at=now, actor=by, issuer=issuer, client=id, name=was.name, why=why))
    return True


def _find(tx: ClientsTx, issuer: IssuerName, id: ClientId) -> Client:
    found = tx.clients.find(issuer, id)
    if found is None or found.removed:
        raise NoSuchClient(id)
    return found


def _change(tx: ClientsTx, client: Client) -> None:
    if not tx.clients.change(client):
        raise ChangedMeanwhile(client.id)
