"""The authorization response, success or error. Pure.

Source: RFC 6749 sections 4.1.2 and 4.1.2.1; RFC 9207 (`iss`); cis2-profile section 2.5 (`client_id`).
"""

from dataclasses import dataclass

from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.authorize.parameters import SIGNED
from carekey.oidc.authorize.request import Sender, origin
from carekey.oidc.errors import OAuthError
from carekey.oidc.model import AuthorizationRequest, Client, Encryption, Issuer, ResponseMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs an answer, for whom and how, and how it is encrypted to them then."""

    issuer: IssuerName
    url: str
    client: ClientId
    alg: str
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes to the application, and how."""

    mode: ResponseMode
    redirect_uri: str
    parameters: tuple[tuple[str, str], ...]
    signing: Signing | None = None
    """Set while it has yet to be signed."""
    browser_state: tuple[IssuerName, str] | None = None
    """For the cookie by which the browser tells that the session is still the same."""

    @property
    def origin(self) -> str:
        return origin(self.redirect_uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedSession:
    """What an issuer with session management (`oidc/session_management`) says besides."""

    session_state: str
    browser_state: str


def success(request: AuthorizationRequest, issuer: Issuer, code: str, managed: ManagedSession | None = None) -> Answer:
    state = () if request.state is None else (("state", request.state),)
    session_state = () if managed is None else (("session_state", managed.session_state),)
    return Answer(
        mode=request.response_mode,
        redirect_uri=request.redirect_uri,
        parameters=(("code", code), *state, ("iss", issuer.url), ("client_id", request.client), *session_state),
        signing=_signing(request.response_mode, issuer, request.client, request),
        browser_state=None if managed is None else (issuer.name, managed.browser_state),
    )


def failure(to: AuthorizationRequest | Sender, issuer: Issuer, error: OAuthError) -> Answer:
    state = () if to.state is None else (("state", to.state),)
    client, wanted = (to.client.id, to.client) if isinstance(to, Sender) else (to.client, to)
    return Answer(
        mode=to.response_mode,
        redirect_uri=to.redirect_uri,
        parameters=(("error", error.code), ("error_description", error.description), *state, ("iss", issuer.url)),
        signing=_signing(to.response_mode, issuer, client, wanted),
    )


def _signing(
    mode: ResponseMode, issuer: Issuer, client: ClientId, wanted: AuthorizationRequest | Client
) -> Signing | None:
    if mode not in SIGNED:
        return None
    return Signing(
        issuer=issuer.name,
        url=issuer.url,
        client=client,
        alg=wanted.response_alg,
        encryption=wanted.response_encryption,
    )
