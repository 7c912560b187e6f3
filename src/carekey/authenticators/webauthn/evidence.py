"""What a registration proved: kept with the credential, and read again at each log-in."""

from enum import StrEnum

import msgspec


class Trust(StrEnum):
    """How far the attestation speaks for the model (WebAuthn level 3 section 6.5.3)."""

    NONE = "none"
    SELF = "self"
    """Signed by the credential's own key: says nothing about the model."""
    UNKNOWN = "unknown"
    """Signed by a certificate that no metadata vouches for."""
    VERIFIED = "verified"
    """The certificates lead to a root of this very model."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    public_key: bytes
    """COSE_Key."""
    user_handle: bytes
    aaguid: str
    format: str
    trust: Trust
    backup_eligible: bool
    """The key can leave the device: a synced passkey. Fixed for life (section 6.1.3)."""
    transports: tuple[str, ...] = ()
    attachment: str | None = None
    certificates: tuple[bytes, ...] = ()
    """SHA-256 of each attestation certificate, to find it again when the metadata calls one compromised."""


def encode(evidence: Evidence) -> bytes:
    return msgspec.msgpack.encode(evidence)


_decoder = msgspec.msgpack.Decoder(Evidence)


def decode(data: bytes) -> Evidence:
    return _decoder.decode(data)
