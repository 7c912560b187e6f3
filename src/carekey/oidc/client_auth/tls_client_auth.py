"""Client authentication by a certificate of a PKI (RFC 8705 section 2.1): a path to an authority that the operator
trusts, and the name that the client registered."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from carekey.oidc.errors import InvalidClient, Reason
from carekey.oidc.model import Client
from carekey.oidc.mtls import certificate

LONGEST_PATH = 4
"""Authorities between anchor and client."""


class ClientAuthorities:
    """Whose certificates clients may authenticate with."""

    def __init__(self, anchors: Sequence[x509.Certificate], intermediates: Sequence[x509.Certificate] = ()) -> None:
        """`anchors`: at least one."""
        self._anchors = Store(list(anchors))
        self._intermediates = list(intermediates)

    def check(self, chain: Sequence[x509.Certificate], *, now: datetime) -> Sequence[x509.Certificate]:
        """The path that leads from the first to an anchor (RFC 5280 section 6). Raises: InvalidClient."""
        own, *sent = chain
        if not certificate.valid_at(own, now):
            raise InvalidClient(reason=Reason.CERTIFICATE_NOT_VALID_NOW)
        builder = PolicyBuilder().store(self._anchors).time(now).max_chain_depth(LONGEST_PATH)
        verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_CLIENT).build_client_verifier()
        try:
            return verifier.verify(own, [*sent, *self._intermediates]).chain
        except (VerificationError, *certificate.UNREADABLE):
            raise InvalidClient(reason=Reason.CERTIFICATE_UNTRUSTED) from None


def _no_authority(_policy: Policy, _of: x509.Certificate, found: x509.BasicConstraints | None) -> None:
    if found is not None and found.ca:
        raise ValueError("an authority is no client")


def _signs(_policy: Policy, _of: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.digital_signature:
        raise ValueError("the key is not for signatures")


def _for_clients(_policy: Policy, _of: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    if found is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in found:
        raise ValueError("the certificate is not for clients")


_AUTHORITY = ExtensionPolicy.webpki_defaults_ca()
_CLIENT = (
    # Unlike on the web, a client's name may be in its subject alone, and what it may be used for need not be said.
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients)
)


def check(
    client: Client, chain: Sequence[bytes], authorities: ClientAuthorities, *, now: datetime
) -> Sequence[x509.Certificate]:
    """Its path to an anchor; whether anything on it was revoked is another question. Raises: InvalidClient."""
    if not chain:
        raise InvalidClient(reason=Reason.CERTIFICATE_MISSING)
    shown = [certificate.read(der) for der in chain]
    path = authorities.check(shown, now=now)
    if not any(certificate.has_name(shown[0], kind, name) for kind, name in client.certificate_name.items()):
        raise InvalidClient(reason=Reason.CERTIFICATE_NAME)
    return path
