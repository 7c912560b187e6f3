"""Channel binding (section 6.3)."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from carekey.authenticators.uaf.channel_binding import Channel, Mode, check, server_end_point
from carekey.authenticators.uaf.messages import ChannelBinding
from carekey.authenticators.uaf.status import Reason, UafError
from carekey.authenticators.uaf.tests.phone import DAY, EPOCH, b64, certificate, der


def server_certificate(algorithm: hashes.HashAlgorithm) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, EPOCH, EPOCH + DAY)
    return der(builder.sign(key, algorithm))


NOW, BEFORE = server_certificate(hashes.SHA256()), server_certificate(hashes.SHA384())
FINISHED = b"finished" * 2

BOUND = [
    {"server_end_point": b64(hashlib.sha256(NOW).digest())},
    {"server_end_point": b64(hashlib.sha384(BEFORE).digest())},
    {"server_end_point": b64(hashlib.sha256(NOW).digest()) + "="},
    {"tls_server_certificate": b64(NOW)},
    {"tls_unique": b64(FINISHED)},
    {"server_end_point": b64(hashlib.sha256(NOW).digest()), "cid_pubkey": "unused"},
]
UNBOUND = [{}, {"cid_pubkey": "unused"}]
WRONG = [
    {"server_end_point": b64(hashlib.sha256(BEFORE).digest())},
    {"server_end_point": "*"},
    {"tls_server_certificate": b64(NOW[:-1])},
    {"tls_unique": b64(b"other")},
    {"cid_pubkey": b64(b'{"kty":"EC"}')},
    {"server_end_point": b64(hashlib.sha256(NOW).digest()), "tls_unique": b64(b"other")},
]


def channel(mode: Mode) -> Channel:
    return Channel(mode=mode, certificates=(NOW, BEFORE), tls_unique=FINISHED)


@pytest.mark.parametrize("mode", [Mode.VERIFY_IF_PRESENT, Mode.REQUIRE])
@pytest.mark.parametrize("given", BOUND)
def test_6_3_what_can_be_confirmed_binds(given, mode):
    assert check(channel(mode), ChannelBinding(**given))


@pytest.mark.parametrize("given", UNBOUND)
def test_6_3_nothing_binds_nothing(given):
    assert not check(channel(Mode.VERIFY_IF_PRESENT), ChannelBinding(**given))
    with pytest.raises(UafError, match=Reason.CHANNEL_BINDING):
        check(channel(Mode.REQUIRE), ChannelBinding(**given))


@pytest.mark.parametrize("mode", [Mode.VERIFY_IF_PRESENT, Mode.REQUIRE])
@pytest.mark.parametrize("given", WRONG)
def test_6_3_what_cannot_be_confirmed_is_refused(given, mode):
    with pytest.raises(UafError, match=Reason.CHANNEL_BINDING):
        check(channel(mode), ChannelBinding(**given))


@pytest.mark.parametrize("given", BOUND + UNBOUND + WRONG)
def test_6_3_ignoring_means_that_nothing_is_bound(given):
    assert not check(channel(Mode.IGNORE), ChannelBinding(**given))


def test_6_3_without_knowledge_of_the_edge_nothing_can_be_confirmed():
    for given in BOUND:
        with pytest.raises(UafError, match=Reason.CHANNEL_BINDING):
            check(Channel(), ChannelBinding(**given))


def test_6_3_the_end_point_is_undefined_where_the_signature_has_no_hash():
    key = ed25519.Ed25519PrivateKey.generate()
    assert server_end_point(der(certificate("edge", key, "edge", key))) == b""
    assert server_end_point(b"x") == b""
