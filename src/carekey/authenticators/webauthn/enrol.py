"""Adding a credential: the registration ceremony (WebAuthn level 3 sections 7.1 and 5.4)."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from webauthn import verify_registration_response
from webauthn.helpers import parse_attestation_object, parse_registration_credential_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException

from carekey.authenticators.base import Credential, Rejected
from carekey.authenticators.webauthn import attestation, levels, models
from carekey.authenticators.webauthn.attestation import UntrustedError
from carekey.authenticators.webauthn.ceremony import (
    HINTS,
    TIMEOUT_MS,
    Answer,
    Reason,
    RelyingParty,
    base64url,
    descriptor,
    origin_fault,
)
from carekey.authenticators.webauthn.evidence import Evidence, Trust, decode
from carekey.authenticators.webauthn.levels import Policy, Unfit, Worth
from carekey.authenticators.webauthn.metadata import Metadata, Model
from carekey.authenticators.webauthn.models import WayName

ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,  # what Windows Hello's TPM makes
)
_ATTACHMENT: Mapping[WayName, str] = {"passkey": "platform", "security-key": "cross-platform"}
_RESIDENT: Mapping[WayName, str] = {"passkey": "required", "security-key": "preferred"}
"""Keys hold few discoverable credentials; with a full one the person types the user ID."""


class Pending(msgspec.Struct, frozen=True):
    challenge: bytes
    user_handle: bytes


class Registered(msgspec.Struct, frozen=True):
    """A registration that holds, before it has a name."""

    credential_id: bytes
    counter: int
    evidence: Evidence
    model: str
    """What it is called, until the person calls it something else."""
    way: WayName
    very_high: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """The person, as the authenticator stores and shows them."""

    handle: bytes
    name: str
    display_name: str


def user_handle(held: Iterable[Credential], *, fresh: bytes) -> bytes:
    """The same for all credentials of a person, so that an authenticator keeps one of each; random, so that it says
    nothing of them (section 14.6.1). `fresh`: 32 bytes, used if this is the first."""
    return next((decode(credential.data).user_handle for credential in held), fresh)


def begin(
    rp: RelyingParty,
    user: User,
    *,
    challenge: bytes,
    way: WayName,
    held: Iterable[tuple[bytes, Sequence[str]]],
) -> tuple[dict[str, Any], Pending]:
    """`held`: ids and transports of what the person has, so that nothing is added twice."""
    options = {
        "rp": {"id": rp.id, "name": rp.name},
        "user": {"id": base64url(user.handle), "name": user.name, "displayName": user.display_name},
        "challenge": base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": int(algorithm)} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [descriptor(id, transports) for id, transports in held],
        "authenticatorSelection": {
            "authenticatorAttachment": _ATTACHMENT[way],
            "residentKey": _RESIDENT[way],
            "requireResidentKey": _RESIDENT[way] == "required",
            "userVerification": "required",
        },
        "hints": list(HINTS[way]),
        "attestation": "direct",
    }
    return options, Pending(challenge, user.handle)


def finish(
    rp: RelyingParty, pending: Pending, answer: Answer, *, metadata: Metadata, policy: Policy, now: datetime
) -> Registered | Rejected:
    """Judge an answer to the question that `pending` was kept of. Source: section 7.1."""
    if why := origin_fault(rp, answer):
        return Rejected(why=why)
    try:
        given = parse_registration_credential_json(dict(answer.body))
        model = _model(given.response.attestation_object, metadata, now)
        verified = verify_registration_response(
            credential=given,
            expected_challenge=pending.challenge,
            expected_rp_id=rp.id,
            expected_origin=answer.origin,
            supported_pub_key_algs=list(ALGORITHMS),
            pem_root_certs_bytes_by_fmt=attestation.roots_by_format(model),
        )
        judged = attestation.judge(
            verified.attestation_object, aaguid=uuid.UUID(verified.aaguid).bytes, model=model, now=now
        )
    except UntrustedError:
        return Rejected(why=Reason.ATTESTATION_UNTRUSTED)
    except WebAuthnException:
        return Rejected(why=Reason.NOT_VERIFIED)
    except Exception:  # noqa: BLE001 (the library lets KeyError, TypeError and others out for malformed input)
        return Rejected(why=Reason.MALFORMED)
    if not verified.user_verified:
        return Rejected(why=Reason.USER_NOT_VERIFIED)
    evidence = Evidence(
        public_key=verified.credential_public_key,
        user_handle=pending.user_handle,
        aaguid=verified.aaguid,
        format=str(verified.fmt.value if hasattr(verified.fmt, "value") else verified.fmt),
        trust=judged.trust,
        backup_eligible=verified.credential_device_type.value == "multi_device",
        transports=tuple(transport.value for transport in given.response.transports or ()),
        attachment=given.authenticator_attachment.value if given.authenticator_attachment else None,
        certificates=judged.certificates,
    )
    worth = levels.worth(evidence, metadata.find(evidence.aaguid), policy)
    if isinstance(worth, Unfit):
        return Rejected(why=Reason(worth.value))
    return _registered(verified.credential_id, verified.sign_count, evidence, worth, metadata)


def _registered(id: bytes, counter: int, evidence: Evidence, worth: Worth, metadata: Metadata) -> Registered:
    described = metadata.find(evidence.aaguid) if evidence.trust is Trust.VERIFIED else None
    way = models.way_of(evidence)
    return Registered(
        credential_id=id,
        counter=counter,
        evidence=evidence,
        model=models.name(evidence.aaguid, described=described.description if described else None, way=way),
        way=way,
        very_high=worth is levels.VERY_HIGH,
    )


def _model(attestation_object: bytes, metadata: Metadata, now: datetime) -> Model | None:
    """What the metadata knows of the model that this claims to be. Metadata that is out of date vouches for no new key."""
    attested = parse_attestation_object(attestation_object).auth_data.attested_credential_data
    if attested is None or metadata.out_of_date(now):
        return None
    return metadata.find(str(uuid.UUID(bytes=attested.aaguid)))
