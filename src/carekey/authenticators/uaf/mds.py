"""The metadata service's BLOB of version 3: signature, age, and its UAF entries one by one (sections 19.2, 19.3).

The old form, a table of contents with statements elsewhere, is retired and not read.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from cryptography import x509

from carekey.authenticators.uaf import algorithms, base64url, path, statement, strict_json
from carekey.authenticators.uaf.metadata import Model, Skipped, parse_reports
from carekey.authenticators.uaf.registry import SignatureAlgorithm
from carekey.authenticators.uaf.statement import MetadataError
from carekey.authenticators.uaf.status import UafError

GRACE = timedelta(days=14)

_ALGORITHMS = {
    "ES256": SignatureAlgorithm.SECP256R1_ECDSA_SHA256_RAW,
    "RS256": SignatureAlgorithm.RSA_EMSA_PKCS1_SHA256_RAW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """`number` is to be kept, so that an older blob is refused; past `next_update` the operator is to be warned."""

    number: int
    next_update: date
    models: tuple[Model, ...]
    skipped: tuple[Skipped, ...]


def read(
    text: str,
    *,
    roots: Collection[x509.Certificate],
    now: datetime,
    last_number: int = 0,
    signer: str = "",
    grace: timedelta = GRACE,
    source: str = "mds",
) -> Blob:
    """`roots` are the service's. `signer`: the DNS name that the signing certificate must bear; under a public root, anybody
    could get another one. An entry that makes no sense is left out; FIDO2 and U2F entries are not ours.

    Raises: MetadataError if the blob itself cannot be relied on.
    """
    data = _verified(text.strip(), roots, signer=signer, now=now)
    try:
        number, next_update = int(data["no"]), date.fromisoformat(data["nextUpdate"])
        entries = [entry for entry in data["entries"] if "aaid" in entry]
    except (KeyError, TypeError, ValueError):
        raise MetadataError("no, nextUpdate or entries are missing") from None
    if number <= last_number:
        raise MetadataError("not newer than the last one")
    until = datetime.combine(next_update, time(), UTC) + grace
    models, skipped = [], []
    for entry in entries:
        try:
            models.append(_model(entry, number=number, source=source, until=until))
        except MetadataError as error:
            skipped.append(Skipped(entry=str(entry["aaid"])[:9], why=str(error)))
    return Blob(number=number, next_update=next_update, models=tuple(models), skipped=tuple(skipped))


def _model(entry: Mapping[str, Any], *, number: int, source: str, until: datetime) -> Model:
    stated = entry.get("metadataStatement")
    if not isinstance(stated, dict):
        raise MetadataError("no statement")
    parsed = statement.parse(stated)
    if parsed.aaid != str(entry["aaid"]).upper():
        raise MetadataError("the statement is another model's")
    reports = entry.get("statusReports", [])
    if not isinstance(reports, list):
        raise MetadataError("statusReports")
    return Model(statement=parsed, reports=parse_reports(reports), source=source, number=number, register_until=until)


def _verified(text: str, roots: Collection[x509.Certificate], *, signer: str, now: datetime) -> Mapping[str, Any]:
    """The payload. `x5u` is ignored: an address in an unverified header is nobody's to follow."""
    try:
        protected, payload, signature = text.split(".")
        header = strict_json.read(base64url.decode(protected))
        algorithm = _ALGORITHMS[header["alg"]]
        chain = path.load([statement.certificate(each) for each in header["x5c"]])
        path.verify(chain, roots, at=now)
        if signer and signer not in path.dns_names(chain[0]):
            raise MetadataError("signed by somebody else")
        signed = f"{protected}.{payload}".encode("ascii")
        if "crit" in header or not algorithms.verify(
            algorithm, path.public_key(chain[0]), base64url.decode(signature), signed
        ):
            raise MetadataError("the signature does not hold")
        data = msgspec.json.decode(base64url.decode(payload))
    except path.PathError as error:
        raise MetadataError(f"signer: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, UafError, msgspec.DecodeError):
        raise MetadataError("not a signed blob") from None
    if not isinstance(data, dict):
        raise MetadataError("not a signed blob")
    return data
