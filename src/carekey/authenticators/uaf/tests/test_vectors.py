"""Messages that real authenticators made: each verified, and each refused once any field of it is altered."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from carekey.authenticators.uaf import algorithms, assertion, attestation, authentication, messages, registration, tlv
from carekey.authenticators.uaf.base64url import decode, encode
from carekey.authenticators.uaf.facets import TrustedFacets
from carekey.authenticators.uaf.metadata import Metadata, Model, read_statements
from carekey.authenticators.uaf.model import Authenticated, Issued, Registered, RelyingParty
from carekey.authenticators.uaf.policy import approved
from carekey.authenticators.uaf.registry import AttestationType, Tag
from carekey.authenticators.uaf.status import Reason, Refused, UafError
from carekey.authenticators.uaf.tests import phone, shared
from carekey.kernel.assurance import AAL

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REGISTRATIONS = ["nnl-reg", "synaptics-reg", "samsung-sds-reg-1"]
LOGINS = ["nnl-auth", "synaptics-auth"]


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    return shared.vectors()


def model_of(vector: dict[str, Any]) -> Model:
    """The attestation certificates are v1, self-signed, expired or signed with SHA-1: so they are listed themselves."""
    parsed = assertion.parse_registration(vector["assertion"])
    root = base64.b64encode(parsed.attestation.certificates[0]).decode()
    described = phone.Model(aaid=parsed.aaid, algorithm=parsed.algorithm, key_format=parsed.key_format)
    statement = described.statement() | {"attestationTypes": ["basic_full"], "attestationRootCertificates": [root]}
    (model,), skipped = read_statements([(vector["maker"], statement)])
    assert not skipped
    return model


def test_the_file_holds_what_is_tested_here(vectors):
    assert sorted(vectors) == sorted(REGISTRATIONS + LOGINS)


@pytest.mark.parametrize("name", REGISTRATIONS)
def test_registration_is_read_and_its_attestation_holds(vectors, name):
    vector, expect = vectors[name], vectors[name]["expect"]
    parsed = assertion.parse_registration(vector["assertion"])
    statement = model_of(vector).statement

    key = algorithms.decode_key(parsed.key_format, parsed.public_key, statement.algorithms)
    proven = attestation.verify(parsed, statement, key, shared_roots=(), at=NOW)

    assert (parsed.aaid, encode(parsed.key_id)) == (expect["aaid"], expect["keyID"])
    assert parsed.version == expect["authenticatorVersion"]
    assert (parsed.mode, parsed.algorithm) == (expect["authenticationMode"], expect["signatureAlg"])
    assert parsed.final_challenge_hash.hex() == expect["finalChallengeHash"]
    assert parsed.sign_counter.to_bytes(4, "little") + parsed.reg_counter.to_bytes(4, "little") == bytes.fromhex(
        expect["counters"]
    )
    assert (parsed.key_format, encode(parsed.public_key)) == (expect["publicKeyFormat"], expect["publicKey"])
    assert len(parsed.attestation.certificates) == expect["certificates"]
    assert (proven.type, expect["attestation"]) == (AttestationType.BASIC_FULL, "basic_full")


@pytest.mark.parametrize("name", LOGINS)
def test_log_in_is_read_and_its_signature_holds(vectors, name):
    vector, expect = vectors[name], vectors[name]["expect"]
    parsed = assertion.parse_authentication(vector["assertion"])
    key = algorithms.decode_key(vector["publicKeyFormat"], decode(vector["publicKey"]), [parsed.algorithm])

    assert algorithms.verify(parsed.algorithm, key, parsed.signature, parsed.signed)
    assert (parsed.aaid, encode(parsed.key_id)) == (expect["aaid"], expect["keyID"])
    assert (parsed.version, parsed.mode) == (expect["authenticatorVersion"], expect["authenticationMode"])
    assert parsed.algorithm == expect["signatureAlg"]
    assert parsed.final_challenge_hash.hex() == expect["finalChallengeHash"]
    assert parsed.sign_counter.to_bytes(4, "little").hex() == expect["counters"]
    assert (len(parsed.nonce), parsed.transaction_hash.hex()) == (expect["nonceBytes"], expect["transactionHash"])


def leaves(data: bytes, start: int = 0, composite: tuple[int, ...] = ()) -> list[tuple[int, int, int]]:
    """(tag, first, end) of every value that holds no other elements."""
    found, at = [], 0
    while at < len(data):
        tag = int.from_bytes(data[at : at + 2], "little")
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "little")
        if tag & 0x1000:
            found += leaves(data[at + 4 : end], start + at + 4)
        else:
            found.append((tag, start + at + 4, start + end))
        at = end
    return found


def judged(vectors: dict[str, Any], name: str, data: bytes) -> Reason | None:
    """Why an assertion is refused by itself, without the session for which it was made; None if it holds."""
    vector = vectors[name]
    statement = model_of(vector if vector["kind"] == "reg" else vectors[vector["registration"]]).statement
    try:
        if vector["kind"] == "reg":
            parsed = assertion.parse_registration(encode(data))
            key = algorithms.decode_key(parsed.key_format, parsed.public_key, statement.algorithms)
            attestation.verify(parsed, statement, key, shared_roots=(), at=NOW)
            return None
        signed = assertion.parse_authentication(encode(data))
        key = algorithms.decode_key(vector["publicKeyFormat"], decode(vector["publicKey"]), statement.algorithms)
        return None if algorithms.verify(signed.algorithm, key, signed.signature, signed.signed) else Reason.SIGNATURE
    except UafError as error:
        return error.reason


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("name", REGISTRATIONS + LOGINS)
def test_a_flipped_bit_in_any_byte_is_refused(vectors, name):
    original = decode(vectors[name]["assertion"])
    assert judged(vectors, name, original) is None
    for position in range(len(original)):
        altered = bytearray(original)
        altered[position] ^= 0x01
        assert judged(vectors, name, bytes(altered)), position


FIELDS = {
    "reg": [
        (Tag.AAID, 1, Reason.ATTESTATION_SIGNATURE),
        (Tag.ASSERTION_INFO, 0, Reason.ATTESTATION_SIGNATURE),
        (Tag.ASSERTION_INFO, 2, Reason.ATTESTATION_SIGNATURE),
        (Tag.ASSERTION_INFO, 4, Reason.ALGORITHM),
        (Tag.ASSERTION_INFO, 5, Reason.KEY),
        (Tag.FINAL_CHALLENGE_HASH, 5, Reason.ATTESTATION_SIGNATURE),
        (Tag.KEYID, 5, Reason.ATTESTATION_SIGNATURE),
        (Tag.COUNTERS, 0, Reason.ATTESTATION_SIGNATURE),
        (Tag.COUNTERS, 4, Reason.ATTESTATION_SIGNATURE),
        (Tag.PUB_KEY, 9, Reason.KEY),
        (Tag.SIGNATURE, 20, Reason.ATTESTATION_SIGNATURE),
        (Tag.ATTESTATION_CERT, 100, Reason.ATTESTATION_CHAIN),
    ],
    "auth": [
        (Tag.AAID, 1, Reason.SIGNATURE),
        (Tag.ASSERTION_INFO, 0, Reason.SIGNATURE),
        (Tag.ASSERTION_INFO, 2, Reason.SIGNATURE),
        (Tag.ASSERTION_INFO, 4, Reason.ALGORITHM),
        (Tag.AUTHENTICATOR_NONCE, 3, Reason.SIGNATURE),
        (Tag.FINAL_CHALLENGE_HASH, 5, Reason.SIGNATURE),
        (Tag.KEYID, 5, Reason.SIGNATURE),
        (Tag.COUNTERS, 0, Reason.SIGNATURE),
        (Tag.SIGNATURE, 20, Reason.SIGNATURE),
    ],
}


@pytest.mark.parametrize(
    ("name", "tag", "offset", "reason"),
    [
        (name, *field)
        for kind, names in (("reg", REGISTRATIONS), ("auth", LOGINS))
        for name in names
        for field in FIELDS[kind]
    ],
)
def test_each_altered_field_of_an_assertion_is_refused_for_its_reason(vectors, name, tag, offset, reason):
    data = bytearray(decode(vectors[name]["assertion"]))
    first = next(first for found, first, _ in leaves(bytes(data)) if found == tag)
    data[first + offset] ^= 0x01
    assert judged(vectors, name, bytes(data)) is reason


class Session:
    """The two messages of which everything was published, against the session for which they were made."""

    def __init__(self, vectors: dict[str, Any], name: str) -> None:
        vector = vectors[name]
        self.message = vector["message"]
        self.model = model_of(vectors["nnl-reg"])
        expect = vector["expect"]["fcParams"]
        self.party = RelyingParty(
            facets=TrustedFacets(app_id=expect["appID"], ids=frozenset({expect["facetID"]})),
            metadata=Metadata.of([self.model]),
        )
        self.issued = Issued(
            op=self.message["header"]["op"],
            person="ann",
            challenge=expect["challenge"],
            server_data=self.message["header"]["serverData"],
            app_id=expect["appID"],
            version=messages.UAF_1_0,
            policy=approved([self.model.statement]),
            expires_at=NOW + timedelta(minutes=2),
        )

    def register(self, message: Any = None) -> Registered | Refused:
        response = messages.read_response(json.dumps([message or self.message]))
        return registration.finish(self.issued, response, self.party, person="ann", now=NOW)

    def log_in(self, registered: Registered, message: Any = None) -> Authenticated | Refused:
        response = messages.read_response(json.dumps([message or self.message]))
        (known,) = registered.registrations
        find = {(known.aaid, known.key_id): known}
        return authentication.finish(
            self.issued, response, self.party, find=lambda aaid, key_id: find.get((aaid, key_id)), now=NOW
        )


@pytest.fixture
def enrolled(vectors) -> Registered:
    outcome = Session(vectors, "nnl-reg").register()
    assert isinstance(outcome, Registered), outcome
    return outcome


def test_a_published_registration_and_log_in_pass_the_whole_ceremony(vectors, enrolled):
    proof = Session(vectors, "nnl-auth").log_in(enrolled)
    assert isinstance(proof, Authenticated), proof
    assert (proof.person, proof.level, proof.uses[0].sign_counter) == ("ann", AAL.AAL2, 2)


def altered_field(message: dict[str, Any], tag: int, offset: int) -> dict[str, Any]:
    data = bytearray(decode(message["assertions"][0]["assertion"]))
    first = next(first for found, first, _ in leaves(bytes(data)) if found == tag)
    data[first + offset] ^= 0x01
    entry = message["assertions"][0] | {"assertion": encode(bytes(data))}
    return message | {"assertions": [entry]}


@pytest.mark.parametrize(
    ("tag", "offset", "reason"),
    [
        (Tag.AAID, 1, Reason.UNKNOWN_AAID),
        (Tag.ASSERTION_INFO, 0, Reason.ATTESTATION_SIGNATURE),
        (Tag.ASSERTION_INFO, 2, Reason.MODE),
        (Tag.ASSERTION_INFO, 3, Reason.ALGORITHM),
        (Tag.ASSERTION_INFO, 5, Reason.KEY),
        (Tag.FINAL_CHALLENGE_HASH, 5, Reason.FINAL_CHALLENGE_HASH),
        (Tag.KEYID, 5, Reason.ATTESTATION_SIGNATURE),
        (Tag.COUNTERS, 0, Reason.ATTESTATION_SIGNATURE),
        (Tag.COUNTERS, 4, Reason.ATTESTATION_SIGNATURE),
        (Tag.PUB_KEY, 9, Reason.KEY),
        (Tag.SIGNATURE, 5, Reason.ATTESTATION_SIGNATURE),
        (Tag.ATTESTATION_CERT, 100, Reason.ATTESTATION_CHAIN),
    ],
)
def test_each_altered_field_of_a_registration_is_refused_for_its_reason(vectors, tag, offset, reason):
    session = Session(vectors, "nnl-reg")
    outcome = session.register(altered_field(session.message, tag, offset))
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("tag", "offset", "reason"),
    [
        (Tag.AAID, 1, Reason.UNKNOWN_KEY),
        (Tag.ASSERTION_INFO, 0, Reason.SIGNATURE),
        (Tag.ASSERTION_INFO, 2, Reason.MODE),
        (Tag.ASSERTION_INFO, 3, Reason.ALGORITHM),
        (Tag.AUTHENTICATOR_NONCE, 3, Reason.SIGNATURE),
        (Tag.FINAL_CHALLENGE_HASH, 5, Reason.FINAL_CHALLENGE_HASH),
        (Tag.KEYID, 5, Reason.UNKNOWN_KEY),
        (Tag.COUNTERS, 0, Reason.SIGNATURE),
        (Tag.SIGNATURE, 5, Reason.SIGNATURE),
    ],
)
def test_each_altered_field_of_a_log_in_is_refused_for_its_reason(vectors, enrolled, tag, offset, reason):
    session = Session(vectors, "nnl-auth")
    outcome = session.log_in(enrolled, altered_field(session.message, tag, offset))
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("appID", "https://other.example", Reason.APP_ID),
        ("challenge", "H9iW9yA9aAXF_lelQoi_DhUk514Ad8Tqv0zCnCqKDpp", Reason.CHALLENGE),
        ("facetID", "com.noknok.android.sampleapq", Reason.FACET),
        ("channelBinding", {"tlsUnique": "AAAA"}, Reason.CHANNEL_BINDING),
        ("more", "ignored", Reason.FINAL_CHALLENGE_HASH),
    ],
)
def test_each_altered_member_of_the_final_challenge_is_refused_for_its_reason(vectors, member, value, reason):
    session = Session(vectors, "nnl-reg")
    params = json.loads(decode(session.message["fcParams"])) | {member: value}
    outcome = session.register(session.message | {"fcParams": encode(json.dumps(params).encode())})
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


def test_13_the_hash_covers_the_whole_element_head_included(vectors):
    parsed = assertion.parse_registration(vectors["nnl-reg"]["assertion"])
    assert tlv.read(parsed.signed).tag == Tag.KRD
    certificate = x509.load_der_x509_certificate(parsed.attestation.certificates[0])
    assert certificate.not_valid_after_utc < NOW
