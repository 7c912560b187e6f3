"""What a UAF server keeps, what it is told about itself, and how a ceremony ends.

All of it can be encoded with msgspec, so that whoever keeps it chooses where.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from carekey.authenticators.uaf.channel_binding import Channel
from carekey.authenticators.uaf.facets import TrustedFacets
from carekey.authenticators.uaf.messages import (
    DisplayPNGCharacteristics,
    Extension,
    Operation,
    Policy,
    Transaction,
    Version,
)
from carekey.authenticators.uaf.metadata import Metadata
from carekey.authenticators.uaf.registry import (
    AttestationType,
    KeyProtection,
    MatcherProtection,
    UserVerification,
)
from carekey.kernel.assurance import AAL

Random = Callable[[int], bytes]
"""So many unpredictable bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """What the server knows of itself, its facets and the models it trusts, at this moment."""

    facets: TrustedFacets
    metadata: Metadata
    channel: Channel = field(default_factory=Channel)
    aal3_models: frozenset[str] = frozenset()
    """AAIDs, upper case, that the operator has approved for AAL3."""
    cross_device_aal3: bool = False
    """Whether a phone that approves for another computer may give AAL3, given that its channel is bound."""
    expired_certificates: frozenset[str] = frozenset()
    """AAIDs whose attestation certificates may have expired: dates of a path are then not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A request as it was made: the answer is judged by this, never by what it says of itself.

    Kept under `server_data`, taken at most once.
    """

    op: Operation
    person: str | None
    """Whose answer it must be; None at a log-in where that is still to be found out."""
    challenge: str
    server_data: str
    app_id: str
    version: Version
    policy: Policy
    expires_at: datetime
    browser: bytes = b""
    """SHA-256 of a secret of the browser or activation for which it was made; empty if there is none."""
    extensions: tuple[Extension, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    enrolled_at: AAL = AAL.AAL1
    """At registration: the level of the session that asked for it; AAL3 if a registration authority did."""
    same_device: bool = True
    """At log-in: whether the device that answers is the one that logs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A key of a person at an AppID. (app_id, aaid, key_id) is unique, also among those that were removed."""

    app_id: str
    person: str
    aaid: str
    key_id: bytes
    public_key: bytes
    """As received."""
    key_format: int
    spki: bytes
    """SubjectPublicKeyInfo, DER: the same key in one form. No two registrations may share it."""
    sign_counter: int
    reg_counter: int
    version: int
    attestation: AttestationType
    chain: tuple[bytes, ...]
    """The attestation certificates, DER, leaf first, with the listed anchor as the last."""
    android_hardware: bool = False
    """Whether Android key attestation proved that the key lives in hardware."""
    png: tuple[DisplayPNGCharacteristics, ...] = ()
    user_verification_index: bytes | None = None
    user_verification_state: bytes | None = None
    facet: str
    metadata_number: int
    registered_at: datetime
    enrolled_at: AAL
    level: AAL
    """What it was worth then. A log-in is worth no more, and less if the model has lost since."""
    suspended: bool = False


class Note(StrEnum):
    """Not a reason to refuse, but worth a line on the record."""

    VERSION_BELOW_METADATA = "authenticator-version-below-metadata"
    FIRMWARE_ROLLBACK = "authenticator-version-went-back"
    REG_COUNTER_HIGH = "registration-counter-high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """To be stored in one transaction, each unless its (app_id, aaid, key_id) or its key is taken.

    More than one only where the policy asked for several authenticators together.
    """

    registrations: tuple[Registration, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One registration that took part in a log-in.

    The log-in counts only if the stored counter can be moved from `registration.sign_counter` to `sign_counter`
    in one step: of two answers with one counter exactly one passes.
    """

    registration: Registration
    sign_counter: int
    version: int
    user_verification: UserVerification
    """The signed methods, or all that the model could have used."""
    key_protection: KeyProtection
    matcher_protection: MatcherProtection
    level: AAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What was shown and signed. With the response and the registration it can be verified again years later."""

    transaction: Transaction
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """`at` is the server's time of verification: `auth_time`."""

    person: str
    uses: tuple[Use, ...]
    level: AAL
    facet: str
    channel_bound: bool
    confirmed: Confirmed | None
    at: datetime
    notes: tuple[Note, ...] = ()
