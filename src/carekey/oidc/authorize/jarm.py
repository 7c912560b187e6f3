"""JWT-secured authorization responses: the parameters as claims of one JWT, signed and then perhaps encrypted. Pure.

Source: JARM (JWT Secured Authorization Response Mode for OAuth 2.0) sections 2.1 to 2.3.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from carekey.oidc.authorize.response import Answer, Signing
from carekey.oidc.tokens.sealing import Seal
from carekey.oidc.tokens.signing import Signs

LIFETIME = timedelta(minutes=5)
"""Ten minutes at most (section 2.1); longer than any code lives."""


def secured(answer: Answer, signing: Signing, signer: Signs, seal: Seal, *, now: datetime) -> Answer:
    """The answer with `response` for its only parameter."""
    claims = {
        **dict(answer.parameters),
        "iss": signing.url,
        "aud": signing.client,
        "exp": int((now + LIFETIME).timestamp()),
    }
    return replace(answer, parameters=(("response", seal(signer.sign(claims, alg=signing.alg))),), signing=None)
