"""How the parameters of a request arrive: in the query or form, in a signed object by value or behind an address,
or pushed beforehand. Whatever the way, the same checks follow (`request.py`)."""

from datetime import datetime

from carekey.jose.encryption import is_encrypted
from carekey.jose.jwt import KeySet, Unverified
from carekey.oidc.authorize import request_object
from carekey.oidc.authorize.errors import InvalidRequestObject, Reason
from carekey.oidc.authorize.parameters import LIMITS, Arrival
from carekey.oidc.authorize.request_object import Decrypts
from carekey.oidc.authorize.request_uri import Fetch, RequestUris
from carekey.oidc.client_auth.assertion import audiences
from carekey.oidc.client_auth.keys import ClientKeys, KeysUnavailable
from carekey.oidc.model import Client, Issuer
from carekey.oidc.profiles import demands
from carekey.web.fields import Fields


class RequestObjects:
    """Opens the request objects of one issuer's clients."""

    def __init__(self, *, issuer: Issuer, keys: ClientKeys, fetch: Fetch, decrypter: Decrypts) -> None:
        self._issuer = issuer
        self._keys = keys
        self._decrypter = decrypter
        self._uris = RequestUris(fetch)
        self._audiences = audiences(issuer)

    async def fetch(self, uri: str, client: Client, *, now: datetime) -> Arrival:
        """Raises: InvalidRequestUri, InvalidRequestObject."""
        return await self.open(await self._uris.get(uri, client, now=now), client, now=now)

    async def open(self, text: str, client: Client, *, now: datetime) -> Arrival:
        """Raises: InvalidRequestObject."""
        asked = demands(self._issuer, client)
        if self._issuer.encrypted_requests and is_encrypted(text):
            await self._decrypter.refresh(now)
            text = request_object.decrypted(text, self._decrypter)
        token = request_object.parse(text)
        # The cheap checks come first: a signature is only looked at for an object that would otherwise do.
        request_object.check(token, client, asked, audiences=self._audiences, now=now)
        try:
            keys = await self._keys.of(client, now=now)
            if not _has_key(token, keys):
                keys = await self._keys.newer(client, now=now) or keys
        except KeysUnavailable:
            raise InvalidRequestObject(reason=Reason.KEYS_UNAVAILABLE) from None
        request_object.verify(token, keys, client, asked)
        return Arrival(fields=Fields.of(request_object.parameters(token, {*LIMITS, "resource"})), signed=True)


def _has_key(token: Unverified, keys: KeySet) -> bool:
    return bool(keys.candidates(token.header))
