"""Builds the provider: its issuers, and the endpoints of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from carekey.app import attestation, decoupled, mutual_tls, phones, registration, registry
from carekey.app.foundation import Foundation, fetcher
from carekey.app.settings import Resource as ResourceSettings
from carekey.app.settings import Settings, SettingsError, duration
from carekey.authenticators.base import Way
from carekey.authenticators.phone import transport_http as uaf_http
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.jose.keyring import Rotation
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.ids import IssuerName
from carekey.login import acr
from carekey.login.journey import Journey
from carekey.login.own_pages import Respond as Responds
from carekey.oidc.authorize.arrival import RequestObjects
from carekey.oidc.authorize.http import Authorize
from carekey.oidc.authorize.issue import CodeIssuer
from carekey.oidc.authorize.respond import Encrypts
from carekey.oidc.ciba.phone import ByPhone
from carekey.oidc.claims.registry import SCOPE_NAMES
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.decoupled.reading import Known
from carekey.oidc.discovery.http import DiscoveryHttp
from carekey.oidc.dpop.constraint import Dpop
from carekey.oidc.dpop.http import with_nonce
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.introspection.http import IntrospectionHttp
from carekey.oidc.logout.backchannel import BackChannel, Sender
from carekey.oidc.model import Issuer, Resource
from carekey.oidc.mtls.constraint import MutualTls
from carekey.oidc.mtls.revocation import Revocation
from carekey.oidc.par.endpoint import PushedRequests
from carekey.oidc.par.http import ParHttp
from carekey.oidc.revocation.http import RevocationHttp
from carekey.oidc.session_management.http import CheckSession
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.oidc.token.http import TokenHttp
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints
from carekey.oidc.userinfo.http import UserinfoHttp
from carekey.storage.store import Store, Tx
from carekey.web.kit import Route


def issuers_of(found: Settings, master: bytes = b"") -> list[Issuer]:
    return [
        Issuer(
            name=IssuerName(name),
            url=issuer.url,
            realm=issuer.realm,
            form_post=issuer.form_post,
            product_extras=issuer.product_extras,
            announce_iss=issuer.announce_iss,
            profile=issuer.profile,
            decoupled_lifetime=duration("decoupled_lifetime", issuer.decoupled_lifetime),
            refresh_lifetime=duration("refresh_lifetime", issuer.refresh_lifetime),
            offline_lifetime=duration("offline_lifetime", issuer.offline_lifetime),
            offline_idle=duration("offline_idle", issuer.offline_idle),
            resources={uri: _resource(name, uri, resource) for uri, resource in issuer.resources.items()},
            dpop_nonce=issuer.dpop_nonce == "required",
            session_management=issuer.session_management,
            api_host=found.api_host.url,
            client_attesters=issuer.client_attesters is not None,
            client_authorities=found.api_host.anchors is not None,
            registration=registration.rules(name, issuer),
            encrypted_requests=issuer.encrypted_requests,
            pairwise_key=registration.pairwise_key(master, name),
            private_fetches=found.environment != "production",
        )
        for name, issuer in found.issuers.items()
    ]


def _resource(issuer: str, uri: str, resource: ResourceSettings) -> Resource:
    """Raises: SettingsError."""
    if taken := {*SCOPE_NAMES, "offline_access"}.intersection(resource.scopes):
        raise SettingsError(f"issuers.{issuer}.resources: the scope {min(taken)} of {uri} has a meaning already.")
    return Resource(
        uri=uri,
        scopes=frozenset(resource.scopes),
        jwt=resource.jwt,
        token_lifetime=duration("token_lifetime", resource.token_lifetime),
    )


def signer(found: Settings, issuer: Issuer, store: Store, sealing: Sealing) -> Signer:
    rotation = Rotation(
        use_for=duration("keys.rotate_after", found.keys.rotate_after),
        publish_ahead=duration("keys.publish_ahead", found.keys.publish_ahead),
    )
    return Signer(
        issuer=issuer.name, store=store, sealing=sealing, rotation=rotation, encryption_keys=issuer.encrypted_requests
    )


def back_channel(base: Foundation) -> BackChannel[Tx]:
    senders = [
        Sender(issuer=issuer, signer=base.signers[issuer.name], fetcher=fetcher(issuer)) for issuer in base.issuers
    ]
    return BackChannel(senders, store=base.store, clock=base.clock, entropy=base.entropy)


def encrypts(base: Foundation) -> dict[IssuerName, Encrypts]:
    return {name: Encrypts(Sealer(its.recipients), base.store) for name, its in base.keys.items()}


def own_tokens(base: Foundation, issuer: Issuer) -> OwnTokens:
    refresh_key = base.derived(f"refresh tokens of {issuer.name}")
    return OwnTokens(issuer=issuer, verifier=base.signers[issuer.name], refresh_key=refresh_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all issuers of an installation have in common."""

    journey: Journey[Tx]
    codes: CodeIssuer[Tx]
    respond: Responds
    ways: Sequence[Way]
    by_phone: ByPhone[Tx]
    user_codes: CodeDigests
    revocation: Revocation | None
    """Of the certificates of applications; None if it is not looked up."""


def routes(base: Foundation, issuer: Issuer, shared: Shared) -> list[Route]:
    found, store, entropy = base.settings, base.store, base.entropy
    signer, keys = base.signers[issuer.name], base.keys[issuer.name]
    details = dict(registry.AUTHORIZATION_DETAILS)
    if found.environment != "production":
        details |= registry.SANDBOX_AUTHORIZATION_DETAILS
    sealer = Sealer(keys.recipients)
    objects = RequestObjects(issuer=issuer, keys=keys, fetch=fetcher(issuer).get, decrypter=signer)
    challenges = Nonces(base.derived(f"attestation challenges of {issuer.name}"))
    clients = ClientAuthentication(
        issuer=issuer,
        store=store,
        keys=keys,
        sealing=base.sealing,
        authorities=mutual_tls.authorities(found),
        revocation=shared.revocation,
        attesters=attestation.attesters(found, issuer, challenges),
    )
    own = own_tokens(base, issuer)
    nonces = Nonces(base.derived(f"DPoP nonces of {issuer.name}"))
    constraints = SenderConstraints(Dpop(nonces if issuer.dpop_nonce else None), MutualTls())
    endpoint = TokenEndpoint(
        issuer=issuer,
        store=store,
        clients=clients,
        grants=registry.GRANTS,
        signer=signer,
        own=own,
        constraints=constraints,
        sealer=sealer,
        entropy=entropy,
    )
    pushed = PushedRequests(
        issuer=issuer,
        store=store,
        clients=clients,
        objects=objects,
        scopes=SCOPE_NAMES,
        details=details,
        verifier=signer,
        constraints=constraints,
        sealer=sealer,
        entropy=entropy,
    )
    takes_proofs = [
        *ParHttp(issuer=issuer, clients=clients, endpoint=pushed).routes(),
        *TokenHttp(issuer=issuer, clients=clients, endpoint=endpoint).routes(),
        *UserinfoHttp(issuer=issuer, store=store, signer=signer, constraints=constraints, sealer=sealer).routes(),
    ]
    takes_clients = [
        *(with_nonce(takes_proofs, nonces) if issuer.dpop_nonce else takes_proofs),
        *IntrospectionHttp(issuer=issuer, store=store, clients=clients, own=own, signer=signer, sealer=sealer).routes(),
        *RevocationHttp(issuer=issuer, store=store, clients=clients, own=own).routes(),
        *decoupled.routes(
            base,
            issuer,
            clients=clients,
            known=Known(scopes=SCOPE_NAMES, details=details),
            phone=shared.by_phone,
            user_codes=shared.user_codes,
        ),
    ]
    offered = [way for way in shared.ways if way.name in found.issuers[issuer.name].ways]
    return [
        *DiscoveryHttp(
            issuer=issuer,
            signer=signer,
            acr_values=acr.supported(offered),
            grant_types=list(registry.GRANTS),
            more=uaf_http.discovery(found.origin()) if phones.offered(found) else {},
            details=list(details),
        ).routes(),
        *Authorize(
            issuer=issuer,
            store=store,
            journey=shared.journey,
            codes=shared.codes,
            scopes=SCOPE_NAMES,
            details=details,
            verifier=signer,
            objects=objects,
            sealer=sealer,
            respond=shared.respond,
        ).routes(),
        *attestation.with_challenges(issuer, takes_clients, challenges, nonces if issuer.dpop_nonce else None),
        *registration.routes(base, issuer),
        *(CheckSession(issuer).routes() if issuer.session_management else []),
    ]
