"""Channel binding: whether the client spoke to this server and not to somebody in between (section 6.3)."""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from msgspec import UNSET, UnsetType

from carekey.authenticators.uaf import base64url
from carekey.authenticators.uaf.messages import ChannelBinding
from carekey.authenticators.uaf.status import Reason, UafError

_UNUSED = "unused"
_BROKEN = frozenset({"md5", "sha1"})


class Mode(StrEnum):
    IGNORE = "ignore"
    VERIFY_IF_PRESENT = "verify-if-present"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What may be bound to. Keep the previous certificate through a rotation, and those of every edge."""

    mode: Mode = Mode.VERIFY_IF_PRESENT
    certificates: tuple[bytes, ...] = ()
    """The server's own, DER."""
    tls_unique: bytes = field(default=b"", repr=False)
    """The Finished value of this connection, if the edge supplies it."""


def check(channel: Channel, binding: ChannelBinding) -> bool:
    """Whether the answer is bound to the channel; False where nothing was bound and nothing need be.

    Raises: UafError(CHANNEL_BINDING) for a value that cannot be confirmed.
    """
    if channel.mode is Mode.IGNORE:
        return False
    end_points = [end_point for der in channel.certificates if (end_point := server_end_point(der))]
    expected = (
        (binding.server_end_point, end_points),
        (binding.tls_server_certificate, channel.certificates),
        (binding.tls_unique, [channel.tls_unique] if channel.tls_unique else []),
    )
    present = [(given, values) for given, values in expected if given is not UNSET]
    if not all(_equals_one(given, values) for given, values in present):
        raise UafError(Reason.CHANNEL_BINDING, "different")
    # ChannelID is dead: a key for it is something that nobody can confirm any more.
    if binding.cid_pubkey not in {UNSET, _UNUSED}:
        raise UafError(Reason.CHANNEL_BINDING, "cid_pubkey")
    if channel.mode is Mode.REQUIRE and not present:
        raise UafError(Reason.CHANNEL_BINDING, "missing")
    return bool(present)


def server_end_point(certificate: bytes) -> bytes:
    """The hash of a server certificate (RFC 5929 section 4.1); empty where it is undefined."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if algorithm is None:
        return b""
    return hashlib.new("sha256" if algorithm.name in _BROKEN else algorithm.name, certificate).digest()


def _equals_one(given: str | UnsetType, values: list[bytes] | tuple[bytes, ...]) -> bool:
    if given is UNSET:
        return True
    try:
        decoded = base64url.decode(given)
    except UafError:
        return False
    return any(hmac.compare_digest(decoded, value) for value in values)
