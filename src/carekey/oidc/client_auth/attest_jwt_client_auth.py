"""Client authentication by an attested key: somebody whom the operator trusts, the client attester, vouches for the key
of one installation of an application, and the installation proves to hold it. Pure.

Source: OAuth 2.0 Attestation-Based Client Authentication, draft-ietf-oauth-attestation-based-client-auth-10, sections
4 to 7. The proof is a JWT of its own; that it is used once is the store's to say.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carekey.jose import jwt, thumbprint
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import PRIVATE_MEMBERS, Flaw, InvalidJwt, KeySet, Unverified
from carekey.kernel.ids import ClientId
from carekey.oidc.client_auth.assertion import SKEW, Proven, plain
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.errors import InvalidClient, Reason, UseAttestationChallenge, UseFreshAttestation

ATTESTATION = "oauth-client-attestation"
PROOF = "oauth-client-attestation-pop"
CHALLENGE = "oauth-client-attestation-challenge"
"""Headers."""
WINDOW = timedelta(seconds=60)
"""How far a proof's `iat` may be from our clock."""


@dataclass(frozen=True, slots=True)
class Attested:
    instance: str
    """Thumbprint of the key that is vouched for (RFC 7638): which installation this is."""
    proven: Proven


def claimed_client(attestations: Sequence[str]) -> ClientId | None:
    """Whom the attestation is for, if it can be read at all (section 7.5: `client_id` may be missing)."""
    try:
        subject = jwt.parse(attestations[0]).claims.get("sub") if attestations else None
    except InvalidJwt:
        return None
    return ClientId(subject) if isinstance(subject, str) and plain(subject) else None


class Attesters:
    """Whose word is taken, and how fresh proofs have to be."""

    def __init__(self, keys: KeySet, challenges: Nonces) -> None:
        self._keys = keys
        self._challenges = challenges

    def check(
        self,
        attestations: Sequence[str],
        proofs: Sequence[str],
        *,
        client: ClientId,
        issuer: str,
        algs: Collection[str],
        now: datetime,
    ) -> Attested:
        """`attestations`, `proofs`: values of the request's headers. `issuer`: our own URL.

        Raises: InvalidClient, UseFreshAttestation, UseAttestationChallenge.
        """
        jwk = self._attested_key(attestations, client, algs, now)
        return Attested(*_proven(proofs, jwk, issuer=issuer, algs=algs, challenges=self._challenges, now=now))

    def _attested_key(
        self, values: Sequence[str], client: ClientId, algs: Collection[str], now: datetime
    ) -> Mapping[str, Any]:
        """Section 7.1, in its order."""
        if len(values) != 1:
            raise InvalidClient(reason=Reason.ATTESTATION_SEVERAL if values else Reason.ATTESTATION_MISSING)
        token = _taken_apart(values[0], Reason.ATTESTATION_MALFORMED)
        claims = token.claims
        issued, expires, subject = _time(claims, "iat"), _time(claims, "exp"), claims.get("sub")
        confirmation = claims.get("cnf")
        jwk = confirmation.get("jwk") if isinstance(confirmation, dict) else None
        if issued is None or expires is None or not isinstance(subject, str) or not isinstance(jwk, dict):
            raise InvalidClient(reason=Reason.ATTESTATION_MALFORMED)
        if token.header.typ != f"{ATTESTATION}+jwt":
            raise InvalidClient(reason=Reason.ATTESTATION_TYP)
        try:
            jwt.verify(token, self._keys, allowed=ASYMMETRIC.intersection(algs))
        except InvalidJwt as error:
            untrusted = error.flaw in {Flaw.UNKNOWN_KEY, Flaw.BAD_SIGNATURE}
            reason = Reason.ATTESTATION_UNTRUSTED if untrusted else Reason.ATTESTATION_ALG
            raise InvalidClient(reason=reason) from None
        if not PRIVATE_MEMBERS.isdisjoint(jwk):
            raise InvalidClient(reason=Reason.ATTESTATION_KEY)
        skew = timedelta(seconds=SKEW)
        if expires + skew <= now or issued > now + skew:
            raise UseFreshAttestation(reason=Reason.ATTESTATION_NOT_FRESH)
        if subject != client:
            raise InvalidClient(reason=Reason.ATTESTATION_CLIENT)
        return jwk


def _proven(
    values: Sequence[str],
    jwk: Mapping[str, Any],
    *,
    issuer: str,
    algs: Collection[str],
    challenges: Nonces,
    now: datetime,
) -> tuple[str, Proven]:
    """Section 7.2, in its order."""
    if len(values) != 1:
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_SEVERAL if values else Reason.ATTESTATION_PROOF_MISSING)
    token = _taken_apart(values[0], Reason.ATTESTATION_PROOF_MALFORMED)
    claims, alg = token.claims, token.header.alg
    issued, jti, challenge = _time(claims, "iat"), claims.get("jti"), claims.get("challenge")
    if issued is None or not isinstance(jti, str) or not plain(jti):
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_MALFORMED)
    if token.header.typ != f"{PROOF}+jwt":
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_TYP)
    if alg not in ASYMMETRIC or alg not in algs:
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_ALG)
    try:
        instance = thumbprint.of(thumbprint.required_members(jwk))
        jwt.verify(token, KeySet.of_jwk(jwk, alg), allowed=(alg,))
    except (InvalidJwt, ValueError):
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_SIGNATURE) from None
    if not (isinstance(challenge, str) and challenge.isascii() and challenges.good(challenge, now)):
        raise UseAttestationChallenge(reason=Reason.ATTESTATION_CHALLENGE)
    if abs(issued - now) > WINDOW:
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_TIME)
    if claims.get("aud") not in (issuer, [issuer]):
        raise InvalidClient(reason=Reason.ATTESTATION_PROOF_AUDIENCE)
    return instance, Proven(jti, issued + WINDOW + timedelta(seconds=1))


def _taken_apart(text: str, reason: Reason) -> Unverified:
    try:
        return jwt.parse(text)
    except InvalidJwt:
        raise InvalidClient(reason=reason) from None


def _time(claims: Mapping[str, Any], name: str) -> datetime | None:
    """A NumericDate (RFC 7519 section 2) of this century or near it."""
    value = claims.get(name)
    if type(value) not in {int, float} or not 0 <= value < 1e11:  # type: ignore[operator]  # it is a number
        return None
    return datetime.fromtimestamp(value, UTC)  # type: ignore[arg-type]  # it is a number
