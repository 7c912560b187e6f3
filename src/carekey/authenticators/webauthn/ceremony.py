"""Logging in with a credential: the authentication ceremony (WebAuthn level 3 sections 7.2 and 5.5).

`begin` gives the options for the browser and a `Pending` to keep; `finish` takes both the answer and that back.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from webauthn import verify_authentication_response
from webauthn.helpers import parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException

from carekey.authenticators.base import Credential, Rejected, Verified
from carekey.authenticators.webauthn import levels
from carekey.authenticators.webauthn.evidence import decode
from carekey.authenticators.webauthn.levels import Policy, Unfit
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.authenticators.webauthn.models import WayName
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import PersonId

KIND = "webauthn"
TIMEOUT_MS = 120_000
"""How long the browser waits for the person; a challenge lives as long (`http.py`)."""

HINTS: Mapping[WayName, Sequence[str]] = {
    "passkey": ("client-device", "hybrid"),
    "security-key": ("security-key",),
}
"""Which of its own dialogs the browser opens first (section 5.8.7). A hint: the answer is judged by what it is."""


class Reason(StrEnum):
    """Why an answer was refused, at log-in or at registration."""

    MALFORMED = "malformed"
    CHALLENGE_GONE = "challenge_gone"
    """Answered before, too late, or never put by us."""
    OTHER_SUBJECT = "other_subject"
    """The challenge was put for another log-in or enrolment."""
    WRONG_ORIGIN = "wrong_origin"
    EMBEDDED = "embedded"
    """From a frame on somebody else's page."""
    NOT_VERIFIED = "not_verified"
    """The signature, the relying party or the user's presence did not check."""
    USER_NOT_VERIFIED = "user_not_verified"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    REVOKED_CREDENTIAL = "revoked_credential"
    NOT_ASKED_FOR = "not_asked_for"
    """None of the credentials that the options named."""
    OTHER_USER_HANDLE = "other_user_handle"
    WRONG_PERSON = "wrong_person"
    WAY_NOT_ALLOWED = "way_not_allowed"
    LEVEL_NOT_ACCEPTED = "level_not_accepted"
    BACKUP_CHANGED = "backup_changed"
    """Backup eligibility is fixed for life; it no longer is what was registered."""
    COUNTER_WENT_BACK = "counter_went_back"
    TEST_MODEL = "test_model"
    MODEL_COMPROMISED = "model_compromised"
    ATTESTATION_UNTRUSTED = "attestation_untrusted"
    """Says to be of a known model, but its certificates do not lead there."""
    ALREADY_REGISTERED = "already_registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Who we are to authenticators. `id` is a domain; credentials are bound to it for life."""

    id: str
    name: str
    origins: frozenset[str]


class Pending(msgspec.Struct, frozen=True):
    """What is kept of a question until its answer comes."""

    challenge: bytes
    allowed: tuple[bytes, ...] = ()
    """Credential ids that the options named; empty where any discoverable one will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A public key credential as the browser gave it, far enough read to look things up. Nothing in it is proven."""

    claimed_credential: bytes
    claimed_challenge: bytes
    user_handle: bytes | None
    origin: str
    embedded: bool
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The signature holds. The shell must still advance the counter, which answers the race."""

    proof: Verified
    credential: Credential
    counter: int


def begin(
    rp: RelyingParty, *, challenge: bytes, way: WayName, allowed: Iterable[tuple[bytes, Sequence[str]]] = ()
) -> tuple[dict[str, Any], Pending]:
    """`allowed`: ids and transports of the credentials that will do; none for any discoverable one."""
    allowed = tuple(allowed)
    options = {
        "challenge": base64url(challenge),
        "timeout": TIMEOUT_MS,
        "rpId": rp.id,
        "userVerification": "required",
        "hints": list(HINTS[way]),
        "allowCredentials": [descriptor(id, transports) for id, transports in allowed],
    }
    return options, Pending(challenge, tuple(id for id, _ in allowed))


def descriptor(id: bytes, transports: Sequence[str]) -> dict[str, Any]:
    listed = {"transports": list(transports)} if transports else {}
    return {"type": "public-key", "id": base64url(id), **listed}


def read(text: str) -> Answer | Rejected:
    """Read what a browser's `toJSON()` made of its credential."""
    try:
        body = msgspec.json.decode(text, type=dict[str, Any])
        response = body["response"]
        client_data = parse_client_data_json(_bytes(response["clientDataJSON"]))
        handle = response.get("userHandle")
        if not isinstance(client_data.origin, str):  # the library takes what it finds
            return Rejected(why=Reason.MALFORMED)
        return Answer(
            claimed_credential=_bytes(body["rawId"]),
            claimed_challenge=client_data.challenge,
            user_handle=_bytes(handle) if handle else None,
            origin=client_data.origin,
            embedded=bool(client_data.cross_origin),
            body=body,
        )
    except (msgspec.DecodeError, WebAuthnException, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Rejected(why=Reason.MALFORMED)


def finish(
    rp: RelyingParty,
    pending: Pending,
    answer: Answer,
    credential: Credential | None,
    *,
    expected_person: PersonId | None,
    accepted: frozenset[AAL],
    metadata: Metadata,
    policy: Policy,
    now: datetime,
) -> Proven | Rejected:
    """Judge an answer to the question that `pending` was kept of.

    `expected_person`: the only one who may prove themself. `accepted`: levels that the request would take.
    Source: section 7.2.
    """
    if why := origin_fault(rp, answer):
        return Rejected(why=why)
    if credential is None:
        return Rejected(why=Reason.UNKNOWN_CREDENTIAL)
    if credential.revoked_at is not None:
        return Rejected(why=Reason.REVOKED_CREDENTIAL)
    evidence = decode(credential.data)
    # Step 6: with no list the authenticator chose the user, and must say whom.
    if pending.allowed and answer.claimed_credential not in pending.allowed:
        return Rejected(why=Reason.NOT_ASKED_FOR)
    if answer.user_handle is None:
        if not pending.allowed:
            return Rejected(why=Reason.OTHER_USER_HANDLE)
    elif answer.user_handle != evidence.user_handle:
        return Rejected(why=Reason.OTHER_USER_HANDLE)
    try:
        verified = verify_authentication_response(
            credential=dict(answer.body),
            expected_challenge=pending.challenge,
            expected_rp_id=rp.id,
            expected_origin=answer.origin,
            credential_public_key=evidence.public_key,
            credential_current_sign_count=0,  # compared and set at once by Credentials.advance
        )
    except WebAuthnException:
        return Rejected(why=Reason.NOT_VERIFIED)
    except Exception:  # noqa: BLE001 (the library lets KeyError, TypeError and others out for malformed input)
        return Rejected(why=Reason.MALFORMED)
    if not verified.user_verified:
        return Rejected(why=Reason.USER_NOT_VERIFIED)
    if (verified.credential_device_type.value == "multi_device") != evidence.backup_eligible:
        return Rejected(why=Reason.BACKUP_CHANGED)
    if expected_person is not None and credential.person != expected_person:
        return Rejected(why=Reason.WRONG_PERSON)
    worth = levels.worth(evidence, metadata.find(evidence.aaguid), policy)
    if isinstance(worth, Unfit):
        return Rejected(why=Reason(worth.value))
    if worth.aal not in accepted:
        return Rejected(why=Reason.LEVEL_NOT_ACCEPTED)
    proof = Verified(
        person=credential.person, credential=credential.id, kind=KIND, aal=worth.aal, amr=worth.amr, at=now
    )
    return Proven(proof=proof, credential=credential, counter=verified.new_sign_count)


def origin_fault(rp: RelyingParty, answer: Answer) -> Reason | None:
    """Steps 12 to 14: one of our own pages, and not inside a frame of somebody else's."""
    if answer.origin not in rp.origins:
        return Reason.WRONG_ORIGIN
    return Reason.EMBEDDED if answer.embedded else None


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
