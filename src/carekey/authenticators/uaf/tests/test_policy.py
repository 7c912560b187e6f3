"""Policies: what they may say, and what matches them (section 5)."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carekey.authenticators.uaf import policy
from carekey.authenticators.uaf.messages import Extension, MatchCriteria, Policy
from carekey.authenticators.uaf.policy import Candidate, matches, uv_match
from carekey.authenticators.uaf.registry import AttestationType, UserVerification
from carekey.authenticators.uaf.statement import parse
from carekey.authenticators.uaf.status import Reason, UafError
from carekey.authenticators.uaf.tests.phone import Model, b64

KEY_ID = b"k" * 32
FINGER, FACE, BOTH, ALL = 0x02, 0x10, 0x412, 0x400


def candidate(model: Model | None = None, **more: Any) -> Candidate:
    defaults: dict[str, Any] = {"key_id": KEY_ID, "registered": True, "version": 3, "algorithm": 1}
    return Candidate(statement=parse((model or Model()).statement()), **(defaults | more))


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, True),
        ({"aaid": ("1a2b#0001",)}, True),
        ({"aaid": ("1A2B#0002", "1A2B#0001")}, True),
        ({"aaid": ("1A2B#0002",)}, False),
        ({"vendor_id": ("1a2b",)}, True),
        ({"vendor_id": ("1A2C",)}, False),
        ({"key_ids": (b64(KEY_ID),)}, True),
        ({"key_ids": (b64(KEY_ID) + "=",)}, True),
        ({"key_ids": (b64(bytes(32)),)}, False),
        ({"user_verification": FINGER}, True),
        ({"user_verification": FINGER | FACE}, True),
        ({"user_verification": FACE}, False),
        ({"user_verification": FINGER | ALL}, False),
        ({"key_protection": 0x04}, True),
        ({"key_protection": 0x09}, False),
        ({"matcher_protection": 0x02}, True),
        ({"matcher_protection": 0x01}, False),
        ({"attachment_hint": 0x01}, True),
        ({"attachment_hint": 0x02}, False),
        ({"tc_display": 0x02}, True),
        ({"tc_display": 0x08}, False),
        ({"authentication_algorithms": (9, 1)}, True),
        ({"authentication_algorithms": (9,)}, False),
        ({"assertion_schemes": ("UAFV1TLV",)}, True),
        ({"assertion_schemes": ("OTHER",)}, False),
        ({"attestation_types": (15879, 15880)}, True),
        ({"attestation_types": (15879,)}, False),
        ({"authenticator_version": 3}, True),
        ({"authenticator_version": 4}, False),
        ({"exts": (Extension(id="x", data="", fail_if_unknown=False),)}, True),
        ({"exts": (Extension(id="x", data="", fail_if_unknown=True),)}, False),
        ({"aaid": ("1A2B#0001",), "authenticator_version": 4}, False),
    ],
)
def test_5_3_every_member_narrows(criteria, expected):
    assert matches(candidate(), MatchCriteria(**criteria)) is expected


def test_5_3_key_ids_at_registration_count_only_where_disallowed():
    new = candidate(registered=False)
    other = MatchCriteria(aaid=("1A2B#0001",), key_ids=(b64(bytes(32)),))
    assert matches(new, other)
    assert not matches(new, other, disallowing=True)
    assert matches(new, MatchCriteria(key_ids=(b64(KEY_ID),)), disallowing=True)


@pytest.mark.parametrize(
    ("verification", "value"),
    [
        ((("fingerprint_internal",),), FINGER),
        ((("fingerprint_internal", "faceprint_internal"),), BOTH),
        ((("fingerprint_internal",), ("faceprint_internal",)), FINGER | FACE),
        ((("fingerprint_internal",), ("faceprint_internal", "presence_internal")), None),
    ],
)
def test_5_3_the_value_of_a_statement(verification, value):
    statement = parse(Model(verification=verification).statement())
    assert statement.user_verification_flags == value
    wanted = MatchCriteria(user_verification=FINGER)
    assert matches(candidate(Model(verification=verification)), wanted) is (value in {FINGER, FINGER | FACE})


@settings(deadline=None)
@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_5_3_uv_match_is_the_rule_of_the_standard(a, m):
    assert uv_match(a, m) is (a == m or ((a & 0x400) == 0 and (m & 0x400) == 0 and (a & m) != 0))
    assert uv_match(a, m) is uv_match(m, a)


def together(*sets: tuple[str, ...], disallowed: tuple[MatchCriteria, ...] = ()) -> Policy:
    accepted = tuple(tuple(MatchCriteria(aaid=(aaid,)) for aaid in each) for each in sets)
    return Policy(accepted=accepted, disallowed=disallowed)


A, B, C = "1A2B#000A", "1A2B#000B", "1A2B#000C"


@pytest.mark.parametrize(
    ("wanted", "have", "chosen"),
    [
        (together((A,)), [A], (0,)),
        (together((A,), (B,)), [B], (0,)),
        (together((A,), (B,)), [B, A], (1,)),
        (together((A, B)), [B, A], (0, 1)),
        (together((A, B)), [A], None),
        (together((A, B), (C,)), [A, C], (1,)),
        (together((A, A)), [A], None),
        (together((A, A)), [A, A], (0, 1)),
    ],
)
def test_5_4_the_first_set_that_is_complete_wins(wanted, have, chosen):
    candidates = [candidate(Model(aaid=aaid)) for aaid in have]
    if chosen is None:
        with pytest.raises(UafError, match=Reason.POLICY):
            policy.choose(wanted, candidates)
    else:
        assert policy.choose(wanted, candidates) == chosen


def test_5_4_each_criteria_has_an_authenticator_of_its_own():
    """The first criteria could take either, the second only one: greedy choice would miss it."""
    either = MatchCriteria(aaid=(A, B))
    wanted = Policy(accepted=((either, MatchCriteria(aaid=(A,))),))
    assert policy.choose(wanted, [candidate(Model(aaid=A)), candidate(Model(aaid=B))]) == (0, 1)
    three = Policy(accepted=((MatchCriteria(aaid=(A, B)), MatchCriteria(aaid=(B, C)), MatchCriteria(aaid=(A,))),))
    models = [candidate(Model(aaid=aaid)) for aaid in (A, B, C)]
    assert policy.choose(three, models) == (0, 1, 2)
    with pytest.raises(UafError, match=Reason.POLICY):
        policy.choose(three, [models[0], models[2], replace(models[2], key_id=bytes(32))])


def test_5_1_disallowed_wins_over_accepted():
    with pytest.raises(UafError, match=Reason.POLICY):
        policy.check(together((A,), disallowed=(MatchCriteria(vendor_id=("1A2B",)),)), candidate(Model(aaid=A)))


def test_5_3_of_several_algorithms_the_one_that_was_used_must_be_wanted():
    model = Model(more={"authenticationAlgorithms": ["secp256r1_ecdsa_sha256_raw", "secp256r1_ecdsa_sha256_der"]})
    wanted = Policy(accepted=((MatchCriteria(authentication_algorithms=(2,), assertion_schemes=("UAFV1TLV",)),),))
    policy.check(wanted, candidate(model, algorithm=2))
    with pytest.raises(UafError, match=Reason.ALGORITHM):
        policy.check(wanted, candidate(model, algorithm=1))


def test_14_5_the_most_wanted_attestation_that_the_model_has_is_asked_for():
    both = Model(more={"attestationTypes": ["basic_surrogate", "ecdaa"]})
    wanted = Policy(accepted=((MatchCriteria(attestation_types=(0x3E07, 0x3E09, 0x3E08)),),))
    policy.check(wanted, candidate(both, attestation=AttestationType.ECDAA))
    with pytest.raises(UafError, match=Reason.ATTESTATION_TYPE):
        policy.check(wanted, candidate(both, attestation=AttestationType.BASIC_SURROGATE))


def test_21_4_the_method_that_was_used_must_be_wanted():
    model = Model(verification=(("fingerprint_internal",), ("presence_internal",)))
    wanted = Policy(accepted=((MatchCriteria(user_verification=FINGER),),))
    policy.check(wanted, candidate(model, methods=UserVerification.FINGERPRINT_INTERNAL))
    with pytest.raises(UafError, match=Reason.USER_VERIFICATION):
        policy.check(wanted, candidate(model, methods=UserVerification.PRESENCE_INTERNAL))


@pytest.mark.parametrize(
    "criteria",
    [
        {"aaid": (A,), "user_verification": 2},
        {"aaid": (A,), "vendor_id": ("1A2B",)},
        {"user_verification": 2},
        {"authentication_algorithms": (1,)},
        {"assertion_schemes": ("UAFV1TLV",)},
        {"key_ids": (b64(KEY_ID),)},
        {"user_verification": 0, "authentication_algorithms": (1,), "assertion_schemes": ("UAFV1TLV",)},
    ],
)
def test_5_2_a_policy_that_a_client_would_refuse_is_not_sent(criteria):
    with pytest.raises(ValueError):
        policy.validate(Policy(accepted=((MatchCriteria(**criteria),),)))
    with pytest.raises(ValueError):
        policy.validate(together((A,), disallowed=(MatchCriteria(**criteria),)))


def test_5_2_existing_keys_and_bad_models_are_disallowed_grouped_by_model():
    wanted = policy.excluding(together((A,)), keys=[(A, KEY_ID), (B, KEY_ID), (A, bytes(32))], models=[C])
    assert json.loads(msgspec.json.encode(wanted.disallowed)) == [
        {"aaid": [A], "keyIDs": [b64(KEY_ID), b64(bytes(32))]},
        {"aaid": [B], "keyIDs": [b64(KEY_ID)]},
        {"aaid": [C]},
    ]


def test_5_5_ready_made_policies():
    statements = [parse(Model(aaid=A).statement()), parse(Model(aaid=B, more={"isSecondFactorOnly": True}).statement())]
    assert len(policy.approved(statements).accepted) == 2
    assert [each[0].aaid for each in policy.for_unknown_person(statements).accepted] == [(A,)]
    assert json.loads(msgspec.json.encode(policy.biometric_in_hardware().accepted[0][0])) == {
        "userVerification": 82,
        "keyProtection": 14,
        "authenticationAlgorithms": [1, 2, 3, 4],
        "assertionSchemes": ["UAFV1TLV"],
    }
    policy.check(policy.biometric_in_hardware(), candidate())


def test_16_1_a_person_without_a_key_gets_the_same_decoy_each_time():
    assert policy.decoy(b"secret", "ann") == policy.decoy(b"secret", "ann")
    assert len(policy.decoy(b"secret", "ann")) == 32
    assert len({policy.decoy(secret, who) for secret in (b"1", b"2") for who in ("ann", "bob")}) == 4
