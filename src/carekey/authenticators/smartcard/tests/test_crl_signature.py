"""Our check of a list's signature says what the library's own says, of good lists and of any that somebody changed."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from carekey.authenticators.smartcard import crl, crl_signature
from carekey.authenticators.smartcard.crl import EvidenceError
from carekey.authenticators.smartcard.evidence import CrlWanted
from carekey.authenticators.smartcard.tests.pki import DAY, NOW, SUB, key

RSA = rsa.generate_private_key(65537, 2048)
EC = key(31)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
SIGNERS = {
    "ECDSA": (EC, hashes.SHA256(), None),
    "ECDSA with SHA-384": (EC, hashes.SHA384(), None),
    "RSA": (RSA, hashes.SHA512(), None),
    "RSA-PSS": (RSA, hashes.SHA256(), PSS),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), None, None),
    "Ed448": (ed448.Ed448PrivateKey.generate(), None, None),
}


def signed(how: str, *, entries: int = 3) -> bytes:
    signer, by, padded = SIGNERS[how]
    entry = x509.RevokedCertificateBuilder().revocation_date(NOW)
    revoked = [entry.serial_number(number + 1).build() for number in range(entries)]
    made = x509.CertificateRevocationListBuilder(SUB.name, NOW, NOW + DAY, [], revoked)
    return made.sign(signer, by, rsa_padding=padded).public_bytes(Encoding.DER)


@pytest.mark.parametrize("entries", [0, 3, 300])
@pytest.mark.parametrize("how", SIGNERS)
def test_rfc5280_5_1_1_3_a_list_bears_the_signature_of_its_key_and_of_no_other(how: str, entries: int) -> None:
    der = signed(how, entries=entries)
    found = x509.load_der_x509_crl(der)
    holding = [name for name, (signer, *_) in SIGNERS.items() if crl_signature.holds(der, found, signer.public_key())]
    assert holding == [name for name, (signer, *_) in SIGNERS.items() if signer is SIGNERS[how][0]]


@pytest.mark.parametrize("how", SIGNERS)
@given(data=st.data())
def test_a_changed_list_is_read_as_the_library_reads_it(how: str, data: st.DataObject) -> None:
    der = bytearray(ONE_OF_EACH[how])
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = x509.load_der_x509_crl(bytes(der))
        judged = found.is_signature_valid(SIGNERS[how][0].public_key())
    except Exception:  # noqa: BLE001  what the library cannot read or judge, `crl.read` never shows us
        return
    assert crl_signature.holds(bytes(der), found, SIGNERS[how][0].public_key()) is judged
    # How many bits of a signature's last octet are unused is signed by nobody, and nobody reads it.
    same = x509.load_der_x509_crl(ONE_OF_EACH[how])
    assert judged is ((found.tbs_certlist_bytes, found.signature) == (same.tbs_certlist_bytes, same.signature))


ONE_OF_EACH = {how: signed(how) for how in SIGNERS}


def test_rfc5280_5_1_1_2_the_algorithm_has_to_be_the_one_that_was_signed() -> None:
    """Else somebody could have a signature read by an algorithm that its authority never chose."""
    der = signed("ECDSA")
    body = x509.load_der_x509_crl(der).tbs_certlist_bytes
    inside, named = der.index(body), bytes.fromhex("06082a8648ce3d040302")
    assert body.count(named) == 1
    other = body.replace(named, bytes.fromhex("06082a8648ce3d040303"))
    signature = EC.sign(hashlib.sha256(other).digest(), ec.ECDSA(Prehashed(hashes.SHA256())))
    rest = der[inside + len(body) :][: 2 + len(named)] + b"\x03" + bytes([len(signature) + 1, 0]) + signature
    content = other + rest
    assert len(content) < 0x100
    forged = b"\x30\x81" + bytes([len(content)]) + content
    with pytest.raises(ValueError, match="signature algorithms do not match"):
        x509.load_der_x509_crl(forged)
    with pytest.raises(EvidenceError):
        crl.read(forged, CrlWanted(key="k", urls=(), issuer=SUB.certificate, point=""), now=NOW)


@pytest.mark.parametrize("entries", [0, 1, crl.SLICE, crl.SLICE + 1, 2 * crl.SLICE + 7])
def test_no_entry_is_lost_between_slices(entries: int) -> None:
    revoked = range(1, entries + 1)
    listed = crl.read(SUB.crl(*revoked), CrlWanted(key="k", urls=(), issuer=SUB.certificate, point=""), now=NOW)
    assert listed.revoked == dict.fromkeys(revoked, NOW - DAY)
