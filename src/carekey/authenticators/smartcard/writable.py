"""What issuing needs of a card: `tokens.py` and `piv_card.py` have those in a reader, `virtual.py` those in a folder."""

from collections.abc import Mapping
from typing import Any, Protocol

from cryptography import x509

from carekey.authenticators.smartcard.model import Purpose

SLOTS = {Purpose.AUTHENTICATION: (b"\x01", b"\x11"), Purpose.CONTENT_COMMITMENT: (b"\x02", b"\x12")}
"""Object identifiers. A renewed key takes the other one of its pair, so that the old one works until the new one does."""


class Writable(Protocol):
    @property
    def serial(self) -> str: ...

    @property
    def slots(self) -> Mapping[Purpose, tuple[bytes, ...]]:
        """`SLOTS`, or one alone for each purpose: a renewed key then takes the place of the old one."""
        ...

    def certificate(self, id: bytes) -> bytes | None: ...

    def key(self, id: bytes) -> Any | None:
        """The private key under this identifier, to sign with."""
        ...

    def make_key(self, id: bytes, label: str) -> Any:
        """The key under this identifier, made if there is none."""
        ...

    def request(self, key: Any, user: str) -> x509.CertificateSigningRequest:
        """A request signed by the key it is for, which proves that the card has it (RFC 2986)."""
        ...

    def write(self, id: bytes, label: str, der: bytes) -> None:
        """Put a certificate beside its key, in place of any other."""
        ...

    def check(self, id: bytes) -> None:
        """That certificate and key under this identifier belong together. Raises: CardError."""
        ...

    def remove(self, id: bytes) -> None:
        """The certificate, and the key where it can be removed alone."""
        ...
