"""The settings: one frozen tree, read once at start, from a TOML file and from `CAREKEY_…` variables.

A variable names a setting by its path in capitals, parts joined by two underscores: `CAREKEY_SERVER__PORT=8001`,
`CAREKEY_ISSUERS__HEALTHCARE__URL=https://…`. Its value is read as a TOML value, or else as text.
`docs/settings.md` is made from the docstrings below.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

Environment = Literal["production", "sandbox", "demo"]


class SettingsError(Exception):
    """What is wrong with the settings, in one sentence that names the setting and the fix."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file."""


class Server(Section, frozen=True):
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on."""
    workers: int = 1
    """Processes that share the port. Any of them can serve any request."""
    certificate: str | None = None
    """PEM file with the certificate chain, to end TLS here. Without it a proxy in front does."""
    private_key: str | None = None
    """PEM file with the certificate's private key."""
    proxies: list[str] = []
    """Address ranges of proxies whose X-Forwarded-For is believed."""
    log_requests: bool = False
    """Write a line for each request: method, route, status, milliseconds. Never an address, query or name."""


class Database(Section, frozen=True):
    url: str | None = None
    """`sqlite:///file`, `postgresql://…` or `memory:`. By default an SQLite file in the data folder."""


class Keys(Section, frozen=True):
    master_file: str | None = None
    """File with the master key: 32 bytes in base64. Private signing keys are encrypted under it.
    Outside production it is made in the data folder if it is not there."""
    master: str | None = None
    """The master key itself, for environments that hand secrets over as variables."""
    rotate_after: str = "90d"
    """How long a signing key is in use."""
    publish_ahead: str = "7d"
    """How long the next signing key is published before it is used."""


class Sessions(Section, frozen=True):
    absolute: str = "10h"
    """A session ends this long after the log-in."""
    idle: str = "30m"
    """A session that is not used for so long ends."""
    idle_aal3: str = "15m"
    """A session that is not used for so long is good for AAL2 at most."""


class WebAuthn(Section, frozen=True):
    rp_id: str | None = None
    """The relying party id that passkeys are bound to. By default the host of the first issuer.
    It cannot be changed later without everybody registering again."""
    origins: list[str] = []
    """Further origins from which answers are taken, besides those of the issuers."""
    metadata: str | None = None
    """File with the FIDO metadata BLOB (MDS3). Without it no security key reaches AAL3."""
    metadata_root: str | None = None
    """PEM file with the root certificate that the BLOB must chain to."""
    virtual_authenticators: bool | None = None
    """Accept the virtual authenticators of browsers, whose attestation keys are public. For tests; refused in
    production. If it is not set, a demo alone accepts them."""


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
    pkis: dict[str, CardPki] = {}
    """Whose cards are accepted, by a name, besides those of this installation's own authority (`carekey card`)."""


class CardAuthority(Section, frozen=True):
    folder: str | None = None
    """Folder with the authority's certificates and sealed keys, which `carekey card new-authority` makes. By default
    `card-authority` in the data folder. Every node needs the same."""
    url: str | None = None
    """Origin that goes into cards as the place of revocation lists, if it is not the first issuer's."""
    card_lifetime: str = "730d"
    """How long a card's certificates last."""
    list_lifetime: str = "1d"
    """How long a revocation list may be used. A new one comes within a minute of each cancellation, and at half time."""
    module: str | None = None
    """The PKCS#11 module of the card reader at this machine, for `carekey card`."""


class Uaf(Section, frozen=True):
    app_id: str | None = None
    """The AppID, part of every phone's key: an https address of ours that ends in `/uaf/facets`. By default that of
    the first issuer. It cannot be changed later without everybody registering again."""
    facets: list[str] = []
    """Further apps that may use the keys, `android:apk-key-hash:…` or `ios:bundle-id:…`, besides our own origins."""
    statements: str | None = None
    """Folder with metadata statements (`*.json`) of the models to accept besides CareKey Phone."""
    carekey_phone: bool = True
    """Whether CareKey Phone is accepted, whose keys are in software."""
    per_person: int = 5
    """Phones and tablets that one person may have. With 1, the old one has to be removed before a new one is added."""
    conformance: bool = False
    """Whether the endpoints of FIDO's conformance tool are there, under /uaf/conformance. For tests; refused in
    production."""


class Way(Section, frozen=True):
    zones: list[str] | None = None
    """Network zones that this way to log in is offered to and accepted from. An empty list: every zone. If it is not
    set: `hscn` alone for smartcards, every zone for all others."""


class Resource(Section, frozen=True):
    scopes: list[str] = []
    """Scopes that applications can ask for at this API, besides those about people."""
    jwt: bool = False
    """Access tokens for it are JWTs (RFC 9068), which it verifies by itself. Otherwise it introspects them."""
    token_lifetime: str = "10m"  # noqa: S105 (a duration)
    """How long they are good, but for no longer than an hour."""


class Issuer(Section, frozen=True):
    url: str
    """Compared and emitted exactly as written here, `:443` and path included."""
    sandbox: bool = False
    """No real people: ways to log in that are for sandboxes alone are allowed. Never in production."""
    ways: list[str] = msgspec.field(default_factory=lambda: ["passkey", "security-key"])
    """Ways to log in, in the order of the page."""
    realm: str = "/NHSIdentity/Healthcare"
    """The value of the `realm` claim among the product extras."""
    form_post: bool = True
    """Whether `response_mode=form_post` is honoured; CIS2 stopped with release 11.01."""
    product_extras: bool = False
    """Whether tokens carry the extras of CIS2's product (`realm`, `tokenName`, `subname` …)."""
    announce_iss: bool = False
    """Whether discovery announces the `iss` response parameter. Announcing breaks clients that drop it."""
    profile: str = "cis2"
    """The security profile that every application of this issuer keeps to at least: `cis2` or `oidc-basic` (docs/specs/profiles.md).
    An application may be registered under a stricter one."""
    remember_way: bool = True
    """Whether the browser keeps the name of the way last used, for 90 days."""
    refresh_lifetime: str = "12h"
    """Applications with refresh tokens can use them for this long after the log-in, unless the session is ended."""
    offline_lifetime: str = "30d"
    """The same for applications that have `offline_access`, whether or not the session is ended."""
    offline_idle: str = "7d"
    """Access of that kind that is not refreshed for so long ends."""
    resources: dict[str, Resource] = {}
    """APIs that access tokens can be for (RFC 8707), by their address."""


class Settings(Section, frozen=True):
    environment: Environment = "sandbox"
    """`production` refuses everything that is only safe without real people. Elsewhere applications may have
    addresses on loopback and in private ranges."""
    data: str = "data"
    """Folder for the database and the keys, unless those are set on their own."""
    service: str = "CareKey"
    """The name on the pages."""
    contact: str | None = None
    """How people reach the service desk, in words, for the help pages."""
    security_contact: str | None = None
    """A `mailto:` or `https:` address for reports of weaknesses, for /.well-known/security.txt."""
    server: Server = Server()
    database: Database = Database()
    keys: Keys = Keys()
    sessions: Sessions = Sessions()
    webauthn: WebAuthn = WebAuthn()
    smartcards: Smartcards = Smartcards()
    card_authority: CardAuthority = CardAuthority()
    uaf: Uaf = Uaf()
    zones: dict[str, list[str]] = {}
    """Named address ranges, such as `hscn = ["10.0.0.0/8"]`. An address in none of them is in zone `internet`."""
    ways: dict[str, Way] = {}
    """Policy for each way to log in, by its name."""
    issuers: dict[str, Issuer] = {}
    """The issuers, by a short name. Outside production there is a default: `healthcare` at
    http://localhost:PORT and a sandbox beside it at /sandbox."""

    def folder(self) -> Path:
        return Path(self.data)

    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.folder() / 'carekey.db'}"

    def secure(self) -> bool:
        return all(urlsplit(issuer.url).scheme == "https" for issuer in self.issuers.values())

    def virtual_authenticators(self) -> bool:
        chosen = self.webauthn.virtual_authenticators
        return self.environment == "demo" if chosen is None else chosen

    def rp_id(self) -> str:
        return self.webauthn.rp_id or urlsplit(next(iter(self.issuers.values())).url).hostname or ""

    def zones_of(self, way: str) -> frozenset[str] | None:
        """The network zones that a way may be used from; None for every zone."""
        listed = self.ways[way].zones if way in self.ways else None
        if listed is None:
            listed = ["hscn"] if way == "smartcard" else []
        return frozenset(listed) or None

    def origin(self) -> str:
        """Where pages that belong to no issuer are: that of the first issuer."""
        return origin_of(next(iter(self.issuers.values())).url)

    def origins(self) -> frozenset[str]:
        """Our own origins, as browsers write them: without the scheme's default port."""
        return frozenset(origin_of(issuer.url) for issuer in self.issuers.values())


def load(file: Path | None, variables: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings. Raises: SettingsError."""
    tree: dict[str, Any] = {}
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from None
    for name, value in sorted((os.environ if variables is None else variables).items()):
        if name.startswith("CAREKEY_") and name not in _NOT_SETTINGS:
            _put(tree, name, value)
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_explained(str(error))) from None
    _check_server(settings.server)  # first: the default issuers are made with its port
    return _checked(_with_default_issuers(settings))


_NOT_SETTINGS = frozenset(
    {
        "CAREKEY_CONFIG",
        "CAREKEY_SHARED",
        "CAREKEY_CACHE",
        "CAREKEY_CARD_PIN",
        "CAREKEY_CARD_OFFICER_PIN",
        "CAREKEY_CARD_NEW_PIN",
    }
)


def _put(tree: dict[str, Any], variable: str, value: str) -> None:
    *path, last = variable.removeprefix("CAREKEY_").lower().split("__")
    at = tree
    for part in path:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise SettingsError(f"{variable} goes into {part}, which is not a table.")
    try:
        at[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        at[last] = value


def _explained(message: str) -> str:
    where = re.search(r"at `\$\.?(.*?)`$", message)
    path = where.group(1) if where else ""
    if unknown := re.search(r"unknown field `(.*?)`", message):
        name = unknown.group(1)
        near = difflib.get_close_matches(name, _names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"There is no setting {'.'.join(filter(None, [path, name]))}.{hint}"
    if missing := re.search(r"missing required field `(.*?)`", message):
        return f"The setting {'.'.join(filter(None, [path, missing.group(1)]))} is missing."
    said = message.split(" - at ", maxsplit=1)[0]
    return f"The setting {path or '(top)'} is wrong: {said[0].lower()}{said[1:]}."


def _names() -> list[str]:
    return [field for section in Section.__subclasses__() for field in section.__struct_fields__]


def _with_default_issuers(settings: Settings) -> Settings:
    if settings.issuers:
        return settings
    if settings.environment == "production":
        raise SettingsError("Production needs at least one issuer: add a table [issuers.NAME] with its url.")
    base = f"http://localhost:{settings.server.port}"
    cards = ["smartcard"] if settings.smartcards.url else []
    ways = [*cards, "passkey", "security-key", "phone", "this-phone"]
    sandbox = Issuer(url=f"{base}/sandbox", sandbox=True, ways=[*ways, "password"], realm="/Sandbox")
    healthcare = Issuer(url=base, sandbox=True, ways=ways)
    # Without real people, applications under development are on loopback at the health-care issuer too.
    return msgspec.structs.replace(settings, issuers={"healthcare": healthcare, "sandbox": sandbox})


def _checked(settings: Settings) -> Settings:
    addresses: set[str] = set()
    for name, issuer in settings.issuers.items():
        _check_issuer(name, issuer)
        if issuer.url in addresses:
            raise SettingsError(f"Two issuers have the url {issuer.url}: give each its own.")
        addresses.add(issuer.url)
    schemes = {urlsplit(issuer.url).scheme for issuer in settings.issuers.values()}
    if len(schemes) > 1:
        raise SettingsError("All issuers must have the same scheme, https or (on loopback alone) http.")
    for zone, ranges in settings.zones.items():
        _networks(f"zones.{zone}", ranges)
    _networks("server.proxies", settings.server.proxies)
    for name, way in settings.ways.items():
        for zone in way.zones or ():
            if zone not in settings.zones and zone != "internet":
                raise SettingsError(f"ways.{name}.zones names the zone {zone}, which [zones] does not have.")
    for path in (
        "sessions.absolute",
        "sessions.idle",
        "sessions.idle_aal3",
        "keys.rotate_after",
        "keys.publish_ahead",
        "card_authority.card_lifetime",
        "card_authority.list_lifetime",
    ):
        section, _, field = path.partition(".")
        duration(path, getattr(getattr(settings, section), field))
    _check_smartcards(settings)
    if settings.uaf.per_person < 1:
        raise SettingsError("uaf.per_person must be at least 1.")
    if settings.environment == "production":
        _check_production(settings)
    return settings


def _check_smartcards(settings: Settings) -> None:
    cards = settings.smartcards
    if cards.url is None:
        return
    parts = urlsplit(cards.url)
    host = (parts.hostname or "").removeprefix("*.")
    if parts.scheme != "https" or not host or "*" in host or parts.path or parts.query or parts.fragment:
        raise SettingsError("smartcards.url must be an https origin without a path, such as https://*.card.example.")
    if cards.url in settings.origins():
        raise SettingsError("smartcards.url must not be an issuer's origin: browsers would be asked for a card always.")
    if (cards.certificate is None or cards.private_key is None) and not cards.proxied:
        raise SettingsError(
            "smartcards.url needs smartcards.certificate and smartcards.private_key, or proxied = true."
        )
    if cards.proxied and not settings.server.proxies:
        raise SettingsError("smartcards.proxied needs server.proxies: whose Client-Cert is to be believed?")
    if settings.database_url() == "memory:":
        raise SettingsError("Smartcards need a database that two processes can share: set database.url.")
    for name, pki in cards.pkis.items():
        if pki.grace is not None:
            duration(f"smartcards.pkis.{name}.grace", pki.grace)


def _check_server(server: Server) -> None:
    if not 0 < server.port < 65536:
        raise SettingsError("server.port must be between 1 and 65535.")
    if server.workers < 1:
        raise SettingsError("server.workers must be at least 1.")
    if (server.certificate is None) != (server.private_key is None):
        raise SettingsError("server.certificate and server.private_key go together: set both or neither.")


def _check_issuer(name: str, issuer: Issuer) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise SettingsError(f"The issuer name {name!r} must be small letters, digits and hyphens.")
    try:
        parts = urlsplit(issuer.url)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"issuers.{name}.url is not an address: {error}.") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"issuers.{name}.url must be an https address without query or fragment.")
    if issuer.url.endswith("/"):
        raise SettingsError(f"issuers.{name}.url must not end in a slash: endpoints are appended to it.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingsError(f"issuers.{name}.url must be https: plain http is for loopback alone.")
    for field in ("refresh_lifetime", "offline_lifetime", "offline_idle"):
        duration(f"issuers.{name}.{field}", getattr(issuer, field))
    for uri, resource in issuer.resources.items():
        where = f"issuers.{name}.resources"
        if not urlsplit(uri).scheme or "#" in uri or not uri.isascii() or " " in uri:
            raise SettingsError(f"{where} has {uri!r}, which is not an absolute address without fragment.")
        duration(f"{where}.token_lifetime", resource.token_lifetime)
        if wrong := [scope for scope in resource.scopes if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}", scope)]:
            raise SettingsError(f"{where} has the scope {wrong[0]!r}: a scope has no spaces, quotes or backslashes.")


def _check_production(settings: Settings) -> None:
    if settings.keys.master_file is None and settings.keys.master is None:
        raise SettingsError(
            "Production needs a master key: set keys.master_file (make one with `carekey keys new-master FILE`)."
        )
    if not settings.secure():
        raise SettingsError("Production needs https: change the issuers' url.")
    if settings.database_url() == "memory:":
        raise SettingsError("Production needs a database that lasts: set database.url.")
    if settings.uaf.conformance:
        raise SettingsError("uaf.conformance is for tests: its endpoints take anybody's word. Remove it.")
    if settings.webauthn.virtual_authenticators:
        raise SettingsError("webauthn.virtual_authenticators is for tests: anybody can make one. Remove it.")


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _networks(path: str, ranges: list[str]) -> None:
    for text in ranges:
        try:
            ip_network(text)
        except ValueError as error:
            raise SettingsError(f"{path} holds {text!r}, which is not an address range: {error}.") from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(path: str, text: str) -> timedelta:
    """A duration such as `30m`. Raises: SettingsError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or match.group(1) == "0":
        raise SettingsError(f"{path} must be a number and s, m, h or d, such as 30m; it is {text!r}.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def origin_of(url: str) -> str:
    """As browsers write it: without the scheme's default port."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}[parts.scheme]
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if parts.port in {None, default} else f":{parts.port}")


def shown(settings: Settings) -> dict[str, Any]:
    """The settings in force, for `carekey config show`: secrets masked."""
    tree: dict[str, Any] = msgspec.to_builtins(settings)
    if tree["keys"]["master"] is not None:
        tree["keys"]["master"] = "***"
    if settings.database.url:
        url = re.sub(r"//[^@/]*@", "//***@", settings.database.url)
        tree["database"]["url"] = re.sub(r"(password=)[^&]*", r"\1***", url, flags=re.IGNORECASE)
    return tree
