"""What must be refused, and why: the rows of sections 15.2 and 16.2, and every switch of section 27.7."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from carekey.authenticators.uaf import policy, transaction
from carekey.authenticators.uaf.metadata import Block, Metadata, ReportStatus, StatusReport
from carekey.authenticators.uaf.model import Authenticated, Registered
from carekey.authenticators.uaf.status import Reason, Refused, Status, status
from carekey.authenticators.uaf.tests.phone import Authority, Faults, Model, Phone, b64, tlv, unb64
from carekey.authenticators.uaf.tests.server import Server
from carekey.kernel.assurance import AAL

Change = Callable[[Any], Any]

OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def without(name: str) -> Change:
    return lambda members: {key: value for key, value in members.items() if key != name}


def having(**more: Any) -> Change:
    return lambda members: members | more


def in_message(change: Change) -> Faults:
    return Faults(message=lambda message: [change(message[0])])


def in_header(change: Change) -> Faults:
    return in_message(lambda message: message | {"header": change(message["header"])})


def field(tag: int, change: Callable[[bytes], bytes]) -> Faults:
    return Faults(signed=lambda children: [(each, change(value) if each == tag else value) for each, value in children])


def dropped(tag: int) -> Faults:
    return Faults(signed=lambda children: [child for child in children if child[0] != tag])


def doubled(tag: int) -> Faults:
    return Faults(signed=lambda children: [*children, next(child for child in children if child[0] == tag)])


def beside(*more: bytes) -> Faults:
    return Faults(outer=lambda children: [*children, *more])


def extension(tag: int, id: str, data: bytes = b"") -> bytes:
    return tlv(tag, tlv(0x2E13, id.encode()), tlv(0x2E14, data))


def nested(depth: int) -> bytes:
    return tlv(0x1777, nested(depth - 1)) if depth else b""


MESSAGE = {
    "two dictionaries": (Faults(message=lambda message: message * 2), Reason.NOT_ONE_MESSAGE),
    "no dictionary": (Faults(message=lambda message: []), Reason.NOT_ONE_MESSAGE),
    "not an array": (Faults(message=lambda message: message[0]), Reason.NOT_ONE_MESSAGE),
    "an array of text": (Faults(message=lambda message: ["x"]), Reason.FIELD),
    "other version": (in_header(having(upv={"major": 1, "minor": 0})), Reason.VERSION),
    "version of texts": (in_header(having(upv={"major": "1", "minor": "1"})), Reason.FIELD),
    "version of booleans": (in_header(having(upv={"major": True, "minor": True})), Reason.FIELD),
    "no version": (in_header(without("upv")), Reason.FIELD),
    "unknown operation": (in_header(having(op="Sign")), Reason.FIELD),
    "deregistration": (in_header(having(op="Dereg")), Reason.OPERATION),
    "no operation": (in_header(without("op")), Reason.FIELD),
    "no header": (in_message(without("header")), Reason.FIELD),
    "null header": (in_message(having(header=None)), Reason.NULL_VALUE),
    "no appID": (in_header(without("appID")), Reason.FIELD),
    "empty appID": (in_header(having(appID="")), Reason.FIELD),
    "long appID": (in_header(having(appID="https://id.example/" + "a" * 500)), Reason.FIELD),
    "other appID": (in_header(having(appID="https://id.example")), Reason.APP_ID),
    "no serverData": (in_header(without("serverData")), Reason.FIELD),
    "empty serverData": (in_header(having(serverData="")), Reason.FIELD),
    "number as serverData": (in_header(having(serverData=7)), Reason.FIELD),
    "altered serverData": (in_header(having(serverData="A" * 43)), Reason.SESSION_UNKNOWN),
    "extension without a member": (in_header(having(exts=[{"id": "x", "data": ""}])), Reason.FIELD),
    "unknown extension that must be known": (
        in_header(having(exts=[{"id": "x", "data": "", "fail_if_unknown": True}])),
        Reason.UNKNOWN_EXTENSION,
    ),
    "no fcParams": (in_message(without("fcParams")), Reason.FIELD),
    "empty fcParams": (in_message(having(fcParams="")), Reason.FIELD),
    "fcParams that is no JSON": (in_message(having(fcParams=b64(b"{"))), Reason.NOT_JSON),
    "fcParams that is no object": (in_message(having(fcParams=b64(b"[]"))), Reason.FIELD),
    "fcParams that is not UTF-8": (in_message(having(fcParams=b64(b'{"\xff":1}'))), Reason.NOT_JSON),
    "blank in fcParams": (Faults(fc_params=lambda text: text[:8] + " " + text[8:]), Reason.FIELD),
    "other alphabet in fcParams": (Faults(fc_params=lambda text: text[:8] + "+" + text[9:]), Reason.FIELD),
    "line end after fcParams": (Faults(fc_params=lambda text: text + "\n"), Reason.NOT_BASE64URL),
    "too much padding": (Faults(fc_params=lambda text: text.rstrip("=") + "==="), Reason.FIELD),
    "no assertions": (in_message(without("assertions")), Reason.FIELD),
    "empty assertions": (in_message(having(assertions=[])), Reason.FIELD),
    "assertions that are no array": (in_message(having(assertions={})), Reason.FIELD),
    "no assertionScheme": (Faults(entry=without("assertionScheme")), Reason.FIELD),
    "other assertionScheme": (Faults(entry=having(assertionScheme="APCV1CBOR")), Reason.SCHEME),
    "no assertion": (Faults(entry=without("assertion")), Reason.FIELD),
    "empty assertion": (Faults(entry=having(assertion="")), Reason.FIELD),
    "assertion in another alphabet": (Faults(entry=having(assertion="AA+/")), Reason.NOT_BASE64URL),
    "assertion with stray bits": (Faults(entry=having(assertion="AB")), Reason.NOT_BASE64URL),
    "extension of an assertion": (
        Faults(entry=having(exts=[{"id": "x", "data": "", "fail_if_unknown": True}])),
        Reason.UNKNOWN_EXTENSION,
    ),
    "other challenge": (Faults(final_challenge=having(challenge="A" * 43)), Reason.CHALLENGE),
    "challenge that is not ASCII": (Faults(final_challenge=having(challenge="é" * 43)), Reason.CHALLENGE),
    "other appID in fcParams": (Faults(final_challenge=having(appID="https://id.example")), Reason.APP_ID),
    "foreign facet": (Faults(final_challenge=having(facetID="https://evil.example")), Reason.FACET),
    "empty facet": (Faults(final_challenge=having(facetID="")), Reason.FIELD),
    "no facet": (Faults(final_challenge=without("facetID")), Reason.FIELD),
    "no channelBinding": (Faults(final_challenge=without("channelBinding")), Reason.FIELD),
    "wrong channelBinding": (
        Faults(final_challenge=having(channelBinding={"serverEndPoint": "AAAA"})),
        Reason.CHANNEL_BINDING,
    ),
    "empty channelBinding member": (
        Faults(final_challenge=having(channelBinding={"serverEndPoint": ""})),
        Reason.FIELD,
    ),
    "a ChannelID key": (
        Faults(final_challenge=having(channelBinding={"cid_pubkey": "AAAA"})),
        Reason.CHANNEL_BINDING,
    ),
}

ASSERTION = {
    "5000 bytes": (Faults(assertion=lambda data: data + tlv(0x0777, bytes(5000))), Reason.TLV_TOO_LARGE),
    "bytes after the end": (Faults(assertion=lambda data: data + b"\0"), Reason.TLV),
    "second element after the end": (Faults(assertion=lambda data: data + tlv(0x0777)), Reason.TLV),
    "one byte short": (Faults(assertion=lambda data: data[:-1]), Reason.TLV),
    "length beyond the end": (Faults(assertion=lambda data: data[:2] + b"\xff\xff" + data[4:]), Reason.TLV),
    "nothing": (Faults(assertion=lambda data: b"\0\0"), Reason.TLV),
    "unknown outer tag": (Faults(assertion=lambda data: b"\x77\x3e" + data[2:]), Reason.TLV_UNEXPECTED),
    "signed structure not first": (
        Faults(outer=lambda children: [tlv(0x0777), *children]),
        Reason.TLV_UNEXPECTED,
    ),
    "signed structure twice": (Faults(outer=lambda children: [children[0], *children]), Reason.TLV_REPEATED),
    "nothing inside": (Faults(outer=lambda children: []), Reason.TLV_UNEXPECTED),
    "leftover inside": (Faults(outer=lambda children: [*children, b"\0\0\0"]), Reason.TLV),
    "unknown critical element": (Faults(extensions=((0x2777, b""),)), Reason.TLV_CRITICAL),
    "unknown critical element beside": (beside(tlv(0x2777)), Reason.TLV_CRITICAL),
    "known element in the wrong place": (Faults(extensions=((0x2E06, b"x"),)), Reason.TLV_UNEXPECTED),
    "unused tag bit": (beside(tlv(0x4777)), Reason.TLV),
    "nesting 50 deep": (beside(nested(50)), Reason.TLV_TOO_DEEP),
    "raw user verification index": (Faults(extensions=((0x0103, b"x"),)), Reason.TLV_UNEXPECTED),
    "long user verification index": (Faults(extensions=((0x0104, bytes(33)),)), Reason.TLV_LENGTH),
    "empty user verification state": (Faults(extensions=((0x0106, b""),)), Reason.TLV_LENGTH),
    "signed extension": (
        Faults(extensions=((0x3E11, extension(0x3E11, "unknown")[4:]),)),
        Reason.UNKNOWN_EXTENSION,
    ),
    "unsigned extension": (beside(extension(0x3E11, "unknown")), Reason.UNKNOWN_EXTENSION),
    "extension without data": (
        Faults(extensions=((0x3E12, tlv(0x2E13, b"x")),)),
        Reason.TLV_MISSING,
    ),
    "extension id of 33 characters": (beside(extension(0x3E12, "x" * 33)), Reason.EXTENSION),
    "extension id that is not UTF-8": (
        beside(tlv(0x3E12, tlv(0x2E13, b"\xff"), tlv(0x2E14))),
        Reason.EXTENSION,
    ),
    "extension twice": (beside(extension(0x3E12, "x"), extension(0x3E11, "x")), Reason.EXTENSION),
    "no AAID": (dropped(0x2E0B), Reason.TLV_MISSING),
    "AAID twice": (doubled(0x2E0B), Reason.TLV_REPEATED),
    "AAID of 8 characters": (field(0x2E0B, lambda value: value[:-1]), Reason.TLV_LENGTH),
    "AAID of another form": (field(0x2E0B, lambda value: b"1A2B-0001"), Reason.AAID_FORM),
    "no assertion info": (dropped(0x2E0E), Reason.TLV_MISSING),
    "short assertion info": (field(0x2E0E, lambda value: value[:-1]), Reason.TLV_LENGTH),
    "long assertion info": (field(0x2E0E, lambda value: value + b"\0"), Reason.TLV_LENGTH),
    "mode 0": (Faults(mode=0), Reason.MODE),
    "mode 2": (Faults(mode=2), Reason.MODE),
    "mode 3": (Faults(mode=3), Reason.MODE),
    "no final challenge hash": (dropped(0x2E0A), Reason.TLV_MISSING),
    "final challenge hash twice": (doubled(0x2E0A), Reason.TLV_REPEATED),
    "empty final challenge hash": (field(0x2E0A, lambda value: b""), Reason.TLV_LENGTH),
    "SHA-1 final challenge hash": (field(0x2E0A, lambda value: value[:20]), Reason.TLV_LENGTH),
    "final challenge hash of another text": (Faults(hash=bytes(32)), Reason.FINAL_CHALLENGE_HASH),
    "no KeyID": (dropped(0x2E09), Reason.TLV_MISSING),
    "KeyID of 31 bytes": (Faults(key_id=bytes(31)), Reason.TLV_LENGTH),
    "KeyID of 2049 bytes": (Faults(key_id=bytes(2049)), Reason.TLV_LENGTH),
    "no counters": (dropped(0x2E0D), Reason.TLV_MISSING),
    "short counters": (field(0x2E0D, lambda value: value[:-1]), Reason.TLV_LENGTH),
    "long counters": (field(0x2E0D, lambda value: value + b"\0"), Reason.TLV_LENGTH),
    "algorithm that the model has not": (Faults(algorithm=2), Reason.ALGORITHM),
    "unknown algorithm": (Faults(algorithm=0x99), Reason.ALGORITHM),
    "SM2": (Faults(algorithm=7), Reason.ALGORITHM),
    "RSA with SHA-1": (Faults(algorithm=15), Reason.ALGORITHM),
}


@pytest.mark.parametrize(("faults", "reason"), (MESSAGE | ASSERTION).values(), ids=(MESSAGE | ASSERTION).keys())
def test_a_wrong_registration_is_refused(faults, reason):
    model = Model()
    server = Server.trusting(model)
    outcome = server.enrol(Phone(model), faults)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert server.registrations == {}


LOGIN = {
    **MESSAGE,
    **ASSERTION,
    "KeyID of 31 bytes": (field(0x2E09, lambda value: value[:31]), Reason.TLV_LENGTH),
    "KeyID of 2049 bytes": (field(0x2E09, lambda value: bytes(2049)), Reason.TLV_LENGTH),
    "unknown KeyID": (Faults(key_id=bytes(32)), Reason.UNKNOWN_KEY),
    "unknown AAID": (field(0x2E0B, lambda value: b"1A2B#0009"), Reason.UNKNOWN_KEY),
    "no nonce": (dropped(0x2E0F), Reason.TLV_MISSING),
    "nonce of 7 bytes": (field(0x2E0F, lambda value: value[:7]), Reason.TLV_LENGTH),
    "no transaction hash": (dropped(0x2E10), Reason.TLV_MISSING),
    "transaction hash though nothing was asked": (field(0x2E10, lambda value: bytes(32)), Reason.TRANSACTION_HASH),
    "transaction hash of another length": (field(0x2E10, lambda value: bytes(20)), Reason.TLV_LENGTH),
    "no signature": (Faults(outer=lambda children: children[:1]), Reason.TLV_MISSING),
    "empty signature": (Faults(outer=lambda children: [children[0], tlv(0x2E06)]), Reason.TLV_LENGTH),
    "two signatures": (Faults(outer=lambda children: [*children, children[1]]), Reason.TLV_REPEATED),
    "signature of another key": (Faults(signing_key=OTHER_KEY), Reason.SIGNATURE),
    "counter of zero": (Faults(counter=0), Reason.CLONE_SUSPECTED),
    "counter that stood still": (Faults(counter=1), Reason.CLONE_SUSPECTED),
}


@pytest.mark.parametrize(("faults", "reason"), LOGIN.values(), ids=LOGIN.keys())
def test_a_wrong_log_in_is_refused(faults, reason):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    assert isinstance(server.log_in(phone), Authenticated)
    before = dict(server.registrations)
    outcome = server.log_in(phone, faults)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert server.registrations == before


def attestation(kind: int, *parts: bytes) -> Change:
    return lambda children: [children[0], tlv(kind, *parts)]


SIGNATURE = tlv(0x2E06, bytes(64))

SURROGATE = {
    "no attestation": (Faults(outer=lambda children: children[:1]), Reason.ATTESTATION_TYPE),
    "two attestations": (Faults(outer=lambda children: [*children, children[1]]), Reason.ATTESTATION_TYPE),
    "ECDAA": (Faults(attestation_type=0x3E09), Reason.ATTESTATION_TYPE),
    "full tag with a signature only": (Faults(attestation_type=0x3E07), Reason.ATTESTATION_TYPE),
    "signature of another key": (Faults(signing_key=OTHER_KEY), Reason.ATTESTATION_SIGNATURE),
    "empty signature": (Faults(outer=attestation(0x3E08, tlv(0x2E06))), Reason.TLV_LENGTH),
    "no signature": (Faults(outer=attestation(0x3E08)), Reason.TLV_MISSING),
    "short signature": (Faults(outer=attestation(0x3E08, tlv(0x2E06, bytes(63)))), Reason.ATTESTATION_SIGNATURE),
    "r and s of zero": (Faults(outer=attestation(0x3E08, SIGNATURE)), Reason.ATTESTATION_SIGNATURE),
    "a certificate": (
        Faults(outer=attestation(0x3E08, SIGNATURE, tlv(0x2E05, b"x"))),
        Reason.ATTESTATION_TYPE,
    ),
    "no public key": (dropped(0x2E0C), Reason.TLV_MISSING),
    "empty public key": (field(0x2E0C, lambda value: b""), Reason.TLV_LENGTH),
    "compressed point": (field(0x2E0C, lambda value: b"\x02" + value[1:33]), Reason.KEY),
    "infinity": (field(0x2E0C, lambda value: b"\0"), Reason.KEY),
    "point off the curve": (field(0x2E0C, lambda value: value[:-1] + bytes([value[-1] ^ 1])), Reason.KEY),
    "point of another curve": (
        field(0x2E0C, lambda value: unb64("BBCCl1X9AQonzt6NOQd0HyhImGqfsFAenEWmVgXsaCWetIlVWfNZQvrfYbnzPsoJgAz0KceUM2HXIiLbYLQ3K4U")),
        Reason.KEY,
    ),
    "unknown key format": (field(0x2E0E, lambda value: value[:5] + b"\x04\x01"), Reason.KEY),
    "other key format": (field(0x2E0E, lambda value: value[:5] + b"\x01\x01"), Reason.KEY),
}  # fmt: skip


@pytest.mark.parametrize(("faults", "reason"), SURROGATE.values(), ids=SURROGATE.keys())
def test_a_wrong_surrogate_attestation_is_refused(faults, reason):
    model = Model()
    outcome = Server.trusting(model).enrol(Phone(model), faults)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("written", "raw"), [(1, False), (2, True)], ids=["DER under the raw label", "raw under the DER label"]
)
def test_13_a_signature_is_read_as_it_is_labelled(written, raw):
    model = Model(algorithm=written)
    server, phone = Server.trusting(model), Phone(model)

    def relabel(children: list[bytes]) -> list[bytes]:
        signature = children[1][8:]
        if raw:
            numbers = decode_dss_signature(signature)
            return [children[0], tlv(0x3E08, tlv(0x2E06, b"".join(n.to_bytes(32, "big") for n in numbers)))]
        halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        body = b"".join(b"\x02\x21\x00" + n.to_bytes(32, "big") for n in halves)
        return [children[0], tlv(0x3E08, tlv(0x2E06, b"\x30" + bytes([len(body)]) + body))]

    outcome = server.enrol(phone, Faults(outer=relabel))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ATTESTATION_SIGNATURE


def test_13_a_raw_signature_has_its_width_and_no_more():
    def widened(children: list[bytes]) -> list[bytes]:
        signature = children[1][8:]
        return [children[0], tlv(0x3E08, tlv(0x2E06, signature[:32], b"\0", signature[32:]))]

    model = Model()
    outcome = Server.trusting(model).enrol(Phone(model), Faults(outer=widened))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ATTESTATION_SIGNATURE


def test_13_a_compressed_point_is_refused_in_der_too():
    def compressed(value: bytes) -> bytes:
        sign = bytes([2 + value[-1] % 2])
        return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + sign + value[-64:-32]

    model = Model(algorithm=2, key_format=0x101)
    outcome = Server.trusting(model).enrol(Phone(model), field(0x2E0C, compressed))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.KEY


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 1024), rsa.generate_private_key(3, 2048)])
def test_13_a_weak_rsa_key_is_refused(key):
    model = Model(algorithm=8, key_format=0x103)
    outcome = Server.trusting(model).enrol(Phone(model, private=key))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.KEY, Status.UNACCEPTABLE_KEY)


def test_14_2_a_surrogate_for_a_model_with_roots_is_a_downgrade():
    authority = Authority()
    model = Model(authority=authority, more={"attestationTypes": ["basic_full", "basic_surrogate"]})
    server = Server.trusting(model)
    pretender = Phone(replace(model, authority=None))
    outcome = server.enrol(pretender)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.ATTESTATION_TYPE, Status.UNACCEPTABLE_ATTESTATION)


def test_16_2_a_registered_key_of_somebody_else_looks_like_an_unknown_one():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    anns = policy.for_known_person(list(server.registrations))
    outcome = server.log_in(phone, person="bob", wanted=anns)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.FOREIGN_KEY
    assert outcome.status is status(Reason.UNKNOWN_KEY) is Status.UNKNOWN_KEY_ID


def test_16_2_a_key_that_was_not_asked_for_is_refused():
    model = Model()
    server, asked, other = Server.trusting(model), Phone(model), Phone(model)
    server.enrol(asked)
    server.enrol(other)
    wanted = policy.for_known_person([(model.aaid, asked.keys[0].key_id)])
    request = server.login_request(wanted=wanted)
    everything = json.loads(request)
    everything[0]["policy"] = {"accepted": [[{"aaid": [model.aaid]}]]}
    outcome = server.logged_in(other.answer(json.dumps(everything)))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.POLICY


def test_25_1_a_policy_altered_on_the_way_does_not_help():
    wanted, other = Model(), Model(aaid="1A2B#0002")
    server = Server.trusting(wanted, other)
    asked = policy.approved([server.party.metadata.find(wanted.aaid).statement])
    request = json.loads(server.registration_request(accepted=asked))
    request[0]["policy"]["accepted"] = [[{"aaid": [other.aaid]}]]
    outcome = server.registered(Phone(other).answer(json.dumps(request)))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.POLICY, Status.UNACCEPTABLE_AUTHENTICATOR)


def test_25_1_a_challenge_altered_on_the_way_does_not_help():
    model = Model()
    server = Server.trusting(model)
    request = json.loads(server.registration_request())
    request[0]["challenge"] = "A" * 43
    outcome = server.registered(Phone(model).answer(json.dumps(request)))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.CHALLENGE


def test_a_registration_request_may_not_be_answered_by_a_log_in():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    assert server.logged_in(phone.answer(server.login_request(), in_header(having(op="Reg")))) == Refused(
        reason=Reason.OPERATION
    )
    request = server.registration_request(person="bob")
    swapped = server.logged_in(Phone(model).answer(request))
    assert isinstance(swapped, Refused)
    assert swapped.reason is Reason.TLV_UNEXPECTED


def test_20_4_a_response_is_good_once():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    response = phone.answer(server.registration_request())
    assert isinstance(server.registered(response), Registered)
    assert server.registered(response) == Refused(reason=Reason.SESSION_UNKNOWN)
    assert status(Reason.SESSION_UNKNOWN) is Status.REQUEST_INVALID


@pytest.mark.parametrize("late", [timedelta(seconds=120), timedelta(seconds=119)])
def test_25_2_a_log_in_lives_two_minutes(late):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    response = phone.answer(server.login_request())
    server.wait(late)
    outcome = server.logged_in(response)
    if late < timedelta(seconds=120):
        assert isinstance(outcome, Authenticated)
    else:
        assert outcome == Refused(reason=Reason.SESSION_EXPIRED)


@pytest.mark.parametrize("browser", [b"", b"another"])
def test_25_1_a_response_moved_to_another_browser_is_refused(browser):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    response = phone.answer(server.login_request(browser=b"this one"))
    assert server.logged_in(response, browser=browser) == Refused(reason=Reason.WRONG_BROWSER)


def test_25_1_a_registration_for_another_person_is_refused():
    model = Model()
    server = Server.trusting(model)
    outcome = server.registered(Phone(model).answer(server.registration_request()), person="bob")
    assert outcome == Refused(reason=Reason.WRONG_PERSON)
    assert outcome.status is Status.UNAUTHORIZED


@pytest.mark.parametrize(
    ("counter", "passes"),
    [(4, False), (5, False), (0, False), (6, True), (2**32 - 1, True)],
)
def test_20_1_only_a_counter_that_rises_passes(counter, passes):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    server.log_in(phone, Faults(counter=5))
    outcome = server.log_in(phone, Faults(counter=counter))
    if passes:
        assert isinstance(outcome, Authenticated)
        assert outcome.uses[0].sign_counter == counter
    else:
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.aaid) == (Reason.CLONE_SUSPECTED, model.aaid)
        assert (outcome.key_id, outcome.status) == (phone.keys[0].key_id, Status.UNACCEPTABLE_CONTENT)


def test_16_2_a_stranger_who_knows_the_key_id_cannot_raise_the_clone_alarm():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    server.log_in(phone)
    outcome = server.log_in(phone, Faults(counter=0, signing_key=OTHER_KEY))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.SIGNATURE


def test_20_1_the_counters_end_is_the_keys_end():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    server.log_in(phone, Faults(counter=2**32 - 1))
    for counter in (0, 1, 2**32 - 1):
        outcome = server.log_in(phone, Faults(counter=counter))
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.CLONE_SUSPECTED


def hashed(value: bytes) -> Faults:
    return field(0x2E10, lambda _: value)


TRANSACTION = {
    "hash missing": (hashed(b""), Reason.TRANSACTION_HASH),
    "hash of another text": (hashed(bytes(32)), Reason.TRANSACTION_HASH),
    "plain log-in": (Faults(mode=1), Reason.MODE),
    "plain log-in without hash": (
        Faults(
            mode=1,
            signed=lambda children: [(tag, b"" if tag == 0x2E10 else value) for tag, value in children],
        ),
        Reason.MODE,
    ),
}


@pytest.mark.parametrize(("faults", "reason"), TRANSACTION.values(), ids=TRANSACTION.keys())
def test_7_2_a_wrong_confirmation_is_refused(faults, reason):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    outcome = server.log_in(phone, faults, transactions=[transaction.plain_text("Prescribe")])
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


@pytest.mark.parametrize("altered", [b"Prescribe more", b64(b"Prescribe").encode()], ids=["altered", "not decoded"])
def test_7_2_what_was_shown_must_be_what_was_asked(altered):
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    request = json.loads(server.login_request(transactions=[transaction.plain_text("Prescribe")]))
    request[0]["transaction"][0]["content"] = b64(altered)
    outcome = server.logged_in(phone.answer(json.dumps(request)))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRANSACTION_HASH


def test_7_2_a_confirmation_never_passes_for_a_log_in():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    request = json.loads(server.login_request())
    request[0]["transaction"] = [{"contentType": "text/plain", "content": b64(b"Prescribe")}]
    outcome = server.logged_in(phone.answer(json.dumps(request)))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.MODE


def test_7_3_a_model_without_display_cannot_confirm():
    model = Model(tc_display=())
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    outcome = server.log_in(phone, transactions=[transaction.plain_text("Prescribe")])
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.CANNOT_CONFIRM


def test_16_2_a_suspended_registration_refuses_the_message():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    ((key, value),) = server.registrations.items()
    server.registrations[key] = replace(value, suspended=True)
    outcome = server.log_in(phone)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.SUSPENDED, Status.FORBIDDEN)


def test_17_a_registration_that_was_removed_in_between_is_unknown():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    response = phone.answer(server.login_request())
    server.registrations.clear()
    outcome = server.logged_in(response)
    assert isinstance(outcome, Refused)
    assert outcome.status is Status.UNKNOWN_KEY_ID


def test_10_4_a_key_of_another_app_id_is_unknown():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    ((key, value),) = server.registrations.items()
    server.registrations[key] = replace(value, app_id="https://other.example")
    outcome = server.log_in(phone)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.UNKNOWN_KEY


def with_reports(server: Server, model: Model, *statuses: ReportStatus) -> None:
    found = server.party.metadata.find(model.aaid)
    reported = replace(found, reports=tuple(StatusReport(status=each) for each in statuses))
    server.party = replace(server.party, metadata=Metadata.of([reported], blocks=server.party.metadata.blocks))


@pytest.mark.parametrize(
    ("report", "logs_in"),
    [
        (ReportStatus.REVOKED, False),
        (ReportStatus.USER_KEY_REMOTE_COMPROMISE, False),
        (ReportStatus.USER_VERIFICATION_BYPASS, False),
        (ReportStatus.USER_KEY_PHYSICAL_COMPROMISE, True),
        (ReportStatus.ATTESTATION_KEY_COMPROMISE, True),
    ],
)
def test_19_4_a_model_in_trouble_counts_at_once(report, logs_in):
    model = Model(authority=Authority())
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    new = Phone(model).answer(server.registration_request())
    response = phone.answer(server.login_request())
    with_reports(server, model, report)

    registered, proof = server.registered(new), server.logged_in(response)

    assert isinstance(registered, Refused)
    assert (registered.reason, registered.status) == (Reason.REVOKED, Status.REVOKED_AUTHENTICATOR)
    if logs_in:
        assert isinstance(proof, Authenticated)
        physical = report is ReportStatus.USER_KEY_PHYSICAL_COMPROMISE
        assert proof.level is (AAL.AAL2 if physical else AAL.AAL3)
    else:
        assert isinstance(proof, Refused)
        assert proof.reason is Reason.REVOKED


def test_19_4_a_fault_that_an_update_mended_concerns_older_versions_only():
    model = Model(version=5)
    server, updated, old = Server.trusting(model), Phone(model), Phone(model)
    for phone in (updated, old):
        server.enrol(phone)
    with_reports(server, model, ReportStatus.USER_VERIFICATION_BYPASS, ReportStatus.UPDATE_AVAILABLE)
    assert isinstance(
        server.log_in(updated, wanted=policy.for_known_person([(model.aaid, updated.keys[0].key_id)])), Authenticated
    )
    outcome = server.log_in(old, Faults(version=4), wanted=policy.for_known_person([(model.aaid, old.keys[0].key_id)]))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.VERSION_TOO_OLD, Status.UNACCEPTABLE_AUTHENTICATOR)


def test_19_4_the_operators_block_needs_no_service():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    found = server.party.metadata.find(model.aaid)
    blocked = Metadata.of([found], blocks=[Block(aaid="1a2b#0001", reason="stolen batch", versions=(0, 1))])
    server.party = replace(server.party, metadata=blocked)
    outcome = server.log_in(phone)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.detail) == (Reason.REVOKED, "stolen batch")
    assert isinstance(server.log_in(phone, Faults(version=2)), Authenticated)


def test_15_2_a_model_without_metadata_is_refused():
    known, unknown = Model(), Model(aaid="1A2B#0002")
    server = Server.trusting(known)
    request = json.loads(server.registration_request())
    request[0]["policy"]["accepted"] = [[{"aaid": [unknown.aaid]}]]
    outcome = server.registered(Phone(unknown).answer(json.dumps(request)))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.status) == (Reason.UNKNOWN_AAID, Status.UNKNOWN_AAID)


def test_19_3_metadata_that_is_too_old_admits_no_new_registrations():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    stale = replace(server.party.metadata.find(model.aaid), register_until=server.now)
    server.party = replace(server.party, metadata=Metadata.of([stale]))
    outcome = server.enrol(Phone(model))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.METADATA_STALE
    assert isinstance(server.log_in(phone), Authenticated)


def test_5_4_one_key_does_not_pass_for_two_authenticators():
    model = Model()
    server, phone = Server.trusting(model), Phone(model)
    server.enrol(phone)
    one = policy.for_known_person(list(server.registrations)).accepted[0][0]
    request = server.login_request(wanted=policy.Policy(accepted=((one, one),)))
    first = json.loads(phone.answer(request))[0]
    both = in_message(lambda message: message | {"assertions": [*first["assertions"], *message["assertions"]]})
    outcome = server.logged_in(phone.answer(request, both))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.SAME_KEY_TWICE


def test_5_4_keys_of_two_persons_do_not_make_one_log_in():
    model = Model()
    server, anns, bobs = Server.trusting(model), Phone(model), Phone(model)
    server.enrol(anns)
    server.registered(bobs.answer(server.registration_request(person="bob")), person="bob")
    wanted = policy.for_known_person(list(server.registrations))
    together = policy.Policy(accepted=(tuple(each[0] for each in wanted.accepted),))
    loose = json.loads(server.login_request(person=None, wanted=together))
    for message in loose:
        message["policy"] = {"accepted": [[{"aaid": [model.aaid]}]]}
    first = json.loads(anns.answer(json.dumps(loose)))[0]
    both = in_message(lambda message: message | {"assertions": [*first["assertions"], *message["assertions"]]})
    outcome = server.logged_in(bobs.answer(json.dumps(loose), both))
    assert outcome == Refused(reason=Reason.FOREIGN_KEY, detail="keys of several persons")


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(extensions=((0x2777, b""),)), Reason.TLV_CRITICAL),
        (beside(extension(0x3E11, "unknown")), Reason.UNKNOWN_EXTENSION),
    ],
)
def test_11_1_what_is_critical_and_unknown_in_one_assertion_refuses_all(faults, reason):
    model, other = Model(), Model(aaid="1A2B#0002")
    server = Server.trusting(model, other)
    request = server.registration_request()
    second = json.loads(Phone(other).answer(request, faults))[0]
    both = in_message(lambda message: message | {"assertions": [*message["assertions"], *second["assertions"]]})
    outcome = server.registered(Phone(model).answer(request, both))
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


def test_30_2_the_sample_clients_second_top_level_element_is_a_leftover():
    model = Model()
    outcome = Server.trusting(model).enrol(
        Phone(model),
        Faults(assertion=lambda data: data + extension(0x3E11, "fido.uaf.uvm", struct.pack("<IHH", 2, 2, 2))),
    )
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TLV


def test_9_3_conformance_asks_for_a_coarser_code_in_some_places():
    for reason in (Reason.FACET, Reason.ALGORITHM, Reason.ATTESTATION_CHAIN):
        assert status(reason, conformance=True) is Status.UNACCEPTABLE_CONTENT
    assert status(Reason.UNKNOWN_AAID, conformance=True) is Status.UNKNOWN_AAID


def test_every_reason_has_a_status_that_refuses():
    assert {status(reason) for reason in Reason} <= {code for code in Status if code >= 1400}
