"""Whole ceremonies with a software device: what must work."""

import hashlib
import struct
from dataclasses import replace

import msgspec
import pytest

from carekey.authenticators.uaf import ceremony, deregistration, policy, transaction
from carekey.authenticators.uaf.extensions import UVM
from carekey.authenticators.uaf.messages import UAF_1_0, UAF_1_1, UAF_1_2
from carekey.authenticators.uaf.model import Authenticated, Issued, Note, Registered, Registration
from carekey.authenticators.uaf.registry import AttestationType, UserVerification
from carekey.authenticators.uaf.status import Reason, Refused
from carekey.authenticators.uaf.tests.phone import Authority, Faults, Model, Phone, Refusal, b64
from carekey.authenticators.uaf.tests.server import Server
from carekey.kernel.assurance import AAL

EC, RSA = (0x100, 0x101), (0x102, 0x103)
PAIRS = [
    (algorithm, key_format)
    for algorithms, formats in (
        ((1, 2, 5, 6, 16, 17), EC),
        ((3, 4, 8, 9, 10, 11, 12, 13, 14), RSA),
        ((18, 19), (0x101,)),
    )
    for algorithm in algorithms
    for key_format in formats
]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize("full", [True, False], ids=["full", "surrogate"])
@pytest.mark.parametrize(("algorithm", "key_format"), PAIRS, ids=lambda value: f"{value:#x}")
def test_every_algorithm_and_key_format_registers_and_logs_in(algorithm, key_format, full, authority):
    model = Model(algorithm=algorithm, key_format=key_format, authority=authority if full else None)
    server, phone = Server.trusting(model), Phone(model)

    enrolled = server.enrol(phone)
    proof = server.log_in(phone)

    assert isinstance(enrolled, Registered), enrolled
    assert isinstance(proof, Authenticated), proof
    assert enrolled.registrations[0].attestation is (
        AttestationType.BASIC_FULL if full else AttestationType.BASIC_SURROGATE
    )
    assert (proof.person, proof.uses[0].sign_counter, proof.at) == ("ann", 1, server.now)
    assert proof.level is (AAL.AAL3 if full else AAL.AAL2)


@pytest.mark.parametrize("version", [UAF_1_0, UAF_1_1, UAF_1_2], ids=["1.0", "1.1", "1.2"])
def test_each_protocol_version_has_the_same_ceremonies(version):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    assert isinstance(server.enrol(phone, version=version), Registered)
    assert isinstance(server.log_in(phone, version=version), Authenticated)


def test_16_1_a_person_need_not_be_known_beforehand(authority):
    model = Model(authority=authority)
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    request = server.login_request(
        person=None, wanted=policy.for_unknown_person([server.party.metadata.find(model.aaid).statement])
    )
    assert "keyIDs" not in request
    proof = server.logged_in(phone.answer(request))
    assert isinstance(proof, Authenticated)
    assert proof.person == "ann"


def test_7_a_text_is_shown_signed_and_kept_as_evidence():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    asked = transaction.plain_text("Prescribe amoxicillin 500mg to A. Example")

    proof = server.log_in(phone, transactions=[asked])

    assert phone.shown == ["Prescribe amoxicillin 500mg to A. Example"]
    assert isinstance(proof, Authenticated)
    assert proof.confirmed is not None
    assert proof.confirmed.transaction == asked
    assert proof.confirmed.hash == hashlib.sha256(phone.shown[0].encode()).digest()


def test_7_1_of_several_forms_the_device_signs_the_one_it_can_show():
    png = transaction.image(PNG)
    model = Model(tc_content_type="image/png", more={"tcDisplayPNGCharacteristics": [msgspec.to_builtins(png.png)]})
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)

    proof = server.log_in(phone, transactions=[transaction.plain_text("Prescribe"), png])

    assert isinstance(proof, Authenticated)
    assert proof.confirmed is not None
    assert proof.confirmed.transaction == png


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + struct.pack(">I", 13)
    + b"IHDR"
    + struct.pack(">IIBBBBB", 320, 200, 1, 3, 0, 0, 0)
    + b"crc."
    + struct.pack(">I", 6)
    + b"PLTE\x00\x00\x00\xff\xff\xffcrc."
    + struct.pack(">I", 0)
    + b"IENDcrc."
)


def test_7_1_characteristics_reported_at_registration_win_over_the_metadata():
    wide = msgspec.to_builtins(transaction.characteristics(PNG))
    model = Model(tc_content_type="image/png", more={"tcDisplayPNGCharacteristics": [wide | {"width": 100}]})
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    assert server.log_in(phone, transactions=[transaction.image(PNG)]) == Refused(reason=Reason.CANNOT_CONFIRM)

    other = Phone(model)
    server = Server.trusting(model)
    server.enrol(other, Faults(entry=lambda entry: entry | {"tcDisplayPNGCharacteristics": [wide]}))
    assert isinstance(server.log_in(other, transactions=[transaction.image(PNG)]), Authenticated)


def test_20_1_a_device_without_counter_logs_in_again_and_again():
    model = Model()
    server, phone = Server.trusting(model), Phone(model, counts=False)
    server.enrol(phone)
    assert [type(server.log_in(phone)) for _ in range(3)] == [Authenticated] * 3


def test_15_1_a_device_that_has_a_key_is_told_not_to_make_another():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    with pytest.raises(Refusal, match="NO_SUITABLE_AUTHENTICATOR"):
        server.enrol(phone)
    assert isinstance(server.enrol(Phone(model)), Registered)


@pytest.mark.parametrize("version", [UAF_1_0, UAF_1_1], ids=["1.0", "1.1"])
@pytest.mark.parametrize("form", ["keys", "whole_model", "everything"])
def test_17_each_form_of_deregistration_makes_the_device_forget(form, version):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    pairs = list(server.registrations)
    arguments = (model.aaid, pairs) if form == "whole_model" else (pairs,)
    phone.deregister(getattr(deregistration, form)(server.party.facets.app_id, *arguments, version=version))
    assert phone.keys == []


def test_17_nothing_to_deregister_is_no_request():
    with pytest.raises(ValueError):
        deregistration.everything("https://id.example/uaf/facets", [], version=UAF_1_0)


def test_what_is_kept_can_be_written_down_and_read_back(authority):
    model = Model(authority=authority)
    server, phone = Server.trusting(model), Phone(model)
    response = phone.answer(server.registration_request(browser=b"secret"))
    for handle, issued in server.issued.items():
        server.issued[handle] = msgspec.json.decode(msgspec.json.encode(issued), type=Issued)
    enrolled = server.registered(response, browser=b"secret")
    assert isinstance(enrolled, Registered)
    for key, value in server.registrations.items():
        server.registrations[key] = msgspec.json.decode(msgspec.json.encode(value), type=Registration)
    assert isinstance(server.log_in(phone), Authenticated)


def test_6_1_the_client_may_write_its_json_as_it_likes():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    spaced = Faults(
        fc_params=lambda text: text + "=" * (-len(text) % 4),
        final_challenge=lambda fcp: {"more": [1.5, True], **dict(reversed(fcp.items()))},
    )
    assert isinstance(server.enrol(phone, spaced), Registered)


def test_11_1_order_inside_and_unknown_elements_that_may_be_skipped_are_the_authenticators_business():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    shuffled = Faults(signed=lambda children: [*reversed(children), (0x0777, b"new")])
    assert isinstance(server.enrol(phone, shuffled), Registered)
    assert isinstance(server.log_in(phone, shuffled), Authenticated)


def test_11_2_the_aaid_is_compared_without_regard_to_case():
    model = Model(aaid="1a2b#00ff")
    server, phone = Server.trusting(model), Phone(model)
    enrolled = server.enrol(phone)
    assert isinstance(enrolled, Registered)
    assert enrolled.registrations[0].aaid == "1A2B#00FF"
    assert isinstance(server.log_in(phone), Authenticated)


@pytest.mark.parametrize("size", [32, 96, 2048])
def test_3_a_key_id_may_be_a_wrapped_key_handle(size):
    model = Model(key_format=0x100)
    server, phone = Server.trusting(model), Phone(model)
    assert isinstance(server.enrol(phone, Faults(key_id=b"k" * size)), Registered)


def test_5_4_assertions_beyond_the_accepted_set_are_not_stored():
    first, second = Model(), Model(aaid="1A2B#0002")
    server = Server.trusting(first, second)
    request = server.registration_request()
    other = msgspec.json.decode(Phone(second).answer(request))[0]
    both = Faults(message=lambda message: [message[0] | {"assertions": message[0]["assertions"] + other["assertions"]}])
    outcome = server.registered(Phone(first).answer(request, both))
    assert isinstance(outcome, Registered)
    assert [new.aaid for new in outcome.registrations] == [first.aaid]


def uvm(method: int, key: int = 0x0006, matcher: int = 0x0002) -> Faults:
    body = struct.pack("<IHH", method, key, matcher)
    id = b"fido.uaf.uvm"
    inner = b"".join(struct.pack("<HH", tag, len(value)) + value for tag, value in ((0x2E13, id), (0x2E14, body)))
    return Faults(extensions=((0x3E12, inner),))


def test_21_4_the_signed_method_decides_what_a_log_in_is_worth():
    model = Model(verification=(("fingerprint_internal",), ("presence_internal",)))
    server, phone = Server.trusting(model), Phone(model)
    wanted = (ceremony.ask(UVM, fail_if_unknown=False),)
    server.enrol(phone, uvm(0x0002), extensions=wanted)

    by_finger = server.log_in(phone, uvm(0x0002), extensions=wanted)
    by_button = server.log_in(phone, uvm(0x0001), extensions=wanted)
    unsaid = server.log_in(phone, extensions=wanted)

    assert isinstance(by_finger, Authenticated)
    assert isinstance(by_button, Authenticated)
    assert isinstance(unsaid, Authenticated)
    assert by_finger.uses[0].user_verification is UserVerification.FINGERPRINT_INTERNAL
    assert (by_finger.level, by_button.level, unsaid.level) == (AAL.AAL2, AAL.AAL1, AAL.AAL1)


@pytest.mark.parametrize("faults", [uvm(0x0010), uvm(0), uvm(0x0400), uvm(2, key=0x0008), uvm(2, matcher=0x0004), None])
def test_21_4_a_method_that_the_model_has_not_or_that_is_left_out_is_refused(faults):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    outcome = server.enrol(phone, faults, extensions=(ceremony.ask(UVM, fail_if_unknown=True),))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.USER_VERIFICATION


@pytest.mark.parametrize(
    "body", [b"", bytes(7), bytes(9), struct.pack("<IHH", 0x8000, 2, 2), struct.pack("<IHH", 2, 0x40, 2)]
)
def test_21_2_methods_that_make_no_sense_are_refused(body):
    model = Model()
    inner = b"".join(
        struct.pack("<HH", tag, len(value)) + value for tag, value in ((0x2E13, UVM.encode()), (0x2E14, body))
    )
    outcome = Server.trusting(model).enrol(Phone(model), Faults(extensions=((0x3E11, inner),)))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.EXTENSION


def test_21_3_a_newly_enrolled_finger_ends_the_registration():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone, Faults(extensions=((0x0104, b"left thumb"), (0x0106, b"one finger"))))

    same = server.log_in(phone, Faults(extensions=((0x0104, b"left thumb"), (0x0106, b"one finger"))))
    passcode = server.log_in(phone, Faults(extensions=((0x0106, b"one finger"),)))
    enrolled = server.log_in(phone, Faults(extensions=((0x0104, b"left thumb"), (0x0106, b"two fingers"))))
    other = server.log_in(phone, Faults(extensions=((0x0104, b"right thumb"), (0x0106, b"one finger"))))
    unsaid = server.log_in(phone)

    assert isinstance(same, Authenticated)
    assert isinstance(passcode, Authenticated)
    for outcome in (enrolled, other, unsaid):
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.key_id) == (Reason.ENROLMENT_CHANGED, phone.keys[0].key_id)


def test_15_2_odd_but_permitted_values_are_noted():
    model = Model(version=5)
    server, phone = Server.trusting(model), Phone(model)
    phone.registrations = 5000
    enrolled = server.enrol(phone, Faults(version=4))
    server.log_in(phone, Faults(version=6))
    back = server.log_in(phone)
    assert isinstance(enrolled, Registered)
    assert isinstance(back, Authenticated)
    assert enrolled.notes == (Note.VERSION_BELOW_METADATA, Note.REG_COUNTER_HIGH)
    assert back.notes == (Note.FIRMWARE_ROLLBACK,)


def test_the_policys_keys_are_those_of_this_person_alone():
    model = Model()
    server, anns, bobs = Server.trusting(model), Phone(model), Phone(model)
    server.enrol(anns)
    server.registered(bobs.answer(server.registration_request(person="bob")), person="bob")
    request = server.login_request()
    assert b64(anns.keys[0].key_id) in request
    assert b64(bobs.keys[0].key_id) not in request


def test_a_registration_never_rises_by_itself(authority):
    model = Model(authority=authority)
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone, enrolled_at=AAL.AAL2)
    key, value = next(iter(server.registrations.items()))
    assert value.level is AAL.AAL2
    server.registrations[key] = replace(value, enrolled_at=AAL.AAL3)
    proof = server.log_in(phone)
    assert isinstance(proof, Authenticated)
    assert proof.level is AAL.AAL2
