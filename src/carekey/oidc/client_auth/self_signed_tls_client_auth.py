"""Client authentication by a certificate that is among the client's keys, whoever signed it (RFC 8705 section 2.2)."""

from collections.abc import Sequence
from datetime import datetime

from carekey.jose.certificates import thumbprint
from carekey.jose.jwt import KeySet
from carekey.oidc.errors import InvalidClient, Reason
from carekey.oidc.mtls import certificate


def check_shown(chain: Sequence[bytes], *, now: datetime) -> None:
    """Whether there is a certificate at all, and it is in use now. Raises: InvalidClient."""
    if not chain:
        raise InvalidClient(reason=Reason.CERTIFICATE_MISSING)
    if not certificate.valid_at(certificate.read(chain[0]), now):
        raise InvalidClient(reason=Reason.CERTIFICATE_NOT_VALID_NOW)


def known(chain: Sequence[bytes], keys: KeySet) -> bool:
    return thumbprint(chain[0]) in keys.certificates
