"""`sector_identifier_uri`: a document that names every redirect address of a sector, so that nobody joins a sector
that does not want them. Source: OpenID Connect Registration section 5."""

from collections.abc import Mapping
from typing import Any

import msgspec

from carekey.oidc import subject
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients.reading import FieldProblem, InvalidMetadata, Reader, origin_of
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Issuer

FIELD = "sector_identifier_uri"


def read_sector(read: Reader, metadata: Mapping[str, Any], issuer: Issuer) -> str | None:
    """The host that pairwise subjects belong to (OpenID Connect Core section 8.1). Whether the document at
    `sector_identifier_uri` names every redirect address is for `check` to see."""
    field = "subject_type"
    if read.choice(field, "public", subject.types(issuer)) == "public":
        return None
    named, redirects = read.rest.get("sector_identifier_uri"), metadata.get("redirect_uris")
    addresses = [named] if named else redirects if isinstance(redirects, list) else []
    hosts = {origin[1] for address in addresses if isinstance(address, str) and (origin := origin_of(address))}
    if len(hosts) != 1 or None in hosts:
        if not read.faulty("redirect_uris", "sector_identifier_uri"):
            read.refuse(
                "sector_identifier_uri", "is needed for pairwise subjects, unless all redirect_uris are of one host"
            )
        return None
    return hosts.pop()


async def check(metadata: Mapping[str, Any], fetch: Fetch) -> None:
    """Metadata that `metadata.parse` has passed. Raises: InvalidMetadata."""
    uri = metadata.get(FIELD)
    if uri is None:
        return
    try:
        listed = msgspec.json.decode(await fetch(uri), type=list[str])
    except FetchFailed as failed:
        raise InvalidMetadata([FieldProblem(FIELD, f"cannot be fetched: {failed.flaw}")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidMetadata([FieldProblem(FIELD, "must answer with a JSON list of addresses")]) from None
    if missing := [address for address in metadata.get("redirect_uris", ()) if address not in listed]:
        raise InvalidMetadata([FieldProblem(FIELD, f"does not list {missing[0]!r}")])
