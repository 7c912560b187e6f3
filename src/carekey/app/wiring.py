"""Builds an installation from its settings: the only place that knows every concrete class."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
from carekey.app.checks import check
from carekey.app.foundation import Foundation, fetcher
from carekey.app.in_force import in_force
from carekey.app.rules import rules as rules_of
from carekey.app.settings import Settings
from carekey.app.site import site_of
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
from carekey.authenticators.smartcard.terms import Terms as CardTerms
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.authenticators.webauthn.ceremony import RelyingParty
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.jose.sealing import Sealing
from carekey.jose.signer import KeyUnusable, Signer
from carekey.kernel.clock import Clock, SystemClock
from carekey.kernel.entropy import Entropy, SystemEntropy
from carekey.kernel.ids import IssuerName
from carekey.login import own_pages
from carekey.login.attempts import LoginAttempts
from carekey.login.http import LogIn
from carekey.login.journey import Journey
from carekey.login.own_pages import WithOwnPages
from carekey.oidc.authorize.issue import CodeIssuer
from carekey.oidc.authorize.respond import Respond
from carekey.oidc.ciba.notify import Notifications
from carekey.oidc.ciba.phone import ByPhone, PhoneAnswers
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.ends import Ends, responding
from carekey.oidc.logout.backchannel import BackChannel
from carekey.oidc.logout.http import LogOut
from carekey.oidc.model import Issuer
from carekey.oidc.mtls.revocation import Revocation
from carekey.public.http import Public
from carekey.public.ports import PublishedIssuer
from carekey.registration import standing
from carekey.storage.errors import StorageError
from carekey.storage.open import open_store
from carekey.storage.store import Store, Tx
from carekey.web import static
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Route


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
    check(found)
    master = master_key.read(found)
    phone_terms = phones.terms(found, push.vapid(found, master))
    store = open_store(found.database_url())
    try:
        sealing = Sealing(master, entropy=entropy)
        issuers = provider.issuers_of(found, master)
        signers = {issuer.name: provider.signer(found, issuer, store, sealing) for issuer in issuers}
        for one in signers.values():
            await one.refresh(clock.now())
        base = Foundation(
            settings=found,
            master=master,
            store=store,
            sealing=sealing,
            site=site_of(found, master, clock, entropy, store),
            issuers=issuers,
            signers=signers,
            keys={issuer.name: ClientKeys(fetcher(issuer).get) for issuer in issuers},
        )
        authorities = card_authority.published(found, sealing)
        cards = smartcards.running(found, store, clock, entropy, authorities)
        client_revocations = client_revocation.cache(found, store, clock, entropy)
        confirming: OnPhones[Tx] = OnPhones(phone_terms)
        by_phone = ByPhone(confirming)
        decided = decoupled.decisions(issuers, entropy, by_phone)
        routes, authenticators = _routes(
            base,
            phone_terms=phone_terms,
            cards=cards.terms if cards else None,
            decided=decided,
            by_phone=by_phone,
            revocation=client_revocation.revocation(found, client_revocations),
        )
        routes += smartcards.workstations(found, store, cards).routes() if cards else []
        phone_models = phones.PhoneModels(found, phone_terms)
        metadata = await fido_metadata.loaded(found, store, clock, authenticators, phone_models)
        phone_models.check()
        routes += CardAuthorityHttp(store, authorities).routes() if authorities else []
        if found.environment == "demo":
            await demo.furnish(found, store, clock, entropy)
            routes += demo.routes(found, store, clock, entropy)
        dispatcher = Dispatcher(routes, base.site)
        yield Installation(
            settings=found,
            store=store,
            issuers=issuers,
            signers=signers,
            sealing=sealing,
            clock=clock,
            entropy=entropy,
            dispatcher=dispatcher,
            card_host=Dispatcher(_card_host_routes(store, cards), base.site),
            api_host=Dispatcher(mutual_tls.routes(found, routes, issuers), base.site),
            revocations=cards.revocations if cards else None,
            client_revocations=client_revocations,
            card_authorities=authorities,
            back_channel=provider.back_channel(base),
            notifications=decoupled.notifications(base),
            telling=push.telling(base, phone_terms),
            authenticators=authenticators,
            metadata=metadata,
            phone_models=phone_models,
            confirming=confirming,
            phone_answers=PhoneAnswers(store=store, confirming=confirming, decisions=decided, clock=clock),
        )
    finally:
        store.close()


def _card_host_routes(store: Store, cards: smartcards.Smartcards | None) -> list[Route]:
    return [*static.routes(), *CardHost(store=store, terms=cards.terms).routes()] if cards else []


def _added_by_link(found: Settings) -> list[Way]:
    return [*WebAuthn.ways, *([ENROL] if phones.offered(found) else [])]


def _routes(
    base: Foundation,
    *,
    phone_terms: Terms,
    cards: CardTerms | None,
    decided: Decisions[Tx],
    by_phone: ByPhone[Tx],
    revocation: Revocation | None,
) -> tuple[list[Route], list[Authenticator]]:
    found, store, site, issuers = base.settings, base.store, base.site, base.issuers
    codes: CodeIssuer[Tx] = CodeIssuer(issuers, base.entropy)
    rules, ways = rules_of(found), phones.ways(registry.WAYS, phone_terms)
    journey: Journey[Tx] = Journey(
        rules=rules,
        ways=ways,
        application=WithOwnPages(Ends(codes, decided)),
        entropy=base.entropy,
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
        clock=base.clock,
        service=found.service,
    )
    respond = own_pages.responding(responding(Respond(base.signers, provider.encrypts(base))))
    routes = [*static.routes(), *LogIn(store=store, journey=journey, respond=respond).routes()]
    authenticators = [kind.build(parts) for kind in registry.AUTHENTICATORS]
    routes += [route for one in authenticators for route in one.routes()]
    by_kind = {one.kind: one for one in authenticators}
    visits: Visits[Tx] = Visits(store=store, journey=journey, rules=rules[issuers[0].name], authenticators=by_kind)
    user_codes = CodeDigests(base.sealing)
    routes += UserCodePage(store=store, visits=visits, digests=user_codes).routes()
    routes += Account(
        store=store,
        visits=visits,
        kinds=_added_by_link(found),
        authenticators=by_kind,
        remove=lambda tx, person, way, by, now: standing.remove_way(tx, person, way, by=by, now=now),
    ).routes()
    routes += EnrolmentPages(store=store, ways=_added_by_link(found)).routes()
    routes += _public(base, ways).routes()
    routes += LogOut(issuers=[(issuer, base.signers[issuer.name]) for issuer in issuers], store=store).routes()
    routes += connection_manager.routes(base)
    routes += decoupled.pages(base, journey, decided)
    shared = provider.Shared(
        journey=journey,
        codes=codes,
        respond=respond,
        ways=ways,
        by_phone=by_phone,
        user_codes=user_codes,
        revocation=revocation,
    )
    for issuer in issuers:
        routes += provider.routes(base, issuer, shared)
    return routes, authenticators


def _public(base: Foundation, ways: Sequence[Way]) -> Public:
    found, store, issuers = base.settings, base.store, base.issuers

    async def ready() -> bool:
        try:
            await store.read(lambda tx: tx.clients.list(issuers[0].name))
            for one in base.signers.values():
                await one.refresh(base.clock.now())
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
