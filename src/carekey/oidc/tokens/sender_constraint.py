"""Tokens that are good in the hands of one sender alone: was this presented by whom it is bound to? Pure.

There are several ways to prove to hold a key; each is a `Constraint`. Where tokens are issued all are asked what the
request proves (`shown`), and that becomes the tokens' `cnf` (RFC 7800 section 3). Wherever a token, a code or a refresh
token is presented, all are asked again, and every member of its `cnf` must be proven anew.

Source: RFC 9449 sections 5 to 7; RFC 8705 section 3; FAPI 2.0 Security Profile section 5.3.2.1.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from carekey.oidc.errors import InvalidDpopProof, InvalidGrant, InvalidRequest, InvalidToken, Reason
from carekey.oidc.model import Client, Confirmation
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import Feature, Profile

JKT = "jkt"
"""The member of `cnf` for DPoP: the thumbprint of a public key (RFC 9449 section 6.1)."""
X5T = "x5t#S256"
"""The member of `cnf` for mutual TLS: the thumbprint of a certificate (RFC 8705 section 3.1)."""

INSTANCE = "attested"
"""A member of our own, for refresh tokens alone: the key that was vouched for when a client authenticated
(draft-ietf-oauth-attestation-based-client-auth-10 section 10.3)."""

BEARER, DPOP = "Bearer", "DPoP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a constraint looks at in an HTTP request."""

    method: str
    address: str
    """As published, without query."""
    proofs: tuple[str, ...] = ()
    """The values of its `DPoP` headers."""
    access_token: str | None = None
    """That which it uses, at a resource; None where tokens are asked for."""
    scheme: str = BEARER
    """How it presents the access token (RFC 9110 section 11.1)."""
    certificate: bytes | None = None
    """DER of that which its sender proved to hold; none but on the API host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request proved."""

    confirmation: Confirmation = field(default_factory=dict)
    """The keys that its sender holds; empty if it proved nothing."""
    algs: frozenset[str] = frozenset()
    """Those that the proofs were signed with."""
    using_up: tuple[Callable[[OidcTx], None], ...] = ()

    def use_up(self, tx: OidcTx) -> None:
        """In the transaction that acts on it. Raises: OAuthError, if a proof was used before."""
        for use in self.using_up:
            use(tx)


NOTHING = Shown()


class Constraint(Protocol):
    """One way to prove to hold a key."""

    def shown(self, sent: Sent, *, algs: Collection[str], now: datetime) -> Shown:
        """What the request proves in this way: `NOTHING` if it does not try. `algs`: those that may sign.

        Raises: OAuthError, for a proof that is no good.
        """
        ...


class SenderConstraints:
    """All the ways that there are."""

    def __init__(self, *constraints: Constraint) -> None:
        self._constraints = constraints

    def shown(self, sent: Sent, *, algs: Collection[str], now: datetime) -> Shown:
        """What the request proves in any way. Raises: OAuthError."""
        return _together([one.shown(sent, algs=algs, now=now) for one in self._constraints])


def _together(all: list[Shown]) -> Shown:
    given = [one for one in all if one is not NOTHING]
    if len(given) < 2:
        return given[0] if given else NOTHING
    return Shown(
        confirmation={name: value for one in given for name, value in one.confirmation.items()},
        algs=frozenset().union(*(one.algs for one in given)),
        using_up=tuple(use for one in given for use in one.using_up),
    )


def token_type(confirmation: Confirmation | None) -> str:
    """How a token of this confirmation is presented (RFC 9449 section 5; RFC 8705 section 3)."""
    return DPOP if confirmation and JKT in confirmation else BEARER


def held(bound: Confirmation | None, shown: Confirmation) -> bool:
    """Whether everything that this is bound to is proven."""
    return all(shown.get(name) == value for name, value in (bound or {}).items())


def check_demand(client: Client, asked: Profile, shown: Shown) -> None:
    """Whether a token request proves what its client must. Raises: OAuthError."""
    if client.dpop_bound_access_tokens and JKT not in shown.confirmation:
        raise InvalidDpopProof(reason=Reason.DPOP_MISSING)
    if client.certificate_bound_access_tokens and X5T not in shown.confirmation:
        raise InvalidRequest(
            "A client certificate is needed: use the addresses in mtls_endpoint_aliases",
            reason=Reason.CERTIFICATE_MISSING,
        )
    if Feature.SENDER_CONSTRAINED_TOKENS in asked.needs and not shown.confirmation:
        raise InvalidRequest(
            f"The client's profile needs {Feature.SENDER_CONSTRAINED_TOKENS}", reason=Reason.NOT_CONSTRAINED
        )


def binding(client: Client, asked: Profile, shown: Shown) -> Confirmation:
    """What of it the tokens will be bound to. Whoever sends a DPoP proof means to bind them by it; a certificate may be
    there to authenticate alone, and counts for clients that say so (RFC 8705 section 3.4) or have nothing else."""
    told = shown.confirmation
    needed = Feature.SENDER_CONSTRAINED_TOKENS in asked.needs and JKT not in told
    if client.certificate_bound_access_tokens or needed:
        return told
    return {name: value for name, value in told.items() if name != X5T}


def check_grant(bound: Confirmation | None, shown: Confirmation | None) -> None:
    """Whether a code or refresh token came from whom it is bound to. Raises: InvalidGrant."""
    if not held(bound, shown or {}):
        raise InvalidGrant(reason=Reason.NOT_THE_SENDER)


def check_token(bound: Confirmation | None, shown: Shown) -> None:
    """Whether an access token came from whom it is bound to, in the way that it is to be presented in.

    Raises: InvalidToken.
    """
    if JKT in shown.confirmation and JKT not in (bound or {}):
        raise InvalidToken(reason=Reason.TOKEN_NOT_BOUND)
    if not held(bound, shown.confirmation):
        raise InvalidToken(reason=Reason.NOT_THE_SENDER)
