"""Log-in and transaction confirmation with a registered key (section 16)."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import UNSET

from carekey.authenticators.uaf import algorithms, assurance, ceremony, transaction
from carekey.authenticators.uaf import policy as policies
from carekey.authenticators.uaf.assertion import AuthenticationAssertion, parse_authentication
from carekey.authenticators.uaf.ceremony import Client
from carekey.authenticators.uaf.messages import (
    UAF_1_1,
    Assertion,
    AuthenticationRequest,
    Extension,
    Policy,
    Response,
    Transaction,
    Version,
    write,
)
from carekey.authenticators.uaf.metadata import Model
from carekey.authenticators.uaf.model import (
    Authenticated,
    Confirmed,
    Issued,
    Note,
    Random,
    Registration,
    RelyingParty,
    Use,
)
from carekey.authenticators.uaf.policy import Candidate
from carekey.authenticators.uaf.statement import any_method
from carekey.authenticators.uaf.status import WHOLE_MESSAGE, Reason, Refused, UafError

LIFETIME = timedelta(seconds=120)
CROSS_DEVICE_LIFETIME = timedelta(seconds=180)

_USER_VERIFIED = 1
_CONFIRMED = 2

Find = Callable[[str, bytes], Registration | None]
"""The registration of an (AAID, KeyID) at this AppID, suspended ones included; the AAID is in upper case."""


def begin(
    party: RelyingParty,
    *,
    person: str | None,
    policy: Policy,
    random: Random,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    version: Version = UAF_1_1,
    extensions: Iterable[Extension] = (),
    transactions: Iterable[Transaction] = (),
    browser: bytes = b"",
    same_device: bool = True,
) -> tuple[str, Issued]:
    """The request, and what to keep of it under `server_data`.

    `person` is None where anybody may log in; `transactions` are the forms of one content that is to be confirmed.
    Raises: ValueError for a policy or transaction that a strict client would refuse.
    """
    issued = Issued(
        op="Auth",
        person=person,
        challenge=ceremony.unpredictable(random),
        server_data=ceremony.unpredictable(random),
        app_id=party.facets.app_id,
        version=version,
        policy=policies.validate(policy),
        expires_at=now + lifetime,
        browser=ceremony.browser_digest(browser),
        extensions=tuple(extensions),
        transactions=tuple(transactions),
        same_device=same_device,
    )
    request = AuthenticationRequest(
        header=ceremony.header(issued),
        challenge=issued.challenge,
        transaction=issued.transactions or UNSET,
        policy=issued.policy,
    )
    return write(request), issued


def finish(
    issued: Issued, response: Response, party: RelyingParty, *, find: Find, now: datetime, browser: bytes = b""
) -> Authenticated | Refused:
    """Judge the answer (M3 to B15). `issued` must have been taken, so that no second answer meets it.

    The counters of `uses` are still to be moved: see Use.
    """
    try:
        return _finish(issued, response, party, find=find, now=now, browser=browser)
    except _KeyRefused as error:
        return Refused(reason=error.reason, detail=error.detail, aaid=error.aaid, key_id=error.key_id)
    except UafError as error:
        return Refused(reason=error.reason, detail=error.detail)


def counter_rose(stored: int, received: int) -> bool:
    """Whether the signature counter is that of no copy; 0 and 0 means that there is none (section 20.1)."""
    return received > stored or received == stored == 0


class _KeyRefused(UafError):
    """A refusal that concerns a registered key, proven to be the one that answered."""

    def __init__(self, reason: Reason, parsed: AuthenticationAssertion) -> None:
        super().__init__(reason)
        self.aaid = parsed.aaid
        self.key_id = parsed.key_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    candidate: Candidate
    use: Use
    confirmed: Confirmed | None
    notes: tuple[Note, ...]


def _finish(
    issued: Issued, response: Response, party: RelyingParty, *, find: Find, now: datetime, browser: bytes
) -> Authenticated:
    client = ceremony.check_response(issued, response, party, browser=browser, now=now)
    verified: list[_Verified] = []
    failures: list[UafError] = []
    for entry in response.assertions:
        try:
            verified.append(_verify(issued, entry, response.fc_params, party, client, find=find, now=now))
        except UafError as error:
            if error.reason in WHOLE_MESSAGE:
                raise
            failures.append(error)
    keys = [each.use.registration for each in verified]
    ceremony.refuse_same_key_twice([(key.aaid, key.key_id) for key in keys])
    try:
        positions = policies.choose(issued.policy, [each.candidate for each in verified])
    except UafError as error:
        raise (failures[0] if failures else error) from None
    chosen = [verified[position] for position in positions]
    if len({each.use.registration.person for each in chosen}) != 1:
        raise UafError(Reason.FOREIGN_KEY, "keys of several persons")
    return Authenticated(
        person=chosen[0].use.registration.person,
        uses=tuple(each.use for each in chosen),
        level=max(each.use.level for each in chosen),
        facet=client.facet,
        channel_bound=client.bound,
        confirmed=chosen[0].confirmed,
        at=now,
        notes=tuple(note for each in chosen for note in each.notes),
    )


def _verify(
    issued: Issued,
    entry: Assertion,
    fc_params: str,
    party: RelyingParty,
    client: Client,
    *,
    find: Find,
    now: datetime,
) -> _Verified:
    parsed = parse_authentication(entry.assertion)
    ceremony.check_extensions(issued, entry, parsed)
    model, registration = _registered(issued, parsed, party, find)
    statement = model.statement
    ceremony.check_scheme(model, entry)
    standing = party.metadata.standing(model, parsed.version, now=now, chain=registration.chain)
    ceremony.check_standing(standing, registering=False)
    methods = ceremony.signed_methods(issued, model, parsed)
    candidate = Candidate(
        statement=statement,
        key_id=parsed.key_id,
        registered=True,
        version=parsed.version,
        algorithm=parsed.algorithm,
        methods=methods,
    )
    policies.check(issued.policy, candidate)
    if parsed.algorithm not in statement.algorithms:
        raise UafError(Reason.ALGORITHM, "not one of the model's")
    ceremony.check_hash(algorithms.digest(statement.algorithms[0], fc_params.encode()), parsed.final_challenge_hash)
    confirmed = _confirmed(issued, parsed, model, registration)
    key = algorithms.load_key(registration.spki)
    if not algorithms.verify(parsed.algorithm, key, parsed.signature, parsed.signed):
        raise UafError(Reason.SIGNATURE)
    # Only after the signature: otherwise a stranger who knows the KeyID could raise the alarm (section 16.2).
    if not counter_rose(registration.sign_counter, parsed.sign_counter):
        raise _KeyRefused(Reason.CLONE_SUSPECTED, parsed)
    if not _same_enrolment(registration, parsed):
        raise _KeyRefused(Reason.ENROLMENT_CHANGED, parsed)
    level = assurance.assess(
        statement,
        standing,
        attestation=registration.attestation,
        android_hardware=registration.android_hardware,
        approved=parsed.aaid in party.aal3_models,
        enrolled_at=registration.enrolled_at,
        near=issued.same_device or (client.bound and party.cross_device_aal3),
        methods=methods,
    )
    return _Verified(
        candidate=candidate,
        use=Use(
            registration=registration,
            sign_counter=parsed.sign_counter,
            version=parsed.version,
            user_verification=methods or any_method(statement.user_verification),
            key_protection=statement.key_protection,
            matcher_protection=statement.matcher_protection,
            level=min(level, registration.level),
        ),
        confirmed=confirmed,
        notes=tuple(ceremony.version_notes(model, parsed.version, before=registration.version)),
    )


def _registered(
    issued: Issued, parsed: AuthenticationAssertion, party: RelyingParty, find: Find
) -> tuple[Model, Registration]:
    """The same answer for a key that nobody has and one that is somebody else's (section 9.3)."""
    model = party.metadata.find(parsed.aaid)
    registration = find(parsed.aaid, parsed.key_id)
    if model is None or registration is None:
        raise UafError(Reason.UNKNOWN_KEY)
    if (registration.app_id, registration.aaid, registration.key_id) != (issued.app_id, parsed.aaid, parsed.key_id):
        raise UafError(Reason.UNKNOWN_KEY, "of another AppID")
    if issued.person is not None and registration.person != issued.person:
        raise UafError(Reason.FOREIGN_KEY)
    if registration.suspended:
        raise UafError(Reason.SUSPENDED)
    return model, registration


def _confirmed(
    issued: Issued, parsed: AuthenticationAssertion, model: Model, registration: Registration
) -> Confirmed | None:
    """A log-in never passes for a confirmation, nor the reverse (section 7.2)."""
    if parsed.mode != (_CONFIRMED if issued.transactions else _USER_VERIFIED):
        raise UafError(Reason.MODE)
    if not issued.transactions:
        if parsed.transaction_hash:
            raise UafError(Reason.TRANSACTION_HASH, "without a transaction")
        return None
    shown = transaction.confirmed(issued.transactions, model.statement.algorithms[0], parsed.transaction_hash)
    if shown is None:
        raise UafError(Reason.TRANSACTION_HASH)
    if not transaction.can_show(model.statement, shown, registration.png):
        raise UafError(Reason.CANNOT_CONFIRM)
    return Confirmed(transaction=shown, hash=parsed.transaction_hash)


def _same_enrolment(registration: Registration, parsed: AuthenticationAssertion) -> bool:
    """Whether no finger or face was enrolled since, and the same one answered (section 21.3).

    The state must be said again once it was said; the index is missing after a passcode, which is no other finger.
    """
    state, index = registration.user_verification_state, registration.user_verification_index
    if state is not None and not hmac.compare_digest(state, parsed.user_verification_state or b""):
        return False
    return index is None or parsed.user_verification_index is None or index == parsed.user_verification_index
