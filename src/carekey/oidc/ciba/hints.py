"""Whom a client means: exactly one of `login_hint`, `id_token_hint` and `login_hint_token` (CIBA Core section 7.1).

No hint is looked up in the directory. Whoever asks for a person who does not exist, or may not log in, is answered as
for anybody else, and hears in the end that nobody decided: no client finds out by CIBA who works here.
"""

import re
from datetime import datetime

from carekey.jose import jwt
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import InvalidJwt, KeySet
from carekey.kernel.ids import PersonId
from carekey.oidc import id_token_hint
from carekey.oidc.ciba.errors import ExpiredLoginHintToken, Reason, UnknownUserId
from carekey.oidc.errors import InvalidRequest
from carekey.oidc.id_token_hint import Verifier
from carekey.oidc.model import Client, Issuer
from carekey.oidc.profiles import demands
from carekey.web.fields import Fields

NAMES = ("login_hint", "id_token_hint", "login_hint_token")
_PERSON = re.compile(r"[0-9]{12}")
SKEW = 60
"""Seconds that a client's clock may be wrong."""


def read(
    fields: Fields, client: Client, issuer: Issuer, *, verifier: Verifier, keys: KeySet, now: datetime
) -> PersonId:
    """`verifier`: our own keys, for ID tokens. `keys`: the client's. Raises: OAuthError."""
    given = [name for name in NAMES if fields.get(name) is not None]
    if not given:
        raise InvalidRequest("One of login_hint, id_token_hint and login_hint_token is needed", reason=Reason.NO_HINT)
    if len(given) > 1:
        raise InvalidRequest(f"{given[0]} and {given[1]} exclude each other", reason=Reason.SEVERAL_HINTS)
    text = fields.get(given[0]) or ""
    match given[0]:
        case "login_hint":
            person = text
        case "id_token_hint":
            hint = id_token_hint.read(text, verifier, issuer)
            if hint is None or hint.client != client.id:
                raise InvalidRequest("id_token_hint is not an ID token of this client", reason=Reason.HINT_TOKEN)
            return hint.person
        case _:
            person = _from_token(text, client, issuer, keys, now)
    if not _PERSON.fullmatch(person):
        raise UnknownUserId(reason=Reason.HINT_NAMES_NOBODY)
    return PersonId(person)


def _from_token(text: str, client: Client, issuer: Issuer, keys: KeySet, now: datetime) -> str:
    """A JWT that the client signed: `iss` is the client, `aud` the issuer, `sub` the person, `exp` its end.

    Raises: InvalidRequest, ExpiredLoginHintToken."""
    wrong = InvalidRequest(
        "login_hint_token must be a JWT of the client: iss, aud, sub and exp", reason=Reason.HINT_TOKEN
    )
    try:
        token = jwt.parse(text)
        jwt.verify(token, keys, allowed=ASYMMETRIC & demands(issuer, client).algs)
    except InvalidJwt:
        raise wrong from None
    match token.claims:
        case {"iss": client.id, "aud": issuer.url | [issuer.url], "sub": str(sub), "exp": int() | float() as ends}:
            if ends + SKEW <= now.timestamp():
                raise ExpiredLoginHintToken(reason=Reason.HINT_TOKEN_EXPIRED)
            return sub
        case _:
            raise wrong
