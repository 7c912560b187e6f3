"""Security profiles: what each demands of a client, in one table. Pure.

An issuer has a profile, which is the least that any of its clients does; a client may be registered under a stricter
one. What counts for a client is the stricter of the two in every row, asked for at registration
(`clients/metadata.py`) and again at each endpoint, so that a client that was registered before its issuer became
stricter cannot go on as it did. Discovery is made from the issuer's row.

Sources: cis2-profile sections 2.3 to 2.8; OpenID Connect Core section 15; FAPI 2.0 Security Profile section 5.3.2;
FAPI 2.0 Message Signing sections 5.3 and 5.4; FAPI: Client Initiated Backchannel Authentication Profile.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from carekey.jose.algorithms import ASYMMETRIC
from carekey.oidc.model import Client, ClientAuthMethod, Issuer


class Feature(StrEnum):
    """What a profile builds on. The value ends the sentence “it needs …”."""

    SENDER_CONSTRAINED_TOKENS = "sender-constrained access tokens (DPoP or mutual TLS)"
    BACKCHANNEL_AUTHENTICATION = "client-initiated backchannel authentication (CIBA)"


OFFERED: frozenset[Feature] = frozenset({Feature.SENDER_CONSTRAINED_TOKENS})
"""What CareKey has of these. A profile that needs more cannot be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One row of the table: the demands on a client."""

    name: str
    auth_methods: frozenset[ClientAuthMethod] = frozenset(ClientAuthMethod)
    algs: frozenset[str] = ASYMMETRIC
    """Signature algorithms, of the client's signatures and of ours for it."""
    issuer_as_audience: bool = False
    """A client assertion's `aud` is the issuer as a text, and nothing else."""
    require_pkce: bool = False
    require_par: bool = False
    require_signed_request: bool = False
    """The request comes in a request object, which lives for an hour at most and says for whom it is."""
    require_signed_response: bool = False
    keep_refresh_tokens: bool = False
    """Refreshing gives no new refresh token: it would add nothing to a key and credentials, and be lost at times."""
    announce_iss: bool = False
    """Discovery says that `iss` is in every authorization response (RFC 9207). It is there in any case."""
    needs: frozenset[Feature] = frozenset()

    @property
    def lacking(self) -> str | None:
        """What CareKey does not have for it yet, in words; None if it can be chosen."""
        return " and ".join(sorted(self.needs - OFFERED)) or None


_PLAIN = Profile(name="cis2")
_FAPI2 = Profile(
    name="fapi2",
    auth_methods=frozenset(
        {
            ClientAuthMethod.PRIVATE_KEY_JWT,
            ClientAuthMethod.TLS_CLIENT_AUTH,
            ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
        }
    ),
    algs=frozenset({"PS256", "ES256", "EdDSA", "Ed25519"}),
    issuer_as_audience=True,
    require_pkce=True,
    require_par=True,
    keep_refresh_tokens=True,
    announce_iss=True,
    needs=frozenset({Feature.SENDER_CONSTRAINED_TOKENS}),
)
_MESSAGE_SIGNING = Profile(
    name="fapi2-message-signing",
    auth_methods=_FAPI2.auth_methods,
    algs=_FAPI2.algs,
    issuer_as_audience=True,
    require_pkce=True,
    require_par=True,
    require_signed_request=True,
    require_signed_response=True,
    keep_refresh_tokens=True,
    announce_iss=True,
    needs=_FAPI2.needs,
)
_CIBA = Profile(
    name="fapi-ciba",
    auth_methods=_FAPI2.auth_methods,
    algs=_FAPI2.algs,
    issuer_as_audience=True,
    needs=frozenset({Feature.SENDER_CONSTRAINED_TOKENS, Feature.BACKCHANNEL_AUTHENTICATION}),
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (_PLAIN, Profile(name="oidc-basic", announce_iss=True), _FAPI2, _MESSAGE_SIGNING, _CIBA)
}


@cache
def together(name: str, other: str) -> Profile:
    """The stricter of two in every row. Raises: KeyError."""
    a, b = PROFILES[name], PROFILES[other]
    if a is b:
        return a
    return Profile(
        name=b.name,
        auth_methods=a.auth_methods & b.auth_methods,
        algs=a.algs & b.algs,
        issuer_as_audience=a.issuer_as_audience or b.issuer_as_audience,
        require_pkce=a.require_pkce or b.require_pkce,
        require_par=a.require_par or b.require_par,
        require_signed_request=a.require_signed_request or b.require_signed_request,
        require_signed_response=a.require_signed_response or b.require_signed_response,
        keep_refresh_tokens=a.keep_refresh_tokens or b.keep_refresh_tokens,
        announce_iss=a.announce_iss or b.announce_iss,
        needs=a.needs | b.needs,
    )


def demands(issuer: Issuer, client: Client) -> Profile:
    """What this issuer asks of this client, besides what the client has registered of its own accord."""
    return together(issuer.profile, client.profile or issuer.profile)


def auth_methods(issuer: Issuer, asked: Profile) -> frozenset[ClientAuthMethod]:
    """Those that a profile allows and the issuer has what it takes for."""
    without = set()
    if issuer.api_host is None:
        without.add(ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH)
    if issuer.api_host is None or not issuer.client_authorities:
        without.add(ClientAuthMethod.TLS_CLIENT_AUTH)
    if not issuer.client_attesters:
        without.add(ClientAuthMethod.ATTEST_JWT_CLIENT_AUTH)
    return asked.auth_methods - without
