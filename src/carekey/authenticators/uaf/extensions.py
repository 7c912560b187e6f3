"""Extensions (section 21): which are known, and what `fail_if_unknown` and the critical tag then mean."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from carekey.authenticators.uaf import assertion, messages
from carekey.authenticators.uaf.registry import KeyProtection, MatcherProtection, UserVerification
from carekey.authenticators.uaf.status import Reason, UafError

UVM = "fido.uaf.uvm"
"""Which method verified the user; only the signed answer counts."""
ANDROID_KEY_ATTESTATION = "fido.uaf.android.key_attestation"

KNOWN = frozenset({UVM, ANDROID_KEY_ATTESTATION})

_RECORD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way in which the user was verified, as the authenticator signed it."""

    user_verification: UserVerification
    key_protection: KeyProtection
    matcher_protection: MatcherProtection


def check_unsigned(extensions: Sequence[messages.Extension], known: Collection[str] = KNOWN) -> None:
    """Raises: UafError(UNKNOWN_EXTENSION) if one that must be understood is not."""
    for extension in extensions:
        if extension.fail_if_unknown and extension.id not in known:
            raise UafError(Reason.UNKNOWN_EXTENSION)


def check_elements(extensions: Sequence[assertion.Extension], known: Collection[str] = KNOWN) -> None:
    """Raises: UafError(UNKNOWN_EXTENSION) if a critical one is unknown."""
    for extension in extensions:
        if extension.critical and extension.id not in known:
            raise UafError(Reason.UNKNOWN_EXTENSION)


def methods(extensions: Sequence[assertion.Extension]) -> tuple[Method, ...]:
    """The signed user verification methods; none if the authenticator did not say.

    Records of 8 bytes, little-endian: userVerification u32, keyProtection u16, matcherProtection u16.
    Raises: UafError(EXTENSION).
    """
    data = next((extension.data for extension in extensions if extension.id == UVM), None)
    if data is None:
        return ()
    if not data or len(data) % _RECORD:
        raise UafError(Reason.EXTENSION, UVM)
    return tuple(_method(data[start : start + _RECORD]) for start in range(0, len(data), _RECORD))


def _method(record: bytes) -> Method:
    try:
        return Method(
            user_verification=UserVerification(int.from_bytes(record[0:4], "little")),
            key_protection=KeyProtection(int.from_bytes(record[4:6], "little")),
            matcher_protection=MatcherProtection(int.from_bytes(record[6:8], "little")),
        )
    except ValueError:
        raise UafError(Reason.EXTENSION, UVM) from None
