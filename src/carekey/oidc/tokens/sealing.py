"""Encrypts to a client what it is told, if it has asked for that (OpenID Connect Core section 10.2; JARM; RFC 9701)."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Protocol

from carekey.jose import encryption
from carekey.jose.encryption import Recipients
from carekey.oidc.client_auth.keys import KeysUnavailable
from carekey.oidc.errors import InvalidRequest, Reason
from carekey.oidc.model import Client, Encryption

Seal = Callable[..., str]
"""From a text to what goes out; `signed=False` for one that is not a signed JWT."""


class RecipientsOf(Protocol):
    def __call__(self, client: Client, *, alg: str, now: datetime) -> Awaitable[Recipients]:
        """A client's encryption keys, for `alg` above all. Raises: KeysUnavailable."""
        ...


def _as_it_is(text: str, *, signed: bool = True) -> str:  # noqa: ARG001 (a `Seal` has it)
    return text


AS_IT_IS: Seal = _as_it_is


class Sealer:
    def __init__(self, recipients: RecipientsOf) -> None:
        self._recipients = recipients

    async def check(self, client: Client, scopes: Collection[str], *, now: datetime) -> None:
        """Whether the client can be told of a person once one has logged in: nobody should log in for nothing.

        Raises: InvalidRequest."""
        if "openid" in scopes:
            await self.to(client, client.id_token_encryption, now=now)
            await self.to(client, client.userinfo_encryption, now=now)

    async def to(self, client: Client, wanted: Encryption | None, *, now: datetime) -> Seal:
        """What encrypts as the client wants it, or leaves the text as it is. It comes before anything is spent:
        without a key nothing is told. Raises: InvalidRequest."""
        if wanted is None:
            return AS_IT_IS
        try:
            recipient = (await self._recipients(client, alg=wanted.alg, now=now)).find(wanted.alg)
        except KeysUnavailable:
            raise InvalidRequest("The client's keys are not to be had", reason=Reason.KEYS_UNAVAILABLE) from None
        if recipient is None:
            raise InvalidRequest(f"The client has no key for {wanted.alg}", reason=Reason.NO_ENCRYPTION_KEY)

        def seal(text: str, *, signed: bool = True) -> str:
            return encryption.encrypt(text, recipient, enc=wanted.enc, cty="JWT" if signed else None)

        return seal
