"""Secrets and identifiers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from carekey.kernel.entropy import SystemEntropy, reference, token


class Given:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def bytes(self, count: int) -> bytes:
        return self._content[:count]


@given(st.binary(min_size=32, max_size=32))
def test_a_token_is_safe_in_addresses_and_is_no_option_of_a_command(content: bytes) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{42}", token(Given(content)))


def test_a_token_carries_what_was_drawn() -> None:
    assert len({token(SystemEntropy()) for _ in range(1000)}) == 1000
    assert len(token(SystemEntropy(), size=16)) == 22


@given(st.binary(min_size=8, max_size=8))
def test_a_reference_has_no_letter_that_is_taken_for_another(content: bytes) -> None:
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{8}", reference(Given(content)))
