"""Levels of assurance and methods (NIST SP 800-63; cis2-profile section 4)."""

from enum import IntEnum, StrEnum


class AAL(IntEnum):
    """How strongly a log-in was proven."""

    AAL1 = 1
    AAL2 = 2
    AAL3 = 3


class IAL(IntEnum):
    """How well the person's identity was checked."""

    IAL0 = 0
    IAL1 = 1
    IAL2 = 2
    IAL3 = 3


class Amr(StrEnum):
    """How a person logged in: the values of the `amr` claim (cis2-profile section 4.3)."""

    N3_SMARTCARD = "N3_SMARTCARD"
    CIS2_SMARTCARD = "CIS2_SMARTCARD"
    FIDO2 = "FIDO2"
    IOS = "IOS"
    TOTP = "TOTP"
    NHSMAIL = "NHSMAIL"
    PASSWORD = "pwd"  # noqa: S105 (the registered value of RFC 8176, not a password)
    PASSKEY = "PASSKEY"
    """Ours: a synced passkey (docs/divergences.md)."""
    UAF = "UAF"
    """Ours: FIDO UAF on a device that is not Apple's."""
