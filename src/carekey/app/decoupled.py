"""Logging in without a browser at hand: device authorization and CIBA, wired."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from carekey.app import provider, registry
from carekey.app.settings import Settings
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName
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
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.endpoint import Asks, RequestEndpoint
from carekey.oidc.decoupled.http import DecoupledHttp
from carekey.oidc.decoupled.model import Kind
from carekey.oidc.decoupled.reading import Known
from carekey.oidc.device.http import PATH as DEVICE
from carekey.oidc.device.http import DevicePages
from carekey.oidc.device.request import DeviceAuthorization
from carekey.oidc.fetch import Fetcher
from carekey.oidc.model import Issuer
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints
from carekey.storage.store import Store, Tx
from carekey.web.kit import Route, Site


def decisions(issuers: Sequence[Issuer], entropy: Entropy, phone: ByPhone[Tx]) -> Decisions[Tx]:
    return Decisions(issuers, entropy, pages={Kind.DEVICE: DEVICE, Kind.CIBA: REQUESTS}, over=phone.over)


def pages(
    found: Settings,
    issuers: Sequence[Issuer],
    store: Store,
    journey: Journey[Tx],
    decided: Decisions[Tx],
) -> list[Route]:
    names = [issuer.name for issuer in issuers]
    routes = [
        *DevicePages(store=store, journey=journey, decisions=decided).routes(),
        *RequestPages(issuers=names, store=store, journey=journey, decisions=decided).routes(),
    ]
    for issuer in issuers:
        if found.issuers[issuer.name].scripted_approval:
            routes += ScriptedApproval(issuer=issuer, store=store, decisions=decided).routes()
    return routes


def routes(
    issuer: Issuer,
    signer: Signer,
    store: Store,
    sealing: Sealing,
    clients: ClientAuthentication,
    keys: ClientKeys,
    known: Known,
    phone: ByPhone[Tx],
    user_codes: CodeDigests,
    site: Site,
) -> list[Route]:
    """The endpoints at which clients of this issuer ask."""

    def endpoint(path: str, asks: Asks) -> list[Route]:
        asked = RequestEndpoint(issuer=issuer, store=store, clients=clients, sealer=Sealer(keys.recipients), asks=asks)
        return DecoupledHttp(path=endpoints.path(issuer, path), clients=clients, endpoint=asked).routes()

    at = urlsplit(issuer.url)
    device = DeviceAuthorization(
        issuer=issuer,
        store=store,
        known=known,
        verification_uri=f"{at.scheme}://{at.netloc}{DEVICE}",
        entropy=site.entropy,
    )
    backchannel = BackchannelAuthentication(
        issuer=issuer,
        store=store,
        known=known,
        clients=clients,
        signed=SignedRequests(issuer=issuer, keys=keys),
        verifier=signer,
        user_codes=UserCodeCheck(store=store, digests=user_codes),
        sealing=sealing,
        entropy=site.entropy,
        reaches=[phone],
    )
    return [
        *endpoint(endpoints.DEVICE_AUTHORIZATION, device),
        *endpoint(endpoints.BACKCHANNEL_AUTHENTICATION, backchannel),
    ]


def notifications(
    issuers: Sequence[Issuer],
    signers: dict[IssuerName, Signer],
    store: Store,
    sealing: Sealing,
    site: Site,
    master: bytes,
) -> Notifications[Tx]:
    notifiers = []
    for issuer in issuers:
        fetcher = Fetcher(private=issuer.private_fetches)
        keys, signer = ClientKeys(fetcher.get), signers[issuer.name]
        tokens = TokenEndpoint(
            issuer=issuer,
            store=store,
            clients=ClientAuthentication(issuer=issuer, store=store, keys=keys, sealing=sealing),
            grants=registry.GRANTS,
            signer=signer,
            own=provider.own_tokens(issuer, signer, master),
            sealer=Sealer(keys.recipients),
            constraints=SenderConstraints(),  # tokens that are bound to a key are never pushed
            entropy=site.entropy,
        )
        notifiers.append(Notifier(issuer=issuer, tokens=tokens, fetcher=fetcher))
    return Notifications(notifiers, store=store, sealing=sealing, clock=site.clock)
