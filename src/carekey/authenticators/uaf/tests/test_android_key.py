"""Android key attestation lifts a surrogate registration to hardware (section 14.6)."""

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from carekey.authenticators.uaf import ceremony
from carekey.authenticators.uaf.android_key import KEY_DESCRIPTION
from carekey.authenticators.uaf.extensions import ANDROID_KEY_ATTESTATION
from carekey.authenticators.uaf.model import Registered
from carekey.authenticators.uaf.status import Reason, Refused
from carekey.authenticators.uaf.tests.phone import Authority, Faults, Model, Phone, der
from carekey.authenticators.uaf.tests.server import Server
from carekey.kernel.assurance import AAL

ASKED = (ceremony.ask(ANDROID_KEY_ATTESTATION, fail_if_unknown=False),)


def v(tag: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes.fromhex(tag) + bytes([len(body)] if len(body) < 128 else [0x81, len(body)]) + body


def number(value: int) -> bytes:
    return v("02", value.to_bytes(max(1, (value.bit_length() + 8) // 8), "big"))


HARDWARE = {
    "a1": v("31", number(2)),
    "a2": number(3),
    "a3": number(256),
    "a5": v("31", number(4)),
    "bf8378": number(2),
    "bf853e": number(0),
}


def description(challenge: bytes, enforced: dict[str, bytes], *, level: int = 1, software: bytes = b"") -> bytes:
    levels = v("0a", bytes([level]))
    lists = v("30", *(v(tag, value) for tag, value in enforced.items()))
    return v("30", number(3), levels, number(4), levels, v("04", challenge), v("04"), v("30", software), lists)


class Android:
    """A phone whose platform attests the key for a challenge."""

    def __init__(self, enforced: dict[str, bytes] | None = None, **options: Any) -> None:
        self.authority = Authority(name="Platform")
        self.enforced = HARDWARE if enforced is None else enforced
        self.options = options
        roots = [base64.b64encode(der(self.authority.root)).decode()]
        extension = {
            "id": ANDROID_KEY_ATTESTATION,
            "data": json.dumps({"attestationRootCertificates": roots}),
            "fail_if_unknown": False,
        }
        self.model = Model(more={"supportedExtensions": [extension]})
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.phone = Phone(self.model, private=self.private)
        self.challenge = b""

    def attested(self, *, key: Any = None, challenge: bytes | None = None, authority: Authority | None = None) -> str:
        told = description(self.challenge if challenge is None else challenge, self.enforced, **self.options)
        authority = authority or self.authority
        extra = ((x509.UnrecognizedExtension(KEY_DESCRIPTION, told), False),)
        leaf = authority.leaf(key or self.private, None, extra=extra)
        return json.dumps([base64.b64encode(der(each)).decode() for each in (leaf, authority.intermediate)])

    def enrol(self, data: Any = None, *, asked: Any = ASKED, **options: Any) -> Registered | Refused:
        def remember(children: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
            self.challenge = dict(children)[0x2E0A]
            return children

        def answer(entry: dict[str, Any]) -> dict[str, Any]:
            said = self.attested(**options) if data is None else data
            return entry | {"exts": [{"id": ANDROID_KEY_ATTESTATION, "data": said, "fail_if_unknown": False}]}

        return Server.trusting(self.model).enrol(self.phone, Faults(signed=remember, entry=answer), extensions=asked)


def test_14_6_a_key_in_hardware_counts_as_attested():
    outcome = Android().enrol()
    assert isinstance(outcome, Registered), outcome
    assert outcome.registrations[0].android_hardware
    assert outcome.registrations[0].level is AAL.AAL3


@pytest.mark.parametrize("data", ["p", "a", '"p"', '"a"', ""])
def test_14_6_a_platform_that_cannot_is_no_worse_than_before(data):
    outcome = Android().enrol(data)
    assert isinstance(outcome, Registered)
    assert outcome.registrations[0].level is AAL.AAL2


def test_14_6_what_was_not_asked_for_is_not_looked_at():
    outcome = Android().enrol("nonsense", asked=())
    assert isinstance(outcome, Registered)
    assert not outcome.registrations[0].android_hardware


def changed(**more: bytes | None) -> dict[str, bytes]:
    return {tag: value for tag, value in (HARDWARE | more).items() if value is not None}


@pytest.mark.parametrize(
    "android",
    [
        Android(changed(a1=v("31", number(2), number(0)))),
        Android(changed(a1=v("31", v("04", b"\2")))),
        Android(changed(a3=number(224))),
        Android(changed(a5=v("31", number(2)))),
        Android(changed(bf8378=number(0))),
        Android(changed(bf8378=None)),
        Android(changed(bf8379=number(30))),
        Android(changed(bf8377=v("05"))),
        Android(changed(bf8458=v("05"))),
        Android(software=v("bf8458", v("05"))),
        Android(changed(bf853e=number(2))),
        Android(changed(bf853e=None)),
        Android(level=0),
        Android({}, software=b"".join(v(tag, value) for tag, value in HARDWARE.items())),
        Android(software=v("a2", number(3)) * 2),
    ],
    ids=[
        "also encrypts",
        "purpose of no numbers",
        "small key",
        "SHA-1",
        "no user",
        "user unsaid",
        "valid for 30 seconds",
        "no authentication",
        "all applications",
        "all applications by software",
        "imported",
        "origin unsaid",
        "software attests",
        "software enforces",
        "authorisation twice",
    ],
)
def test_14_6_a_key_of_another_kind_is_refused(android):
    outcome = android.enrol()
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ANDROID_KEY_ATTESTATION


@pytest.mark.parametrize(
    "options",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"challenge": bytes(32)},
        {"authority": Authority(name="Platform")},
        {"data": "[]"},
        {"data": "{}"},
        {"data": '["x"]'},
        {"data": "["},
        {"data": "7"},
    ],
    ids=["other key", "other challenge", "other root", "nothing", "no array", "no certificate", "no JSON", "a number"],
)
def test_14_6_evidence_that_does_not_hold_is_refused(options):
    outcome = Android().enrol(**options)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ANDROID_KEY_ATTESTATION
