"""What both ceremonies' pages share: the ways, the terms, challenges, answers to the script."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import JSONResponse

from carekey.authenticators.base import Credential, Way
from carekey.authenticators.webauthn.ceremony import KIND, TIMEOUT_MS, RelyingParty, base64url
from carekey.authenticators.webauthn.evidence import decode
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.authenticators.webauthn.models import WayName
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.secret import digest
from carekey.web import headers
from carekey.web.kit import Response

CHALLENGE_LIFETIME = timedelta(milliseconds=TIMEOUT_MS)

_LEVELS = frozenset({AAL.AAL2, AAL.AAL3})
_AMR = frozenset({Amr.FIDO2, Amr.PASSKEY})
WAYS: Mapping[WayName, Way] = {
    "passkey": Way(
        name="passkey",
        title="Passkey on this device",
        hint="Such as Windows Hello, Touch ID or the screen lock of your phone",
        levels=_LEVELS,
        amr=_AMR,
    ),
    "security-key": Way(
        name="security-key",
        title="Security key",
        hint="A small key that you plug in or tap, such as a YubiKey",
        levels=_LEVELS,
        amr=_AMR,
    ),
}


@dataclass(kw_only=True)
class Terms:
    """What answers are judged by. `metadata` is replaced whenever a newer one has been read."""

    rp: RelyingParty
    policy: Policy
    metadata: Metadata


def descriptors(held: Iterable[Credential]) -> list[tuple[bytes, tuple[str, ...]]]:
    """Ids and transports of the WebAuthn credentials among these."""
    return [(one.handle, decode(one.data).transports) for one in held if one.kind == KIND]


def challenge_digest(challenge: bytes) -> bytes:
    return digest(base64url(challenge))


def answer_json(body: Mapping[str, Any], *, status: int = 200) -> Response:
    response = JSONResponse(body, status)
    response.raw_headers.append(headers.NO_STORE)
    return response
