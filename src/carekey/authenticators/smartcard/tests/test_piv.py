"""What is said to PIV cards, byte by byte, and how answers read."""

import gzip

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from carekey.authenticators.smartcard import piv

DER = bytes(range(256)) * 3


def test_sp800_73_4_part2_commands_are_those_of_the_standard() -> None:
    assert piv.select() == [bytes.fromhex("00a4040009a0000003080000100000")]
    assert piv.get_data(piv.HOLDER) == [bytes.fromhex("00cb3fff055c035fc10200")]
    assert piv.generate(0x9A, piv.RSA_2048) == [bytes.fromhex("0047009a05ac0380010700")]
    assert piv.generate(0x9C, piv.ECC_P256) == [bytes.fromhex("0047009c05ac0380011100")]
    assert piv.verify(b"") == [bytes.fromhex("00200080")]
    assert piv.verify(b"123456\xff\xff") == [bytes.fromhex("0020008008313233343536ffff")]
    assert piv.put_data(piv.CERTIFICATES[0x9A], b"") == [bytes.fromhex("00db3fff075c035fc1055300")]


def test_iso7816_4_5_1_1_long_commands_are_chained() -> None:
    sent = piv.put_data(piv.CERTIFICATES[0x9C], DER)
    assert [one[0] for one in sent] == [0x10] * (len(sent) - 1) + [0x00]
    assert all(one[1:4] == b"\xdb\x3f\xff" and len(one) == 5 + one[4] for one in sent)
    whole = b"".join(one[5:] for one in sent)
    assert whole == piv.tlv(0x5C, bytes.fromhex("5fc10a")) + piv.tlv(0x53, DER)


@pytest.mark.parametrize(
    ("pin", "sent"),
    [("123456", b"123456\xff\xff"), ("12345678", b"12345678"), ("12345", None), ("123456789", None), ("12345a", None)],
)
def test_sp800_73_4_part2_2_4_3_a_pin_has_six_to_eight_digits(pin: str, sent: bytes | None) -> None:
    assert piv.padded_pin(pin) == sent


def test_digits_of_other_scripts_are_none() -> None:
    assert piv.padded_pin("١٢٣٤٥٦") is None
    assert piv.padded_puk("pässword") is None


@pytest.mark.parametrize(
    ("digits", "algorithms"), [(32, [0x08]), (48, [0x0A, 0x03]), (64, [0x0C]), (46, []), (0, []), (47, [])]
)
def test_a_management_key_is_of_the_kinds_that_have_its_length(digits: int, algorithms: list[int]) -> None:
    assert [key.algorithm for key in piv.management_keys("0f" * (digits // 2) + "0" * (digits % 2))] == algorithms
    assert not piv.management_keys("no hexadecimal digits, though as long as o")


def test_a_management_key_does_not_print() -> None:
    (key,) = piv.management_keys("5e" * 16)
    assert "5e5e" not in repr(key)


def test_an_answer_of_the_wrong_size_is_not_decrypted() -> None:
    """Whoever asks us to decrypt what they like gets nothing."""
    (key,) = piv.management_keys("0f" * 16)
    for witness in (b"", b"short", b"x" * 32):
        with pytest.raises(piv.Unreadable):
            key.show_witness(piv.tlv(0x7C, piv.tlv(0x80, witness)), b"c" * 16)


def test_certificates_read_back_plain_and_compressed() -> None:
    assert piv.certificate(piv.tlv(0x53, piv.certificate_object(DER))) == DER
    packed = piv.tlv(0x70, gzip.compress(DER)) + piv.tlv(0x71, b"\x01") + piv.tlv(0xFE, b"")
    assert piv.certificate(piv.tlv(0x53, packed)) == DER
    assert piv.certificate(piv.tlv(0x53, b"")) is None
    with pytest.raises(piv.Unreadable):
        piv.certificate(piv.tlv(0x53, piv.tlv(0x70, b"not packed") + piv.tlv(0x71, b"\x01")))


def test_a_certificate_that_unpacks_without_end_is_cut() -> None:
    bomb = piv.tlv(0x53, piv.tlv(0x70, gzip.compress(bytes(10_000_000))) + piv.tlv(0x71, b"\x01"))
    assert len(piv.certificate(bomb) or b"") == 16384


def test_sp800_73_4_part1_3_1_2_a_card_is_named_by_its_guid() -> None:
    guid = bytes(range(16))
    assert piv.guid(piv.tlv(0x53, piv.holder_object(guid))) == guid
    assert piv.guid(piv.tlv(0x53, piv.holder_object(bytes(16)))) is None
    assert piv.guid(piv.tlv(0x53, b"")) is None


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_sp800_73_4_part2_3_3_2_a_point_is_read_as_a_key(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert piv.public_key(piv.tlv(0x7F49, piv.tlv(0x86, point))) == key
    with pytest.raises(piv.Unreadable):
        piv.public_key(piv.tlv(0x7F49, piv.tlv(0x86, point[:-1] + bytes([point[-1] ^ 1]))))


@given(st.binary(max_size=300))
def test_junk_is_unreadable_and_nothing_else(junk: bytes) -> None:
    for read in (piv.read_tlv, piv.public_key, piv.signature, piv.certificate, piv.guid):
        try:
            read(junk)
        except piv.Unreadable:
            continue


@given(st.sampled_from([0x53, 0x7C, 0x7F49]), st.binary(max_size=700))
def test_tlv_reads_what_it_wrote(tag: int, value: bytes) -> None:
    assert piv.read_tlv(piv.tlv(tag, value) + piv.tlv(0xFE, b"")) == {tag: value, 0xFE: b""}
