"""What a registration proves about the model that made the key (section 14, rows A14 to A17)."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from carekey.authenticators.uaf import algorithms, der, path
from carekey.authenticators.uaf.algorithms import PublicKey
from carekey.authenticators.uaf.assertion import RegistrationAssertion
from carekey.authenticators.uaf.registry import AttestationType
from carekey.authenticators.uaf.statement import Statement
from carekey.authenticators.uaf.status import Reason, UafError


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """`chain` is DER, leaf first, with the listed anchor as its last; empty for surrogate attestation."""

    type: AttestationType
    chain: tuple[bytes, ...] = ()


def verify(
    assertion: RegistrationAssertion,
    statement: Statement,
    key: PublicKey,
    *,
    shared_roots: Collection[x509.Certificate],
    at: datetime | None,
) -> Proven:
    """Full or surrogate attestation; ECDAA, attestation CA and the rest are not implemented (section 32).

    `at` is the moment at which a built path must be valid, or None where the operator has relaxed that.
    Raises: UafError with ATTESTATION_TYPE, ATTESTATION_CHAIN, ATTESTATION_AAID, ATTESTATION_SIGNATURE or ALGORITHM.
    """
    given = assertion.attestation
    if given.type not in statement.attestation_types:
        raise UafError(Reason.ATTESTATION_TYPE, "not one of the model's")
    if assertion.algorithm not in statement.algorithms:
        raise UafError(Reason.ALGORITHM, "not one of the model's")
    match given.type:
        case AttestationType.BASIC_FULL:
            return _full(assertion, statement, shared_roots=shared_roots, at=at)
        case AttestationType.BASIC_SURROGATE:
            return _surrogate(assertion, statement, key)
    raise UafError(Reason.ATTESTATION_TYPE, "not implemented")


def _full(
    assertion: RegistrationAssertion,
    statement: Statement,
    *,
    shared_roots: Collection[x509.Certificate],
    at: datetime | None,
) -> Proven:
    if not assertion.attestation.certificates:
        raise UafError(Reason.ATTESTATION_TYPE, "full attestation without a certificate")
    try:
        chain = path.load(assertion.attestation.certificates)
        anchor = path.verify(chain, statement.roots, at=at)
        attestation_key = path.public_key(chain[0])
        named = _named_aaid(chain[0])
    except path.PathError as error:
        raise UafError(Reason.ATTESTATION_CHAIN, str(error)) from None
    if named != assertion.aaid and (named is not None or anchor in shared_roots):
        raise UafError(Reason.ATTESTATION_AAID)
    _check_signature(assertion, attestation_key)
    presented = assertion.attestation.certificates
    listed = anchor.public_bytes(path.DER)
    return Proven(type=AttestationType.BASIC_FULL, chain=presented if listed in presented else (*presented, listed))


def _surrogate(assertion: RegistrationAssertion, statement: Statement, key: PublicKey) -> Proven:
    # A model with roots can do better: a surrogate would be somebody else's key under its name.
    if statement.roots or assertion.attestation.certificates:
        raise UafError(Reason.ATTESTATION_TYPE, "surrogate attestation with a certificate or root")
    _check_signature(assertion, key)
    return Proven(type=AttestationType.BASIC_SURROGATE)


def _check_signature(assertion: RegistrationAssertion, key: PublicKey) -> None:
    if not algorithms.verify(assertion.algorithm, key, assertion.attestation.signature, assertion.signed):
        raise UafError(Reason.ATTESTATION_SIGNATURE)


def _named_aaid(certificate: x509.Certificate) -> str | None:
    """The model that the certificate was made for. Some makers leave the inner OCTET STRING out."""
    try:
        extension = certificate.extensions.get_extension_for_oid(path.AAID_EXTENSION).value
    except x509.ExtensionNotFound:
        return None
    except path.UNREADABLE:
        raise path.PathError("unreadable extension") from None
    value = extension.public_bytes()
    with suppress(ValueError):
        value = der.only(value, der.OCTET_STRING)
    return value.decode("ascii", errors="replace").upper()
