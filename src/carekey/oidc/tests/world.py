"""A small provider in memory for tests: one issuer, a person with two roles, and clients of every kind."""

import base64
import itertools
import json
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
from joserfc import jwk, jws, jwt
from starlette.responses import Response

from carekey.audit.ports import Recorded
from carekey.directory.model import Coded, Membership, Organisation, Person, ProfessionalIds, Role, RoleProfile
from carekey.jose.jwt import KeySet
from carekey.jose.model import StoredKey
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.ids import (
    ClientId,
    CredentialId,
    IssuerName,
    MembershipId,
    OrganisationCode,
    PersonId,
    RoleProfileId,
    SessionId,
)
from carekey.kernel.secret import digest
from carekey.oidc.client_auth import attest_jwt_client_auth as attested
from carekey.oidc.client_auth.assertion import TYPE
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.client_auth.challenge_http import ChallengeHttp
from carekey.oidc.client_auth.client_secret_jwt import purpose
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.client_auth.tls_client_auth import ClientAuthorities
from carekey.oidc.discovery.http import DiscoveryHttp
from carekey.oidc.dpop.constraint import Dpop
from carekey.oidc.dpop.http import with_nonce
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.fetch import FetchFailed, Flaw
from carekey.oidc.introspection.http import IntrospectionHttp
from carekey.oidc.model import Client, ClientAuthMethod, Grant, Issuer
from carekey.oidc.mtls.constraint import MutualTls
from carekey.oidc.mtls.http import on_api_host
from carekey.oidc.revocation.http import RevocationHttp
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.oidc.token.grants.authorization_code import AuthorizationCode
from carekey.oidc.token.grants.client_credentials import ClientCredentials
from carekey.oidc.token.grants.jwt_bearer import JwtBearer
from carekey.oidc.token.grants.refresh_token import RefreshToken
from carekey.oidc.token.grants.token_exchange import TokenExchange
from carekey.oidc.token.http import TokenHttp
from carekey.oidc.token.pkce import challenge_of
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import SenderConstraints
from carekey.oidc.userinfo.http import UserinfoHttp
from carekey.sessions.model import Proof, Session
from carekey.storage.memory.store import MemoryStore
from carekey.storage.store import Store
from carekey.web.cookies import Cookies
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Site
from carekey.web.templating import Pages
from carekey.web.zones import Zones

NOW = datetime(2026, 11, 23, 9, 0, 0, 400_000, tzinfo=UTC)
ISSUER_URL = "https://am.example.test:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare"
TOKEN_URL = f"{ISSUER_URL}/access_token"
JWKS_URI = "https://ward.example/jwks"
CALLBACK = "https://ward.example/callback"
PROXY = "192.0.2.1"
VERIFIER = "v" * 43
SECRET = "correct horse/battery:staple&100%"
MAC_SECRET = "m" * 64

ASHA = PersonId("555012345678")
SESSION = SessionId("session-1")
WARD = ClientId("1122334455.ward.0b6f7c1e-5d3b-4f5e-9d55-b0a0a9a6c111.apps")


def client_key(kid: str = "ward-1") -> jwk.RSAKey:
    return _made(kid)


@cache
def _made(kid: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, **time: float) -> None:
        self.moment += timedelta(**time)


class CountingEntropy:
    def __init__(self) -> None:
        self._count = itertools.count(1)

    def bytes(self, count: int) -> bytes:
        return next(self._count).to_bytes(count, "big")


@dataclass
class World:
    issuer: Issuer
    store: Store = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    jwks_answers: list[Any] = field(default_factory=list)
    """What the client's server answers to fetches of its keys: a key set, or something to raise."""
    fetched: int = 0
    authorities: ClientAuthorities | None = None
    attesters: KeySet | None = None

    def __post_init__(self) -> None:
        self.sealing = Sealing(b"m" * 32, entropy=self.entropy)
        self.signer = Signer(
            issuer=self.issuer.name,
            store=self.store,
            sealing=self.sealing,
            encryption_keys=self.issuer.encrypted_requests,
        )
        self.keys = ClientKeys(self._fetch)
        self.challenges = Nonces(b"c" * 32)
        self.clients = ClientAuthentication(
            issuer=self.issuer,
            store=self.store,
            keys=self.keys,
            sealing=self.sealing,
            authorities=self.authorities,
            attesters=attested.Attesters(self.attesters, self.challenges) if self.attesters else None,
        )
        kinds = (AuthorizationCode(), RefreshToken(), ClientCredentials(), TokenExchange(), JwtBearer())
        self.grants = {grant.name: grant for grant in kinds}
        self.own = OwnTokens(issuer=self.issuer, verifier=self.signer, refresh_key=b"r" * 32)
        self.nonces = Nonces(b"n" * 32)
        self.constraints = SenderConstraints(Dpop(self.nonces if self.issuer.dpop_nonce else None), MutualTls())
        self.sealer = Sealer(self.keys.recipients)
        self.endpoint = TokenEndpoint(
            issuer=self.issuer,
            store=self.store,
            clients=self.clients,
            grants=self.grants,
            signer=self.signer,
            own=self.own,
            constraints=self.constraints,
            sealer=self.sealer,
            entropy=self.entropy,
        )
        userinfo = UserinfoHttp(
            issuer=self.issuer, store=self.store, signer=self.signer, constraints=self.constraints, sealer=self.sealer
        )
        token = TokenHttp(issuer=self.issuer, clients=self.clients, endpoint=self.endpoint)
        takes_proofs = [*token.routes(), *userinfo.routes()]
        routes = [
            *(with_nonce(takes_proofs, self.nonces) if self.issuer.dpop_nonce else takes_proofs),
            *IntrospectionHttp(
                issuer=self.issuer,
                store=self.store,
                clients=self.clients,
                own=self.own,
                signer=self.signer,
                sealer=self.sealer,
            ).routes(),
            *RevocationHttp(issuer=self.issuer, store=self.store, clients=self.clients, own=self.own).routes(),
            *DiscoveryHttp(
                issuer=self.issuer,
                signer=self.signer,
                acr_values=["AAL2_OR_AAL3_ANY", "AAL3_ANY"],
                grant_types=list(self.grants),
            ).routes(),
        ]
        if self.attesters:
            routes = with_nonce(routes, self.challenges, proof=attested.PROOF, told=attested.CHALLENGE)
            routes += ChallengeHttp(issuer=self.issuer, challenges=self.challenges, dpop_nonces=self.nonces).routes()
        site = Site(
            origins=frozenset({"https://am.example.test"}),
            secure=True,
            csrf_key=b"c" * 32,
            cookies=Cookies(secure=True, port=443),
            zones=Zones({}, proxies=[ip_network(PROXY)]),
            pages=Pages({}, service="CareKey"),
            clock=self.clock,
            entropy=self.entropy,
        )
        self.app = Dispatcher(routes, site)
        self.api_host = Dispatcher(on_api_host(routes, self.issuer, proxied=False), site)
        self.proxied_api_host = Dispatcher(on_api_host(routes, self.issuer, proxied=True), site)

    async def _fetch(self, uri: str) -> bytes:
        assert uri == JWKS_URI
        self.fetched += 1
        if not self.jwks_answers:
            raise FetchFailed(Flaw.NO_ANSWER)
        answer = self.jwks_answers[0] if len(self.jwks_answers) == 1 else self.jwks_answers.pop(0)
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    @asynccontextmanager
    async def http(self):
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://am.example.test") as client:
            yield client

    async def post(self, path: str, fields: Any = None, **kwargs: Any) -> Response:
        async with self.http() as http:
            if fields is not None:
                kwargs["content"] = fields if isinstance(fields, (str, bytes)) else urlencode(fields)
                kwargs["headers"] = {"content-type": "application/x-www-form-urlencoded", **kwargs.get("headers", {})}
            return await http.post(ISSUER_URL + path, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> Response:
        async with self.http() as http:
            return await http.get(ISSUER_URL + path, **kwargs)

    async def token(self, fields: Any, **kwargs: Any) -> Response:
        return await self.post("/access_token", fields, **kwargs)

    async def userinfo(self, token: str) -> Response:
        return await self.get("/userinfo", headers={"authorization": f"Bearer {token}"})

    async def events(self, tag: str | None = None) -> list[Recorded]:
        events = await self.store.read(lambda tx: tx.audit.search(tag=tag))
        return [event for event in events if not event.tag.startswith("key:")]

    async def reasons(self) -> list[str]:
        return [event.data["reason"] for event in await self.events() if "reason" in event.data]

    async def save(self, *clients: Client) -> None:
        def work(tx) -> None:
            for client in clients:
                tx.clients.replace(client) or tx.clients.add(client)

        await self.store.write(work)

    async def code(self, code: str = "code-1", **changes: Any) -> str:
        grant = replace(
            GRANT, issued_at=self.clock.now(), expires_at=self.clock.now() + timedelta(seconds=60), **changes
        )
        await self.store.write(lambda tx: tx.codes.put(digest(code), grant))
        return code

    async def change(self, work) -> None:
        await self.store.write(work)

    def assertion(self, *, key: Any = None, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A client assertion as it should be, changed. A claim or header member set to None is left out."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": WARD,
            "sub": WARD,
            "aud": TOKEN_URL,
            "iat": now,
            "exp": now + 300,
            "jti": f"jti-{self.entropy.bytes(8).hex()}",
            **changes,
        }
        members = {"alg": "RS512", "typ": "JWT", "kid": "ward-1", **(header or {})}
        members = {name: value for name, value in members.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[members["alg"]], strict_check_header=False)
        payload = json.dumps({name: value for name, value in claims.items() if value is not None})
        return jws.serialize_compact(members, payload, key or client_key(), registry=registry)

    def code_request(self, code: str = "code-1", **changes: Any) -> dict[str, str]:
        """A token request as it should be, with private_key_jwt. A field set to None is left out."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": WARD,
            "client_assertion_type": TYPE,
            "client_assertion": changes.pop("client_assertion", None) or self.assertion(),
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    async def verified(self, token: str, alg: str = "RS256") -> jwt.Token:
        """A token of ours, as a relying party with an independent library reads it."""
        keys = jwk.KeySet.import_key_set((await self.get("/connect/jwk_uri")).json())
        return jwt.decode(token, keys, algorithms=[alg])


def basic(id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(id)}:{quote_plus(secret)}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


HEALTHCARE = IssuerName("healthcare")
ISSUER = Issuer(name=HEALTHCARE, url=ISSUER_URL)

ASHA_MARLOW = Person(
    id=ASHA,
    given_name="Asha",
    family_name="Marlow",
    title="Dr",
    middle_names="Jean",
    initials="AJ",
    display_name="Asha Marlow",
    email="asha.marlow@trust.example",
    professional_ids=ProfessionalIds(gmc_id="7654321", nmc_id="12A3456B"),
)
HOSPITAL, SURGERY = OrganisationCode("RZZ01"), OrganisationCode("Z99999")
MEMBERSHIPS = (
    Membership(id=MembershipId("555034567890"), person=ASHA, organisation=HOSPITAL, gnc="GNC0001"),
    Membership(id=MembershipId("555034567891"), person=ASHA, organisation=SURGERY),
)
CLINICAL = Role(
    code="S8000:G8000:R8000",
    name='"Clinical":"Clinical Provision":"Clinical Practitioner Access Role"',
    activities=(
        Coded(code="B0420", name="Independent Prescribing"),
        Coded(code="B0825", name="Amend Patient Demographics"),
    ),
    workgroups=(Coded(code="555045678901", name="ward seven"),),
    areas_of_work=(Coded(code="P0020:Q0300:T0640", name='"Pathology":"Pathology":"Phlebotomy"'),),
)
ADMIN = Role(code="S8001:G8002:R8008", name='"Support":"Support":"Admin/Clinical Support Access Role"')
ROLES = (
    RoleProfile(
        id=RoleProfileId("555023456789"),
        person=ASHA,
        membership=MEMBERSHIPS[0].id,
        organisation=HOSPITAL,
        role=CLINICAL,
    ),
    RoleProfile(
        id=RoleProfileId("555023456790"), person=ASHA, membership=MEMBERSHIPS[1].id, organisation=SURGERY, role=ADMIN
    ),
)

WARD_CLIENT = Client(
    id=WARD,
    issuer=HEALTHCARE,
    name="Ward",
    redirect_uris=(CALLBACK,),
    jwks={"keys": [client_key().as_dict(private=False)]},
    created_at=NOW,
)
GRANT = Grant(
    issuer=HEALTHCARE,
    client=WARD,
    person=ASHA,
    session=SESSION,
    scopes=("openid", "profile", "nationalrbacaccess", "selectedrole"),
    redirect_uri=CALLBACK,
    nonce="nonce-1",
    state="state-1",
    code_challenge=None,
    acr="AAL3_ANY",
    amr=(Amr.FIDO2,),
    aal=AAL.AAL3,
    ial=IAL.IAL3,
    auth_time=NOW - timedelta(seconds=5),
    role=ROLES[0].id,
    issued_at=NOW,
    expires_at=NOW + timedelta(seconds=60),
)
CHALLENGE = challenge_of(VERIFIER)


async def make_world(
    store: Store | None = None,
    *,
    authorities: ClientAuthorities | None = None,
    attesters: KeySet | None = None,
    **issuer: Any,
) -> World:
    world = World(replace(ISSUER, **issuer), store=store or MemoryStore(), authorities=authorities, attesters=attesters)
    sealed = world.sealing.seal(MAC_SECRET.encode(), purpose=purpose(HEALTHCARE, ClientId("mac")))
    hospital, surgery = "INVENTED GENERAL HOSPITAL", "MADE UP SURGERY"

    def work(tx) -> None:
        tx.people.put([ASHA_MARLOW])
        tx.organisations.put([Organisation(code=HOSPITAL, name=hospital), Organisation(code=SURGERY, name=surgery)])
        tx.roles.put(MEMBERSHIPS, ROLES)
        tx.sessions.start(
            Session(
                id=SESSION,
                digest=b"cookie",
                issuer=HEALTHCARE,
                person=ASHA,
                proof=Proof(
                    credential=CredentialId("credential"), kind="webauthn", aal=AAL.AAL3, amr=Amr.FIDO2, at=NOW
                ),
                role=ROLES[0].id,
                started_at=NOW,
                last_used_at=NOW,
            )
        )
        tx.clients.add(WARD_CLIENT)
        secret = replace(WARD_CLIENT, jwks=None, secret=digest(SECRET))
        tx.clients.add(replace(secret, id=ClientId("post"), auth_method=ClientAuthMethod.CLIENT_SECRET_POST))
        tx.clients.add(replace(secret, id=ClientId("ba sic"), auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC))
        mac = replace(secret, id=ClientId("mac"), auth_method=ClientAuthMethod.CLIENT_SECRET_JWT, secret=sealed)
        tx.clients.add(mac)
        public = replace(secret, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, secret=None)
        tx.clients.add(public)

    await world.store.write(work)
    await world.store.write(lambda tx: [tx.keys.add(key) for key in _provider_keys])
    await world.signer.refresh(world.clock.now())
    if not _provider_keys:
        _provider_keys.extend(await world.store.read(lambda tx: tx.keys.list(HEALTHCARE)))
    return world


_provider_keys: list[StoredKey] = []
"""Made once: an RSA key takes a tenth of a second."""
