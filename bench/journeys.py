"""The journeys of the budgets, on CareKey and on the peer: the same requests as far as the two have the same."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from browser import Answer, Browser, UnexpectedAnswerError
from client import API, API_SECRET, CLIENT_ID, LASTING, REDIRECT, DpopKey, Key, claims
from driver import Journey
from support.soft_authenticator import Manner, SoftCredential

_SCOPES = "openid profile email nhsperson associatedorgs nationalrbacaccess"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class User:
    """A person of the measured directory with the passkey that they log in with."""

    id: str
    passkey: SoftCredential


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorize: str
    token: str
    userinfo: str
    introspection: str = ""
    par: str = ""


class Provider(Protocol):
    """What the journeys need to know of a server."""

    endpoints: Endpoints
    asked: dict[str, str]
    """Parameters of the authorization request that are this server's own."""
    is_peer: bool
    """It has the journeys that are compared, and no more."""

    async def log_in(self, browser: Browser, answer: Answer, user: User) -> Answer:
        """From the first answer of the authorization endpoint to the redirect that carries the code."""
        ...


@dataclass(kw_only=True)
class Journeys:
    """All journeys against one server. A worker has its own connections and its own users."""

    provider: Provider
    port: int
    key: Key
    users: Sequence[User]
    workers: int
    busy: User
    """The one with twenty roles."""
    _browsers: list[Browser] = field(init=False)
    _turns: list[int] = field(init=False)
    _dpop_keys: list[DpopKey] = field(init=False)
    _refresh_tokens: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._browsers = [Browser(self.port) for _ in range(self.workers)]
        self._turns = [0] * self.workers
        self._dpop_keys = [DpopKey() for _ in range(self.workers)]

    async def every(self) -> dict[str, Journey]:
        """All journeys by name, each ready to be run by every worker."""
        token = await self._token_of_busy()
        for browser, user in zip(self._browsers, self.users, strict=False):
            browser.cookies.clear()
            await self._tokens(browser, await self._log_in(browser, user))
        found: dict[str, Journey] = {
            # The peer's memory holds a thousand things, so what uses an old token or session comes first.
            "userinfo, 20 roles": lambda worker: self.userinfo(worker, token),
            "silent log-in": self.silent_log_in,
            "complete log-in": self.complete_log_in,
            "client credentials": self.client_credentials,
        }
        if not self.provider.is_peer:
            for worker, (browser, user) in enumerate(zip(self._browsers, self.users, strict=False)):
                silent = await browser.get(self._authorization(user, client_id=LASTING, prompt="none"))
                self._refresh_tokens[worker] = (await self._tokens(browser, silent, LASTING))["refresh_token"]
            found |= {
                "refresh": self.refresh,
                "introspection": lambda worker: self.introspection(worker, token),
                "pushed request": self.pushed_request,
                "DPoP-bound token request": self.dpop,
            }
        return found

    async def aclose(self) -> None:
        for browser in self._browsers:
            await browser.aclose()

    async def complete_log_in(self, worker: int) -> None:
        """Authorize, choose how, prove it, choose a role, code, tokens, userinfo."""
        browser = self._browsers[worker]
        browser.cookies.clear()
        # Each worker has users of its own: one passkey cannot answer twice at once.
        own = self.users[worker :: self.workers]
        user = own[self._turns[worker] % len(own)]
        self._turns[worker] += 1
        tokens = await self._tokens(browser, await self._log_in(browser, user))
        if claims(tokens["id_token"])["sub"] != user.id:
            raise UnexpectedAnswerError("the ID token is somebody else's")
        me = await browser.get(self.provider.endpoints.userinfo, authorization=f"Bearer {tokens['access_token']}")
        if json.loads(me.expect(200).body)["sub"] != user.id:
            raise UnexpectedAnswerError("userinfo is somebody else's")

    async def silent_log_in(self, worker: int) -> None:
        """`prompt=none` in a browser that is logged in, through to the ID token."""
        browser = self._browsers[worker]
        await self._tokens(browser, await browser.get(self._authorization(self.users[worker], prompt="none")))

    async def client_credentials(self, worker: int) -> None:
        form = {"grant_type": "client_credentials"} | self._proof()
        answer = await self._browsers[worker].post(self.provider.endpoints.token, form)
        if "access_token" not in json.loads(answer.expect(200).body):
            raise UnexpectedAnswerError("there is no access token")

    async def dpop(self, worker: int) -> None:
        """Client credentials for a token bound to a key (RFC 9449): an ES256 proof is verified besides the assertion."""
        address = f"http://localhost:{self.port}{self.provider.endpoints.token}"
        form = {"grant_type": "client_credentials"} | self._proof()
        answer = await self._browsers[worker].post(
            self.provider.endpoints.token, form, dpop=self._dpop_keys[worker].proof("POST", address)
        )
        if json.loads(answer.expect(200).body)["token_type"] != "DPoP":
            raise UnexpectedAnswerError("the token is not bound")

    async def refresh(self, worker: int) -> None:
        """New tokens for a refresh token, an ID token (RS256) among them."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_tokens[worker]} | self._proof(LASTING)
        answer = await self._browsers[worker].post(self.provider.endpoints.token, form)
        tokens = json.loads(answer.expect(200).body)
        if "id_token" not in tokens or tokens["refresh_token"] == self._refresh_tokens[worker]:
            raise UnexpectedAnswerError("the tokens are not new")
        self._refresh_tokens[worker] = tokens["refresh_token"]

    async def introspection(self, worker: int, token: str) -> None:
        basic = "Basic " + base64.b64encode(f"{API}:{quote_plus(API_SECRET)}".encode()).decode()
        answer = await self._browsers[worker].post(
            self.provider.endpoints.introspection, {"token": token}, authorization=basic
        )
        if json.loads(answer.expect(200).body)["active"] is not True:
            raise UnexpectedAnswerError("the token is not active")

    async def pushed_request(self, worker: int) -> None:
        """RFC 9126, the client authenticated by `private_key_jwt`."""
        form = self._request(self.users[worker]) | self._proof()
        answer = await self._browsers[worker].post(self.provider.endpoints.par, form)
        if "request_uri" not in json.loads(answer.expect(201).body):
            raise UnexpectedAnswerError("there is no request_uri")

    async def _token_of_busy(self) -> str:
        """An access token of the person with twenty roles."""
        browser = self._browsers[0]
        browser.cookies.clear()
        tokens = await self._tokens(browser, await self._log_in(browser, self.busy))
        return str(tokens["access_token"])

    async def userinfo(self, worker: int, token: str) -> None:
        answer = await self._browsers[worker].get(self.provider.endpoints.userinfo, authorization=f"Bearer {token}")
        if answer.expect(200).body.count(b'"person_roleid"') < 20:
            raise UnexpectedAnswerError("userinfo has fewer than 20 roles")

    async def _log_in(self, browser: Browser, user: User) -> Answer:
        return await self.provider.log_in(browser, await browser.get(self._authorization(user)), user)

    def _authorization(self, user: User, **more: str) -> str:
        return f"{self.provider.endpoints.authorize}?{urlencode(self._request(user) | more)}"

    def _request(self, user: User) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT,
            "state": "a state of the usual length, say",
            "nonce": "a nonce of the usual length, say",
            "login_hint": user.id,
        } | self.provider.asked

    async def _tokens(self, browser: Browser, redirect: Answer, client: str = CLIENT_ID) -> dict[str, str]:
        if not redirect.location.startswith(REDIRECT):
            raise UnexpectedAnswerError(f"{redirect.status} to {redirect.location}")
        answered = parse_qs(urlsplit(redirect.location).query)
        if "code" not in answered:
            raise UnexpectedAnswerError(str(answered))
        form = {"grant_type": "authorization_code", "code": answered["code"][0], "redirect_uri": REDIRECT}
        answer = await browser.post(self.provider.endpoints.token, form | self._proof(client))
        return json.loads(answer.expect(200).body)

    def _proof(self, client: str = CLIENT_ID) -> dict[str, str]:
        assertion = self.key.assertion(f"http://localhost:{self.port}", client)
        return {"client_id": client, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


class Peer:
    endpoints = Endpoints("/auth", "/token", "/me")
    is_peer = True
    asked: ClassVar = {"scope": _SCOPES}

    async def log_in(self, browser: Browser, answer: Answer, user: User) -> Answer:  # noqa: ARG002
        interaction = answer.expect(303).location
        return await browser.get((await browser.get(interaction)).expect(303).location)


class CareKey:
    endpoints = Endpoints("/authorize", "/access_token", "/userinfo", introspection="/introspect", par="/par")
    is_peer = False
    asked: ClassVar = {"scope": f"{_SCOPES} selectedrole", "acr_values": "AAL2_OR_AAL3_ANY"}

    def __init__(self, port: int) -> None:
        self._manner = Manner(origin=f"http://localhost:{port}", backed_up=True)

    async def log_in(self, browser: Browser, answer: Answer, user: User) -> Answer:
        step = answer.expect(303).location
        while not step.startswith(REDIRECT):
            path = urlsplit(step).path
            page = await browser.get(path)
            if page.status == 303:
                answer = page
            elif path.endswith("/passkey"):
                answer = await self._prove(browser, path, page, user)
            elif b'name="way"' in page.expect(200).body:
                answer = await browser.post(f"{path}/way", {"csrf": _csrf(page), "way": "passkey"})
            else:
                role = re.search(rb'name="role"[^>]*value="([0-9]+)"', page.body)
                if role is None:
                    raise UnexpectedAnswerError(f"no role to choose: {page.body[:400]!r}")
                answer = await browser.post(f"{path}/role", {"csrf": _csrf(page), "role": role[1].decode()})
            step = answer.expect(303).location
        return answer

    async def _prove(self, browser: Browser, path: str, page: Answer, user: User) -> Answer:
        token = _csrf(page)
        asked = await browser.post(f"{path}/options", {"csrf": token}, accept="application/json")
        options = json.loads(asked.expect(200).body)["options"]
        proof = user.passkey.assertion(options, self._manner)
        return await browser.post(path, {"csrf": token, "answer": json.dumps(proof)})


def _csrf(page: Answer) -> str:
    found = re.search(rb'name="csrf" value="([^"]+)"', page.body)
    if found is None:
        raise UnexpectedAnswerError(f"no form on this page: {page.body[:400]!r}")
    return found[1].decode()
