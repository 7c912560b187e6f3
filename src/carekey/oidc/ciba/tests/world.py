"""The world of `device/tests/world.py`, with clients that ask by CIBA, and addresses that notifications come to."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from joserfc import jws

from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, HEALTHCARE
from carekey.login.tests.world import Browser
from carekey.oidc import endpoints
from carekey.oidc.authorize.tests.world import URL
from carekey.oidc.ciba import grant
from carekey.oidc.ciba.http import PATH, RequestPages
from carekey.oidc.ciba.notify import Notifications, Notifier
from carekey.oidc.ciba.request import BackchannelAuthentication
from carekey.oidc.ciba.scripted_http import ScriptedApproval
from carekey.oidc.ciba.signed_request import SignedRequests
from carekey.oidc.ciba.user_code import UserCodeCheck
from carekey.oidc.decoupled.model import Kind, key_of
from carekey.oidc.device.tests.world import KIOSK, DecoupledWorld, have_keys, proof
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Client, TokenDelivery
from carekey.oidc.tests.world import client_key

ENDPOINT = "https://desk.example.test/ciba"
NOTIFICATION_TOKEN = "n" * 43
DESK = replace(
    KIOSK,
    id=ClientId("desk"),
    name="Pharmacy desk",
    grant_types=(grant.NAME, "refresh_token"),
    ciba_delivery=TokenDelivery.POLL,
    jwks={"keys": [client_key().as_dict(private=False)]},
)
PINGED = replace(DESK, id=ClientId("pinged"), ciba_delivery=TokenDelivery.PING, ciba_notification_endpoint=ENDPOINT)
PUSHED = replace(PINGED, id=ClientId("pushed"), ciba_delivery=TokenDelivery.PUSH)
OTHER = replace(DESK, id=ClientId("other"), name="Other desk")


@dataclass
class Endpoint:
    """The client's: what came, and what it answers."""

    came: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    answers: list[int | FetchFailed] = field(default_factory=list)

    async def notify(self, url: str, body: bytes, *, bearer: str) -> int:
        assert url == ENDPOINT
        self.came.append((json.loads(body), bearer))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


class CibaWorld(DecoupledWorld):
    def __init__(self, **issuer: Any) -> None:
        super().__init__(**issuer)
        self.told: list[Any] = []
        self.codes = CodeDigests(self.sealing)
        self.take(
            endpoints.BACKCHANNEL_AUTHENTICATION,
            BackchannelAuthentication(
                issuer=self.issuer,
                store=self.store,
                known=self.known,
                clients=self.clients,
                signed=SignedRequests(issuer=self.issuer, keys=self.keys),
                verifier=self.tokens,
                user_codes=UserCodeCheck(store=self.store, digests=self.codes),
                sealing=self.sealing,
                entropy=self.entropy,
                reaches=[self],
            ),
        )
        self.routes += RequestPages(
            issuers=[HEALTHCARE], store=self.store, journey=self.journey, decisions=self.decisions
        ).routes()
        self.routes += ScriptedApproval(
            issuer=self.issuer,
            store=self.store,
            decisions=self.decisions,
        ).routes()
        self.desk = Endpoint()
        self.notifications = self.worker()

    def tell(self, tx: Any, request: Any) -> None:
        """A `Reach`."""
        self.told.append(request)

    def worker(self) -> Notifications[Any]:
        notifier = Notifier(issuer=self.issuer, tokens=self.endpoint, fetcher=self.desk)
        return Notifications([notifier], store=self.store, sealing=self.sealing, clock=self.clock)

    async def back(self, client: Client = DESK, **changes: Any) -> httpx2.Response:
        """The answer to a backchannel authentication request as it should be, changed. None leaves one out."""
        return await self.send(endpoints.BACKCHANNEL_AUTHENTICATION, wanted(client, **changes))

    async def begun(self, client: Client = DESK, **changes: Any) -> dict[str, Any]:  # type: ignore[override]
        answer = await self.back(client, **changes)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def fetch(self, told: dict[str, Any], client: Client = DESK, **changes: Any) -> httpx2.Response:
        return await self.send(
            endpoints.TOKEN, {"grant_type": grant.NAME, "auth_req_id": told["auth_req_id"], **proof(client), **changes}
        )

    def object(self, client: Client = DESK, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed request as it should be, changed. A claim or header member that is None is left out."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": client.id,
            "aud": URL,
            "exp": now + 300,
            "nbf": now,
            "iat": now,
            "jti": self.entropy.bytes(8).hex(),
            "scope": "openid profile",
            "login_hint": ASHA,
            "binding_message": "W4SCT",
            **changes,
        }
        return signed(claims, header or {})


def signed(claims: dict[str, Any], header: dict[str, Any]) -> str:
    members = {"alg": "PS256", "kid": "ward-1", **header}
    members = {name: value for name, value in members.items() if value is not None}
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    registry = jws.JWSRegistry(algorithms=[members["alg"]], strict_check_header=False)
    return jws.serialize_compact(members, payload, client_key(), registry=registry)


def wanted(client: Client = DESK, **changes: Any) -> dict[str, str]:
    notified = client.ciba_delivery is not TokenDelivery.POLL
    usual = {
        "scope": "openid profile",
        "login_hint": ASHA,
        "binding_message": "W4SCT",
        **({"client_notification_token": NOTIFICATION_TOKEN} if notified else {}),
        **proof(client),
        **changes,
    }
    return {name: value for name, value in usual.items() if value is not None}


async def ciba_world(*clients: Client, held: int = 0, **issuer: Any) -> CibaWorld:
    made = CibaWorld(**issuer)
    await made.populate(held=held)
    await made.save(*(clients or (DESK, PINGED, PUSHED, OTHER)))
    await have_keys(made)
    return made


async def log_in(world: CibaWorld, browser: Browser, **proven: Any) -> httpx2.Response:
    """To the page of requests."""
    begun = await browser.get(f"{PATH}/log-in")
    end = await browser.prove(begun.headers["location"].rsplit("/", 1)[1], **proven)
    assert end.headers["location"] == PATH
    return await browser.get(PATH)


async def agree(world: CibaWorld, browser: Browser, told: dict[str, Any], **proven: Any) -> httpx2.Response:
    """From the page of requests, logged in already, through the log-in."""
    begun = await decide(browser, told, "yes")
    return await browser.prove(begun.headers["location"].rsplit("/", 1)[1], **proven)


async def decide(browser: Browser, told: dict[str, Any], decision: str) -> httpx2.Response:
    await browser.get(PATH)
    return await browser.post(address_of(told), decision=decision)


def address_of(told: dict[str, Any]) -> str:
    return f"{PATH}/{key_of(Kind.CIBA, told['auth_req_id']).hex()}/decide"
