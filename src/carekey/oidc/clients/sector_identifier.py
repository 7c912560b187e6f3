"""`sector_identifier_uri`: a document that names every redirect address of a sector, so that nobody joins a sector
that does not want them. Source: OpenID Connect Registration section 5."""

from collections.abc import Mapping
from typing import Any

import msgspec

from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients.metadata import FieldProblem, InvalidMetadata
from carekey.oidc.fetch import FetchFailed, Flaw

FIELD = "sector_identifier_uri"


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
    if missing := [address for address in metadata.get("redirect_uris", ()) if address not in listed]:
        raise InvalidMetadata([FieldProblem(FIELD, f"does not list {missing[0]!r}")])


def _told(flaw: Flaw) -> Flaw:
    """Whether a name exists in a network of ours is not for whoever registers to find out."""
    return Flaw.NOT_FOUND if flaw is Flaw.FORBIDDEN_ADDRESS else flaw
