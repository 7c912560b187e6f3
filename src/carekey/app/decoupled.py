"""Logging in without a browser at hand: device authorization and CIBA, wired."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from carekey.app import provider, registry
from carekey.app.foundation import Foundation, fetcher
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.kernel.entropy import Entropy
from carekey.login.journey import Journey
from carekey.oidc import endpoints
from carekey.oidc.ciba.http import PATH as REQUESTS
from carekey.oidc.ciba.http import RequestPages
from carekey.oidc.ciba.notify import Notifications, Notifier
from carekey.oidc.ciba.phone import ByPhone
from carekey.oidc.ciba.request import BackchannelAuthentication
from carekey.oidc.ciba.scripted_http import ScriptedApproval
from carekey.oidc.ciba.signed_request import SignedRequests
from carekey.oidc.ciba.user_code import UserCodeCheck
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.endpoint import Asks, RequestEndpoint
from carekey.oidc.decoupled.http import DecoupledHttp
from carekey.oidc.decoupled.model import Kind
from carekey.oidc.decoupled.reading import Known
from carekey.oidc.device.http import PATH as DEVICE
from carekey.oidc.device.http import DevicePages
from carekey.oidc.device.request import DeviceAuthorization
from carekey.oidc.model import Issuer
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints
from carekey.storage.store import Tx
from carekey.web.kit import Route


def decisions(issuers: Sequence[Issuer], entropy: Entropy, phone: ByPhone[Tx]) -> Decisions[Tx]:
    return Decisions(issuers, entropy, pages={Kind.DEVICE: DEVICE, Kind.CIBA: REQUESTS}, over=phone.over)


def pages(base: Foundation, journey: Journey[Tx], decided: Decisions[Tx]) -> list[Route]:
    names = [issuer.name for issuer in base.issuers]
    routes = [
        *DevicePages(store=base.store, journey=journey, decisions=decided).routes(),
        *RequestPages(issuers=names, store=base.store, journey=journey, decisions=decided).routes(),
    ]
    for issuer in base.issuers:
        if base.settings.issuers[issuer.name].scripted_approval:
            routes += ScriptedApproval(issuer=issuer, store=base.store, decisions=decided).routes()
    return routes


def routes(
    base: Foundation,
    issuer: Issuer,
    *,
    clients: ClientAuthentication,
    known: Known,
    phone: ByPhone[Tx],
    user_codes: CodeDigests,
) -> list[Route]:
    """The endpoints at which clients of this issuer ask."""
    store, keys = base.store, base.keys[issuer.name]

    def endpoint(path: str, asks: Asks) -> list[Route]:
        asked = RequestEndpoint(issuer=issuer, store=store, clients=clients, sealer=Sealer(keys.recipients), asks=asks)
        return DecoupledHttp(path=endpoints.path(issuer, path), clients=clients, endpoint=asked).routes()

    at = urlsplit(issuer.url)
    device = DeviceAuthorization(
        issuer=issuer,
        store=store,
        known=known,
        verification_uri=f"{at.scheme}://{at.netloc}{DEVICE}",
        entropy=base.entropy,
    )
    backchannel = BackchannelAuthentication(
        issuer=issuer,
        store=store,
        known=known,
        clients=clients,
        signed=SignedRequests(issuer=issuer, keys=keys),
        verifier=base.signers[issuer.name],
        user_codes=UserCodeCheck(store=store, digests=user_codes),
        sealing=base.sealing,
        entropy=base.entropy,
        reaches=[phone],
    )
    return [
        *endpoint(endpoints.DEVICE_AUTHORIZATION, device),
        *endpoint(endpoints.BACKCHANNEL_AUTHENTICATION, backchannel),
    ]


def notifications(base: Foundation) -> Notifications[Tx]:
    notifiers = []
    for issuer in base.issuers:
        keys = base.keys[issuer.name]
        tokens = TokenEndpoint(
            issuer=issuer,
            store=base.store,
            clients=ClientAuthentication(issuer=issuer, store=base.store, keys=keys, sealing=base.sealing),
            grants=registry.GRANTS,
            signer=base.signers[issuer.name],
            own=provider.own_tokens(base, issuer),
            sealer=Sealer(keys.recipients),
            constraints=SenderConstraints(),  # tokens that are bound to a key are never pushed
            entropy=base.entropy,
        )
        notifiers.append(Notifier(issuer=issuer, tokens=tokens, fetcher=fetcher(issuer)))
    return Notifications(notifiers, store=base.store, sealing=base.sealing, clock=base.clock)
