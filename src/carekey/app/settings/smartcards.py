"""Settings of the card host, of whose cards are accepted, and of the authority that makes them."""

from collections.abc import Collection
from typing import Literal

import msgspec

from carekey.app.settings.section import Section, SettingsError, check_tls_host, duration


class CardPki(Section, frozen=True):
    anchors: str
    """PEM file with the root certificates."""
    profile: Literal["national", "own"] = "own"
    """What its certificates look like: `national` (user number as common name, certificate policy, revocation lists
    in a directory), or `own`, as a CareKey's authority makes them: each of them must be known to the directory."""
    intermediates: str | None = None
    """PEM file with the authorities between roots and cards."""
    locations: dict[str, str] = {}
    """Where revocation lists are fetched whose distribution points are names in a directory: name to URL."""
    methods: list[Literal["crl", "ocsp"]] = msgspec.field(default_factory=lambda: ["crl"])
    """How revocation is asked about, the preferred way first; what one cannot tell the next is asked. For `ocsp` a
    certificate names its responder, or `responders` does."""
    responders: list[str] = []
    """URLs of OCSP responders for certificates that name none."""
    grace: str | None = None
    """How long after its end the last revocation list still counts, such as `4h`. By default not at all: while no
    list can be had, nobody logs in with these cards."""


class Smartcards(Section, frozen=True):
    url: str | None = None
    """Where browsers reach the card host, such as `https://*.card.example`: an origin of its own. `*` stands for a
    random label at each attempt, and needs a wildcard certificate and name: without it a browser that was given one
    card offers no other until it is closed. Without this setting there are no smartcards."""
    host: str = "127.0.0.1"
    """Address that the card host listens on."""
    port: int = 8443
    """Port that the card host listens on."""
    certificate: str | None = None
    """PEM file with the card host's certificate chain."""
    private_key: str | None = None
    """PEM file with that certificate's private key."""
    proxied: bool = False
    """A proxy ends TLS and says in `Client-Cert` (RFC 9440) what it was shown. It is believed from `server.proxies`
    alone, and nobody else is answered. See `deploy/`."""
    n3_zones: list[str] = msgspec.field(default_factory=lambda: ["hscn"])
    """Network zones whose log-ins say `N3_SMARTCARD`. From all others they say `CIS2_SMARTCARD`."""
    virtual: bool | None = None
    """Accept virtual cards, whose keys lie with the service: whoever sees the log-in page can be any of their holders.
    For issuers with `sandbox = true`; refused in production. If it is not set, a demo alone has them."""
    virtual_folder: str | None = None
    """Folder with the virtual cards. By default `virtual-cards` in the data folder. Every node needs the same."""
    pkis: dict[str, CardPki] = {}
    """Whose cards are accepted, by a name, besides those of this installation's own authority (`carekey card`)."""


class CardCertificateProfile(Section, frozen=True):
    key_usage: list[str] | None = None
    """Key usage (RFC 5280 section 4.2.1.3) by its names there, such as `["digitalSignature"]`."""
    extended_key_usage: list[str] | None = None
    """Extended key usage: `clientAuth`, `emailProtection`, or dotted object identifiers."""
    policies: list[str] = []
    """Certificate policies, as dotted object identifiers."""
    lifetime: str | None = None
    """How long it lasts, if not `card_authority.card_lifetime`."""


class CardAuthority(Section, frozen=True):
    folder: str | None = None
    """Folder with the authority's certificates and sealed keys, which `carekey card new-authority` makes. By default
    `card-authority` in the data folder. Every node needs the same."""
    url: str | None = None
    """Origin that goes into cards as the place of revocation lists, if it is not the first issuer's."""
    card_lifetime: str = "730d"
    """How long a card's certificates last."""
    card_keys: Literal["rsa-2048", "p-256", "p-384"] = "rsa-2048"
    """What keys cards make, for `carekey card` at this machine. Cards that were issued before change with their next
    renewal."""
    profiles: dict[Literal["authentication", "content_commitment"], CardCertificateProfile] = {}
    """What is in the two certificates of a card, where it is not the usual. One that a relying party could misread is
    not signed."""
    list_lifetime: str = "1d"
    """How long a revocation list may be used. A new one comes within a minute of each cancellation, and at half time."""
    token_module: str | None = None
    """PKCS#11 module of a token, such as an HSM, that holds the authority's own keys. By default they are files, sealed
    under the master key. `carekey card new-authority` makes them in either place."""
    token_serial: str | None = None
    """The serial number of that token, if the module has several."""
    token_pin_file: str | None = None
    """File with the PIN of that token."""
    self_renewal: bool = True
    """Whether people renew their own cards in the last 90 days, by logging in with them. A service cannot see that the
    new key is on the card: where that has to be certain, the registration authority renews (`false`)."""
    module: str | None = None
    """The PKCS#11 module of the card reader at this machine, for `carekey card`; `piv` for PIV cards by PC/SC."""


def check(cards: Smartcards, *, origins: Collection[str], proxies: Collection[str], shared: bool) -> None:
    """`shared`: whether two processes can share the database. Raises: SettingsError."""
    if cards.url is None:
        return
    check_tls_host(
        "smartcards",
        cards.url,
        example="https://*.card.example",
        own_tls=cards.certificate is not None and cards.private_key is not None,
        proxied=cards.proxied,
        proxies=proxies,
        shared=shared,
    )
    if cards.url in origins:
        raise SettingsError("smartcards.url must not be an issuer's origin: browsers would be asked for a card always.")
    for name, pki in cards.pkis.items():
        if pki.grace is not None:
            duration(f"smartcards.pkis.{name}.grace", pki.grace)
