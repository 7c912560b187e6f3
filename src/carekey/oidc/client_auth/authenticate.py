"""Which client this is: exactly one method, the registered one, and proof by it.

The assertion, if there is one, says which client; `client_id` may be missing beside it (cis2-profile section 2.17).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from carekey.jose import jwt
from carekey.jose.jwt import InvalidJwt, KeySet, Unverified
from carekey.jose.sealing import Sealing
from carekey.kernel.actor import UNKNOWN
from carekey.kernel.ids import ClientId
from carekey.kernel.secret import Secret
from carekey.kernel.unit_of_work import Store
from carekey.oidc.client_auth import (
    attest_jwt_client_auth,
    client_secret,
    client_secret_jwt,
    private_key_jwt,
    self_signed_tls_client_auth,
    tls_client_auth,
)
from carekey.oidc.client_auth.assertion import REASONS, TYPE, Proven, audiences, claimed_client, plain
from carekey.oidc.client_auth.attest_jwt_client_auth import Attesters
from carekey.oidc.client_auth.keys import NO_KEYS, ClientKeys, KeysUnavailable
from carekey.oidc.client_auth.private_key_jwt import NeedKeys
from carekey.oidc.client_auth.tls_client_auth import ClientAuthorities
from carekey.oidc.errors import InvalidAssertion, InvalidClient, InvalidRequest, OAuthError, Reason
from carekey.oidc.events import ClientRefused
from carekey.oidc.model import Client, ClientAuthMethod, Issuer
from carekey.oidc.mtls.revocation import Revocation
from carekey.oidc.parameters import check_once
from carekey.oidc.ports import Assertions, OidcTx
from carekey.oidc.profiles import Profile, auth_methods, demands
from carekey.web.fields import Fields

PARAMETERS = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request says of its client besides the form."""

    authorization: str | None = None
    """The header of that name."""
    certificates: tuple[bytes, ...] = ()
    """DER, that which its client proved to hold first (`oidc/mtls/http.py`)."""
    attestations: tuple[str, ...] = ()
    attestation_proofs: tuple[str, ...] = ()
    """Values of the headers (`oidc/client_auth/attest_jwt_client_auth.py`)."""


@dataclass(frozen=True, slots=True)
class ByAssertion:
    client: ClientId
    token: Unverified


@dataclass(frozen=True, slots=True)
class BySecret:
    client: ClientId
    secret: Secret
    method: ClientAuthMethod


@dataclass(frozen=True, slots=True)
class ByNameAlone:
    client: ClientId


Presented = ByAssertion | BySecret | ByNameAlone
"""What was presented, and whose it claims to be."""


def presented(fields: Fields, credentials: Credentials) -> Presented:
    """Raises: InvalidRequest, InvalidClient, RepeatedField."""
    named, authorization = fields.get("client_id"), credentials.authorization
    secret = fields.get("client_secret")
    assertion = fields.get("client_assertion")
    assertion_type = fields.get("client_assertion_type")
    if named is not None and not plain(named):
        raise InvalidClient(reason=Reason.UNKNOWN_CLIENT)
    if assertion is not None or assertion_type is not None:
        if secret is not None or authorization is not None:
            raise InvalidAssertion(reason=Reason.SEVERAL_METHODS)
        return _assertion(assertion, assertion_type, named)
    if authorization is not None:
        if secret is not None:
            raise InvalidRequest("More than one way of client authentication", reason=Reason.SEVERAL_METHODS)
        return _basic(authorization, named)
    named = named or attest_jwt_client_auth.claimed_client(credentials.attestations)
    if named is None:
        raise InvalidClient(reason=Reason.NO_CLIENT)
    if secret is not None:
        return BySecret(ClientId(named), Secret(secret), ClientAuthMethod.CLIENT_SECRET_POST)
    return ByNameAlone(ClientId(named))


def _assertion(assertion: str | None, assertion_type: str | None, named: str | None) -> ByAssertion:
    if assertion is None or assertion_type != TYPE:
        raise InvalidAssertion(reason=Reason.ASSERTION_TYPE)
    try:
        token = jwt.parse(assertion)
    except InvalidJwt as error:
        raise InvalidAssertion(reason=REASONS[error.flaw]) from None
    client = claimed_client(token)
    if named is not None and named != client:
        raise InvalidAssertion(reason=Reason.SEVERAL_CLIENT_IDS)
    return ByAssertion(client, token)


def _basic(authorization: str, named: str | None) -> BySecret:
    id, secret = client_secret.read_basic(authorization)
    if named is not None and named != id:
        raise InvalidClient(reason=Reason.SEVERAL_CLIENT_IDS)
    if not plain(id):
        raise InvalidClient(reason=Reason.UNKNOWN_CLIENT)
    return BySecret(ClientId(id), secret, ClientAuthMethod.CLIENT_SECRET_BASIC)


@dataclass(frozen=True, slots=True)
class Authenticated:
    client: Client
    proven: Proven | None
    """The assertion, which the transaction has yet to use up."""
    instance: str | None = None
    """Which installation of it this is, if its key was vouched for."""

    def use_up(self, assertions: Assertions) -> None:
        """Raises: InvalidAssertion, for everybody but the first (RFC 7523 section 3)."""
        proven = self.proven
        if proven is not None and not assertions.first_seen(
            self.client.issuer, self.client.id, proven.jti, expires_at=proven.remember_until
        ):
            raise InvalidAssertion(reason=Reason.ASSERTION_REPLAYED)


class ClientAuthentication:
    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[OidcTx],
        keys: ClientKeys,
        sealing: Sealing,
        authorities: ClientAuthorities | None = None,
        revocation: Revocation | None = None,
        attesters: Attesters | None = None,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._keys = keys
        self._sealing = sealing
        self._authorities = authorities
        self._revocation = revocation
        self._attesters = attesters
        self._audiences = audiences(issuer)

    async def admit(
        self, fields: Fields, credentials: Credentials, *, reads: Collection[str], now: datetime, reference: str
    ) -> Authenticated:
        """Authenticate whoever sent these. `reads`: the parameters that may not come twice, whoever it is.

        Raises: OAuthError, after putting it on record.
        """
        claimed = fields.as_dict().get("client_id", "")
        try:
            check_once(fields, reads)
            by = presented(fields, credentials)
            claimed = by.client
            return await self.authenticate(by, credentials, now=now)
        except OAuthError as error:
            await self.record_stranger(error, claimed=claimed, now=now, reference=reference)
            raise

    async def record_stranger(self, error: OAuthError, *, claimed: str, now: datetime, reference: str) -> None:
        """Put on record that somebody who has not proven to be a client was refused."""
        event = ClientRefused(
            at=now,
            actor=UNKNOWN,
            reference=reference,
            issuer=self._issuer.name,
            claimed=claimed if plain(claimed) else "",
            error=error.code,
            reason=error.reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))

    async def keys_of(self, client: Client, *, now: datetime) -> KeySet:
        """The keys with which the client signs; none if they are not to be had."""
        try:
            return await self._keys.of(client, now=now)
        except KeysUnavailable:
            return NO_KEYS

    async def authenticate(self, by: Presented, credentials: Credentials, *, now: datetime) -> Authenticated:
        """Raises: InvalidClient, InvalidAssertion, UseFreshAttestation, UseAttestationChallenge."""
        # An assertion is refused with one text, whatever was wrong: also if there is no such client.
        refusal = InvalidAssertion if isinstance(by, ByAssertion) else InvalidClient
        client = await self._store.read(lambda tx: tx.clients.find(self._issuer.name, by.client))
        if client is None:
            raise refusal(reason=Reason.UNKNOWN_CLIENT)
        if client.disabled_at is not None:
            raise refusal(reason=Reason.DISABLED_CLIENT)
        asked = demands(self._issuer, client)
        if client.auth_method not in auth_methods(self._issuer, asked):
            raise refusal(reason=Reason.METHOD_NOT_REGISTERED)
        match by, client.auth_method:
            case ByAssertion(), ClientAuthMethod.PRIVATE_KEY_JWT:
                return Authenticated(client, await self._by_private_key(by.token, client, asked, now))
            case ByAssertion(), ClientAuthMethod.CLIENT_SECRET_JWT:
                judged = client_secret_jwt.judge(by.token, client, self._sealing, audiences=self._audiences, now=now)
                return Authenticated(client, judged)
            case BySecret(), method if method is by.method:
                client_secret.check(client, by.secret)
                return Authenticated(client, None)
            case ByNameAlone(), ClientAuthMethod.TLS_CLIENT_AUTH if self._authorities is not None:
                path = tls_client_auth.check(client, credentials.certificates, self._authorities, now=now)
                if self._revocation is not None:
                    await self._revocation.check(path, now=now)
                return Authenticated(client, None)
            case ByNameAlone(), ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH:
                await self._by_registered_certificate(credentials.certificates, client, now)
                return Authenticated(client, None)
            case ByNameAlone(), ClientAuthMethod.ATTEST_JWT_CLIENT_AUTH if self._attesters is not None:
                attested = self._attesters.check(
                    credentials.attestations,
                    credentials.attestation_proofs,
                    client=client.id,
                    issuer=self._issuer.url,
                    algs=asked.algs,
                    now=now,
                )
                return Authenticated(client, attested.proven, attested.instance)
            case ByNameAlone(), ClientAuthMethod.NONE:
                return Authenticated(client, None)
            case _:
                raise refusal(reason=Reason.METHOD_NOT_REGISTERED)

    async def _by_registered_certificate(self, chain: Sequence[bytes], client: Client, now: datetime) -> None:
        """Raises: InvalidClient."""
        self_signed_tls_client_auth.check_shown(chain, now=now)
        try:
            keys: KeySet | None = await self._keys.of(client, now=now)
            if keys is not None and not self_signed_tls_client_auth.known(chain, keys):
                keys = await self._keys.newer(client, now=now)
        except KeysUnavailable:
            raise InvalidClient(reason=Reason.KEYS_UNAVAILABLE) from None
        if keys is None or not self_signed_tls_client_auth.known(chain, keys):
            raise InvalidClient(reason=Reason.CERTIFICATE_UNKNOWN)

    async def _by_private_key(self, token: Unverified, client: Client, asked: Profile, now: datetime) -> Proven:
        if asked.issuer_as_audience and token.claims.get("aud") != self._issuer.url:
            raise InvalidAssertion(reason=Reason.ASSERTION_AUDIENCE)
        if token.header.alg not in asked.algs:
            raise InvalidAssertion(reason=Reason.ASSERTION_ALG)
        try:
            keys = await self._keys.of(client, now=now)
            judged = private_key_jwt.judge(token, client, keys, audiences=self._audiences, now=now)
            if isinstance(judged, NeedKeys):
                newer = await self._keys.newer(client, now=now)
                if newer is None:
                    raise judged.why
                judged = private_key_jwt.judge(token, client, newer, audiences=self._audiences, now=now)
        except KeysUnavailable:
            raise InvalidAssertion(reason=Reason.KEYS_UNAVAILABLE) from None
        if isinstance(judged, NeedKeys):
            raise judged.why
        return judged
