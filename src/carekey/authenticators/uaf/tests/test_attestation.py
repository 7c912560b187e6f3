"""Chains from an attestation certificate to the roots of the metadata (section 14.1)."""

import base64
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from carekey.authenticators.uaf import path
from carekey.authenticators.uaf.metadata import Block, Metadata, ReportStatus, StatusReport
from carekey.authenticators.uaf.model import Registered
from carekey.authenticators.uaf.status import Reason, Refused
from carekey.authenticators.uaf.tests.phone import (
    DAY,
    EPOCH,
    Authority,
    Faults,
    Model,
    Phone,
    certificate,
    der,
    rsa_key,
    tlv,
)
from carekey.authenticators.uaf.tests.server import NOW, Server

AAID = "1A2B#0001"
SHA256_WITH_RSA, SHA1_WITH_RSA = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))

Chain = Callable[[Authority, Any], list[x509.Certificate]]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def enrolled(authority: Authority, chain: list[x509.Certificate], model: Model, **options: Any) -> Registered | Refused:
    model.chain = chain
    return Server.trusting(model, **options).enrol(Phone(model))


def usage(*, sign: bool = False, certify: bool = False) -> tuple[x509.KeyUsage, bool]:
    flags = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    return (
        x509.KeyUsage(digital_signature=sign, key_cert_sign=certify, encipher_only=False, decipher_only=False, **flags),
        True,
    )


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
EVIL = Authority(name="Somebody else")
WEAK = rsa.generate_private_key(65537, 1024)


def through(authority: Authority, key: Any, **options: Any) -> list[x509.Certificate]:
    """A chain by an intermediate that is not as it should be."""
    own = ec.generate_private_key(ec.SECP256R1())
    middle = certificate("middle", own, f"{authority.name} root", authority.root_key, **options)
    return [certificate("attestation", key, "middle", own, aaid=AAID), middle]


def longer(authority: Authority, key: Any) -> list[x509.Certificate]:
    """The intermediate may issue leaves only, and issues another authority."""
    own = ec.generate_private_key(ec.SECP256R1())
    below = certificate("below", own, authority.name, authority.key, ca=True)
    return [certificate("attestation", key, "below", own, aaid=AAID), below, authority.intermediate]


GOOD: dict[str, Chain] = {
    "with intermediate": lambda a, key: [a.leaf(key, AAID), a.intermediate],
    "with root": lambda a, key: [a.leaf(key, AAID), a.intermediate, a.root],
    "without AAID": lambda a, key: [a.leaf(key, None), a.intermediate],
    "AAID in lower case": lambda a, key: [a.leaf(key, AAID.lower()), a.intermediate],
    "issued by the root": lambda a, key: [certificate("leaf", key, f"{a.name} root", a.root_key, aaid=AAID)],
    "for signatures": lambda a, key: [a.leaf(key, AAID, ca=False, extra=(usage(sign=True),)), a.intermediate],
}

BAD: dict[str, tuple[Chain, Reason]] = {
    "no certificate": (lambda a, key: [], Reason.ATTESTATION_TYPE),
    "no intermediate": (lambda a, key: [a.leaf(key, AAID)], Reason.ATTESTATION_CHAIN),
    "wrong order": (lambda a, key: [a.intermediate, a.leaf(key, AAID)], Reason.ATTESTATION_CHAIN),
    "stranger at the end": (lambda a, key: [a.leaf(key, AAID), a.intermediate, EVIL.root], Reason.ATTESTATION_CHAIN),
    "other root": (lambda a, key: [EVIL.leaf(key, AAID), EVIL.intermediate], Reason.ATTESTATION_CHAIN),
    "other root of the same name": (
        lambda a, key: [(b := Authority()).leaf(key, AAID), b.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "self-signed": (lambda a, key: [certificate("x", key, "x", key, aaid=AAID)], Reason.ATTESTATION_CHAIN),
    "expired leaf": (
        lambda a, key: [a.leaf(key, AAID, not_after=EPOCH), a.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "leaf of tomorrow": (
        lambda a, key: [a.leaf(key, AAID, not_before=NOW + DAY), a.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "leaf for another model": (
        lambda a, key: [a.leaf(key, "1A2B#0002"), a.intermediate],
        Reason.ATTESTATION_AAID,
    ),
    "leaf that is an authority": (
        lambda a, key: [a.leaf(key, AAID, ca=True), a.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "leaf not for signatures": (
        lambda a, key: [a.leaf(key, AAID, extra=(usage(certify=True),)), a.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "unknown critical extension": (
        lambda a, key: [a.leaf(key, AAID, extra=(UNKNOWN,)), a.intermediate],
        Reason.ATTESTATION_CHAIN,
    ),
    "intermediate without constraints": (through, Reason.ATTESTATION_CHAIN),
    "intermediate that is no authority": (lambda a, key: through(a, key, ca=False), Reason.ATTESTATION_CHAIN),
    "intermediate that may not certify": (
        lambda a, key: through(a, key, ca=True, extra=(usage(sign=True),)),
        Reason.ATTESTATION_CHAIN,
    ),
    "expired intermediate": (lambda a, key: through(a, key, ca=True, not_after=EPOCH), Reason.ATTESTATION_CHAIN),
    "path too long": (longer, Reason.ATTESTATION_CHAIN),
    "weak leaf key": (lambda a, key: [a.leaf(WEAK, AAID), a.intermediate], Reason.ATTESTATION_CHAIN),
    "leaf of another key type": (
        lambda a, key: [a.leaf(ec.generate_private_key(ec.SECP384R1()), AAID), a.intermediate],
        Reason.ALGORITHM,
    ),
    "leaf of another key": (
        lambda a, key: [a.leaf(ec.generate_private_key(ec.SECP256R1()), AAID), a.intermediate],
        Reason.ATTESTATION_SIGNATURE,
    ),
}


@pytest.mark.parametrize("chain", GOOD.values(), ids=GOOD.keys())
def test_14_1_a_chain_to_a_listed_root_is_accepted(authority, chain):
    model = Model(authority=authority)
    outcome = enrolled(authority, chain(authority, model.attestation_key), model)
    assert isinstance(outcome, Registered), outcome
    kept = outcome.registrations[0].chain
    assert kept[0] == der(model.chain[0])
    assert kept[-1] == der(authority.root)


@pytest.mark.parametrize(("chain", "reason"), BAD.values(), ids=BAD.keys())
def test_14_1_any_other_chain_is_refused(authority, chain, reason):
    model = Model(authority=authority)
    outcome = enrolled(authority, chain(authority, model.attestation_key), model)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


def listing(*certificates: x509.Certificate) -> dict[str, Any]:
    return {"attestationRootCertificates": [base64.b64encode(der(each)).decode() for each in certificates]}


def test_14_1_a_certificate_that_is_itself_listed_may_have_expired(authority):
    model = Model(authority=authority)
    leaf = certificate("x", model.attestation_key, "x", model.attestation_key, not_after=EPOCH)
    model.more = listing(leaf)
    assert isinstance(enrolled(authority, [leaf], model), Registered)


def test_14_1_the_operator_may_overlook_dates_of_one_model(authority):
    model = Model(authority=authority)
    chain = [authority.leaf(model.attestation_key, AAID, not_after=EPOCH), authority.intermediate]
    relaxed = frozenset({AAID})
    assert isinstance(enrolled(authority, chain, model, expired_certificates=relaxed), Registered)


def test_14_1_under_a_root_of_several_models_the_certificate_must_name_its_own(authority):
    model, sibling = Model(authority=authority), Model(aaid="1A2B#0002", authority=authority)
    nameless = [authority.leaf(model.attestation_key, None), authority.intermediate]
    model.chain = nameless
    outcome = Server.trusting(model, sibling).enrol(Phone(model))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ATTESTATION_AAID


@pytest.mark.parametrize("value", [b"\x04\x091A2B#0001", b"1A2B#0001"])
def test_12_8_the_aaid_is_read_with_or_without_its_inner_octet_string(authority, value):
    model = Model(authority=authority)
    named = (x509.UnrecognizedExtension(path.AAID_EXTENSION, value), False)
    chain = [authority.leaf(model.attestation_key, None, extra=(named,)), authority.intermediate]
    assert isinstance(enrolled(authority, chain, model), Registered)


@pytest.mark.parametrize("garbage", [b"x", b"\x30\x00"])
def test_a_certificate_that_is_none_is_refused(authority, garbage):
    model = Model(authority=authority)
    faults = Faults(outer=lambda children: [children[0], tlv(0x3E07, tlv(0x2E06, b"s"), tlv(0x2E05, garbage))])
    outcome = Server.trusting(model).enrol(Phone(model), faults)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ATTESTATION_CHAIN


def fingerprint(which: x509.Certificate) -> bytes:
    return sha256(der(which)).digest()


@pytest.mark.parametrize("named", ["leaf", "intermediate", "root", "other"])
def test_19_4_a_compromised_attestation_certificate_is_refused_wherever_it_stands(authority, named):
    model = Model(authority=authority)
    server = Server.trusting(model)
    certificates = {"leaf": model.chain[0], "intermediate": model.chain[1], "root": authority.root, "other": EVIL.root}
    stolen = StatusReport(status=ReportStatus.ATTESTATION_KEY_COMPROMISE, certificate=fingerprint(certificates[named]))
    found = replace(server.party.metadata.find(AAID), reports=(stolen,))
    server.party = replace(server.party, metadata=Metadata.of([found]))
    outcome = server.enrol(Phone(model))
    if named == "other":
        assert isinstance(outcome, Registered)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.REVOKED


def test_19_4_the_operator_blocks_one_certificate(authority):
    model = Model(authority=authority)
    server = Server.trusting(model)
    block = Block(aaid=AAID, reason="lost at the maker's", certificate=fingerprint(model.chain[0]))
    blocked = Metadata.of(server.party.metadata.models.values(), blocks=[block])
    server.party = replace(server.party, metadata=blocked)
    outcome = server.enrol(Phone(model))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.detail) == (Reason.REVOKED, "lost at the maker's")


def test_14_1_sha_1_is_refused_on_a_certificate_that_is_not_itself_listed():
    authority = Authority(root_key=rsa_key(2))
    model = Model(authority=authority)
    sound = certificate("x", model.attestation_key, f"{authority.name} root", authority.root_key)
    body = sound.tbs_certificate_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    signature = authority.root_key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    whole = der(sound).replace(sound.tbs_certificate_bytes, body).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    broken = x509.load_der_x509_certificate(whole[:-256] + signature)

    assert isinstance(enrolled(authority, [sound], model), Registered)
    outcome = enrolled(authority, [broken], model)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.detail) == (Reason.ATTESTATION_CHAIN, "no listed root")
    model.more = listing(broken)
    assert isinstance(enrolled(authority, [broken], model), Registered)


def test_path_needs_a_chain_of_bounded_length(authority):
    for chain in ([], [authority.root] * 9):
        with pytest.raises(path.PathError):
            path.verify(chain, [authority.root], at=NOW)
