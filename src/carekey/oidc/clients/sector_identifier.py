"""`sector_identifier_uri`: a document that names every address of a sector, so that nobody joins a sector that does not
want them. Source: OpenID Connect Registration section 5; CIBA Core section 6."""

from collections.abc import Mapping
from typing import Any

import msgspec

from carekey.oidc import subject
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients.grant_types import CIBA, DEVICE
from carekey.oidc.clients.reading import FieldProblem, InvalidMetadata, Reader, origin_of
from carekey.oidc.fetch import FetchFailed, Flaw
from carekey.oidc.model import ClientAuthMethod, Issuer, TokenDelivery

FIELD = "sector_identifier_uri"


_BY_PUBLISHED_KEYS = frozenset({ClientAuthMethod.PRIVATE_KEY_JWT, ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH})


def read_sector(read: Reader, metadata: Mapping[str, Any], method: ClientAuthMethod, issuer: Issuer) -> str | None:
    """The host that pairwise subjects belong to (OpenID Connect Core section 8.1). Whether the document at
    `sector_identifier_uri` names every address of the client's is for `check` to see."""
    if read.choice("subject_type", "public", subject.types(issuer)) == "public":
        return None
    if _known_by_keys(metadata):
        if metadata.get("jwks_uri") is None:
            read.refuse("jwks_uri", "is needed for pairwise subjects, where nobody is sent back to a redirect address")
            return None
        signed = "backchannel_authentication_request_signing_alg" in metadata and DEVICE not in _grants(metadata)
        if method not in _BY_PUBLISHED_KEYS and not signed:
            read.refuse(
                "token_endpoint_auth_method",
                "must be by a key at jwks_uri for pairwise subjects, where nobody is sent back to a redirect address",
            )
    named = read.rest.get(FIELD)
    hosts = {origin[1] for one in ([named] if named else _own(metadata)) if (origin := origin_of(one))}
    if len(hosts) != 1 or None in hosts:
        if not read.faulty("redirect_uris", FIELD):
            read.refuse(FIELD, "is needed for pairwise subjects, unless all addresses of the client are of one host")
        return None
    return hosts.pop()


def _grants(metadata: Mapping[str, Any]) -> list[Any]:
    given = metadata.get("grant_types")
    return given if isinstance(given, list) else []


def _pushed_to(metadata: Mapping[str, Any]) -> bool:
    return metadata.get("backchannel_token_delivery_mode") == TokenDelivery.PUSH


def _known_by_keys(metadata: Mapping[str, Any]) -> bool:
    """Whether tokens are fetched without a browser that was sent back: nothing but its keys then shows where the
    client belongs (CIBA Core section 6; RFC 8628 says nothing of it, and is alike)."""
    grants = _grants(metadata)
    return DEVICE in grants or (CIBA in grants and not _pushed_to(metadata))


def _own(metadata: Mapping[str, Any]) -> list[str]:
    """The addresses that show where the client belongs."""
    redirects = metadata.get("redirect_uris")
    own = list(redirects) if isinstance(redirects, list) else []
    if _known_by_keys(metadata):
        own.append(metadata.get("jwks_uri"))
    if CIBA in _grants(metadata) and _pushed_to(metadata):
        own.append(metadata.get("backchannel_client_notification_endpoint"))
    return [address for address in own if isinstance(address, str)]


async def check(metadata: Mapping[str, Any], fetch: Fetch) -> None:
    """Metadata that `metadata.parse` has passed. Raises: InvalidMetadata."""
    uri = metadata.get(FIELD)
    if uri is None:
        return
    try:
        listed = msgspec.json.decode(await fetch(uri), type=list[str])
    except FetchFailed as failed:
        raise InvalidMetadata([FieldProblem(FIELD, f"cannot be fetched: {_told(failed.flaw)}")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidMetadata([FieldProblem(FIELD, "must answer with a JSON list of addresses")]) from None
    if missing := [address for address in _own(metadata) if address not in listed]:
        raise InvalidMetadata([FieldProblem(FIELD, f"does not list {missing[0]!r}")])


def _told(flaw: Flaw) -> Flaw:
    """Whether a name exists in a network of ours is not for whoever registers to find out."""
    return Flaw.NOT_FOUND if flaw is Flaw.FORBIDDEN_ADDRESS else flaw
