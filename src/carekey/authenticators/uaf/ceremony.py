"""What registration and authentication have in common: a request, and the checks of a whole response (M3 to M13)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carekey.authenticators.uaf import base64url, channel_binding, extensions
from carekey.authenticators.uaf.assertion import AuthenticationAssertion, RegistrationAssertion
from carekey.authenticators.uaf.messages import (
    Assertion,
    Extension,
    FinalChallengeParams,
    OperationHeader,
    Response,
    present,
    read_final_challenge,
)
from carekey.authenticators.uaf.metadata import Model, Standing
from carekey.authenticators.uaf.model import Issued, Note, Random, RelyingParty
from carekey.authenticators.uaf.registry import UserVerification
from carekey.authenticators.uaf.statement import any_method
from carekey.authenticators.uaf.status import Reason, UafError

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the UAF client said of itself and its channel, as far as it was confirmed."""

    facet: str
    bound: bool
    extensions: tuple[Extension, ...] = ()
    """Those of the header: unsigned."""


def unpredictable(random: Random) -> str:
    """A challenge, or the handle under which a request is kept."""
    return base64url.encode(random(_RANDOM_BYTES))


def browser_digest(browser: bytes) -> bytes:
    return hashlib.sha256(browser).digest() if browser else b""


def header(issued: Issued) -> OperationHeader:
    return OperationHeader(
        upv=issued.version,
        op=issued.op,
        app_id=issued.app_id,
        server_data=issued.server_data,
        **({"exts": issued.extensions} if issued.extensions else {}),
    )


def check_response(issued: Issued, response: Response, party: RelyingParty, *, browser: bytes, now: datetime) -> Client:
    """The rows that refuse a whole message (section 15.2, M3 to M13).

    Raises: UafError.
    """
    given = response.header
    if given.upv != issued.version:
        raise UafError(Reason.VERSION)
    if given.op != issued.op:
        raise UafError(Reason.OPERATION)
    extensions.check_unsigned(present(given.exts), known_extensions(issued))
    params = read_final_challenge(response.fc_params)
    if given.server_data != issued.server_data:
        raise UafError(Reason.SESSION_UNKNOWN)
    if issued.expires_at <= now:
        raise UafError(Reason.SESSION_EXPIRED)
    if not hmac.compare_digest(browser_digest(browser), issued.browser):
        raise UafError(Reason.WRONG_BROWSER)
    _check_final_challenge(issued, params, party)
    if given.app_id != issued.app_id:
        raise UafError(Reason.APP_ID, "header")
    bound = channel_binding.check(party.channel, params.channel_binding)
    return Client(facet=params.facet_id, bound=bound, extensions=tuple(present(given.exts)))


def check_extensions(issued: Issued, entry: Assertion, parsed: RegistrationAssertion | AuthenticationAssertion) -> None:
    """Raises: UafError(UNKNOWN_EXTENSION)."""
    known = known_extensions(issued)
    extensions.check_unsigned(present(entry.exts), known)
    extensions.check_elements(parsed.unsigned_extensions, known)
    extensions.check_elements(parsed.extensions, known)


def check_standing(standing: Standing, *, registering: bool) -> None:
    """Raises: UafError with REVOKED, or VERSION_TOO_OLD where an update would help."""
    if not (standing.may_register if registering else standing.may_log_in):
        reason = Reason.VERSION_TOO_OLD if standing.update_helps else Reason.REVOKED
        raise UafError(reason, standing.because)


def check_scheme(model: Model, entry: Assertion) -> None:
    """Raises: UafError(SCHEME)."""
    if entry.scheme != model.statement.scheme:
        raise UafError(Reason.SCHEME)


def check_hash(expected: bytes, given: bytes) -> None:
    """Raises: UafError(FINAL_CHALLENGE_HASH)."""
    if not hmac.compare_digest(expected, given):
        raise UafError(Reason.FINAL_CHALLENGE_HASH)


def signed_methods(
    issued: Issued, model: Model, parsed: RegistrationAssertion | AuthenticationAssertion
) -> UserVerification | None:
    """How the user was verified, if the authenticator says so (section 21.4).

    Raises: UafError with EXTENSION, or USER_VERIFICATION for what the model cannot do or had to say.
    """
    methods = extensions.methods(parsed.extensions)
    if not methods:
        if any(asked.id == extensions.UVM and asked.fail_if_unknown for asked in issued.extensions):
            raise UafError(Reason.USER_VERIFICATION, "not said")
        return None
    statement = model.statement
    possible, used = UserVerification.ALL | any_method(statement.user_verification), UserVerification(0)
    for method in methods:
        if (
            not method.user_verification & ~UserVerification.ALL
            or method.user_verification & ~possible
            or method.key_protection & ~statement.key_protection
            or method.matcher_protection & ~statement.matcher_protection
        ):
            raise UafError(Reason.USER_VERIFICATION, "not one of the model's")
        used |= method.user_verification
    return used


def version_notes(model: Model, version: int, *, before: int = 0) -> list[Note]:
    notes = [Note.VERSION_BELOW_METADATA] if version < model.statement.version else []
    return [*notes, Note.FIRMWARE_ROLLBACK] if version < before else notes


def refuse_same_key_twice(keys: Sequence[tuple[str, bytes]]) -> None:
    """Two assertions of one key would pass for two authenticators. Raises: UafError(SAME_KEY_TWICE)."""
    if len(set(keys)) != len(keys):
        raise UafError(Reason.SAME_KEY_TWICE)


def known_extensions(issued: Issued) -> frozenset[str]:
    """Ours, and whatever the request itself carried: clients send the header back."""
    return extensions.KNOWN | {extension.id for extension in issued.extensions}


def _check_final_challenge(issued: Issued, params: FinalChallengeParams, party: RelyingParty) -> None:
    if not hmac.compare_digest(params.challenge.encode(), issued.challenge.encode()):
        raise UafError(Reason.CHALLENGE)
    if params.app_id != issued.app_id:
        raise UafError(Reason.APP_ID)
    if not party.facets.trusts(params.facet_id):
        raise UafError(Reason.FACET)


def ask(id: str, *, fail_if_unknown: bool) -> Extension:
    """An extension for a request, without data: the client answers it."""
    return Extension(id=id, data="", fail_if_unknown=fail_if_unknown)
