"""Builds an installation from its settings: the only place that knows every concrete class."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from carekey import __version__
from carekey.account.http import Account
from carekey.account.user_code_http import UserCodePage
from carekey.account.visits import Visits
from carekey.app import (
    card_authority,
    client_revocation,
    connection_manager,
    decoupled,
    demo,
    fido_metadata,
    master_key,
    mutual_tls,
    phones,
    provider,
    push,
    registry,
    smartcards,
)
from carekey.app.in_force import in_force
from carekey.app.settings import Settings, SettingsError, duration
from carekey.authenticators.base import Way
from carekey.authenticators.confirming import Confirming
from carekey.authenticators.enrolment.http import EnrolmentPages
from carekey.authenticators.fido_metadata.refresh import MetadataRefresh
from carekey.authenticators.http import Authenticator
from carekey.authenticators.phone.confirmation.asking import OnPhones
from carekey.authenticators.phone.push.telling import Telling
from carekey.authenticators.phone.terms import ENROL, Terms
from carekey.authenticators.smartcard.authority.publishing import CardAuthorityHttp, Published
from carekey.authenticators.smartcard.card_host_http import CardHost
from carekey.authenticators.smartcard.revocation_cache import RevocationCache
from carekey.authenticators.smartcard.terms import WAY
from carekey.authenticators.smartcard.terms import Terms as CardTerms
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.authenticators.webauthn.ceremony import RelyingParty
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.jose.sealing import Sealing
from carekey.jose.signer import KeyUnusable, Signer
from carekey.kernel.clock import Clock, SystemClock
from carekey.kernel.entropy import Entropy, SystemEntropy
from carekey.kernel.event import AuditEvent
from carekey.kernel.ids import IssuerName
from carekey.login import own_pages
from carekey.login.attempts import LoginAttempts
from carekey.login.http import LogIn
from carekey.login.journey import Journey
from carekey.login.model import Chooser, Rules
from carekey.login.own_pages import WithOwnPages
from carekey.oidc.authorize.issue import CodeIssuer
from carekey.oidc.authorize.respond import Respond
from carekey.oidc.ciba.notify import Notifications
from carekey.oidc.ciba.phone import ByPhone, PhoneAnswers
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.ends import Ends, responding
from carekey.oidc.logout.backchannel import BackChannel
from carekey.oidc.logout.http import LogOut
from carekey.oidc.model import Issuer
from carekey.oidc.mtls.revocation import Revocation
from carekey.public.http import Public
from carekey.public.ports import PublishedIssuer
from carekey.registration import standing
from carekey.sessions.model import Lifetimes
from carekey.storage.errors import StorageError
from carekey.storage.open import open_store
from carekey.storage.store import Store, Tx
from carekey.web import static
from carekey.web.cookies import Cookies
from carekey.web.kit import Dispatcher, Route, Site
from carekey.web.templating import Pages
from carekey.web.zones import INTERNET, Zones

CARD = WAY.name
_SRC = Path(__file__).parent.parent
_BANNERS = {
    "production": None,
    "sandbox": "Sandbox: no real people or records",
    "demo": "Demonstration: no real people or records",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Everything that a running CareKey is made of."""

    settings: Settings
    store: Store
    issuers: Sequence[Issuer]
    signers: dict[IssuerName, Signer]
    sealing: Sealing
    clock: Clock
    entropy: Entropy
    dispatcher: Dispatcher
    card_host: Dispatcher
    """For the listener that asks for certificates; empty if there are no smartcards."""
    api_host: Dispatcher
    """For the listener that asks clients for certificates; empty if there is no mutual TLS."""
    revocations: RevocationCache[Tx] | None
    client_revocations: RevocationCache[Tx] | None
    """For the certificates of applications; None if they are not looked up."""
    card_authorities: Sequence[Published]
    """The root and the cards' authority, if this installation makes cards."""
    back_channel: BackChannel[Tx]
    notifications: Notifications[Tx]
    telling: Telling[Tx] | None
    """Tells phones that something waits, if the operator wants it."""
    authenticators: Sequence[Authenticator]
    metadata: MetadataRefresh[Tx]
    phone_models: phones.PhoneModels
    confirming: Confirming[Tx]
    """Asks people to confirm texts on their phones."""
    phone_answers: PhoneAnswers[Tx]
    """Takes what they answer to CIBA requests."""


@asynccontextmanager
async def running(
    found: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None
) -> AsyncIterator[Installation]:
    """Open the store, have signing keys, build the application. Raises: SettingsError, StorageError, KeyUnusable."""
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    check_ways(found)
    master = master_key.read(found)
    phone_terms = phones.terms(found, push.vapid(found, master))
    store = open_store(found.database_url())
    try:
        sealing = Sealing(master, entropy=entropy)
        issuers = provider.issuers_of(found, master)
        signers = {issuer.name: provider.signer(found, issuer, store, sealing) for issuer in issuers}
        for one in signers.values():
            await one.refresh(clock.now())
        site = site_of(found, master, clock, entropy, store)
        authorities = card_authority.published(found, sealing)
        cards = smartcards.running(found, store, clock, entropy, authorities)
        client_revocations = client_revocation.cache(found, store, clock, entropy)
        confirming: OnPhones[Tx] = OnPhones(phone_terms)
        by_phone = ByPhone(confirming)
        decided = decoupled.decisions(issuers, entropy, by_phone)
        routes, authenticators = _routes(
            found,
            store,
            issuers,
            signers,
            sealing,
            site,
            master,
            phone_terms,
            cards.terms if cards else None,
            decided,
            by_phone,
            client_revocation.revocation(found, client_revocations),
        )
        routes += smartcards.workstations(found, store, cards).routes() if cards else []
        phone_models = phones.PhoneModels(found, phone_terms)
        metadata = await fido_metadata.loaded(found, store, clock, authenticators, phone_models)
        phone_models.check()
        routes += CardAuthorityHttp(store, authorities).routes() if authorities else []
        if found.environment == "demo":
            await demo.furnish(found, store, clock, entropy)
            routes += demo.routes(found, store, clock, entropy)
        dispatcher = Dispatcher(routes, site)
        yield Installation(
            settings=found,
            store=store,
            issuers=issuers,
            signers=signers,
            sealing=sealing,
            clock=clock,
            entropy=entropy,
            dispatcher=dispatcher,
            card_host=Dispatcher(_card_host_routes(store, cards), site),
            api_host=Dispatcher(mutual_tls.routes(found, routes, issuers), site),
            revocations=cards.revocations if cards else None,
            client_revocations=client_revocations,
            card_authorities=authorities,
            back_channel=provider.back_channel(issuers, signers, store, site),
            notifications=decoupled.notifications(issuers, signers, store, sealing, site, master),
            telling=push.telling(found, phone_terms, store, site),
            authenticators=authenticators,
            metadata=metadata,
            phone_models=phone_models,
            confirming=confirming,
            phone_answers=PhoneAnswers(store=store, confirming=confirming, decisions=decided, clock=clock),
        )
    finally:
        store.close()


def prepare(found: Settings) -> None:
    """Outside production, make what an empty folder lacks: the folder itself, a master key, a database."""
    if found.environment == "production":
        return
    from carekey.storage.sql import migrate, sqlite

    make_folder(found)
    try:
        if found.keys.master is None and not master_key.file_of(found).exists():
            master_key.write(master_key.file_of(found), SystemEntropy())
    except OSError as error:
        raise SettingsError(f"The master key {master_key.file_of(found)} cannot be made: {error.strerror}.") from None
    url = found.database_url()
    if url.startswith("sqlite:") and not sqlite.path_of(url).exists():
        migrate.upgrade(url)


def make_folder(found: Settings) -> None:
    """The data folder, outside production. Raises: SettingsError."""
    if found.environment == "production":
        return
    try:
        found.folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The data folder {found.data} cannot be made ({error.strerror}): make it, or set data to another."
        ) from None


def check_ways(found: Settings) -> None:
    """Raises: SettingsError, if an issuer offers a way that there is not, or that is not for real people, or is to
    keep a profile that there is not."""
    provider.check_profiles(found)
    kinds = {way.name: kind for kind in registry.AUTHENTICATORS for way in kind.ways}
    for name, issuer in found.issuers.items():
        if not issuer.ways:
            raise SettingsError(f"issuers.{name}.ways is empty: nobody could log in.")
        for way in issuer.ways:
            if way not in kinds:
                raise SettingsError(f"issuers.{name}.ways names {way!r}; there are {', '.join(kinds)}.")
            if kinds[way].sandbox_only and found.environment == "production":
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which proves too little for production.")
            if kinds[way].sandbox_only and not issuer.sandbox:
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which is for issuers with sandbox = true.")
            if way == CARD and found.smartcards.url is None:
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which needs smartcards.url.")
            for zone in found.zones_of(way) or ():
                if zone not in found.zones and zone != INTERNET:
                    raise SettingsError(
                        f"issuers.{name}.ways names {way!r}, which is for the zone {zone} alone: "
                        f"give its addresses in zones.{zone}, or set ways.{way}.zones."
                    )
    for way in found.ways:
        if way not in kinds:
            raise SettingsError(
                f"There is no way to log in named {way!r} for [ways.{way}]; there are {', '.join(kinds)}."
            )


def _card_host_routes(store: Store, cards: smartcards.Smartcards | None) -> list[Route]:
    return [*static.routes(), *CardHost(store=store, terms=cards.terms).routes()] if cards else []


def _added_by_link(found: Settings) -> list[Way]:
    return [*WebAuthn.ways, *([ENROL] if phones.offered(found) else [])]


def site_of(found: Settings, master: bytes, clock: Clock, entropy: Entropy, store: Store) -> Site:
    async def record(event: AuditEvent) -> None:
        await store.write(lambda tx: tx.audit.record(event))

    folders = {
        "login": _SRC / "login" / "templates",
        "authorize": _SRC / "oidc" / "authorize" / "templates",
        "device": _SRC / "oidc" / "device" / "templates",
        "ciba": _SRC / "oidc" / "ciba" / "templates",
        "logout": _SRC / "oidc" / "logout" / "templates",
        "clients": _SRC / "oidc" / "clients" / "templates",
        "enrolment": _SRC / "authenticators" / "enrolment" / "templates",
        "account": _SRC / "account" / "templates",
        "public": _SRC / "public" / "templates",
        "developer": _SRC / "developer" / "templates",
        **{name: folder for kind in registry.AUTHENTICATORS for name, folder in kind.templates.items()},
    }
    port = urlsplit(next(iter(found.issuers.values())).url).port
    return Site(
        origins=found.origins(),
        secure=found.secure(),
        csrf_key=hmac.digest(master, b"carekey: cross-site request forgery", hashlib.sha256),
        cookies=Cookies(secure=found.secure(), port=port or found.server.port),
        zones=Zones(
            {name: [ip_network(one) for one in ranges] for name, ranges in found.zones.items()},
            proxies=[ip_network(one) for one in found.server.proxies],
        ),
        pages=Pages(folders, service=found.service, banner=_BANNERS[found.environment]),
        clock=clock,
        entropy=entropy,
        record=record,
    )


def sessions_kept(found: Settings) -> timedelta:
    """A day longer than any session, or access that ends with one, can last."""
    lasting = [duration("sessions.absolute", found.sessions.absolute)]
    lasting += [duration("refresh_lifetime", issuer.refresh_lifetime) for issuer in found.issuers.values()]
    return max(lasting) + timedelta(days=1)


def _rules(found: Settings) -> dict[IssuerName, Rules]:
    lifetimes = Lifetimes(
        absolute=duration("sessions.absolute", found.sessions.absolute),
        idle=duration("sessions.idle", found.sessions.idle),
        idle_aal3=duration("sessions.idle_aal3", found.sessions.idle_aal3),
    )

    return {
        IssuerName(name): Rules(
            issuer=IssuerName(name),
            ways={way: found.zones_of(way) for way in issuer.ways},
            remember_way=issuer.remember_way,
            chooser=Chooser(issuer.account_chooser),
            consent_lifetime=duration("consent_lifetime", issuer.consent_lifetime) if issuer.consent_lifetime else None,
            sessions=lifetimes,
        )
        for name, issuer in found.issuers.items()
    }


def _routes(
    found: Settings,
    store: Store,
    issuers: Sequence[Issuer],
    signers: dict[IssuerName, Signer],
    sealing: Sealing,
    site: Site,
    master: bytes,
    phone_terms: Terms,
    cards: CardTerms | None,
    decided: Decisions[Tx],
    by_phone: ByPhone[Tx],
    revocation: Revocation | None,
) -> tuple[list[Route], list[Authenticator]]:
    codes: CodeIssuer[Tx] = CodeIssuer(issuers, site.entropy)
    rules, ways = _rules(found), phones.ways(registry.WAYS, phone_terms)
    journey: Journey[Tx] = Journey(
        rules=rules,
        ways=ways,
        application=WithOwnPages(Ends(codes, decided)),
        entropy=site.entropy,
        in_force=in_force,
    )
    attempts: LoginAttempts[Tx] = LoginAttempts(journey=journey, csrf_key=site.csrf_key)
    parts = registry.Parts(
        store=store,
        attempts=attempts,
        rp=RelyingParty(id=found.rp_id(), name=found.service, origins=found.origins() | {*found.webauthn.origins}),
        policy=Policy(allow_test_models=found.virtual_authenticators()),
        smartcards=cards,
        phones=phone_terms,
        clock=site.clock,
        service=found.service,
    )
    keys = provider.client_keys(issuers)
    respond = own_pages.responding(responding(Respond(signers, provider.encrypts(keys, store))))
    routes = [*static.routes(), *LogIn(store=store, journey=journey, respond=respond).routes()]
    authenticators = [kind.build(parts) for kind in registry.AUTHENTICATORS]
    routes += [route for one in authenticators for route in one.routes()]
    by_kind = {one.kind: one for one in authenticators}
    visits: Visits[Tx] = Visits(store=store, journey=journey, rules=rules[issuers[0].name], authenticators=by_kind)
    user_codes = CodeDigests(sealing)
    routes += UserCodePage(store=store, visits=visits, digests=user_codes).routes()
    routes += Account(
        store=store,
        visits=visits,
        kinds=_added_by_link(found),
        authenticators=by_kind,
        remove=lambda tx, person, way, by, now: standing.remove_way(tx, person, way, by=by, now=now),
    ).routes()
    routes += EnrolmentPages(store=store, ways=_added_by_link(found)).routes()
    routes += _public(found, store, issuers, signers, site, ways).routes()
    routes += LogOut(issuers=[(issuer, signers[issuer.name]) for issuer in issuers], store=store).routes()
    routes += connection_manager.routes(found, issuers, store, sealing, site, master)
    routes += decoupled.pages(found, issuers, store, journey, decided)
    for issuer in issuers:
        routes += provider.routes(
            found,
            issuer,
            signers[issuer.name],
            store,
            sealing,
            journey,
            codes,
            respond,
            site,
            master,
            ways,
            by_phone,
            user_codes,
            keys[issuer.name],
            revocation,
        )
    return routes, authenticators


def _public(
    found: Settings,
    store: Store,
    issuers: Sequence[Issuer],
    signers: dict[IssuerName, Signer],
    site: Site,
    ways: Sequence[Way],
) -> Public:
    async def ready() -> bool:
        try:
            await store.read(lambda tx: tx.clients.list(issuers[0].name))
            for one in signers.values():
                await one.refresh(site.clock.now())
        except (StorageError, KeyUnusable):
            return False
        return True

    offered = {way for issuer in found.issuers.values() for way in issuer.ways}
    return Public(
        store,
        version=__version__,
        issuers=[
            PublishedIssuer(
                name=issuer.name,
                url=issuer.url,
                sandbox=found.issuers[issuer.name].sandbox,
                session_management=issuer.session_management,
            )
            for issuer in issuers
        ],
        ways=[way for way in ways if way.name in offered],
        ready=ready,
        remembers_way=any(issuer.remember_way for issuer in found.issuers.values()),
        demo="/demo" if found.environment == "demo" else None,
        contact=found.contact,
        security_contact=found.security_contact,
    )
