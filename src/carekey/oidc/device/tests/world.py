"""The log-in world with a provider that takes device requests: a client at the token endpoint, a person at a browser."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from carekey.jose.model import StoredKey
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.ids import ClientId
from carekey.kernel.secret import digest
from carekey.login import own_pages
from carekey.login.own_pages import WithOwnPages
from carekey.login.tests.make import HEALTHCARE, NOW
from carekey.login.tests.world import ORIGIN, Browser, CountingEntropy, World
from carekey.oidc import endpoints
from carekey.oidc.authorize.authorization_details import RECORD_ACCESS
from carekey.oidc.authorize.issue import CodeIssuer
from carekey.oidc.authorize.respond import Respond
from carekey.oidc.authorize.tests.world import SCOPES, URL, KnownTokens
from carekey.oidc.ciba.grant import Ciba
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.endpoint import RequestEndpoint
from carekey.oidc.decoupled.ends import Ends, responding
from carekey.oidc.decoupled.http import DecoupledHttp
from carekey.oidc.decoupled.model import Kind
from carekey.oidc.decoupled.reading import Known
from carekey.oidc.device import grant
from carekey.oidc.device.grant import DeviceCode
from carekey.oidc.device.http import PATH, DevicePages
from carekey.oidc.device.request import DeviceAuthorization
from carekey.oidc.dpop.constraint import Dpop
from carekey.oidc.fetch import FetchFailed, Flaw
from carekey.oidc.model import Client, ClientAuthMethod, Issuer
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.oidc.token.grants.authorization_code import AuthorizationCode
from carekey.oidc.token.grants.refresh_token import RefreshToken
from carekey.oidc.token.http import TokenHttp
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints
from carekey.oidc.userinfo.http import UserinfoHttp
from carekey.web.templating import Pages

SECRET = "s" * 43
TROLLEY = Client(
    id=ClientId("trolley"),
    issuer=HEALTHCARE,
    name="Medicine trolley",
    auth_method=ClientAuthMethod.NONE,
    grant_types=(grant.NAME,),
    created_at=NOW,
)
KIOSK = replace(
    TROLLEY,
    id=ClientId("kiosk"),
    name="Kiosk",
    auth_method=ClientAuthMethod.CLIENT_SECRET_POST,
    secret=digest(SECRET),
    grant_types=(grant.NAME, "refresh_token", "authorization_code"),
)
ISSUER = Issuer(name=HEALTHCARE, url=URL)


class DecoupledWorld(World):
    """Both kinds are there; `ciba/tests/world.py` adds what CIBA has of its own."""

    def __init__(self, **issuer: Any) -> None:
        self.issuer = replace(ISSUER, **issuer)
        codes = CodeIssuer([self.issuer], CountingEntropy())
        self.decisions = Decisions([self.issuer], CountingEntropy(), pages={Kind.DEVICE: PATH, Kind.CIBA: "/requests"})
        super().__init__(
            application=WithOwnPages(Ends(codes, self.decisions)),
            respond=own_pages.responding(responding(Respond({}, {}))),
        )
        slices = Path(__file__).parents[3]
        folders = {"login": "login", "device": "oidc/device", "ciba": "oidc/ciba"}
        self.site = replace(
            self.site,
            pages=Pages({name: slices / path / "templates" for name, path in folders.items()}, service="CareKey"),
        )
        self.sealing = Sealing(b"m" * 32, entropy=self.entropy)
        self.signer = Signer(issuer=HEALTHCARE, store=self.store, sealing=self.sealing)
        self.tokens = KnownTokens()
        self.keys = ClientKeys(self._fetch)
        self.clients = ClientAuthentication(issuer=self.issuer, store=self.store, keys=self.keys, sealing=self.sealing)
        self.known = Known(scopes=SCOPES, details={RECORD_ACCESS.name: RECORD_ACCESS})
        constraints = SenderConstraints(Dpop(None))
        own = OwnTokens(issuer=self.issuer, verifier=self.signer, refresh_key=b"r" * 32)
        self.endpoint = TokenEndpoint(
            issuer=self.issuer,
            store=self.store,
            clients=self.clients,
            grants={one.name: one for one in (DeviceCode(), Ciba(), RefreshToken(), AuthorizationCode())},
            signer=self.signer,
            own=own,
            constraints=constraints,
            sealer=Sealer(self.keys.recipients),
            entropy=self.entropy,
        )
        self.routes += TokenHttp(issuer=self.issuer, clients=self.clients, endpoint=self.endpoint).routes()
        self.routes += UserinfoHttp(
            issuer=self.issuer,
            store=self.store,
            signer=self.signer,
            constraints=constraints,
            sealer=Sealer(self.keys.recipients),
        ).routes()
        self.routes += DevicePages(store=self.store, journey=self.journey, decisions=self.decisions).routes()
        self.take(
            endpoints.DEVICE_AUTHORIZATION,
            DeviceAuthorization(
                issuer=self.issuer,
                store=self.store,
                known=self.known,
                verification_uri=ORIGIN + PATH,
                entropy=self.entropy,
            ),
        )

    def take(self, path: str, asks: Any) -> None:
        endpoint = RequestEndpoint(
            issuer=self.issuer,
            store=self.store,
            clients=self.clients,
            sealer=Sealer(self.keys.recipients),
            asks=asks,
        )
        self.routes += DecoupledHttp(
            path=endpoints.path(self.issuer, path), clients=self.clients, endpoint=endpoint
        ).routes()

    async def _fetch(self, uri: str) -> bytes:
        raise FetchFailed(Flaw.NO_ANSWER)

    async def save(self, *clients: Client) -> None:
        def work(tx: Any) -> None:
            for client in clients:
                if not tx.clients.replace(client):
                    tx.clients.add(client)

        await self.store.write(work)

    async def send(self, path: str, fields: Any, **headers: str) -> httpx2.Response:
        """As a client does, from its own machine."""
        return await self.browser().http.post(
            urlsplit(URL).path + path,
            content=fields if isinstance(fields, str) else urlencode(fields),
            headers={"content-type": "application/x-www-form-urlencoded", **headers},
        )

    async def ask(self, client: Client = TROLLEY, **changes: Any) -> dict[str, Any]:
        """The answer to a device request as it should be, changed."""
        answer = await self.send(endpoints.DEVICE_AUTHORIZATION, asked(client, **changes))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def poll(self, told: dict[str, Any], client: Client = TROLLEY, **changes: Any) -> httpx2.Response:
        return await self.send(
            endpoints.TOKEN,
            {"grant_type": grant.NAME, "device_code": told["device_code"], **proof(client), **changes},
        )

    async def reasons(self) -> list[str]:
        return [event.data["reason"] for event in await self.events() if "reason" in event.data]


def proof(client: Client) -> dict[str, str]:
    return {"client_id": client.id, **({"client_secret": SECRET} if client.secret else {})}


def asked(client: Client = TROLLEY, **changes: Any) -> dict[str, str]:
    """The parameters of a device request as it should be, changed. None leaves one out."""
    usual = {"scope": "openid profile", **proof(client), **changes}
    return {name: value for name, value in usual.items() if value is not None}


async def decoupled_world(*clients: Client, held: int = 0, **issuer: Any) -> DecoupledWorld:
    made = DecoupledWorld(**issuer)
    await made.populate(held=held)
    await made.save(*(clients or (TROLLEY, KIOSK)))
    await have_keys(made)
    return made


_provider_keys: list[StoredKey] = []
"""Made once: an RSA key takes a tenth of a second."""


async def have_keys(world: DecoupledWorld) -> None:
    await world.store.write(lambda tx: [tx.keys.add(key) for key in _provider_keys])
    await world.signer.refresh(world.clock.now())
    if not _provider_keys:
        _provider_keys.extend(await world.store.read(lambda tx: tx.keys.list(HEALTHCARE)))


async def enter(browser: Browser, code: str) -> httpx2.Response:
    """Open the page and send the code, as typed."""
    await browser.get(PATH)
    return await browser.post(PATH, user_code=code)


async def agree(browser: Browser, told: dict[str, Any], **proven: Any) -> httpx2.Response:
    """All the way: the code, the question, the log-in; the last answer."""
    await enter(browser, told["user_code"])
    begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
    assert begun.status_code == 303, begun.text
    return await browser.prove(begun.headers["location"].rsplit("/", 1)[1], **proven)
