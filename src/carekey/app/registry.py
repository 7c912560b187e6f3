"""The lists: what there is of each kind of thing. To add one is a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carekey.authenticators.base import Way
from carekey.authenticators.http import Authenticator
from carekey.authenticators.phone.http import Phone
from carekey.authenticators.phone.terms import Terms
from carekey.authenticators.ports import Attempts
from carekey.authenticators.smartcard.http import Smartcard
from carekey.authenticators.smartcard.terms import Terms as CardTerms
from carekey.authenticators.userpass.http import UserPass
from carekey.authenticators.webauthn.ceremony import RelyingParty
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.kernel.clock import Clock
from carekey.oidc.authorize.authorization_details import RECORD_ACCESS, DetailType
from carekey.oidc.ciba.grant import Ciba
from carekey.oidc.device.grant import DeviceCode
from carekey.oidc.token.base import GrantType
from carekey.oidc.token.grants.authorization_code import AuthorizationCode
from carekey.oidc.token.grants.client_credentials import ClientCredentials
from carekey.oidc.token.grants.jwt_bearer import JwtBearer
from carekey.oidc.token.grants.refresh_token import RefreshToken
from carekey.oidc.token.grants.token_exchange import TokenExchange
from carekey.storage.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What authenticators are built from."""

    store: Store
    attempts: Attempts[Tx]
    rp: RelyingParty
    metadata: Metadata
    policy: Policy
    smartcards: CardTerms | None
    phones: Terms
    clock: Clock
    service: str


@dataclass(frozen=True, slots=True)
class Kind:
    """An authenticator that can be built. What it offers is known beforehand, for the check of the settings."""

    ways: tuple[Way, ...]
    sandbox_only: bool
    templates: Mapping[str, Path]
    build: Callable[[Parts], Authenticator]


def _kind(of: Any, build: Callable[[Parts], Authenticator]) -> Kind:
    return Kind(of.ways, of.sandbox_only, of.templates, build)


AUTHENTICATORS: tuple[Kind, ...] = (
    _kind(
        WebAuthn,
        lambda its: WebAuthn(
            store=its.store, attempts=its.attempts, rp=its.rp, metadata=its.metadata, policy=its.policy
        ),
    ),
    _kind(Smartcard, lambda its: Smartcard(store=its.store, attempts=its.attempts, terms=its.smartcards)),
    _kind(
        Phone,
        lambda its: Phone(
            store=its.store, attempts=its.attempts, terms=its.phones, clock=its.clock, service=its.service
        ),
    ),
    _kind(UserPass, lambda its: UserPass(store=its.store, attempts=its.attempts)),
)
WAYS: tuple[Way, ...] = tuple(way for kind in AUTHENTICATORS for way in kind.ways)

GRANTS: dict[str, GrantType] = {
    grant.name: grant
    for grant in (
        AuthorizationCode(),
        RefreshToken(),
        ClientCredentials(),
        TokenExchange(),
        JwtBearer(),
        DeviceCode(),
        Ciba(),
    )
}

AUTHORIZATION_DETAILS: dict[str, DetailType] = {}
SANDBOX_AUTHORIZATION_DETAILS: dict[str, DetailType] = {one.name: one for one in (RECORD_ACCESS,)}
"""Offered outside production alone, besides the others."""
