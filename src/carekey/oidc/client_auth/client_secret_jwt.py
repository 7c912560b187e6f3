"""Client authentication by an assertion with a MAC under the client secret (OpenID Connect Core section 9)."""

from collections.abc import Collection
from datetime import datetime

from carekey.jose import jwt
from carekey.jose.algorithms import SYMMETRIC
from carekey.jose.jwt import InvalidJwt, KeySet, Unverified
from carekey.jose.sealing import SealBroken, Sealing
from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.client_auth.assertion import REASONS, Proven, check
from carekey.oidc.errors import InvalidAssertion, Reason
from carekey.oidc.model import Client


def purpose(issuer: IssuerName, client: ClientId) -> str:
    """What a client's secret is sealed for."""
    return f"client-secret:{issuer}:{client}"


def judge(token: Unverified, client: Client, sealing: Sealing, *, audiences: Collection[str], now: datetime) -> Proven:
    """Raises: InvalidAssertion."""
    proven = check(token, audiences=audiences, now=now)
    allowed = SYMMETRIC if client.auth_signing_alg is None else (client.auth_signing_alg,)
    try:
        secret = sealing.open(client.secret or b"", purpose=purpose(client.issuer, client.id))
        jwt.verify(token, KeySet.of_secret(secret.decode()), allowed=SYMMETRIC.intersection(allowed))
    except SealBroken:
        raise InvalidAssertion(reason=Reason.KEYS_UNAVAILABLE) from None
    except InvalidJwt as error:
        raise InvalidAssertion(reason=REASONS[error.flaw]) from None
    return proven
