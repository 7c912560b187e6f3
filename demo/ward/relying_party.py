"""The OpenID Connect half: asks for a log-in, and judges the answer before anybody relies on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.starlette_client import OAuth, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from httpx2 import AsyncBaseTransport, HTTPError
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, RSAKey

from ward import keys
from ward.asks import Ask
from ward.config import TOKEN_EXCHANGE, Config

LEEWAY = 5
"""Seconds by which the clocks may differ."""

LOGOUT_FRESH = 300
"""Seconds after which a logout token is too old."""

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

MEANINGS = {
    "access_denied": "The log-in was cancelled, or refused.",
    "login_required": "Nobody is logged in at the provider in this browser, and it was asked to show no page.",
    "interaction_required": "The provider has a question to ask, and it was asked to show no page.",
    "account_selection_required": "The provider does not know which account is meant.",
    "consent_required": "The person has to agree first, and the provider was asked to show no page.",
    "invalid_scope": "The application asked for something that the provider does not know.",
    "invalid_request": "The provider did not understand the application's request.",
    "unauthorized_client": "The application may not ask for this.",
    "invalid_client": "The provider did not recognise the application: look at its client id and its key.",
    "invalid_grant": "The code was used before, came too late, or was meant for another application.",
    "server_error": "The provider has a fault.",
    "temporarily_unavailable": "The provider is busy or closed for maintenance.",
}


class NotLoggedIn(Exception):
    """The log-in did not come about. Every text is for the person, and may be shown."""

    somebody_else = False
    """Whether to try again is to meet the same session at the provider, so that somebody else has to log in."""

    def __init__(self, heading: str, what: str, *, code: str | None = None, description: str | None = None) -> None:
        super().__init__(heading)
        self.heading, self.what, self.code, self.description = heading, what, code, description


class NotThisPerson(NotLoggedIn):
    """Who it is, is proven; and they may not use this application."""

    somebody_else = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Kept on the server until the browser comes back with `state`."""

    ask: Ask
    state: str
    nonce: str
    code_verifier: str = field(repr=False)
    at: float
    back_to: str
    person: str | None
    """The only one who may answer: whoever is logged in here, if the ask says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    ask: Ask
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    userinfo: Mapping[str, Any]
    token_response: Mapping[str, Any] = field(repr=False)

    @property
    def id_token(self) -> str:
        return str(self.token_response["id_token"])

    @property
    def name(self) -> str:
        return str(self.userinfo.get("name") or self.claims["sub"])

    @property
    def aal(self) -> int:
        return _level(self.claims.get("authentication_assurance_level"))

    @property
    def role(self) -> Mapping[str, Any] | None:
        chosen = self.claims.get("selected_roleid")
        roles = self.userinfo.get("nhsid_nrbac_roles", [])
        return next((role for role in roles if role["person_roleid"] == chosen), None)


class ShortLived(PrivateKeyJWT):
    """Authlib's own assertions live for an hour; a provider that keeps each `jti` until then allows minutes."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        key: RSAKey = auth.client_secret
        header = {"typ": "JWT", "kid": key.kid}
        signed: str = private_key_jwt_sign(
            key, auth.client_id, token_endpoint, alg=keys.ALGORITHM, header=header, expires_in=60
        )
        return signed


class RelyingParty:
    def __init__(
        self, config: Config, key: RSAKey, *, clock: Callable[[], float], transport: AsyncBaseTransport | None = None
    ) -> None:
        self._config = config
        self._clock = clock
        self._provider = OAuth().register(
            "provider",
            server_metadata_url=f"{config.issuer}/.well-known/openid-configuration",
            client_id=config.client_id,
            client_secret=key,
            client_kwargs={
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "private_key_jwt",
                "timeout": 10,
                "transport": transport,
            },
            client_auth_methods=[ShortLived()],
        )

    async def begin(self, ask: Ask, *, was: LoggedIn | None, back_to: str) -> tuple[str, Started]:
        """Where to send the browser, and what to keep until it is back. `was`: who is logged in here already.

        Raises: NotLoggedIn.
        """
        await self._discover()
        asked = await self._provider.create_authorization_url(
            self._config.redirect_uri, scope=ask.scope, **ask.parameters
        )
        started = Started(
            ask=ask,
            state=asked["state"],
            nonce=asked["nonce"],
            code_verifier=asked["code_verifier"],
            at=self._clock(),
            back_to=back_to,
            person=was.claims["sub"] if was and ask.same_person else None,
        )
        return asked["url"], started

    async def finish(self, started: Started, answer: Mapping[str, str]) -> LoggedIn:
        """Who it is, by the parameters that the browser brought back. Raises: NotLoggedIn."""
        if answer.get("iss", self._config.issuer) != self._config.issuer:  # RFC 9207: a mix-up
            raise _not_accepted("the answer came from another provider")
        if "error" in answer:
            raise _refused(answer["error"], answer.get("error_description"))
        await self._discover()
        try:
            token = await self._provider.fetch_access_token(
                code=answer.get("code", ""),
                redirect_uri=self._config.redirect_uri,
                code_verifier=started.code_verifier,
            )
            claims = await self._provider.parse_id_token(
                token,
                nonce=started.nonce,
                claims_options={
                    "iss": {"essential": True, "value": self._config.issuer},
                    "aud": {"essential": True, "value": self._config.client_id},
                    "auth_time": {"essential": True},
                },
                leeway=LEEWAY,
            )
            if claims is None:
                raise _not_accepted("there is no ID token")
            userinfo = await self._provider.userinfo(token=token)
        except OAuthError as error:
            raise _refused(error.error, error.description) from error
        except JoseError as error:
            raise _not_accepted(f"the ID token is not sound ({error.description or error.error})") from error
        except (HTTPError, ValueError) as error:
            raise _out_of_reach() from error
        logged_in = LoggedIn(
            ask=started.ask,
            header=jws.extract_compact(token["id_token"].encode()).headers(),
            claims=dict(claims),
            userinfo=dict(userinfo),
            token_response=dict(token),
        )
        self._judge(logged_in, started)
        return logged_in

    def _judge(self, logged_in: LoggedIn, started: Started) -> None:
        """What a clinical system checks beyond signature, issuer, audience, times and nonce."""
        ask, claims = started.ask, logged_in.claims
        if logged_in.userinfo.get("sub") != claims["sub"]:  # OpenID Connect Core section 5.3.2
            raise _not_accepted("the ID token and userinfo are about two different people")
        if _level(claims.get("id_assurance_level")) < self._config.minimum_ial:
            raise NotThisPerson(
                "You cannot use this application yet",
                "Your identity has not been checked well enough for it. Ask your Registration Authority (RA) to check it.",
            )
        if _level(claims.get("authentication_assurance_level")) < ask.minimum_aal:
            raise _not_accepted("the way of logging in was not secure enough")
        if ask.freshness is not None:
            oldest = started.at - ask.freshness.total_seconds() - LEEWAY
            if claims["auth_time"] < oldest:
                raise _not_accepted("the log-in is older than was asked for")
        if started.person is not None and started.person != claims["sub"]:
            raise _not_accepted("somebody else answered")

    async def token_for(self, resource: str, scope: str, logged_in: LoggedIn) -> str:
        """An access token for an API, for the ID token (RFC 8693 section 2.1). Raises: NotLoggedIn."""
        try:
            metadata = await self._provider.load_server_metadata()
            async with self._provider._get_oauth_client(**metadata) as client:  # noqa: SLF001 (it has no door for this)
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type=TOKEN_EXCHANGE,
                    subject_token=logged_in.id_token,
                    subject_token_type="urn:ietf:params:oauth:token-type:id_token",  # noqa: S106 (a name)
                    resource=resource,
                    scope=scope,
                )
        except OAuthError as error:
            raise _refused(error.error, error.description) from error
        except (HTTPError, ValueError, KeyError) as error:
            raise _out_of_reach() from error
        return str(token["access_token"])

    async def log_out_address(self, id_token: str) -> str:
        """Where the browser logs out of the provider too (OpenID Connect RP-Initiated Logout section 2)."""
        await self._discover()
        end = await self._provider.create_logout_url(
            post_logout_redirect_uri=self._config.logged_out_uri, id_token_hint=id_token
        )
        return str(end["url"])

    async def logged_out(self, logout_token: str) -> str:
        """The `sid` of the provider's session that has ended, once the token has proven to be the provider's
        (OpenID Connect Back-Channel Logout 1.0 section 2.6). Raises: NotLoggedIn."""
        await self._discover()
        try:
            claims = await self._verified(logout_token)
        except (JoseError, ValueError) as error:
            raise _not_accepted("the logout token is not sound") from error
        except HTTPError as error:
            raise _out_of_reach() from error
        now, sid = self._clock(), claims.get("sid")
        sound = (
            claims.get("iss") == self._config.issuer
            and claims.get("aud") == self._config.client_id
            and _is_number(claims.get("iat"))
            and now - LOGOUT_FRESH <= claims["iat"] <= now + LEEWAY
            and (claims.get("exp") is None or (_is_number(claims["exp"]) and claims["exp"] > now - LEEWAY))
            and isinstance(claims.get("events"), dict)
            and isinstance(claims["events"].get(LOGOUT_EVENT), dict)
            and "nonce" not in claims
            and isinstance(claims.get("jti"), str)
        )
        if not sound or not isinstance(sid, str) or not sid:
            raise _not_accepted("the logout token does not say what it must")
        return sid

    async def _verified(self, token: str) -> dict[str, Any]:
        """Raises: JoseError, ValueError, HTTPError."""
        for fetch_again in (False, True):
            keys = KeySet.import_key_set(await self._provider.fetch_jwk_set(force=fetch_again))
            try:
                return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)
            except InvalidKeyIdError:
                continue
        raise ValueError("no such key")

    async def _discover(self) -> None:
        try:
            metadata = await self._provider.load_server_metadata()
        except (HTTPError, ValueError) as error:
            raise _out_of_reach() from error
        if metadata.get("issuer") != self._config.issuer:  # OpenID Connect Discovery section 4.3
            raise _not_accepted("the provider gives itself another name than the one configured")


def _level(claim: object) -> int:
    """A string in CIS2's tokens, a number in some of its test environments."""
    return int(text) if (text := str(claim)).isdecimal() else 0


def _is_number(claim: object) -> bool:
    return isinstance(claim, int | float) and not isinstance(claim, bool)


def _refused(code: str, description: str | None) -> NotLoggedIn:
    what = MEANINGS.get(code, "The provider answered with an error that this application does not know.")
    return NotLoggedIn("You are not logged in", what, code=code, description=description)


def _not_accepted(why: str) -> NotLoggedIn:
    return NotLoggedIn("The answer was not accepted", f"You are not logged in, because {why}.")


def _out_of_reach() -> NotLoggedIn:
    return NotLoggedIn("The log-in service cannot be reached", "Try again in a minute.")
