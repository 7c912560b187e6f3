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
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from carekey.app.settings import api_host, issuers, phones, smartcards, teams
from carekey.app.settings.api_host import ApiHost
from carekey.app.settings.issuers import Issuer, Registration, Resource
from carekey.app.settings.phones import Uaf
from carekey.app.settings.section import (
    Section,
    SettingsError,
    check_networks,
    duration,
    is_loopback,
    origin_of,
)
from carekey.app.settings.smartcards import CardAuthority, CardCertificateProfile, CardPki, Smartcards
from carekey.app.settings.teams import Team
from carekey.app.settings.workstations import Workstations

__all__ = [
    "ApiHost",
    "CardAuthority",
    "CardCertificateProfile",
    "CardPki",
    "Issuer",
    "Registration",
    "Resource",
    "Section",
    "SettingsError",
    "Smartcards",
    "Team",
    "Uaf",
    "Workstations",
    "duration",
    "is_loopback",
    "origin_of",
]

Environment = Literal["production", "sandbox", "demo"]


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
    """The FIDO metadata BLOB (MDS3): a file, or an https address. Without it no security key reaches AAL3."""
    metadata_root: str | None = None
    """PEM file with the root certificate that the BLOB must chain to."""
    metadata_every: str = "6h"
    """How often the BLOB is fetched from an address. A file is looked at again within half a minute."""
    virtual_authenticators: bool | None = None
    """Accept the virtual authenticators of browsers, whose attestation keys are public. For tests; refused in
    production. If it is not set, a demo alone accepts them."""


class Way(Section, frozen=True):
    zones: list[str] | None = None
    """Network zones that this way to log in is offered to and accepted from. An empty list: every zone. If it is not
    set: `hscn` alone for smartcards, every zone for all others."""


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
    workstations: Workstations = Workstations()
    api_host: ApiHost = ApiHost()
    uaf: Uaf = Uaf()
    zones: dict[str, list[str]] = {}
    """Named address ranges, such as `hscn = ["10.0.0.0/8"]`. An address in none of them is in zone `internet`."""
    ways: dict[str, Way] = {}
    """Policy for each way to log in, by its name."""
    issuers: dict[str, Issuer] = {}
    """The issuers, by a short name. Outside production there is a default: `healthcare` at
    http://localhost:PORT and a sandbox beside it at /sandbox."""
    teams: dict[str, Team] = {}
    """The teams that register and change their own applications over the network, by their ids. Without one there is
    no Connection Manager."""

    def folder(self) -> Path:
        return Path(self.data)

    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.folder() / 'carekey.db'}"

    def secure(self) -> bool:
        return all(urlsplit(issuer.url).scheme == "https" for issuer in self.issuers.values())

    def virtual_authenticators(self) -> bool:
        chosen = self.webauthn.virtual_authenticators
        return self.environment == "demo" if chosen is None else chosen

    def virtual_cards(self) -> bool:
        """Whether the service may hold cards itself. Never where an issuer that takes cards has real people."""
        if self.smartcards.url is None or self.environment == "production":
            return False
        chosen = self.smartcards.virtual
        wanted = self.environment == "demo" if chosen is None else chosen
        return wanted and all(issuer.sandbox for issuer in self.issuers.values() if "smartcard" in issuer.ways)

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
        "CAREKEY_CARD_CODE",
        "CAREKEY_CARD_MANAGEMENT_KEY",
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
    # What the demo's ward application calls.
    records = {"http://localhost:8003": Resource(scopes=["records.read"], jwt=True)}
    demo = records if settings.environment == "demo" else {}
    healthcare = Issuer(url=base, sandbox=True, ways=ways, resources=demo)
    # Without real people, applications under development are on loopback at the health-care issuer too.
    return msgspec.structs.replace(settings, issuers={"healthcare": healthcare, "sandbox": sandbox})


def _checked(settings: Settings) -> Settings:
    addresses: set[str] = set()
    for name, issuer in settings.issuers.items():
        issuers.check(name, issuer)
        if issuer.url in addresses:
            raise SettingsError(f"Two issuers have the url {issuer.url}: give each its own.")
        addresses.add(issuer.url)
    schemes = {urlsplit(issuer.url).scheme for issuer in settings.issuers.values()}
    if len(schemes) > 1:
        raise SettingsError("All issuers must have the same scheme, https or (on loopback alone) http.")
    for zone, ranges in settings.zones.items():
        check_networks(f"zones.{zone}", ranges)
    check_networks("server.proxies", settings.server.proxies)
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
    smartcards.check(
        settings.smartcards,
        origins=settings.origins(),
        proxies=settings.server.proxies,
        shared=settings.database_url() != "memory:",
    )
    if settings.smartcards.virtual and not settings.virtual_cards() and settings.environment != "production":
        raise SettingsError(
            "smartcards.virtual needs smartcards.url, and sandbox = true at each issuer that takes smartcards."
        )
    api_host.check(
        settings.api_host,
        origins=settings.origins(),
        proxies=settings.server.proxies,
        shared=settings.database_url() != "memory:",
    )
    phones.check(settings.uaf)
    teams.check(settings.teams, settings.issuers)
    webauthn = settings.webauthn
    phones.check_feed("webauthn", webauthn.metadata, webauthn.metadata_root, webauthn.metadata_every)
    if settings.environment == "production":
        _check_production(settings)
    return settings


def _check_server(server: Server) -> None:
    if not 0 < server.port < 65536:
        raise SettingsError("server.port must be between 1 and 65535.")
    if server.workers < 1:
        raise SettingsError("server.workers must be at least 1.")
    if (server.certificate is None) != (server.private_key is None):
        raise SettingsError("server.certificate and server.private_key go together: set both or neither.")


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
    for name, issuer in settings.issuers.items():
        if issuer.scripted_approval:
            raise SettingsError(
                f"issuers.{name}.scripted_approval is for tests: nobody logs in, and nobody agrees. Remove it."
            )
    if settings.smartcards.virtual:
        raise SettingsError("smartcards.virtual is for tests: anybody can use such a card. Remove it.")
    if settings.webauthn.virtual_authenticators:
        raise SettingsError("webauthn.virtual_authenticators is for tests: anybody can make one. Remove it.")


def shown(settings: Settings) -> dict[str, Any]:
    """The settings in force, for `carekey config show`: secrets masked."""
    tree: dict[str, Any] = msgspec.to_builtins(settings)
    if tree["keys"]["master"] is not None:
        tree["keys"]["master"] = "***"
    if settings.database.url:
        url = re.sub(r"//[^@/]*@", "//***@", settings.database.url)
        tree["database"]["url"] = re.sub(r"(password=)[^&]*", r"\1***", url, flags=re.IGNORECASE)
    return tree
