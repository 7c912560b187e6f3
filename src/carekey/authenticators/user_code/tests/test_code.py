"""What can be a user code."""

import pytest

from carekey.authenticators.user_code.code import is_weak, read


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("482917", "482917"),
        ("48K2-x9", "48k2x9"),
        (" 48 29 17 ", "482917"),
        ("a" * 32, "a" * 32),
        ("48291", None),
        ("a" * 33, None),
        ("-" * 200 + "482917", None),
        ("48291é", None),
        ("48291\uff17", None),
        ("48291\u200b7", None),
        ("48291\n7", None),
        ("", None),
    ],
)
def test_letters_and_numbers_however_they_are_typed(typed: str, found: str | None) -> None:
    assert read(typed) == found


@pytest.mark.parametrize(
    ("code", "weak"),
    [
        ("000000", True),
        ("121212", True),
        ("123456", True),
        ("890123", True),
        ("987654", True),
        ("abcdef", True),
        ("qwerty", True),
        ("poiuyt", True),
        ("000101", True),
        ("555000", True),
        ("482917", False),
        ("124578", False),
        ("1234567a", False),
    ],
)
def test_nist_sp_800_63b_5_1_1_2_what_others_try_first_is_refused(code: str, weak: bool) -> None:
    assert is_weak(code, "555000000101") is weak
