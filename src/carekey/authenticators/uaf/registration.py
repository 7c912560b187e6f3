"""Registration: a person's new key, on an authenticator that the policy admits (section 15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carekey.authenticators.uaf import algorithms, android_key, assurance, attestation, ceremony
from carekey.authenticators.uaf import policy as policies
from carekey.authenticators.uaf.assertion import RegistrationAssertion, parse_registration
from carekey.authenticators.uaf.ceremony import Client
from carekey.authenticators.uaf.extensions import ANDROID_KEY_ATTESTATION
from carekey.authenticators.uaf.messages import (
    UAF_1_1,
    Assertion,
    Extension,
    Policy,
    RegistrationRequest,
    Response,
    Version,
    present,
    write,
)
from carekey.authenticators.uaf.metadata import Model
from carekey.authenticators.uaf.model import Issued, Note, Random, Registered, Registration, RelyingParty
from carekey.authenticators.uaf.policy import Candidate
from carekey.authenticators.uaf.status import WHOLE_MESSAGE, Reason, Refused, UafError
from carekey.kernel.assurance import AAL

LIFETIME = timedelta(seconds=300)

_MODE = 1
_HIGH_REG_COUNTER = 1000


def begin(
    party: RelyingParty,
    *,
    person: str,
    username: str,
    accepted: Policy,
    registered: Iterable[tuple[str, bytes]],
    enrolled_at: AAL,
    random: Random,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    version: Version = UAF_1_1,
    extensions: Iterable[Extension] = (),
    browser: bytes = b"",
) -> tuple[str, Issued]:
    """The request, and what to keep of it under `server_data`.

    `username` is shown by devices that hold several accounts; `registered` are the person's (AAID, KeyID) pairs,
    which are disallowed beside the models that are not acceptable now. `enrolled_at` is the level of the session
    that asks; `browser` any secret that the answer must come with.
    Raises: ValueError for a policy or user name that a strict client would refuse.
    """
    issued = Issued(
        op="Reg",
        person=person,
        challenge=ceremony.unpredictable(random),
        server_data=ceremony.unpredictable(random),
        app_id=party.facets.app_id,
        version=version,
        policy=policies.excluding(accepted, keys=registered, models=party.metadata.unacceptable(now=now)),
        expires_at=now + lifetime,
        browser=ceremony.browser_digest(browser),
        extensions=tuple(extensions),
        enrolled_at=enrolled_at,
    )
    request = RegistrationRequest(
        header=ceremony.header(issued), challenge=issued.challenge, username=username, policy=issued.policy
    )
    return write(request), issued


def finish(
    issued: Issued, response: Response, party: RelyingParty, *, person: str, now: datetime, browser: bytes = b""
) -> Registered | Refused:
    """Judge the answer (M3 to A19). `issued` must have been taken, so that no second answer meets it."""
    try:
        return _finish(issued, response, party, person=person, now=now, browser=browser)
    except UafError as error:
        return Refused(reason=error.reason, detail=error.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    candidate: Candidate
    registration: Registration
    notes: tuple[Note, ...]


def _finish(
    issued: Issued, response: Response, party: RelyingParty, *, person: str, now: datetime, browser: bytes
) -> Registered:
    client = ceremony.check_response(issued, response, party, browser=browser, now=now)
    if issued.person != person:
        raise UafError(Reason.WRONG_PERSON)
    verified: list[_Verified] = []
    failures: list[UafError] = []
    for entry in response.assertions:
        try:
            verified.append(_verify(issued, entry, response.fc_params, party, client, now=now))
        except UafError as error:
            if error.reason in WHOLE_MESSAGE:
                raise
            failures.append(error)
    ceremony.refuse_same_key_twice([(each.registration.aaid, each.registration.key_id) for each in verified])
    try:
        chosen = policies.choose(issued.policy, [each.candidate for each in verified])
    except UafError as error:
        raise (failures[0] if failures else error) from None
    return Registered(
        registrations=tuple(verified[position].registration for position in chosen),
        notes=tuple(note for position in chosen for note in verified[position].notes),
    )


def _verify(
    issued: Issued, entry: Assertion, fc_params: str, party: RelyingParty, client: Client, *, now: datetime
) -> _Verified:
    parsed = parse_registration(entry.assertion)
    ceremony.check_extensions(issued, entry, parsed)
    model = _model(parsed.aaid, party, now=now)
    statement = model.statement
    ceremony.check_scheme(model, entry)
    standing = party.metadata.standing(model, parsed.version, now=now, chain=parsed.attestation.certificates)
    ceremony.check_standing(standing, registering=True)
    methods = ceremony.signed_methods(issued, model, parsed)
    candidate = Candidate(
        statement=statement,
        key_id=parsed.key_id,
        registered=False,
        version=parsed.version,
        algorithm=parsed.algorithm,
        attestation=parsed.attestation.type,
        methods=methods,
    )
    policies.check(issued.policy, candidate)
    if parsed.mode != _MODE:
        raise UafError(Reason.MODE)
    ceremony.check_hash(algorithms.digest(statement.algorithms[0], fc_params.encode()), parsed.final_challenge_hash)
    key = algorithms.decode_key(parsed.key_format, parsed.public_key, statement.algorithms)
    dates = None if parsed.aaid in party.expired_certificates else now
    proven = attestation.verify(
        parsed,
        statement,
        key,
        shared_roots=party.metadata.shared_roots,
        at=dates,
    )
    standing = party.metadata.standing(model, parsed.version, now=now, chain=proven.chain)
    ceremony.check_standing(standing, registering=True)
    android_hardware = any(asked.id == ANDROID_KEY_ATTESTATION for asked in issued.extensions) and android_key.verify(
        (*present(entry.exts), *client.extensions),
        statement,
        key,
        final_challenge_hash=parsed.final_challenge_hash,
        at=dates,
    )
    level = assurance.assess(
        statement,
        standing,
        attestation=proven.type,
        android_hardware=android_hardware,
        approved=parsed.aaid in party.aal3_models,
        enrolled_at=issued.enrolled_at,
        near=True,
        methods=methods,
    )
    registration = Registration(
        app_id=issued.app_id,
        person=issued.person or "",
        aaid=parsed.aaid,
        key_id=parsed.key_id,
        public_key=parsed.public_key,
        key_format=parsed.key_format,
        spki=algorithms.encode_key(key),
        sign_counter=parsed.sign_counter,
        reg_counter=parsed.reg_counter,
        version=parsed.version,
        attestation=proven.type,
        chain=proven.chain,
        png=tuple(present(entry.png)),
        user_verification_index=parsed.user_verification_index,
        user_verification_state=parsed.user_verification_state,
        android_hardware=android_hardware,
        facet=client.facet,
        metadata_number=model.number,
        registered_at=now,
        enrolled_at=issued.enrolled_at,
        level=level,
    )
    return _Verified(candidate=candidate, registration=registration, notes=_notes(model, parsed))


def _model(aaid: str, party: RelyingParty, *, now: datetime) -> Model:
    model = party.metadata.find(aaid)
    if model is None:
        raise UafError(Reason.UNKNOWN_AAID)
    if model.register_until is not None and model.register_until <= now:
        raise UafError(Reason.METADATA_STALE)
    return model


def _notes(model: Model, parsed: RegistrationAssertion) -> tuple[Note, ...]:
    high = [Note.REG_COUNTER_HIGH] if parsed.reg_counter > _HIGH_REG_COUNTER else []
    return (*ceremony.version_notes(model, parsed.version), *high)
