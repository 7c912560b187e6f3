"""A client's certificate: its name, and whether tokens are bound to it (RFC 8705 sections 2.1.2 and 3.4)."""

from carekey.oidc.clients.reading import Reader
from carekey.oidc.model import ClientAuthMethod, Issuer, SubjectName
from carekey.oidc.mtls import certificate


def certificate_name(read: Reader, method: ClientAuthMethod) -> dict[SubjectName, str]:
    """RFC 8705 section 2.1.2: exactly one name, of whichever kind."""
    texts = {kind: read.text(kind.value) for kind in SubjectName}
    given = {kind: text for kind, text in texts.items() if text is not None}
    wanted = method is ClientAuthMethod.TLS_CLIENT_AUTH
    if wanted and not given and not read.faulty(*SubjectName):
        read.refuse(SubjectName.DN, f"or one of {', '.join(list(SubjectName)[1:])} is needed for {method}")
    for kind in list(given)[0 if not wanted else 1 :]:
        read.refuse(kind, "is one name too many" if wanted else f"is for {ClientAuthMethod.TLS_CLIENT_AUTH} alone")
    for kind, text in given.items():
        wrong = certificate.flaw(kind, text)
        if wrong is not None:
            read.refuse(kind, wrong)
    return given


def certificate_bound(read: Reader, issuer: Issuer) -> bool:
    field = "tls_client_certificate_bound_access_tokens"
    wanted = read.flag(field)
    if wanted and issuer.api_host is None:
        read.refuse(field, "needs mutual TLS, which is not offered here")
    return wanted
