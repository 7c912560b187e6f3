"""The message that stands on the application's screen and on the person's, so that they can compare. Pure.

Source: CIBA Core section 7.1: "relatively short and use a limited set of plain text characters".
"""

import unicodedata

LONGEST = 100
"""Characters: what fits a small screen in a few lines."""


def is_plain(text: str) -> bool:
    """Whether it is shown exactly as it was sent: one line, nothing that a page swallows, joins, hides or turns round.

    A message that could look different from what it says could be made to look like another application's."""
    return (
        0 < len(text) <= LONGEST
        and text == " ".join(text.split(" "))
        and "" not in text.split(" ")
        and all(char == " " or _is_visible(char) for char in text)
    )


def _is_visible(char: str) -> bool:
    """Letters, numbers, punctuation and symbols that stand by themselves and run from left to right."""
    return unicodedata.category(char)[0] in "LNPS" and unicodedata.bidirectional(char) not in _LEFTWARD


_LEFTWARD = frozenset({"R", "AL", "AN"})
