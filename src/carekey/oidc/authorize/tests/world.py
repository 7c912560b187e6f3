"""The log-in world with a real authorization endpoint and real log out before it."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from carekey.jose.jwt import Flaw, InvalidJwt
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.ids import ClientId, IssuerName
from carekey.kernel.secret import digest
from carekey.login.tests.make import HEALTHCARE, NOW
from carekey.login.tests.world import SANDBOX, Browser, CountingEntropy, World
from carekey.oidc.authorize.arrival import RequestObjects
from carekey.oidc.authorize.authorization_details import RECORD_ACCESS
from carekey.oidc.authorize.http import Authorize
from carekey.oidc.authorize.issue import CodeIssuer
from carekey.oidc.authorize.respond import Encrypts, Respond
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.dpop.constraint import Dpop
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.fetch import Flaw as FetchFlaw
from carekey.oidc.logout.http import LogOut
from carekey.oidc.model import Client, Grant, Issuer, Redeemed
from carekey.oidc.par.endpoint import PushedRequests
from carekey.oidc.par.http import ParHttp
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints

URL = "https://care.example.test:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare"
AUTHORIZE = urlsplit(URL).path + "/authorize"
END_SESSION = urlsplit(URL).path + "/connect/endSession"
CALLBACK = "https://ward.example.test/auth/callback"
GOODBYE = "https://ward.example.test/goodbye"
SCOPES = ("openid", "profile", "email", "nhsperson", "nationalrbacaccess", "selectedrole", "changedrole")
ISSUER = Issuer(name=HEALTHCARE, url=URL)
WARD = Client(
    id=ClientId("1122334455.ward.0b6f7c1e.apps"),
    issuer=HEALTHCARE,
    name="Ward list",
    redirect_uris=(CALLBACK,),
    post_logout_redirect_uris=(GOODBYE,),
    created_at=NOW,
)


class KnownTokens:
    """ID tokens by name instead of by signature; `jose` tests what a signature is."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}

    async def refresh(self, now: Any) -> None:
        pass

    def verify(self, token: str) -> dict[str, Any]:
        try:
            return self.tokens[token]
        except KeyError:
            raise InvalidJwt(Flaw.BAD_SIGNATURE) from None


class OpenSigner:
    """Signs nothing: the claims can be read."""

    def __init__(self) -> None:
        self.ready: set[str] = set()

    async def refresh(self, now: Any, *, alg: str) -> None:
        self.ready.add(alg)

    def sign(self, claims: Any, *, alg: str) -> str:
        assert alg in self.ready
        return f"{alg}.{json.dumps(claims)}"


class Provider(World):
    def __init__(self, **issuer: Any) -> None:
        self.issuer = replace(ISSUER, **issuer)
        sandbox = Issuer(name=SANDBOX, url="https://care.example.test/sandbox")
        codes = CodeIssuer([self.issuer, sandbox], CountingEntropy())
        self.signers: dict[IssuerName, Any] = {self.issuer.name: OpenSigner(), SANDBOX: OpenSigner()}
        encrypts: dict[IssuerName, Encrypts] = {}
        respond = Respond(self.signers, encrypts)
        super().__init__(application=codes, respond=respond)
        self.tokens = KnownTokens()
        self.decrypter = Signer(
            issuer=self.issuer.name,
            store=self.store,
            sealing=Sealing(b"m" * 32, entropy=self.entropy),
            encryption_keys=True,
        )
        self.published: dict[str, bytes] = {}
        """What is to be fetched, by its address."""
        self.fetches: list[str] = []
        self.fetch_by: Any = None
        """How they are fetched, if not from `published`."""
        self.elsewhere = ClientKeys(self._fetch)
        """Keys as another node has them, at which log-ins end."""
        for one in (self.issuer, sandbox):
            keys = ClientKeys(self._fetch)
            sealer = Sealer(keys.recipients)
            encrypts[one.name] = Encrypts(Sealer(self.elsewhere.recipients), self.store)
            objects = RequestObjects(issuer=one, keys=keys, fetch=self._fetch, decrypter=self.decrypter)
            endpoint = Authorize(
                issuer=one,
                store=self.store,
                journey=self.journey,
                codes=codes,
                scopes=SCOPES,
                details={RECORD_ACCESS.name: RECORD_ACCESS},
                verifier=self.tokens,
                objects=objects,
                sealer=sealer,
                respond=respond,
            )
            self.routes += endpoint.routes()
            sealing = Sealing(b"m" * 32, entropy=self.entropy)
            clients = ClientAuthentication(issuer=one, store=self.store, keys=keys, sealing=sealing)
            pushed = PushedRequests(
                issuer=one,
                store=self.store,
                clients=clients,
                objects=objects,
                scopes=SCOPES,
                details={RECORD_ACCESS.name: RECORD_ACCESS},
                verifier=self.tokens,
                constraints=SenderConstraints(Dpop(None)),
                sealer=sealer,
                entropy=self.entropy,
            )
            self.routes += ParHttp(issuer=one, clients=clients, endpoint=pushed).routes()
        self.routes += LogOut(issuers=[(self.issuer, self.tokens), (sandbox, self.tokens)], store=self.store).routes()

    def sign_with(self, signer: Signer) -> None:
        self.signers[self.issuer.name] = signer

    async def _fetch(self, address: str) -> bytes:
        self.fetches.append(address)
        if self.fetch_by is not None:
            return await self.fetch_by(address)
        if address not in self.published:
            raise FetchFailed(FetchFlaw.NO_ANSWER)
        return self.published[address]

    async def save(self, *clients: Client) -> None:
        def work(tx: Any) -> None:
            for client in clients:
                if not tx.clients.replace(client):
                    tx.clients.add(client)

        await self.store.write(work)

    async def grant(self, answer: httpx2.Response) -> Grant:
        """What the code of this answer is worth."""
        redeemed = await self.store.write(
            lambda tx: tx.codes.redeem(digest(told(answer)["code"]), now=self.clock.now())
        )
        assert isinstance(redeemed, Redeemed)
        return redeemed.grant


async def provider(*clients: Client, held: int = 0, **issuer: Any) -> Provider:
    made = Provider(**issuer)
    await made.populate(held=held)
    await made.save(*(clients or (WARD,)))
    return made


def wanted(**changes: Any) -> dict[str, str]:
    """The parameters of a request as it should be, changed. None leaves one out."""
    usual = {
        "response_type": "code",
        "client_id": WARD.id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "state-1",
        "nonce": "nonce-1",
        **changes,
    }
    return {name: value for name, value in usual.items() if value is not None}


async def authorize(browser: Browser, extra: str = "", **changes: Any) -> httpx2.Response:
    return await browser.get(f"{AUTHORIZE}?{urlencode(wanted(**changes))}{extra}")


async def log_in(world: Provider, browser: Browser, *, aal: int = 3, **changes: Any) -> httpx2.Response:
    """Through the dispatcher, with a proof, to the answer (or the role page)."""
    begun = await authorize(browser, **changes)
    id = begun.headers["location"].rsplit("/", 1)[1]
    return await browser.prove(id, aal=aal)


def told(answer: httpx2.Response) -> dict[str, str]:
    """The parameters that an answer carries to the application, each once."""
    assert answer.status_code == 303, answer.text
    pairs = parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
