"""Clients with certificates, in files, and a CareKey with an API host for them."""

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.oidc.mtls.tests import pki
from carekey.oidc.mtls.tests.pki import DAY, Pair
from support import provider as carekey
from support import proxies
from support.cards import greets, wait_for_tls
from support.processes import free_port, running
from support.provider import Provider
from support.proxies import Front, Proxy

CALLBACK = "http://localhost:9/callback"


@dataclass(kw_only=True)
class Pki:
    folder: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        self.root = pki.authority(1, self.now)
        self.between = pki.authority(2, self.now, by=self.root)
        stranger = pki.authority(7, self.now)
        localhost = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        server = (ExtendedKeyUsageOID.SERVER_AUTH,)
        self.server = self.file("server", pki.client(self.root, self.now, number=20, names=localhost, uses=server))
        self.trust = self.folder / "root.pem"
        self.trust.write_bytes(self.root.pem)
        self.self_signed_pair = pki.client(None, self.now, number=60)
        under = pki.client(self.between, self.now, signer=2, number=54)
        pairs: Mapping[str, Pair] = {
            "own": pki.client(self.root, self.now),
            "other": pki.client(self.root, self.now, number=51, names=[x509.DNSName("other.example.test")]),
            "expired": pki.client(self.root, self.now, number=52, starts=-9 * DAY, ends=-DAY),
            "other authority": pki.client(stranger, self.now, number=53, signer=7),
            "self-signed": self.self_signed_pair,
            "unregistered": pki.client(None, self.now, number=60),
        }
        self.files = {name: self.file(name, pair) for name, pair in pairs.items()}
        self.files["under another"] = self.file("under another", under, self.between)

    def file(self, name: str, pair: Pair, *more: Pair) -> Path:
        """Certificates and key in one."""
        file = self.folder / f"{name.replace(' ', '-')}.pem"
        file.write_bytes(b"".join([pair.pem, *(one.pem for one in more), pair.key_pem]))
        return file

    def context(self, name: str | None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(self.trust))
        if name is not None:
            made.load_cert_chain(self.files[name])
        return made


@dataclass(kw_only=True)
class Place:
    """One CareKey, and its clients `pki` and `self`."""

    provider: Provider
    pki: Pki
    port: int
    behind: int | None
    """Where CareKey listens behind its proxy."""
    clients: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}/sandbox"

    def http(self, certificate: str | None, **how: Any) -> httpx2.Client:
        limits = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.Client(
            transport=httpx2.HTTPTransport(verify=self.pki.context(certificate), limits=limits), timeout=20, **how
        )

    def token(self, client: str, certificate: str | None, **how: Any) -> httpx2.Response:
        fields = {"grant_type": "client_credentials", "client_id": self.clients[client], "scope": "read"}
        with self.http(certificate) as http:
            return http.post(f"{self.address}/access_token", data=fields, **how)

    def curl(self, client: str, certificate: str | None, *more: str) -> tuple[int, dict[str, Any]]:
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(self.pki.trust)]
        if certificate is not None:
            command += ["--cert", str(self.pki.files[certificate])]
        fields = f"grant_type=client_credentials&scope=read&client_id={self.clients[client]}"
        command += ["--max-time", "20", "--data", fields, "--write-out", "\n%{http_code}", *more]
        done = subprocess.run([*command, f"{self.address}/access_token"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)


@contextmanager
def place(files: Pki, folder: Path, proxy: Proxy | None, **more: str) -> Iterator[Place]:
    """`proxy`: the one that ends TLS; None if CareKey does. `more`: settings."""
    ports = {name: free_port() for name in ("log-in", "card-host", "api-host", "behind", "unused")}
    own_tls = {"PORT": str(ports["api-host"]), "CERTIFICATE": str(files.server), "PRIVATE_KEY": str(files.server)}
    settings = {"URL": f"https://localhost:{ports['api-host']}", "ANCHORS": str(files.trust)}
    if proxy is None:
        settings |= own_tls
    else:
        between = folder / "between.pem"
        between.write_bytes(files.between.pem)
        # The proxy passes on the application's own certificate alone.
        settings |= {"PORT": str(ports["behind"]), "PROXIED": "true", "INTERMEDIATES": str(between)}
    variables = {f"API_HOST__{name}": value for name, value in settings.items()} | more
    with ExitStack() as stack:
        provider = stack.enter_context(carekey.carekey(folder, SERVER__PROXIES='["127.0.0.1/32"]', **variables))
        if proxy is not None:
            proxies.check(proxy)
            front = Front(
                ports=ports,
                behind={"log-in": provider.port, "card-host": ports["unused"], "api-host": ports["behind"]},
                certificate=files.server,
                authorities=files.trust,
            )
            command = proxy(folder, front)
            stack.enter_context(running(command, answers=lambda: greets(ports["api-host"]), log=folder / "proxy.log"))
            proxies.wait_for(ports["behind"])
        wait_for_tls(ports["api-host"])
        made = Place(provider=provider, pki=files, port=ports["api-host"], behind=ports["behind"] if proxy else None)
        _register(made)
        yield made


def _register(place: Place) -> None:
    common = {
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "client_credentials", "refresh_token"],
        "scope": "openid read",
        "introspect_any": True,
        "tls_client_certificate_bound_access_tokens": True,
    }
    kinds: dict[str, dict[str, Any]] = {
        "pki": {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "ward.example.test"},
        "self": {
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": {"keys": [place.pki.self_signed_pair.jwk]},
        },
    }
    for name, about in kinds.items():
        made = place.provider.register({"client_name": name, **common, **about}, issuer="sandbox")
        place.clients[name] = made["client_id"]
