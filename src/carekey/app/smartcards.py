"""Smartcards as the settings want them: whose are accepted, from where, by way of which card host."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app import card_authority, certificates
from carekey.app.settings import Settings, SettingsError, duration, origin_of
from carekey.authenticators.smartcard.authority.publishing import Published
from carekey.authenticators.smartcard.fetch import Fetcher
from carekey.authenticators.smartcard.profiles import Method, PkiProfile, national_card, own_card
from carekey.authenticators.smartcard.revocation_cache import KEPT_AFTER_END, RevocationCache
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.authenticators.smartcard.virtual import Wallet
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName
from carekey.storage.store import Store, Tx
from carekey.workstations.http import WorkstationsHttp
from carekey.workstations.model import WhenCardLeaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Smartcards:
    terms: Terms
    revocations: RevocationCache[Tx]


def running(
    found: Settings, store: Store, clock: Clock, entropy: Entropy, authorities: Sequence[Published] = ()
) -> Smartcards | None:
    """`authorities`: those of this installation, if it makes cards. Raises: SettingsError."""
    if found.smartcards.url is None:
        return None
    revocations: RevocationCache[Tx] = RevocationCache(store, fetch=Fetcher(), clock=clock, entropy=entropy)
    terms = Terms(
        card_host=origin_of(found.smartcards.url),
        log_in_hosts={IssuerName(name): origin_of(issuer.url) for name, issuer in found.issuers.items()},
        profiles=profiles(found),
        revocations=revocations,
        zones=found.zones_of(WAY.name),
        n3_zones=frozenset(found.smartcards.n3_zones),
        proxied=found.smartcards.proxied,
        virtual=wallet(found) if found.virtual_cards() else None,
        desk=card_authority.desks(found, authorities, store, clock, entropy)
        if found.card_authority.self_renewal
        else None,
    )
    return Smartcards(terms=terms, revocations=revocations)


def workstations(found: Settings, store: Store, cards: Smartcards) -> WorkstationsHttp[Tx]:
    """Where companions tell of cards."""
    return WorkstationsHttp(
        store=store,
        profiles=cards.terms.profiles,
        policy=WhenCardLeaves(found.workstations.when_card_leaves),
        origins=[found.origin()],
    )


def wallet(found: Settings) -> Wallet:
    """Where virtual cards are kept."""
    chosen = found.smartcards.virtual_folder
    return Wallet(Path(chosen) if chosen else found.folder() / "virtual-cards")


def profiles(found: Settings) -> list[PkiProfile]:
    """Raises: SettingsError."""
    made = []
    for name, pki in found.smartcards.pkis.items():
        where = f"smartcards.pkis.{name}"
        anchors = _certificates(pki.anchors, f"{where}.anchors")
        between = _certificates(pki.intermediates, f"{where}.intermediates") if pki.intermediates else ()
        grace = duration(f"{where}.grace", pki.grace) if pki.grace else timedelta(0)
        if grace > KEPT_AFTER_END:
            raise SettingsError(f"{where}.grace is at most {KEPT_AFTER_END.days}d: no list is kept for longer.")
        if pki.profile == "national":
            locations = tuple(pki.locations.items())
            profile = national_card(anchors=anchors, intermediates=between, locations=locations, grace=grace)
        else:
            profile = own_card(anchors=anchors, intermediates=between, grace=grace)
        methods, responders = tuple(Method(one) for one in pki.methods), tuple(pki.responders)
        made.append(replace(profile, name=name, methods=methods, responders=responders, nonce=pki.nonce))
    if own := card_authority.certificates(found):
        root, cards = own
        made.append(own_card(anchors=(root,), intermediates=(cards,)))
    return made


def issuers(found: Settings) -> list[bytes]:
    """The authorities whose cards browsers shall offer, DER: those between roots and cards where they are known."""
    return [der for profile in profiles(found) for der in profile.intermediates or profile.anchors]


def _certificates(file: str, where: str) -> tuple[bytes, ...]:
    """DER. Raises: SettingsError."""
    return tuple(one.public_bytes(Encoding.DER) for one in certificates.read(file, where))
