"""Settings, from the environment: see `from_environment`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 (a name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    issuer: str
    client_id: str
    name: str = "Ward 7"
    kind: str = "ward"
    """`ward` or `pharmacy`: what there is to work on, and the colour of the header."""
    host: str = "127.0.0.1"
    port: int = 8001
    url: str = "http://localhost:8001"
    """Where browsers find it."""
    data: Path = Path("data/ward")
    """Holds the private key, made at the first start."""
    neighbour: tuple[str, str] | None = None
    """Name and address of another application, to try single sign-on with."""
    minimum_ial: int = 3
    records: str | None = None
    """The record service's address as tokens know it; without one there are no records to open."""
    records_at: str | None = None
    """Where it is, if not there."""

    @property
    def redirect_uri(self) -> str:
        return f"{self.url}/callback"

    @property
    def logged_out_uri(self) -> str:
        return f"{self.url}/logged-out"

    @property
    def backchannel_logout_uri(self) -> str:
        return f"{self.url}/backchannel-logout"

    @property
    def jwks_uri(self) -> str:
        return f"{self.url}/jwks.json"

    def registration(self) -> dict[str, object]:
        """What to register at the provider, in the terms of OpenID Connect Registration section 2.
        `listed` is the provider's own: the application may be named on its public page."""
        return {
            "client_id": self.client_id,
            "client_name": self.name,
            "client_uri": self.url,
            "redirect_uris": [self.redirect_uri],
            "post_logout_redirect_uris": [self.logged_out_uri],
            "backchannel_logout_uri": self.backchannel_logout_uri,
            "backchannel_logout_session_required": True,
            "grant_types": ["authorization_code", *([TOKEN_EXCHANGE] if self.records else [])],
            "response_types": ["code"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "RS512",
            "jwks_uri": self.jwks_uri,
            "listed": True,
            **({"resources": [self.records]} if self.records else {}),
        }


def from_environment(environment: Mapping[str, str]) -> Config:
    """WARD_ISSUER, WARD_CLIENT_ID, WARD_NAME, WARD_KIND, WARD_HOST, WARD_PORT, WARD_URL, WARD_DATA,
    WARD_NEIGHBOUR (`name=address`), WARD_RECORDS, WARD_RECORDS_AT. Each has a default that fits `make run`.

    Raises: ValueError, naming the variable.
    """
    given = {name.removeprefix("WARD_"): value for name, value in environment.items() if name.startswith("WARD_")}
    kind = given.get("KIND", "ward")
    if kind not in ("ward", "pharmacy"):
        raise ValueError("WARD_KIND must be ward or pharmacy")
    try:
        port = int(given.get("PORT", "8001" if kind == "ward" else "8002"))
    except ValueError:
        raise ValueError("WARD_PORT must be a number") from None
    name, _, address = given.get("NEIGHBOUR", "").partition("=")
    return Config(
        issuer=given.get("ISSUER", "http://localhost:8000"),
        client_id=given.get("CLIENT_ID", f"{kind}.demo.apps"),
        name=given.get("NAME", "Ward 7" if kind == "ward" else "Pharmacy"),
        kind=kind,
        host=given.get("HOST", "127.0.0.1"),
        port=port,
        url=given.get("URL", f"http://localhost:{port}"),
        data=Path(given.get("DATA", f"data/{kind}")),
        neighbour=(name, address) if address else None,
        records=given.get("RECORDS"),
        records_at=given.get("RECORDS_AT"),
    )
