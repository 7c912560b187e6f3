"""A relying party in a test's hand: sends exactly what it is told to, and checks as real clients check.

Source: cis2-profile 2.12, 2.16 and 2.17.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey

from support.person import client

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """How this client makes its assertions."""

    alg: str = "RS512"
    typ: str | None = "JWT"
    kid: bool = True
    aud: str = "token_endpoint"
    """`token_endpoint`, `issuer`, or the audience itself."""
    aud_list: bool = False
    lifetime: int = 300
    nbf: bool = False


@dataclass(slots=True, kw_only=True)
class RelyingParty:
    issuer: str
    client_id: str
    redirect_uri: str
    key: RSAKey | None = None
    secret: str | None = None
    assertion: Assertion = Assertion()
    sends_client_id: bool = True
    clock_tolerance: int = 5
    http: httpx2.Client = field(default_factory=client)
    _discovered: dict[str, Any] = field(default_factory=dict)
    _made: int = 0

    def discovered(self) -> Mapping[str, Any]:
        if not self._discovered:
            answer = self.http.get(f"{self.issuer}/.well-known/openid-configuration")
            answer.raise_for_status()
            self._discovered = answer.json()
        return self._discovered

    def authorize(self, **parameters: str | None) -> str:
        """The address for the browser; a parameter that is None is left out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "state-of-the-test",
            **parameters,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"{self.discovered()['authorization_endpoint']}?{query}"

    def answered(self, address: str) -> dict[str, str]:
        """What the browser brought back."""
        assert address.startswith(self.redirect_uri), address
        return dict(parse_qsl(urlsplit(address).query))

    def make_assertion(self, **changed: Any) -> str:
        """`changed`: claims that differ; one that is None is left out."""
        assert self.key is not None
        how = self.assertion
        now = int(time.time())
        known = {"token_endpoint": self.discovered()["token_endpoint"], "issuer": self.issuer}
        audience = known.get(how.aud, how.aud)
        self._made += 1
        header = {"alg": how.alg, "typ": how.typ, "kid": self.key.kid if how.kid else None}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": [audience] if how.aud_list else audience,
            "iat": now,
            "exp": now + how.lifetime,
            "jti": f"{time.time_ns()}-{self._made}",
            **({"nbf": now} if how.nbf else {}),
            **changed,
        }
        present = {name: value for name, value in header.items() if value is not None}
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(present, said, self.key, algorithms=[how.alg])

    def token(self, code: str, **changed: str | None) -> httpx2.Response:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id if self.sends_client_id else None,
        }
        if self.key is not None:
            fields |= {"client_assertion_type": JWT_BEARER, "client_assertion": self.make_assertion()}
        else:
            fields |= {"client_secret": self.secret}
        fields |= changed
        body = {name: value for name, value in fields.items() if value is not None}
        return self.http.post(self.discovered()["token_endpoint"], data=body)

    def userinfo(self, access_token: str) -> httpx2.Response:
        return self.http.get(
            self.discovered()["userinfo_endpoint"], headers={"authorization": f"Bearer {access_token}"}
        )

    def keys(self) -> Mapping[str, Any]:
        found: dict[str, Any] = self.http.get(self.discovered()["jwks_uri"]).json()
        return found

    def id_token(self, token: str, *, nonce: str | None = None) -> dict[str, Any]:
        """The claims, after the checks that every client makes. Raises: AssertionError."""
        by_kid = KeySet.import_key_set({"keys": [key for key in self.keys()["keys"] if key.get("use") == "sig"]})
        claims = jwt.decode(token, by_kid, algorithms=["RS256"]).claims
        now = time.time()
        assert claims["iss"] == self.issuer
        assert claims["aud"] == self.client_id
        assert claims["exp"] > now - self.clock_tolerance
        assert claims["iat"] <= now
        assert claims.get("nonce") == nonce
        return claims

    @staticmethod
    def header(token: str) -> dict[str, Any]:
        return jws.extract_compact(token.encode()).headers()


def metadata(redirect_uri: str, key: RSAKey | None, **more: Any) -> str:
    """What to register, as JSON."""
    about: dict[str, Any] = {"client_name": "A test", "redirect_uris": [redirect_uri]}
    if key is None:
        about["token_endpoint_auth_method"] = "client_secret_post"
    else:
        about |= {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{**key.as_dict(private=False), "use": "sig"}]},
        }
    return json.dumps(about | more)
