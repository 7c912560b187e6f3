"""Logging in: WebAuthn level 3 section 7.2."""

from dataclasses import replace
from datetime import timedelta

import pytest

from carekey.authenticators.base import Credential, Rejected
from carekey.authenticators.webauthn import ceremony
from carekey.authenticators.webauthn.ceremony import Proven, Reason
from carekey.authenticators.webauthn.enrol import Registered
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.tests.examples import (
    ASHA,
    BEN,
    BOTH,
    MAKER,
    NOW,
    RP,
    credential_of,
    log_in,
    read_blob,
    register,
    soft_key_entry,
)
from carekey.kernel.assurance import AAL, Amr
from support.soft_authenticator import Manner, SoftAuthenticator, SoftCredential


def enrolled(authenticator: SoftAuthenticator | None = None) -> tuple[SoftCredential, Credential]:
    outcome, soft = register(authenticator, policy=Policy(allow_test_models=True))
    assert isinstance(outcome, Registered)
    return soft, credential_of(outcome)


def test_a_certified_key_proves_its_person_at_the_highest_level() -> None:
    soft, credential = enrolled()
    outcome = log_in(soft, credential)
    assert isinstance(outcome, Proven)
    assert (outcome.proof.person, outcome.proof.aal, outcome.proof.amr) == (ASHA, AAL.AAL3, Amr.FIDO2)
    assert outcome.proof.at == NOW
    assert outcome.counter == 2


def test_a_synced_passkey_proves_its_person_one_level_lower() -> None:
    soft, credential = enrolled(SoftAuthenticator(ca=MAKER, backup_eligible=True))
    outcome = log_in(soft, credential)
    assert isinstance(outcome, Proven)
    assert (outcome.proof.aal, outcome.proof.amr) == (AAL.AAL2, Amr.PASSKEY)


REFUSALS = [
    (Manner(origin="https://evil.example"), Reason.WRONG_ORIGIN),
    (Manner(cross_origin=True), Reason.EMBEDDED),
    (Manner(rp_id="evil.example"), Reason.NOT_VERIFIED),
    (Manner(type="webauthn.create"), Reason.NOT_VERIFIED),
    (Manner(challenge=b"x" * 32), Reason.NOT_VERIFIED),
    (Manner(spoil_signature=True), Reason.NOT_VERIFIED),
    (Manner(user_present=False), Reason.NOT_VERIFIED),
    (Manner(user_verified=False), Reason.USER_NOT_VERIFIED),
    (Manner(user_handle=b"somebody else"), Reason.OTHER_USER_HANDLE),
    (Manner(user_handle=None), Reason.OTHER_USER_HANDLE),
    (Manner(backup_eligible=True), Reason.BACKUP_CHANGED),
]


@pytest.mark.parametrize(("manner", "why"), REFUSALS)
def test_webauthn_7_2_a_wrong_answer_is_refused(manner: Manner, why: Reason) -> None:
    soft, credential = enrolled()
    assert log_in(soft, credential, manner) == Rejected(why=why)


def test_webauthn_7_2_6_a_key_that_was_named_need_not_name_its_user() -> None:
    soft, credential = enrolled()
    assert isinstance(log_in(soft, credential, Manner(user_handle=None), named=True), Proven)
    other = Manner(user_handle=b"somebody else")
    assert log_in(soft, credential, other, named=True) == Rejected(why=Reason.OTHER_USER_HANDLE)


def test_webauthn_7_2_5_a_key_that_was_not_named_is_refused() -> None:
    soft, credential = enrolled()
    options, pending = ceremony.begin(RP, challenge=b"d" * 32, way="security-key", allowed=[(b"another", ())])
    from carekey.authenticators.webauthn.tests.examples import KNOWN, read

    outcome = ceremony.finish(
        RP,
        pending,
        read(soft.assertion(options)),
        credential,
        expected_person=None,
        accepted=BOTH,
        metadata=KNOWN,
        policy=Policy(),
        now=NOW,
    )
    assert outcome == Rejected(why=Reason.NOT_ASKED_FOR)


def test_unknown_and_revoked_credentials_are_refused() -> None:
    soft, credential = enrolled()
    assert log_in(soft, None) == Rejected(why=Reason.UNKNOWN_CREDENTIAL)
    revoked = replace(credential, revoked_at=NOW - timedelta(days=1))
    assert log_in(soft, revoked) == Rejected(why=Reason.REVOKED_CREDENTIAL)


def test_another_key_does_not_sign_for_this_one() -> None:
    _, credential = enrolled()
    other, _ = enrolled()
    other.id = credential.handle
    assert log_in(other, credential) == Rejected(why=Reason.NOT_VERIFIED)


def test_only_the_expected_person_may_prove_themself() -> None:
    soft, credential = enrolled()
    assert log_in(soft, credential, expected_person=BEN) == Rejected(why=Reason.WRONG_PERSON)
    assert isinstance(log_in(soft, credential, expected_person=ASHA), Proven)


def test_a_level_that_the_request_does_not_take_is_refused() -> None:
    soft, credential = enrolled(SoftAuthenticator(ca=MAKER, backup_eligible=True))
    outcome = log_in(soft, credential, accepted=frozenset({AAL.AAL3}))
    assert outcome == Rejected(why=Reason.LEVEL_NOT_ACCEPTED)


def test_a_model_found_compromised_later_is_refused_at_the_next_log_in() -> None:
    soft, credential = enrolled()
    report = [{"status": "USER_KEY_REMOTE_COMPROMISE", "effectiveDate": "2026-11-01"}]
    outcome = log_in(soft, credential, metadata=read_blob(soft_key_entry(statusReports=report)))
    assert outcome == Rejected(why=Reason.MODEL_COMPROMISED)


def test_options_name_nobody_unless_somebody_was_named() -> None:
    options, pending = ceremony.begin(RP, challenge=b"d" * 32, way="passkey")
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert pending.allowed == ()
