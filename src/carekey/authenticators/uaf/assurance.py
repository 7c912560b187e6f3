"""What a registration or a log-in is worth (section 24, after NIST SP 800-63B)."""

from carekey.authenticators.uaf.metadata import Standing
from carekey.authenticators.uaf.registry import (
    AttestationType,
    KeyProtection,
    MatcherProtection,
    UserVerification,
)
from carekey.authenticators.uaf.statement import Statement
from carekey.kernel.assurance import AAL, Amr

# As plain numbers: flags take ten times as long, and each log-in asks.
_REAL = int(
    UserVerification.FINGERPRINT_INTERNAL
    | UserVerification.PASSCODE_INTERNAL
    | UserVerification.VOICEPRINT_INTERNAL
    | UserVerification.FACEPRINT_INTERNAL
    | UserVerification.EYEPRINT_INTERNAL
    | UserVerification.PATTERN_INTERNAL
    | UserVerification.HANDPRINT_INTERNAL
    | UserVerification.PASSCODE_EXTERNAL
    | UserVerification.PATTERN_EXTERNAL
)
"""Presence, location and none say nothing about who is there."""
_HARDWARE = int(KeyProtection.HARDWARE | KeyProtection.TEE | KeyProtection.SECURE_ELEMENT)
_PROTECTED_MATCHER = int(MatcherProtection.TEE | MatcherProtection.ON_CHIP)


def assess(
    statement: Statement,
    standing: Standing,
    *,
    attestation: AttestationType,
    android_hardware: bool,
    approved: bool,
    enrolled_at: AAL,
    near: bool,
    methods: UserVerification | None,
) -> AAL:
    """The highest level whose every condition holds.

    `approved`: the operator lists the model for AAL3. `near`: on the device that logs in, or bound to its channel
    in a way that the operator accepts. `methods`: what the authenticator signed about the user verification;
    None means that the weakest of the model's alternatives may have been used.
    """
    if not _verifies_user(statement, methods):
        return AAL.AAL1
    attested = attestation is AttestationType.BASIC_FULL or android_hardware
    aal3 = (
        approved
        and attested
        and not _weakness(statement)
        and not standing.aal2_at_most
        and enrolled_at is AAL.AAL3
        and near
    )
    return AAL.AAL3 if aal3 else AAL.AAL2


def obstacle(statement: Statement) -> str:
    """Why no key of this model can ever reach AAL3, in words for the operator; empty if one can."""
    if AttestationType.BASIC_FULL not in statement.attestation_types and not statement.android_roots:
        return "its attestation is surrogate"
    return _weakness(statement)


def amr(facet: str) -> Amr:
    """CIS2's value for its tablet app, ours for any other device (cis2-profile section 4.3)."""
    return Amr.IOS if facet.startswith("ios:bundle-id:") else Amr.UAF


def _weakness(statement: Statement) -> str:
    if not int(statement.key_protection) & _HARDWARE:
        return "its keys are not kept in hardware"
    if not int(statement.matcher_protection) & _PROTECTED_MATCHER:
        return "its matcher is not protected"
    if not statement.key_restricted:
        return "its keys sign other things too"
    if not statement.fresh_user_verification:
        return "it need not verify its user each time"
    if not any(int(alternative) & _REAL for alternative in statement.user_verification):
        return "it does not verify its user"
    return ""


def _verifies_user(statement: Statement, methods: UserVerification | None) -> bool:
    if methods is not None:
        return bool(int(methods) & _REAL)
    return all(int(alternative) & _REAL for alternative in statement.user_verification)
