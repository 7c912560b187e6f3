"""Client authentication by an assertion signed with the client's private key (OpenID Connect Core section 9)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from carekey.jose import jwt
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import Flaw, InvalidJwt, KeySet, Unverified
from carekey.oidc.client_auth.assertion import REASONS, Proven, check
from carekey.oidc.errors import InvalidAssertion
from carekey.oidc.model import Client


@dataclass(frozen=True, slots=True)
class NeedKeys:
    """None of the keys at hand signed it. Fetch the client's keys, if they are fetched, and ask again."""

    why: InvalidAssertion


def judge(
    token: Unverified, client: Client, keys: KeySet, *, audiences: Collection[str], now: datetime
) -> Proven | NeedKeys:
    """Raises: InvalidAssertion."""
    # The cheap checks come first: a signature is only looked at for an assertion that would otherwise do.
    proven = check(token, audiences=audiences, now=now)
    allowed = ASYMMETRIC if client.auth_signing_alg is None else (client.auth_signing_alg,)
    try:
        jwt.verify(token, keys, allowed=ASYMMETRIC.intersection(allowed))
    except InvalidJwt as error:
        refusal = InvalidAssertion(reason=REASONS[error.flaw])
        unnamed = error.flaw is Flaw.BAD_SIGNATURE and token.header.kid is None
        if error.flaw is Flaw.UNKNOWN_KEY or unnamed:
            return NeedKeys(refusal)
        raise refusal from None
    return proven
