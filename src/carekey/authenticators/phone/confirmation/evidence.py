"""The evidence of a confirmation: written when it is given, verified by anybody, any time, offline. Pure.

A document in JSON, in the terms of the UAF specification alone, so that it outlives this program: the request as it
was sent, the response as it came, the key with what attested it, the model's metadata statement, and what CareKey says
besides. What the key signed is verified anew; that the key was the person's is CareKey's word, which the audit record
has too (the digest of this document stands there).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509

from carekey.authenticators.uaf import algorithms, authentication, base64url, messages
from carekey.authenticators.uaf.facets import TrustedFacets
from carekey.authenticators.uaf.messages import AuthenticationRequest, DisplayPNGCharacteristics, present
from carekey.authenticators.uaf.metadata import Metadata, Model
from carekey.authenticators.uaf.model import Issued, Registration, RelyingParty
from carekey.authenticators.uaf.registry import AttestationType
from carekey.authenticators.uaf.statement import MetadataError, parse
from carekey.authenticators.uaf.status import Refused, UafError
from carekey.kernel.assurance import AAL

FORMAT = "carekey-evidence-1"
_MOMENT = timedelta(microseconds=1)


class EvidenceError(Exception):
    """The document is no evidence, or it does not hold. The text says in a sentence why."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Key(_Strict, frozen=True, kw_only=True):
    aaid: str
    key_id: str
    public_key: str
    """SubjectPublicKeyInfo. Bytes are base64url throughout."""
    sign_counter: int
    """As it stood before."""
    registered_at: datetime
    attestation: str
    certificates: list[str]
    """DER; the leaf first, the anchor last."""
    images: tuple[DisplayPNGCharacteristics, ...] = ()
    """Those that the device said at registration that it shows."""


class Asked(_Strict, frozen=True, kw_only=True):
    """What CareKey says of the question."""

    application: str
    text: str
    at: datetime
    until: datetime


class Document(_Strict, frozen=True, kw_only=True):
    format: str
    id: str
    person: str
    asked: Asked
    confirmed_at: datetime
    request: str
    response: str
    facets: list[str]
    """From where our applications may have answered."""
    key: Key
    metadata: Mapping[str, Any]
    """The model's statement."""
    metadata_number: int
    standing: str
    """What was reported of the model then; empty if nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What holds."""

    document: Document
    digest: str
    content_type: str
    content: bytes
    """What the key signed."""
    model: str
    key: str
    """SHA-256 of the SubjectPublicKeyInfo, in hexadecimal."""
    attestation: str
    anchor: str
    """The subject of the certificate that vouches for the model; empty if none does."""


def write(document: Document) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def key_of(registration: Registration) -> Key:
    return Key(
        aaid=registration.aaid,
        key_id=base64url.encode(registration.key_id),
        public_key=base64url.encode(registration.spki),
        sign_counter=registration.sign_counter,
        registered_at=registration.registered_at,
        attestation=registration.attestation.name,
        certificates=[base64url.encode(one) for one in registration.chain],
        images=registration.png,
    )


def verify(text: str) -> Verdict:
    """Raises: EvidenceError."""
    document = _read(text)
    try:
        issued, response = _issued(document), messages.read_response(document.response)
        model = Model(statement=parse(document.metadata), number=document.metadata_number)
        registration = _registration(document, issued)
        algorithms.load_key(registration.spki)
        subject = x509.load_der_x509_certificate(registration.chain[-1]).subject if registration.chain else None
        anchor = subject.rfc4514_string() if subject else ""
    except (UafError, MetadataError, ValueError, KeyError) as error:
        raise EvidenceError(f"a part of it cannot be read ({type(error).__name__})") from None
    party = RelyingParty(
        facets=TrustedFacets(app_id=issued.app_id, ids=frozenset(document.facets)),
        metadata=Metadata.of([model], test_models=True),
    )

    def find(aaid: str, key_id: bytes) -> Registration | None:
        known = (registration.aaid, registration.key_id) == (aaid.upper(), key_id)
        return registration if known else None

    outcome = authentication.finish(issued, response, party, find=find, now=document.confirmed_at)
    if isinstance(outcome, Refused):
        raise EvidenceError(f"the response does not answer the request: {outcome.reason}")
    if outcome.confirmed is None:
        raise EvidenceError("the response confirms nothing")
    shown = outcome.confirmed.transaction
    content = base64url.decode(shown.content)
    if shown.content_type == "text/plain" and content != document.asked.text.encode():
        raise EvidenceError("the text that was signed is not the text that is said to have been asked")
    if not document.asked.at <= document.confirmed_at < document.asked.until:
        raise EvidenceError("it was not confirmed in the time that was given")
    return Verdict(
        document=document,
        digest=digest(text),
        content_type=shown.content_type,
        content=content,
        model=model.statement.description,
        key=hashlib.sha256(registration.spki).hexdigest(),
        attestation=registration.attestation.name,
        anchor=anchor,
    )


def _read(text: str) -> Document:
    try:
        document = msgspec.json.decode(text, type=Document)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise EvidenceError(f"it is not evidence of CareKey ({error})") from None
    if document.format != FORMAT:
        raise EvidenceError(f"its format is {document.format!r}, and {FORMAT!r} is the one that is known")
    moments = (document.asked.at, document.asked.until, document.confirmed_at, document.key.registered_at)
    if any(moment.tzinfo is None for moment in moments):
        raise EvidenceError("a moment in it has no time zone")
    return document


def _issued(document: Document) -> Issued:
    """The request as the server kept it. Raises: ValueError, KeyError."""
    try:
        (request,) = msgspec.json.decode(document.request, type=tuple[AuthenticationRequest])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    header = request.header
    if not isinstance(header.app_id, str) or not isinstance(header.server_data, str):
        raise ValueError("header")  # noqa: TRY004 (a bad document, not a bug)
    return Issued(
        op="Auth",
        person=document.person,
        challenge=request.challenge,
        server_data=header.server_data,
        app_id=header.app_id,
        version=header.upv,
        policy=request.policy,
        expires_at=document.confirmed_at + _MOMENT,
        extensions=tuple(present(header.exts)),
        transactions=tuple(present(request.transaction)),
        same_device=False,
    )


def _registration(document: Document, issued: Issued) -> Registration:
    """Raises: UafError, KeyError."""
    key = document.key
    return Registration(
        app_id=issued.app_id,
        person=document.person,
        aaid=key.aaid.upper(),
        key_id=base64url.decode(key.key_id),
        public_key=b"",
        key_format=0,
        spki=base64url.decode(key.public_key),
        sign_counter=key.sign_counter,
        reg_counter=0,
        version=0,
        attestation=AttestationType[key.attestation],
        chain=tuple(base64url.decode(one) for one in key.certificates),
        png=key.images,
        facet="",
        metadata_number=document.metadata_number,
        registered_at=key.registered_at,
        enrolled_at=AAL.AAL1,
        level=AAL.AAL2,
    )
