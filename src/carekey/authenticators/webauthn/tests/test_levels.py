"""The table of cis2-profile section 4.4."""

import hashlib
from typing import Any

import pytest

from carekey.authenticators.webauthn.evidence import Evidence, Trust, decode, encode
from carekey.authenticators.webauthn.levels import HIGH, VERY_HIGH, Policy, Unfit, Worth, worth
from carekey.authenticators.webauthn.metadata import Certification, Model
from carekey.authenticators.webauthn.models import kind_of, name, way_of
from carekey.authenticators.webauthn.virtual import CHROMIUM

HELLO = "08987058-cadc-4b81-b6e1-30de50dcbe96"
YUBIKEY = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
BAD = hashlib.sha256(b"bad").digest()


def shown(**changes: Any) -> Evidence:
    return Evidence(
        **{
            "public_key": b"",
            "user_handle": b"u",
            "aaguid": YUBIKEY,
            "format": "packed",
            "trust": Trust.VERIFIED,
            "backup_eligible": False,
            **changes,
        }
    )


def model(**changes: Any) -> Model:
    return Model(
        **{
            "aaguid": YUBIKEY,
            "description": "",
            "roots": (),
            "certification": Certification.L2,
            "hardware": True,
            **changes,
        }
    )


STRICT, SANDBOX = Policy(), Policy(allow_test_models=True)
TABLE: list[tuple[str, Evidence, Model | None, Policy, Worth | Unfit]] = [
    ("certified key", shown(), model(), STRICT, VERY_HIGH),
    ("certified higher", shown(), model(certification=Certification.L3), STRICT, VERY_HIGH),
    ("certified too low", shown(), model(certification=Certification.L1_PLUS), STRICT, HIGH),
    (
        "lower policy",
        shown(),
        model(certification=Certification.L1),
        Policy(minimum_certification=Certification.L1),
        VERY_HIGH,
    ),
    ("not certified", shown(), model(certification=Certification.NONE), STRICT, HIGH),
    ("keys in software", shown(), model(hardware=False), STRICT, HIGH),
    ("unknown model", shown(), None, STRICT, HIGH),
    ("untrusted chain", shown(trust=Trust.UNKNOWN), model(), STRICT, HIGH),
    ("self attestation", shown(trust=Trust.SELF), model(), STRICT, HIGH),
    ("no attestation", shown(trust=Trust.NONE, format="none"), model(), STRICT, HIGH),
    ("synced", shown(backup_eligible=True), model(), STRICT, HIGH),
    ("Windows Hello TPM", shown(format="tpm", aaguid=HELLO), model(certification=Certification.L1), STRICT, VERY_HIGH),
    ("TPM, no root known", shown(format="tpm", aaguid=HELLO, trust=Trust.UNKNOWN), None, STRICT, HIGH),
    ("Windows Hello in software", shown(format="none", trust=Trust.NONE, aaguid=HELLO), None, STRICT, HIGH),
    ("compromised", shown(), model(compromised=True), STRICT, Unfit.MODEL_COMPROMISED),
    ("synced and compromised", shown(backup_eligible=True), model(compromised=True), STRICT, Unfit.MODEL_COMPROMISED),
    (
        "bad batch",
        shown(certificates=(BAD,)),
        model(compromised_certificates=frozenset({BAD})),
        STRICT,
        Unfit.MODEL_COMPROMISED,
    ),
    (
        "another batch",
        shown(certificates=(b"good",)),
        model(compromised_certificates=frozenset({BAD})),
        STRICT,
        VERY_HIGH,
    ),
    ("test model", shown(aaguid=CHROMIUM.aaguid), CHROMIUM, STRICT, Unfit.TEST_MODEL),
    ("test model, sandbox", shown(aaguid=CHROMIUM.aaguid), CHROMIUM, SANDBOX, VERY_HIGH),
]


@pytest.mark.parametrize(
    ("evidence", "known", "policy", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_cis2_4_4_level(evidence: Evidence, known: Model | None, policy: Policy, expected: Worth | Unfit) -> None:
    assert worth(evidence, known, policy) == expected


def test_evidence_comes_back_as_it_was_kept() -> None:
    evidence = shown(transports=("usb", "nfc"), certificates=(BAD,), attachment="cross-platform")
    assert decode(encode(evidence)) == evidence


@pytest.mark.parametrize(
    ("evidence", "way", "kind"),
    [
        (shown(aaguid=HELLO, format="tpm", transports=("internal",)), "passkey", "Windows Hello"),
        (shown(transports=("usb",)), "security-key", "Security key"),
        (shown(aaguid="0", transports=("usb", "nfc")), "security-key", "Security key"),
        (shown(aaguid="0", transports=("hybrid", "internal"), attachment="cross-platform"), "passkey", "Passkey"),
        (shown(aaguid="0", attachment="cross-platform"), "security-key", "Security key"),
        (shown(aaguid="0", attachment="platform"), "passkey", "Passkey"),
        (shown(aaguid="0", backup_eligible=True, transports=("usb",)), "passkey", "Passkey"),
    ],
)
def test_windows_hello_passkeys_and_security_keys_are_told_apart(evidence: Evidence, way: str, kind: str) -> None:
    assert (way_of(evidence), kind_of(evidence)) == (way, kind)


def test_models_have_names() -> None:
    assert name(YUBIKEY) == "YubiKey 5 NFC"
    assert name("unheard of", described="Acme Key 9") == "Acme Key 9"
    assert name("unheard of", way="security-key") == "Security key"
