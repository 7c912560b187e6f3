"""What can be a user code. Pure."""

import string

SHORTEST, LONGEST = 6, 32
_KNOWN = frozenset(string.ascii_lowercase + string.digits)
_ROWS = ("01234567890123456789", string.ascii_lowercase, "qwertyuiop", "asdfghjkl", "zxcvbnm")


def read(typed: str) -> str | None:
    """The code, however it was typed: capital or small, with blanks and hyphens. None if it cannot be one."""
    if len(typed) > 4 * LONGEST:
        return None
    letters = "".join(letter for letter in typed.lower() if letter not in " -")
    return letters if SHORTEST <= len(letters) <= LONGEST and set(letters) <= _KNOWN else None


def is_weak(code: str, person: str) -> bool:
    """Whether it is among what others would try first (NIST SP 800-63B section 5.1.1.2). `person`: their user ID."""
    rows = (*_ROWS, *(row[::-1] for row in _ROWS))
    return len(set(code)) < 3 or any(code in row for row in rows) or code in person
