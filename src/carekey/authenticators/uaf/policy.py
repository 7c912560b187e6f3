"""Which authenticators will do: writing a policy, and judging an answer by the one that was issued (section 5)."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET
from msgspec.structs import replace

from carekey.authenticators.uaf import base64url, extensions
from carekey.authenticators.uaf.messages import MatchCriteria, Policy, present
from carekey.authenticators.uaf.registry import (
    ASSERTION_SCHEME,
    KeyProtection,
    SignatureAlgorithm,
    UserVerification,
)
from carekey.authenticators.uaf.statement import Statement
from carekey.authenticators.uaf.status import Reason, UafError

_BESIDE_AAID = {"aaid", "key_ids", "attachment_hint", "authenticator_version", "exts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An authenticator as the server knows it: its metadata and what its assertion says."""

    statement: Statement
    key_id: bytes
    registered: bool
    """Whether the key was known before: at registration, accepted `keyIDs` mean nothing."""
    version: int
    algorithm: int
    attestation: int | None = None
    """The type that the assertion carries; None at log-in."""
    methods: UserVerification | None = None
    """What the signed UVM extension says, all records together; None if it says nothing."""


def matches(candidate: Candidate, criteria: MatchCriteria, *, disallowing: bool = False) -> bool:
    """Whether the model and the key are what the criteria ask for; an empty criteria asks for nothing."""
    # Each log-in asks, mostly for model and key alone: what is not asked for costs no call.
    its, wanted = candidate.statement, criteria
    keys = UNSET if not (disallowing or candidate.registered) else wanted.key_ids
    return (
        (wanted.aaid is UNSET or _among(its.aaid, wanted.aaid))
        and (wanted.vendor_id is UNSET or _among(its.aaid[:4], wanted.vendor_id))
        and (keys is UNSET or _named(candidate.key_id, keys))
        and (wanted.user_verification is UNSET or _user_verification(its, wanted.user_verification))
        and (wanted.key_protection is UNSET or its.key_protection & wanted.key_protection != 0)
        and (wanted.matcher_protection is UNSET or its.matcher_protection & wanted.matcher_protection != 0)
        and (wanted.attachment_hint is UNSET or its.attachment_hint & wanted.attachment_hint != 0)
        and (wanted.tc_display is UNSET or its.tc_display & wanted.tc_display != 0)
        and (wanted.authentication_algorithms is UNSET or _any_of(its.algorithms, wanted.authentication_algorithms))
        and (wanted.assertion_schemes is UNSET or its.scheme in wanted.assertion_schemes)
        and (wanted.attestation_types is UNSET or _any_of(its.attestation_types, wanted.attestation_types))
        and (wanted.authenticator_version is UNSET or wanted.authenticator_version <= candidate.version)
        and (wanted.exts is UNSET or all(not ext.fail_if_unknown or ext.id in extensions.KNOWN for ext in wanted.exts))
    )


def shortcoming(candidate: Candidate, criteria: MatchCriteria) -> Reason | None:
    """What a matching model did otherwise than the criteria want: they speak of this answer, not of the model."""
    algorithms, types = criteria.authentication_algorithms, criteria.attestation_types
    if algorithms is not UNSET and candidate.algorithm not in algorithms:
        return Reason.ALGORITHM
    if types is not UNSET and candidate.attestation is not None:
        wanted = next(type for type in types if type in candidate.statement.attestation_types)
        if candidate.attestation != wanted:
            return Reason.ATTESTATION_TYPE
    methods, wanted_methods = candidate.methods, criteria.user_verification
    if methods is not None and wanted_methods is not UNSET and not uv_match(methods, wanted_methods):
        return Reason.USER_VERIFICATION
    return None


def uv_match(a: int, m: int) -> bool:
    """Equal, or neither demands all of its methods and one is common."""
    return a == m or (not a & UserVerification.ALL and not m & UserVerification.ALL and a & m != 0)


def check(policy: Policy, candidate: Candidate) -> None:
    """Whether one authenticator could have a place in an answer to the policy.

    Raises: UafError with POLICY, or with the shortcoming of an authenticator that would match.
    """
    if any(matches(candidate, criteria, disallowing=True) for criteria in present(policy.disallowed)):
        raise UafError(Reason.POLICY, "disallowed")
    first: Reason | None = None
    for accepted in policy.accepted:
        for criteria in accepted:
            if matches(candidate, criteria):
                reason = shortcoming(candidate, criteria)
                if reason is None:
                    return
                first = first or reason
    raise UafError(first or Reason.POLICY)


def choose(policy: Policy, candidates: Sequence[Candidate]) -> tuple[int, ...]:
    """Which candidates, by position, together satisfy the first accepted set that can be satisfied.

    Each criteria of the set needs an authenticator of its own. Candidates must have passed `check`.
    Raises: UafError(POLICY).
    """
    for accepted in policy.accepted:
        chosen = _assign(accepted, candidates)
        if chosen is not None:
            return chosen
    raise UafError(Reason.POLICY, "no accepted set is complete")


def _assign(accepted: Sequence[MatchCriteria], candidates: Sequence[Candidate]) -> tuple[int, ...] | None:
    """A matching of every criteria to a distinct candidate, by augmenting paths."""
    holder: dict[int, int] = {}

    def place(wish: int, tried: set[int]) -> bool:
        for position, candidate in enumerate(candidates):
            fits = position not in tried and matches(candidate, accepted[wish])
            if fits and shortcoming(candidate, accepted[wish]) is None:
                tried.add(position)
                if position not in holder or place(holder[position], tried):
                    holder[position] = wish
                    return True
        return False

    if len(accepted) > len(candidates) or not all(place(wish, set()) for wish in range(len(accepted))):
        return None
    return tuple(sorted(holder))


def validate(policy: Policy) -> Policy:
    """The policy, if a strict client would take it (section 5.2). Raises: ValueError."""
    accepted = [criteria for together in policy.accepted for criteria in together]
    for criteria in [*accepted, *present(policy.disallowed)]:
        named = {name for name in criteria.__struct_fields__ if getattr(criteria, name) is not UNSET}
        if "aaid" in named and not named <= _BESIDE_AAID:
            raise ValueError("beside aaid only keyIDs, attachmentHint, authenticatorVersion and exts may stand")
        if "aaid" not in named and not {"authentication_algorithms", "assertion_schemes"} <= named:
            raise ValueError("without aaid, algorithms and schemes must be named")
        if criteria.user_verification == 0:
            raise ValueError("userVerification must not be 0")
    return policy


def approved(statements: Iterable[Statement]) -> Policy:
    """These models, best first; for registration, and for a log-in by whoever it may be.

    KeyIDs are left out: they would tell anybody which accounts exist.
    """
    return validate(Policy(accepted=tuple((MatchCriteria(aaid=(statement.aaid,)),) for statement in statements)))


def for_unknown_person(statements: Iterable[Statement]) -> Policy:
    """As `approved`, without those that cannot say who their user is."""
    return approved(statement for statement in statements if not statement.second_factor_only)


def for_known_person(keys: Iterable[tuple[str, bytes]]) -> Policy:
    """This person's registrations, (AAID, KeyID), each by itself: a shared device must not answer for another."""
    return validate(
        Policy(
            accepted=tuple((MatchCriteria(aaid=(aaid,), key_ids=(base64url.encode(key_id),)),) for aaid, key_id in keys)
        )
    )


def biometric_in_hardware() -> Policy:
    """Any model with a finger, face or eye matched and a key kept in hardware."""
    return validate(
        Policy(
            accepted=(
                (
                    MatchCriteria(
                        user_verification=UserVerification.FINGERPRINT_INTERNAL
                        | UserVerification.FACEPRINT_INTERNAL
                        | UserVerification.EYEPRINT_INTERNAL,
                        key_protection=KeyProtection.HARDWARE | KeyProtection.TEE | KeyProtection.SECURE_ELEMENT,
                        authentication_algorithms=(
                            SignatureAlgorithm.SECP256R1_ECDSA_SHA256_RAW,
                            SignatureAlgorithm.SECP256R1_ECDSA_SHA256_DER,
                            SignatureAlgorithm.RSASSA_PSS_SHA256_RAW,
                            SignatureAlgorithm.RSASSA_PSS_SHA256_DER,
                        ),
                        assertion_schemes=(ASSERTION_SCHEME,),
                    ),
                ),
            )
        )
    )


def excluding(policy: Policy, *, keys: Iterable[tuple[str, bytes]], models: Iterable[str]) -> Policy:
    """With what the person already has, and models that are not acceptable, disallowed (section 5.2)."""
    by_aaid: dict[str, list[str]] = {}
    for aaid, key_id in keys:
        by_aaid.setdefault(aaid, []).append(base64url.encode(key_id))
    out = [MatchCriteria(aaid=(aaid,), key_ids=tuple(key_ids)) for aaid, key_ids in by_aaid.items()]
    out += [MatchCriteria(aaid=(aaid,)) for aaid in models]
    disallowed = (*present(policy.disallowed), *out)
    return validate(replace(policy, disallowed=disallowed or UNSET))


def decoy(secret: bytes, person: str) -> bytes:
    """A KeyID that stands for a person who has none, always the same one, so that strangers cannot tell."""
    return hmac.digest(secret, person.encode(), hashlib.sha256)


def _named(key_id: bytes, wanted: Sequence[str]) -> bool:
    text = base64url.encode(key_id)
    return text in wanted or any(text == entry.rstrip("=") for entry in wanted)


def _among(value: str, wanted: Sequence[str]) -> bool:
    return value in wanted or value in {entry.upper() for entry in wanted}


def _any_of(values: Iterable[object], wanted: Sequence[object]) -> bool:
    return any(value in wanted for value in values)


def _user_verification(statement: Statement, wanted: int) -> bool:
    flags = statement.user_verification_flags
    return flags is not None and uv_match(flags, wanted)
