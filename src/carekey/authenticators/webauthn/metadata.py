"""The FIDO Metadata Service BLOB, version 3: which models exist, their roots, certification and faults.

Source: FIDO Metadata Service v3.1, sections 3.1.1 to 3.1.7 and 3.2. An entry that cannot be read is left out, so one odd entry
never takes all the others with it. Revocation of the signing certificate is not looked up (docs/divergences.md).
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import IntEnum, StrEnum

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jws
from joserfc.errors import JoseError

from carekey.authenticators.webauthn import chain

BLOB_SIGNER = "mds.fidoalliance.org"
"""Whom the leaf must be issued to. The root alone would not do: it is a public one, with countless other leaves."""

_ALGORITHMS = ["RS256", "ES256", "ES384", "ES512", "PS256"]


class Fault(StrEnum):
    UNREADABLE = "unreadable"
    UNTRUSTED = "untrusted"
    """The certificates do not lead to the pinned root now, or name another signer."""
    FORGED = "forged"
    ROLLED_BACK = "rolled_back"
    """Older than the one we already had."""


class MetadataError(Exception):
    """The BLOB as a whole cannot be used."""

    def __init__(self, message: str, *, reason: Fault) -> None:
        super().__init__(message)
        self.reason = reason


class Certification(IntEnum):
    """FIDO authenticator certification levels, in their order."""

    NONE = 0
    L1 = 10
    L1_PLUS = 15
    L2 = 20
    L2_PLUS = 25
    L3 = 30
    L3_PLUS = 35


_CERTIFIED = {
    "FIDO_CERTIFIED": Certification.L1,
    "FIDO_CERTIFIED_L1": Certification.L1,
    "FIDO_CERTIFIED_L1plus": Certification.L1_PLUS,
    "FIDO_CERTIFIED_L2": Certification.L2,
    "FIDO_CERTIFIED_L2plus": Certification.L2_PLUS,
    "FIDO_CERTIFIED_L3": Certification.L3,
    "FIDO_CERTIFIED_L3plus": Certification.L3_PLUS,
}
_COMPROMISED = frozenset(
    {
        "REVOKED",
        "USER_VERIFICATION_BYPASS",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    aaguid: str
    description: str
    roots: tuple[bytes, ...]
    """DER. A leaf may be listed here itself."""
    certification: Certification
    hardware: bool
    """The keys are kept in hardware or a secure element, never in software."""
    compromised: bool = False
    """The latest report is one of a compromise that concerns every one of the model."""
    compromised_certificates: frozenset[bytes] = frozenset()
    """SHA-256 of attestation certificates known to be compromised."""
    keys: tuple[bytes, ...] = ()
    """SubjectPublicKeyInfo. Any certificate that such a key signed for itself will do; for virtual authenticators."""

    def is_compromised(self, certificates: Iterable[bytes]) -> bool:
        """`certificates`: SHA-256 of those that attested the credential."""
        return self.compromised or not self.compromised_certificates.isdisjoint(certificates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    models: Mapping[str, Model] = field(default_factory=dict)
    number: int = 0
    """Rises with each issue of the BLOB."""
    next_update: date | None = None
    skipped: int = 0
    """Entries that could not be read."""

    def find(self, aaguid: str) -> Model | None:
        return self.models.get(aaguid)

    def out_of_date(self, now: datetime) -> bool:
        """A newer one has been due. New registrations are then not trusted with its word (`enrol.py`)."""
        return self.next_update is not None and now.date() > self.next_update

    def also(self, models: Iterable[Model]) -> "Metadata":
        """With further models, such as those of a test system. An entry of the BLOB wins."""
        return Metadata(
            models={**{model.aaguid: model for model in models}, **self.models},
            number=self.number,
            next_update=self.next_update,
            skipped=self.skipped,
        )


class _Statement(msgspec.Struct, rename="camel", kw_only=True):
    description: str = ""
    attestation_root_certificates: list[str] = []
    key_protection: list[str] = []


class _Report(msgspec.Struct, rename="camel", kw_only=True):
    status: str
    effective_date: str | None = None
    certificate: str | None = None
    batch_certificate: str | None = None


class _Entry(msgspec.Struct, rename="camel", kw_only=True):
    aaguid: str | None = None
    metadata_statement: _Statement | None = None
    status_reports: list[_Report] = []


class _Payload(msgspec.Struct, rename="camel", kw_only=True):
    no: int
    next_update: date
    entries: list[msgspec.Raw]


class _BigJws(jws.JWSRegistry):
    """The BLOB has several megabytes and its header a chain of certificates."""

    max_header_length = 64 * 1024
    max_payload_length = 64 * 1024 * 1024


def read(
    blob: bytes, *, roots: Sequence[bytes], now: datetime, signer: str = BLOB_SIGNER, previous: int = 0
) -> Metadata:
    """Check a BLOB and read it.

    `roots`: DER of the pinned roots. `previous`: number of the BLOB in use; an older one is refused, the same one may come again.
    Source: section 3.2. Raises: MetadataError.
    """
    payload = _payload(_checked(blob.strip(), roots=roots, signer=signer, now=now))
    if payload.no < previous:
        raise MetadataError(f"metadata number {payload.no} is older than {previous}", reason=Fault.ROLLED_BACK)
    models: dict[str, Model] = {}
    skipped = 0
    for raw in payload.entries:
        try:
            model = _model(msgspec.json.decode(raw, type=_Entry), now=now)
        except (msgspec.DecodeError, ValueError):
            skipped += 1
            continue
        if model is not None:
            models.setdefault(model.aaguid, model)
    return Metadata(models=models, number=payload.no, next_update=payload.next_update, skipped=skipped)


def _checked(blob: bytes, *, roots: Sequence[bytes], signer: str, now: datetime) -> bytes:
    """The payload of the JWS, once its signer is known to be the one that we expect."""
    try:
        header = msgspec.json.decode(_unpadded(blob.partition(b".")[0]), type=dict[str, object])
        listed = header.get("x5c")
        if not isinstance(listed, list) or not listed:
            raise MetadataError("metadata names no certificate of its signer", reason=Fault.UNTRUSTED)
        certificates = [base64.b64decode(str(one)) for one in listed]
        leaf = x509.load_der_x509_certificate(certificates[0])
    except (ValueError, msgspec.DecodeError) as error:
        raise MetadataError("metadata is not a signed BLOB", reason=Fault.UNREADABLE) from error
    if not chain.leads_to(certificates, roots, now=now) or signer not in _names(leaf):
        raise MetadataError("metadata is not signed by whom it should be", reason=Fault.UNTRUSTED)
    try:
        key = jwk.import_key(
            chain.public_key_pem(leaf), "RSA" if isinstance(leaf.public_key(), rsa.RSAPublicKey) else "EC"
        )
        registry = _BigJws(algorithms=_ALGORITHMS, strict_check_header=False)
        return jws.deserialize_compact(blob, key, registry=registry).payload
    except (JoseError, ValueError) as error:
        raise MetadataError("the signature of the metadata is wrong", reason=Fault.FORGED) from error


def _payload(payload: bytes) -> _Payload:
    try:
        return msgspec.json.decode(payload, type=_Payload)
    except msgspec.DecodeError as error:
        raise MetadataError("metadata has no number, date or entries", reason=Fault.UNREADABLE) from error


def _model(entry: _Entry, *, now: datetime) -> Model | None:
    """None for models of other protocols, which have no AAGUID."""
    statement = entry.metadata_statement
    if entry.aaguid is None or statement is None:
        return None
    reports = _in_force(entry.status_reports, now)
    certified = [_CERTIFIED[report.status] for report in reports if report.status in _CERTIFIED]
    withdrawn = any(report.status == "NOT_FIDO_CERTIFIED" for report in reports[-1:])
    protection = set(statement.key_protection)
    return Model(
        aaguid=entry.aaguid.lower(),
        description=statement.description[:200],
        roots=tuple(der for text in statement.attestation_root_certificates if (der := _certificate(text))),
        certification=max(certified, default=Certification.NONE) if not withdrawn else Certification.NONE,
        hardware=bool(protection & {"hardware", "tee", "secure_element"}) and "software" not in protection,
        compromised=_is_compromised(reports),
        compromised_certificates=frozenset(
            hashlib.sha256(der).digest()
            for report in reports
            if report.status in _COMPROMISED
            for der in _batch(report)
        ),
    )


def _in_force(reports: Sequence[_Report], now: datetime) -> list[_Report]:
    """Reports that have taken effect, the latest last. Equal dates keep the order of the BLOB."""
    effective = [report for report in reports if _begins(report) <= now]
    return sorted(effective, key=_begins)


def _begins(report: _Report) -> datetime:
    """A report without a date that can be read has always been in effect: a fault must not hide behind one."""
    try:
        return datetime.combine(date.fromisoformat(report.effective_date or ""), time.min, UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _is_compromised(reports: Sequence[_Report]) -> bool:
    """The latest report is the current status (section 3.1.4): an update that is out heals what came before.

    Revocation alone is for good. A report that names one batch concerns that batch.
    """
    whole = [report for report in reports if not _batch(report)]
    return any(report.status == "REVOKED" for report in whole) or any(
        report.status in _COMPROMISED for report in whole[-1:]
    )


def _batch(report: _Report) -> list[bytes]:
    """The certificates that a report is about; none that can be read means that it is about the whole model."""
    return [der for text in (report.certificate, report.batch_certificate) if text and (der := _certificate(text))]


def _certificate(text: str) -> bytes | None:
    """DER from base64; some entries carry line breaks, spaces or PEM's own lines. None if it cannot be read: one odd
    root must not hide what else is said of the model."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
    try:
        der = base64.b64decode("".join(lines).replace(" ", ""))
        x509.load_der_x509_certificate(der)
    except ValueError:
        return None
    return der


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    return set(alternative.get_values_for_type(x509.DNSName))


def _unpadded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
