"""What a log-in is worth (section 24.2): one row for each condition."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.authenticators.uaf.assurance import amr, assess
from carekey.authenticators.uaf.channel_binding import Channel
from carekey.authenticators.uaf.metadata import Standing
from carekey.authenticators.uaf.model import Authenticated
from carekey.authenticators.uaf.registry import AttestationType, UserVerification
from carekey.authenticators.uaf.statement import parse
from carekey.authenticators.uaf.tests.phone import Authority, Model, Phone, b64, certificate, der, new_key
from carekey.authenticators.uaf.tests.server import Server
from carekey.kernel.assurance import AAL, Amr

BEST: dict[str, Any] = {
    "standing": Standing(),
    "attestation": AttestationType.BASIC_FULL,
    "android_hardware": False,
    "approved": True,
    "enrolled_at": AAL.AAL3,
    "near": True,
    "methods": None,
}
SURROGATE = AttestationType.BASIC_SURROGATE
PRESENCE = (("presence_internal",),)
EITHER = (("fingerprint_internal",), ("presence_internal",))


@pytest.mark.parametrize(
    ("model", "more", "level"),
    [
        ({}, {}, AAL.AAL3),
        ({"key_protection": ("hardware", "secure_element"), "matcher_protection": ("on_chip",)}, {}, AAL.AAL3),
        ({}, {"attestation": SURROGATE, "android_hardware": True}, AAL.AAL3),
        ({"verification": (("fingerprint_internal", "presence_internal"),)}, {}, AAL.AAL3),
        ({"verification": EITHER}, {"methods": UserVerification.FINGERPRINT_INTERNAL}, AAL.AAL3),
        ({}, {"approved": False}, AAL.AAL2),
        ({}, {"attestation": SURROGATE}, AAL.AAL2),
        ({"key_protection": ("software",)}, {}, AAL.AAL2),
        ({"matcher_protection": ("software",)}, {}, AAL.AAL2),
        ({"more": {"isKeyRestricted": False}}, {}, AAL.AAL2),
        ({"more": {"isFreshUserVerificationRequired": False}}, {}, AAL.AAL2),
        ({}, {"standing": Standing(aal2_at_most=True)}, AAL.AAL2),
        ({}, {"enrolled_at": AAL.AAL2}, AAL.AAL2),
        ({}, {"near": False}, AAL.AAL2),
        ({"verification": PRESENCE}, {}, AAL.AAL1),
        ({"verification": (("none",),)}, {}, AAL.AAL1),
        ({"verification": (("location_internal",),)}, {}, AAL.AAL1),
        ({"verification": EITHER}, {}, AAL.AAL1),
        ({"verification": EITHER}, {"methods": UserVerification.PRESENCE_INTERNAL}, AAL.AAL1),
    ],
)
def test_24_2_every_condition_of_a_level_must_hold(model, more, level):
    statement = parse(Model(**model).statement())
    assert assess(statement, **(BEST | more)) is level


@pytest.mark.parametrize(
    ("bound", "accepted", "level"),
    [(False, False, AAL.AAL2), (True, False, AAL.AAL2), (False, True, AAL.AAL2), (True, True, AAL.AAL3)],
)
def test_24_2_across_devices_aal3_needs_a_bound_channel_and_the_operators_word(bound, accepted, level):
    key = new_key(1)
    edge = der(certificate("edge", key, "edge", key))
    model = Model(authority=Authority())
    server = Server.trusting(model, channel=Channel(certificates=(edge,)), cross_device_aal3=accepted)
    phone = Phone(model)
    server.enrol(phone)
    phone.binding = {"tlsServerCertificate": b64(edge)} if bound else {}
    proof = server.log_in(phone, same_device=False)
    assert isinstance(proof, Authenticated)
    assert (proof.level, proof.channel_bound) == (level, bound)
    assert isinstance(same := server.log_in(phone), Authenticated)
    assert same.level is AAL.AAL3


def test_24_2_the_level_follows_the_metadata_down():
    model = Model(authority=Authority())
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    server.party = replace(server.party, aal3_models=frozenset())
    proof = server.log_in(phone)
    assert isinstance(proof, Authenticated)
    assert proof.level is AAL.AAL2


@pytest.mark.parametrize(
    ("facet", "value"),
    [("ios:bundle-id:uk.example.id", Amr.IOS), ("https://id.example", Amr.UAF), ("android:apk-key-hash:x", Amr.UAF)],
)
def test_24_3_the_method_is_named_after_the_device(facet, value):
    assert amr(facet) is value
