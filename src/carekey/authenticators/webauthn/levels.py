"""What a credential is worth: a table from evidence to level (cis2-profile section 4.4)."""

from dataclasses import dataclass
from enum import StrEnum

from carekey.authenticators.webauthn.evidence import Evidence, Trust
from carekey.authenticators.webauthn.metadata import Certification, Model
from carekey.authenticators.webauthn.virtual import TEST_AAGUIDS
from carekey.kernel.assurance import AAL, Amr


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    minimum_certification: Certification = Certification.L2
    """For AAL3. Level 2 is what CIS2 asks of a security key (cis2-profile section 6.5)."""
    allow_test_models: bool = False
    """Accept models whose attestation key is public. Never where real people log in."""


class Unfit(StrEnum):
    """Why a model is not accepted at any level."""

    TEST_MODEL = "test_model"
    MODEL_COMPROMISED = "model_compromised"


@dataclass(frozen=True, slots=True)
class Worth:
    aal: AAL
    amr: Amr


VERY_HIGH = Worth(AAL.AAL3, Amr.FIDO2)
HIGH = Worth(AAL.AAL2, Amr.PASSKEY)


def worth(evidence: Evidence, model: Model | None, policy: Policy) -> Worth | Unfit:
    """The level of a credential whose user was verified. Judged anew at each log-in, so that what the
    metadata learns of a model counts for keys registered long ago."""
    if evidence.aaguid in TEST_AAGUIDS and not policy.allow_test_models:
        return Unfit.TEST_MODEL
    if model is not None and model.is_compromised(evidence.certificates):
        return Unfit.MODEL_COMPROMISED
    if evidence.backup_eligible or evidence.trust is not Trust.VERIFIED:
        return HIGH
    if evidence.format == "tpm":
        return VERY_HIGH
    if model is not None and model.hardware and model.certification >= policy.minimum_certification:
        return VERY_HIGH
    return HIGH
