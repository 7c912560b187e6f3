"""Registration: WebAuthn level 3 section 7.1, with every attestation format of section 8."""

import json
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from carekey.authenticators.base import Rejected
from carekey.authenticators.webauthn import ceremony, enrol
from carekey.authenticators.webauthn.ceremony import Answer, Reason
from carekey.authenticators.webauthn.enrol import Registered
from carekey.authenticators.webauthn.evidence import Trust
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.authenticators.webauthn.tests.examples import (
    KNOWN,
    MAKER,
    NOW,
    RP,
    USER,
    credential_of,
    read,
    read_blob,
    register,
    soft_key_entry,
)
from carekey.authenticators.webauthn.virtual import CHROMIUM
from support.attestation_ca import Ca
from support.soft_authenticator import Format, Manner, SoftAuthenticator

FORMATS: list[tuple[Format, Trust, bool]] = [
    ("none", Trust.NONE, False),
    ("packed", Trust.VERIFIED, True),
    ("packed-self", Trust.SELF, False),
    ("fido-u2f", Trust.UNKNOWN, False),
    ("tpm", Trust.VERIFIED, True),
    ("apple", Trust.VERIFIED, True),
    ("android-key", Trust.VERIFIED, True),
    ("android-safetynet", Trust.VERIFIED, True),
]
SIGNED = [format for format, _, _ in FORMATS if format != "none"]


@pytest.mark.parametrize(("format", "trust", "very_high"), FORMATS)
def test_webauthn_8_each_attestation_format_is_verified(format: Format, trust: Trust, very_high: bool) -> None:
    outcome, soft = register(SoftAuthenticator(ca=MAKER, format=format))
    assert isinstance(outcome, Registered)
    assert outcome.credential_id == soft.id
    assert outcome.evidence.public_key == soft.cose_key
    assert outcome.evidence.trust is trust
    assert outcome.very_high is very_high
    assert outcome.evidence.user_handle == USER.handle


@pytest.mark.parametrize("format", SIGNED)
def test_webauthn_8_an_attestation_with_a_flipped_bit_is_refused(format: Format) -> None:
    outcome, _ = register(SoftAuthenticator(ca=MAKER, format=format), Manner(spoil_signature=True))
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize("format", ["packed", "tpm", "apple", "android-key", "android-safetynet"])
def test_webauthn_7_1_24_an_impostor_of_a_known_model_is_refused(format: Format) -> None:
    """Same AAGUID, same kind of certificates, another maker."""
    outcome, _ = register(SoftAuthenticator(ca=Ca.new(), format=format))
    assert isinstance(outcome, Rejected)
    assert outcome.why in {Reason.ATTESTATION_UNTRUSTED, Reason.NOT_VERIFIED}


def test_webauthn_8_2_1_the_key_of_one_model_does_not_speak_for_another() -> None:
    other = "11111111-2222-4333-8444-555555555555"
    outcome, _ = register(SoftAuthenticator(ca=MAKER, certificate_aaguid=other))
    assert outcome == Rejected(why=Reason.ATTESTATION_UNTRUSTED)


REFUSALS = [
    (Manner(origin="https://evil.example"), Reason.WRONG_ORIGIN),
    (Manner(origin="http://localhost:8000.evil.example"), Reason.WRONG_ORIGIN),
    (Manner(cross_origin=True), Reason.EMBEDDED),
    (Manner(rp_id="evil.example"), Reason.NOT_VERIFIED),
    (Manner(type="webauthn.get"), Reason.NOT_VERIFIED),
    (Manner(challenge=b"x" * 32), Reason.NOT_VERIFIED),
    (Manner(user_present=False), Reason.NOT_VERIFIED),
    (Manner(user_verified=False), Reason.USER_NOT_VERIFIED),
    (Manner(backed_up=True), Reason.NOT_VERIFIED),
]


@pytest.mark.parametrize(("manner", "why"), REFUSALS)
def test_webauthn_7_1_a_wrong_registration_is_refused(manner: Manner, why: Reason) -> None:
    outcome, _ = register(manner=manner)
    assert outcome == Rejected(why=why)


def test_u2f_keys_that_verify_nobody_are_refused() -> None:
    outcome, _ = register(SoftAuthenticator(ca=MAKER, format="fido-u2f"), Manner(user_verified=False))
    assert outcome == Rejected(why=Reason.USER_NOT_VERIFIED)


def test_an_unknown_model_is_taken_at_the_lower_level() -> None:
    outcome, _ = register(known=Metadata())
    assert isinstance(outcome, Registered)
    assert (outcome.evidence.trust, outcome.very_high) == (Trust.UNKNOWN, False)


def test_a_synced_passkey_is_never_very_high() -> None:
    outcome, _ = register(SoftAuthenticator(ca=MAKER, backup_eligible=True), Manner(backed_up=True))
    assert isinstance(outcome, Registered)
    assert (outcome.evidence.backup_eligible, outcome.very_high) == (True, False)


@pytest.mark.parametrize("status", ["REVOKED", "ATTESTATION_KEY_COMPROMISE", "USER_VERIFICATION_BYPASS"])
def test_a_compromised_model_is_refused(status: str) -> None:
    known = read_blob(soft_key_entry(statusReports=[{"status": status, "effectiveDate": "2026-01-01"}]))
    outcome, _ = register(known=known)
    assert outcome == Rejected(why=Reason.MODEL_COMPROMISED)


def test_metadata_that_is_out_of_date_vouches_for_no_new_key() -> None:
    outcome, _ = register(now=NOW + timedelta(days=60))
    assert isinstance(outcome, Registered)
    assert outcome.evidence.trust is Trust.UNKNOWN


def test_an_attestation_certificate_out_of_date_is_refused() -> None:
    known = Metadata(models=KNOWN.models)
    outcome, _ = register(known=known, now=NOW.replace(year=2050))
    assert outcome == Rejected(why=Reason.ATTESTATION_UNTRUSTED)


def test_mds_a_leaf_listed_as_root_vouches_for_itself_alone() -> None:
    """FIDO Metadata Statement: attestationRootCertificates may hold attestation certificates themselves."""
    authenticator = SoftAuthenticator(ca=MAKER)
    options, pending = enrol.begin(RP, USER, challenge=b"c" * 32, way="security-key", held=[])
    answer, _ = authenticator.register(options)
    import cbor2

    from support.attestation_ca import entry
    from support.soft_authenticator import SOFT_KEY, unb64

    leaf = x509.load_der_x509_certificate(
        cbor2.loads(unb64(answer["response"]["attestationObject"]))["attStmt"]["x5c"][0]
    )
    known = read_blob(entry(SOFT_KEY, [leaf]))
    outcome = enrol.finish(RP, pending, read(answer), metadata=known, policy=Policy(), now=NOW)
    assert isinstance(outcome, Registered)
    assert outcome.evidence.trust is Trust.VERIFIED
    another, _ = register(authenticator, known=known)
    assert another == Rejected(why=Reason.ATTESTATION_UNTRUSTED)


def test_a_test_model_is_refused_unless_the_policy_allows_it() -> None:
    authenticator = SoftAuthenticator(ca=MAKER, aaguid=CHROMIUM.aaguid)
    refused, _ = register(authenticator, known=Metadata())
    taken, _ = register(authenticator, known=Metadata(), policy=Policy(allow_test_models=True))
    assert refused == Rejected(why=Reason.TEST_MODEL)
    assert isinstance(taken, Registered)


def test_metadata_cannot_make_a_test_model_acceptable() -> None:
    from support.attestation_ca import entry

    known = read_blob(entry(CHROMIUM.aaguid, [MAKER.root]))
    outcome, _ = register(SoftAuthenticator(ca=MAKER, aaguid=CHROMIUM.aaguid), known=known)
    assert outcome == Rejected(why=Reason.TEST_MODEL)


def test_webauthn_5_4_options_ask_for_verification_and_exclude_what_is_held() -> None:
    options, _ = enrol.begin(RP, USER, challenge=b"c" * 32, way="passkey", held=[(b"id", ("internal",))])
    assert options["authenticatorSelection"] == {
        "authenticatorAttachment": "platform",
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert options["excludeCredentials"] == [{"type": "public-key", "id": "aWQ", "transports": ["internal"]}]
    assert options["attestation"] == "direct"
    assert options["hints"][0] == "client-device"


def test_webauthn_14_6_1_a_person_keeps_one_user_handle() -> None:
    outcome, _ = register()
    assert isinstance(outcome, Registered)
    assert enrol.user_handle([], fresh=b"new") == b"new"
    assert enrol.user_handle([credential_of(outcome)], fresh=b"new") == USER.handle


def test_a_flipped_bit_anywhere_in_what_is_signed_is_refused() -> None:
    options, pending = enrol.begin(RP, USER, challenge=b"c" * 32, way="security-key", held=[])
    answer, _ = SoftAuthenticator(ca=MAKER).register(options)
    from support.soft_authenticator import b64, unb64

    whole = unb64(answer["response"]["attestationObject"])
    for at in range(0, len(whole), 7):
        spoilt = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
        changed = {**answer, "response": {**answer["response"], "attestationObject": b64(spoilt)}}
        outcome = enrol.finish(RP, pending, read(changed), metadata=KNOWN, policy=Policy(), now=NOW)
        assert isinstance(outcome, Rejected), at


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["id", "rawId", "type", "response", "authenticatorAttachment"])
    | st.sampled_from(["clientDataJSON", "attestationObject", "transports"]).map(lambda name: f"response.{name}"),
    json_values,
)
def test_whatever_is_sent_is_judged_and_never_a_fault(path: str, value: object) -> None:
    options, pending = enrol.begin(RP, USER, challenge=b"c" * 32, way="security-key", held=[])
    answer, _ = _ANSWERED.register(options)
    outer, _, inner = path.partition(".")
    if inner:
        answer[outer][inner] = value
    else:
        answer[outer] = value
    found = ceremony.read(json.dumps(answer))
    if isinstance(found, Answer):
        outcome = enrol.finish(RP, pending, found, metadata=KNOWN, policy=Policy(), now=NOW)
        assert isinstance(outcome, Registered | Rejected)
    else:
        assert found == Rejected(why=Reason.MALFORMED)


_ANSWERED = SoftAuthenticator(ca=MAKER)


@given(st.text(max_size=200))
def test_an_answer_that_is_no_json_is_malformed(text: str) -> None:
    assert ceremony.read(text) == Rejected(why=Reason.MALFORMED)
