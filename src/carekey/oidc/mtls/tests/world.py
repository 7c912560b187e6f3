"""A provider with an API host, seen from clients with certificates."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx2

from carekey.kernel.ids import ClientId
from carekey.oidc.client_auth.tls_client_auth import ClientAuthorities
from carekey.oidc.model import Client, ClientAuthMethod, SubjectName
from carekey.oidc.mtls.tests import pki
from carekey.oidc.tests.world import ISSUER_URL, NOW, WARD_CLIENT, World, make_world
from carekey.web.peer_certificate import EXTENSION

API_HOST = "https://api.example.test"
ROOT = pki.authority(1, NOW)
BETWEEN = pki.authority(2, NOW, by=ROOT)
STRANGER = pki.authority(7, NOW)
OWN = pki.client(ROOT, NOW)
SELF_SIGNED = pki.client(None, NOW, number=60)

PKI = replace(
    WARD_CLIENT,
    id=ClientId("pki"),
    jwks=None,
    auth_method=ClientAuthMethod.TLS_CLIENT_AUTH,
    certificate_name={SubjectName.DNS: "ward.example.test"},
    grant_types=("authorization_code", "client_credentials", "refresh_token"),
    scopes=frozenset({"openid", "read"}),
    certificate_bound_access_tokens=True,
)
SELF = replace(
    PKI,
    id=ClientId("self"),
    auth_method=ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
    certificate_name={},
    jwks={"keys": [SELF_SIGNED.jwk]},
)
PUBLIC = replace(PKI, id=ClientId("mobile"), auth_method=ClientAuthMethod.NONE, certificate_name={})


async def world_with(*clients: Client, **issuer: Any) -> World:
    authorities = ClientAuthorities([ROOT.certificate])
    made = await make_world(authorities=authorities, api_host=API_HOST, client_authorities=True, **issuer)
    await made.save(*(clients or (PKI, SELF, PUBLIC)))
    return made


async def send(
    world: World,
    path: str,
    fields: dict[str, str] | None = None,
    *,
    certificates: Sequence[bytes] = (),
    proxied: bool = False,
    peer: str = "192.0.2.77",
    **how: Any,
) -> httpx2.Response:
    """To the API host, as its listener hands it on. Without `fields` it is a GET."""
    inner = world.proxied_api_host if proxied else world.api_host

    async def listener(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"] = {EXTENSION: {"client_cert_chain": tuple(certificates)}}
        await inner(scope, receive, send)

    transport = httpx2.ASGITransport(app=listener, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url=API_HOST) as http:
        address = ISSUER_URL.replace("https://am.example.test:443", API_HOST) + path
        if fields is None:
            return await http.get(address, **how)
        return await http.post(address, data=fields, **how)


def credentials(client: Client, **more: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client.id, "scope": "read", **more}
