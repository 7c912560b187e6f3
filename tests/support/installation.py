"""A whole installation in this process, over a real database file, with a clock that stands still until it is told."""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from carekey.app import data_folder, settings, wiring
from carekey.kernel.actor import operator
from carekey.oidc.clients.register import create_client
from support.person import Forms
from support.relying_party import JWT_BEARER

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ORIGIN = "http://localhost:8000"
SANDBOX = f"{ORIGIN}/sandbox"
CALLBACK = "https://ward.example/callback"
PERSON = "555000000101"
PASSWORD = "demo-101"


@dataclass(slots=True)
class Hands:
    """A clock whose hands a test moves."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, **time: float) -> None:
        self.moment += timedelta(**time)


@dataclass(kw_only=True)
class Whole:
    """The installation, its clients by their authentication method, and a browser to come with."""

    installation: wiring.Installation
    clock: Hands
    database: Path
    key: RSAKey
    secrets: dict[str, str] = field(default_factory=dict)
    _made: int = 0

    def browser(self, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.installation.dispatcher, raise_app_exceptions=True)
        return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN, **headers})

    async def register(self, client_id: str, *, issuer: str = "sandbox", **metadata: Any) -> None:
        made = await create_client(
            self.installation.store,
            {
                "client_id": client_id,
                "client_name": client_id.capitalize(),
                "redirect_uris": [CALLBACK],
                **metadata,
            },
            issuer=next(one for one in self.installation.issuers if one.name == issuer),
            sealing=self.installation.sealing,
            entropy=self.installation.entropy,
            by=operator("test"),
            now=self.clock.now(),
        )
        if made.secret is not None:
            self.secrets[client_id] = made.secret.reveal()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is kept, but the audit record."""
        with sqlite3.connect(self.database) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            kept = {
                name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
                for name in names
                if name not in {"audit", "sqlite_sequence"}
            }
        connection.close()
        return kept

    def events(self, *, after: int = 0) -> list[dict[str, Any]]:
        connection = sqlite3.connect(self.database)
        rows = connection.execute(
            "SELECT id, tag, refusal, actor_kind, data FROM audit WHERE id > ? ORDER BY id", (after,)
        )
        found = [
            {"id": id, "tag": tag, "refusal": bool(refusal), "actor": actor, **json.loads(data)}
            for id, tag, refusal, actor, data in rows
        ]
        connection.close()
        return found

    def last_event(self) -> int:
        return max((event["id"] for event in self.events()), default=0)

    def asks(self, **changed: str | None) -> str:
        """An authorization request, as a query. A parameter that is None is left out."""
        asked = {
            "response_type": "code",
            "client_id": "ward",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "acr_values": "AAL1_USERPASS",
            **changed,
        }
        return urlencode({name: value for name, value in asked.items() if value is not None})

    async def log_in(self, browser: httpx2.AsyncClient, query: str | None = None, *, until: str = CALLBACK) -> str:
        """With the password, at the sandbox issuer, to the address at the application."""
        answer = await browser.get(f"/sandbox/authorize?{query or self.asks()}")
        for _ in range(8):
            while answer.has_redirect_location:
                target = urljoin(str(answer.url), answer.headers["location"])
                if target.startswith(until):
                    return target
                answer = await browser.get(target)
            form = next(
                (form for form in Forms(answer.text).forms if {"password", "username"} <= form.fields.keys()), None
            )
            assert form is not None, answer.text
            fields = {**form.fields, "username": PERSON, "password": PASSWORD}
            answer = await browser.post(urljoin(str(answer.url), form.action), data=fields)
        raise AssertionError("went round in circles")

    async def code(self, query: str | None = None) -> str:
        async with self.browser() as browser:
            return str(answered(await self.log_in(browser, query))["code"])

    def assertion(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        now = int(self.clock.now().timestamp())
        self._made += 1
        claims = {
            "iss": "ward",
            "sub": "ward",
            "aud": f"{SANDBOX}/access_token",
            "iat": now,
            "exp": now + 300,
            "jti": f"jti-{self._made}",
            **changed,
        }
        head = {"alg": "RS256", "kid": self.key.kid, **(header or {})}
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in claims.items() if value is not None},
            key or self.key,
            algorithms=[head["alg"]],
        )

    def token_request(self, code: str, /, **changed: str | None) -> dict[str, str]:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.assertion() if "client_assertion" not in changed else None,
            **changed,
        }
        return {name: value for name, value in fields.items() if value is not None}


def answered(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@asynccontextmanager
async def whole(folder: Path, **variables: str) -> AsyncIterator[Whole]:
    """`variables`: settings, by the names of their variables without `CAREKEY_`."""
    found = settings.load(
        None,
        {
            "CAREKEY_ENVIRONMENT": "demo",
            "CAREKEY_DATA": str(folder),
            **{f"CAREKEY_{name}": value for name, value in variables.items()},
        },
    )
    data_folder.prepare(found)
    clock = Hands()
    key = RSAKey.generate_key(2048, {"use": "sig", "kid": "ward-1"})
    async with wiring.running(found, clock=clock) as installation:
        made = Whole(installation=installation, clock=clock, database=folder / "carekey.db", key=key)
        jwks = {"keys": [key.as_dict(private=False)]}
        await made.register("ward", token_endpoint_auth_method="private_key_jwt", jwks=jwks)
        await made.register("post", token_endpoint_auth_method="client_secret_post")
        await made.register("basic", token_endpoint_auth_method="client_secret_basic")
        await made.register("mac", token_endpoint_auth_method="client_secret_jwt")
        await made.register("public", token_endpoint_auth_method="none")
        await made.register(
            "robot", token_endpoint_auth_method="client_secret_post", grant_types=["client_credentials"], scope="read"
        )
        yield made
