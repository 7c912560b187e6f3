"""What the endpoints that clients authenticate at have in common on the wire."""

from collections.abc import Iterable

from carekey.oidc.client_auth.attest_jwt_client_auth import ATTESTATION, PROOF
from carekey.oidc.client_auth.authenticate import ClientAuthentication, Credentials
from carekey.oidc.errors import OAuthError
from carekey.oidc.http import RawHeader, read_form
from carekey.oidc.mtls.http import client_of
from carekey.web.fields import Fields
from carekey.web.kit import Request


async def client_form(request: Request, clients: ClientAuthentication) -> Fields:
    """The form alone; nothing is read from the query, for addresses are kept in logs (RFC 6749 section 2.3.1).

    Raises: OAuthError, after putting it on record; ClientDisconnect.
    """
    try:
        return await read_form(request)
    except OAuthError as error:
        now = request.site.clock.now()
        await clients.record_stranger(error, claimed="", now=now, reference=request.reference)
        raise


def credentials(request: Request) -> Credentials:
    tls = client_of(request)
    return Credentials(
        authorization=request.headers.get("authorization"),
        certificates=tls.certificates if tls else (),
        attestations=tuple(request.headers.getlist(ATTESTATION)),
        attestation_proofs=tuple(request.headers.getlist(PROOF)),
    )


def challenge(request: Request, error: OAuthError) -> Iterable[RawHeader]:
    """RFC 6749 section 5.2: who tried by the Authorization header is told its scheme."""
    if error.status == 401 and "authorization" in request.headers:
        yield b"www-authenticate", b'Basic realm="carekey", charset="UTF-8"'
