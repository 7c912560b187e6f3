import pytest

from carekey.jose.sealing import SealBroken, Sealing
from carekey.jose.tests.conftest import CountingEntropy


def test_what_is_sealed_opens_again(sealing: Sealing) -> None:
    sealed = sealing.seal(b"private", purpose="key-1")
    assert b"private" not in sealed
    assert sealing.open(sealed, purpose="key-1") == b"private"


def test_the_same_text_is_sealed_differently_each_time(sealing: Sealing) -> None:
    assert sealing.seal(b"private", purpose="key-1") != sealing.seal(b"private", purpose="key-1")


def test_it_does_not_open_for_another_purpose(sealing: Sealing) -> None:
    with pytest.raises(SealBroken):
        sealing.open(sealing.seal(b"private", purpose="key-1"), purpose="key-2")


def test_it_does_not_open_under_another_master_key(sealing: Sealing) -> None:
    other = Sealing(b"n" * 32, entropy=CountingEntropy())
    with pytest.raises(SealBroken):
        other.open(sealing.seal(b"private", purpose="key-1"), purpose="key-1")


def test_an_older_master_key_still_opens(sealing: Sealing) -> None:
    newer = Sealing(b"n" * 32, b"m" * 32, entropy=CountingEntropy())
    assert newer.open(sealing.seal(b"private", purpose="key-1"), purpose="key-1") == b"private"


def test_no_altered_byte_goes_unnoticed(sealing: Sealing) -> None:
    sealed = sealing.seal(b"private", purpose="key-1")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(SealBroken):
            sealing.open(bytes(altered), purpose="key-1")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealing.open(sealed[:length], purpose="key-1")


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealing(b"short", entropy=CountingEntropy())
