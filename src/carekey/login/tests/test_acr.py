import pytest

from carekey.kernel.assurance import AAL, Amr
from carekey.login import acr
from carekey.login.tests.make import KEY, PASSKEY, PASSWORD, SMARTCARD


@pytest.mark.parametrize(
    ("value", "aal", "amr", "holds"),
    [
        ("AAL3_ANY", AAL.AAL3, Amr.FIDO2, True),
        ("AAL3_ANY", AAL.AAL3, Amr.N3_SMARTCARD, True),
        ("AAL3_ANY", AAL.AAL2, Amr.PASSKEY, False),
        ("AAL2_ANY", AAL.AAL2, Amr.PASSKEY, True),
        ("AAL2_ANY", AAL.AAL3, Amr.FIDO2, False),
        ("AAL2_OR_AAL3_ANY", AAL.AAL2, Amr.TOTP, True),
        ("AAL2_OR_AAL3_ANY", AAL.AAL3, Amr.FIDO2, True),
        ("AAL2_OR_AAL3_ANY", AAL.AAL1, Amr.PASSWORD, False),
        ("AAL3_FIDO2", AAL.AAL3, Amr.FIDO2, True),
        ("AAL3_FIDO2", AAL.AAL3, Amr.CIS2_SMARTCARD, False),
        ("AAL3_FIDO2", AAL.AAL2, Amr.FIDO2, False),
        ("AAL3_IOS", AAL.AAL3, Amr.IOS, True),
        ("AAL3_SMARTCARD", AAL.AAL3, Amr.N3_SMARTCARD, True),
        ("AAL3_SMARTCARD", AAL.AAL3, Amr.CIS2_SMARTCARD, True),
        ("AAL3_N3_SMARTCARD", AAL.AAL3, Amr.CIS2_SMARTCARD, False),
        ("AAL3_CIS2_SMARTCARD", AAL.AAL3, Amr.CIS2_SMARTCARD, True),
        ("AAL2_TOTP", AAL.AAL2, Amr.TOTP, True),
        ("AAL2_NHSMAIL", AAL.AAL2, Amr.NHSMAIL, True),
        ("AAL2_NHSMAIL", AAL.AAL2, Amr.TOTP, False),
        ("AAL1_USERPASS", AAL.AAL1, Amr.PASSWORD, True),
        ("AAL1_USERPASS", AAL.AAL3, Amr.FIDO2, False),
    ],
)
def test_cis2_4_2_what_satisfies_a_class(value, aal, amr, holds):
    assert (acr.satisfied([value], aal, amr) == value) is holds


@pytest.mark.parametrize(
    ("values", "minimum", "wanted"),
    [
        ((), AAL.AAL1, ()),
        (("urn:unknown", "AAL4_ANY", "aal3_any"), AAL.AAL1, ()),
        (("urn:unknown", "AAL2_ANY"), AAL.AAL1, ("AAL2_ANY",)),
        (("AAL2_ANY", "AAL3_ANY"), AAL.AAL1, ("AAL3_ANY", "AAL2_ANY")),
        (("AAL2_ANY", "AAL2_OR_AAL3_ANY", "AAL3_ANY"), AAL.AAL1, ("AAL3_ANY", "AAL2_OR_AAL3_ANY", "AAL2_ANY")),
        (("AAL3_FIDO2", "AAL3_ANY"), AAL.AAL1, ("AAL3_FIDO2", "AAL3_ANY")),
        (("AAL3_ANY", "AAL3_FIDO2"), AAL.AAL1, ("AAL3_ANY", "AAL3_FIDO2")),
        (("AAL3_ANY", "AAL3_ANY"), AAL.AAL1, ("AAL3_ANY",)),
        (("AAL2_ANY", "AAL1_USERPASS"), AAL.AAL3, ()),
        (("AAL2_OR_AAL3_ANY",), AAL.AAL3, ("AAL2_OR_AAL3_ANY",)),
    ],
)
def test_the_best_class_comes_first_and_unknown_ones_are_passed_over(values, minimum, wanted):
    assert acr.wanted(values, minimum=minimum) == wanted


def test_cis2_11_the_answer_is_the_requested_class_that_was_satisfied():
    both = acr.wanted(("AAL2_OR_AAL3_ANY", "AAL3_ANY"))
    assert acr.satisfied(both, AAL.AAL3, Amr.FIDO2) == "AAL3_ANY"
    assert acr.satisfied(both, AAL.AAL2, Amr.PASSKEY) == "AAL2_OR_AAL3_ANY"
    assert acr.satisfied(("AAL2_OR_AAL3_ANY",), AAL.AAL3, Amr.FIDO2) == "AAL2_OR_AAL3_ANY"


def test_a_clients_minimum_holds_whatever_the_class_admits():
    assert acr.satisfied(("AAL2_OR_AAL3_ANY",), AAL.AAL2, Amr.PASSKEY, minimum=AAL.AAL3) is None
    assert acr.satisfied(("AAL2_OR_AAL3_ANY",), AAL.AAL3, Amr.FIDO2, minimum=AAL.AAL3) == "AAL2_OR_AAL3_ANY"
    assert acr.admitted(("AAL2_OR_AAL3_ANY",), KEY, minimum=AAL.AAL3) == {AAL.AAL3}


@pytest.mark.parametrize(
    ("values", "way", "levels"),
    [
        (("AAL3_ANY",), KEY, {AAL.AAL3}),
        (("AAL3_ANY",), PASSWORD, set()),
        (("AAL2_OR_AAL3_ANY",), PASSKEY, {AAL.AAL2, AAL.AAL3}),
        (("AAL3_SMARTCARD",), SMARTCARD, {AAL.AAL3}),
        (("AAL3_SMARTCARD",), KEY, set()),
        (("AAL3_SMARTCARD", "AAL2_ANY"), KEY, {AAL.AAL2}),
    ],
)
def test_which_ways_can_satisfy_a_request(values, way, levels):
    assert acr.admitted(values, way) == levels


def test_discovery_announces_what_the_ways_can_do():
    assert acr.supported([SMARTCARD]) == ("AAL3_ANY", "AAL3_SMARTCARD", "AAL3_CIS2_SMARTCARD", "AAL2_OR_AAL3_ANY")
    assert acr.supported([PASSWORD]) == ("AAL1_USERPASS",)
    assert acr.supported([]) == ()
